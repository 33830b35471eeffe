#include "engine/protocol/private_head_handshake.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/sha256.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/keys.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace argus::protocol {
namespace {

using Json = nlohmann::json;
constexpr int kHandshakeVersion = 1;
constexpr std::size_t kMostRefusedHex = 4096; // beside the words in one line

/// Waits until `events` are possible; false at the deadline.
bool waitFor(int fd, short events, Deadline deadline)
{
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    for (;;) {
        const auto left = std::min<long long>(deadline.left().count(), 60'000);
        const int ready = ::poll(&waiting, 1, static_cast<int>(left));
        if (ready > 0)
            return true;
        if (deadline.passed() || (ready < 0 && errno != EINTR))
            return false;
    }
}

Result<Done> sendLine(int fd, const Json& json, Deadline deadline)
{
    // Bytes that are no UTF-8 (a foreign locale's error text) become U+FFFD instead of an exception.
    const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    if (line.size() > kMaxHandshakeBytes)
        return Error{ErrorCode::TooLarge,
                     fmt::format("the handshake line has {} bytes of {}", line.size(), kMaxHandshakeBytes),
                     "",
                     {}};
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0)
            rest.remove_prefix(static_cast<std::size_t>(sent));
        else if (sent < 0 && errno == EAGAIN && !waitFor(fd, POLLOUT, deadline))
            return makeError(ErrorCode::Timeout, say("private-socket-unread"), say("do-try-again"));
        else if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return makeError(ErrorCode::Unreachable, say("private-socket-failed", systemError(errno)),
                             say("do-try-again"));
    }
    return Done{};
}

/// One line as a JSON object. Errors: Timeout, Unreachable at the end of the stream, Corrupt.
Result<Json> receiveLine(int fd, Deadline deadline)
{
    std::string line;
    while (line.empty() || line.back() != '\n') {
        char piece[kMaxHandshakeBytes];
        const ssize_t got = ::recv(fd, piece, sizeof piece, MSG_DONTWAIT);
        if (got > 0)
            line.append(piece, static_cast<std::size_t>(got));
        else if (got == 0)
            return makeError(ErrorCode::Unreachable, say("private-socket-closed"));
        else if (errno == EAGAIN && !waitFor(fd, POLLIN, deadline))
            return makeError(ErrorCode::Timeout, say("private-socket-silent"));
        else if (errno != EAGAIN && errno != EINTR)
            return makeError(ErrorCode::Unreachable, say("private-socket-failed", systemError(errno)));
        if (line.size() > kMaxHandshakeBytes)
            return makeError(ErrorCode::Corrupt, say("private-socket-flood", kMaxHandshakeBytes),
                             say("do-install-together"));
    }
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_object())
        return makeError(ErrorCode::Corrupt, say("private-socket-nonsense"), say("do-install-together"));
    if (const auto version = json.find("version"); version == json.end() || *version != kHandshakeVersion)
        return makeError(ErrorCode::Unsupported, say("handshake-other", kHandshakeVersion), say("do-install-together"));
    return json;
}

/// A text field of at most `maxBytes`; empty when it is absent or something else.
std::string textOf(const Json& json, const char* field, std::size_t maxBytes)
{
    const auto found = json.find(field);
    if (found == json.end() || !found->is_string())
        return {};
    const auto& text = found->get_ref<const std::string&>();
    return text.size() > maxBytes ? std::string() : text;
}

/// The sentences as data where this release can read them, else their English alone.
Error errorOf(const Json& json)
{
    constexpr std::size_t kMaxWords = 2048;
    if (const std::optional<std::string> frame = bytesOfHex(textOf(json, "refused", kMaxHandshakeBytes)))
        if (const Result<wire::HeadMessage> said = parseHeadMessage(std::as_bytes(std::span(*frame)));
            said && said->has_refused())
            return fromWire(said->refused().error());
    return {errorCodeFromName(textOf(json, "code", kMaxWords)), textOf(json, "cause", kMaxWords),
            textOf(json, "remedy", kMaxWords), textOf(json, "setting", kMaxWords)};
}

} // namespace

Result<PrivateHeadAnswer> offerPrivateHead(int fd, const PrivateHeadOffer& offer, Deadline deadline)
{
    const Json line = {{"version", kHandshakeVersion},
                       {"client_public_key", offer.clientPublicKey},
                       {"client_name", offer.clientName}};
    auto sent = sendLine(fd, line, deadline);
    auto json = sent ? receiveLine(fd, deadline) : Result<Json>(sent.error());
    if (!json && json.error().code == ErrorCode::Unreachable)
        return makeError(ErrorCode::Crashed, say("private-head-gone"), say("do-see-last-lines"));
    if (!json)
        return std::move(json).error();
    if (const auto error = json->find("error"); error != json->end() && error->is_object())
        return errorOf(*error);
    PrivateHeadAnswer answer{.endpoint = textOf(*json, "endpoint", 256),
                             .headPublicKey = textOf(*json, "head_public_key", 40)};
    if (answer.endpoint.empty() || !isKey(answer.headPublicKey))
        return makeError(ErrorCode::Corrupt, say("private-head-nameless"), say("do-install-together"));
    return answer;
}

Result<PrivateHeadOffer> acceptPrivateHead(int fd, Deadline deadline)
{
    auto json = receiveLine(fd, deadline);
    if (!json)
        return std::move(json).error();
    PrivateHeadOffer offer{.clientPublicKey = textOf(*json, "client_public_key", 40),
                           .clientName = textOf(*json, "client_name", 64)};
    if (!isKey(offer.clientPublicKey))
        return makeError(ErrorCode::Corrupt, say("starter-nameless"), say("do-install-together"));
    return offer;
}

Result<Done> answerPrivateHead(int fd, const Result<PrivateHeadAnswer>& answer, Deadline deadline)
{
    if (answer)
        return sendLine(fd,
                        {{"version", kHandshakeVersion},
                         {"endpoint", answer->endpoint},
                         {"head_public_key", answer->headPublicKey}},
                        deadline);
    const Error& error = answer.error();
    const auto cut = [](const std::string& text) {
        return text.substr(0, 600);
    }; // three of them, escaped sixfold, still fit one line beside the frame
    Json words = {{"code", errorCodeName(error.code)},
                  {"cause", cut(error.cause)},
                  {"remedy", cut(error.remedy)},
                  {"setting", cut(error.setting)}};
    wire::HeadMessage said; // a frame as any client gets: the same parser checks it
    said.set_protocol_version(kVersion);
    wire::Error& data = *said.mutable_refused()->mutable_error() = toWire(error);
    if (std::string frame = hexOf(said.SerializeAsString());
        (data.has_cause_said() || data.has_remedy_said()) && frame.size() <= kMostRefusedHex)
        words["refused"] = std::move(frame);
    return sendLine(fd, {{"version", kHandshakeVersion}, {"error", words}}, deadline);
}

} // namespace argus::protocol
