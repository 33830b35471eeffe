#include "engine/protocol/private_head_handshake.h"

#include "engine/base/files.h"
#include "engine/protocol/keys.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace argus::protocol {
namespace {

using Json = nlohmann::json;
constexpr int kHandshakeVersion = 1;
constexpr std::string_view kInstallWhole = "install Argus whole: its programs must be of one release";

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
            return Error{ErrorCode::Timeout, "the other end of the private socket does not read", "try again", {}};
        else if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return Error{
                ErrorCode::Unreachable, fmt::format("the private socket: {}", systemError(errno)), "try again", {}};
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
            return Error{ErrorCode::Unreachable, "the other end closed the private socket", "", {}};
        else if (errno == EAGAIN && !waitFor(fd, POLLIN, deadline))
            return Error{ErrorCode::Timeout, "nothing came over the private socket in time", "", {}};
        else if (errno != EAGAIN && errno != EINTR)
            return Error{ErrorCode::Unreachable, fmt::format("the private socket: {}", systemError(errno)), "", {}};
        if (line.size() > kMaxHandshakeBytes)
            return Error{ErrorCode::Corrupt,
                         fmt::format("more than {} bytes came over the private socket", kMaxHandshakeBytes),
                         std::string(kInstallWhole),
                         {}};
    }
    Json json = Json::parse(line, nullptr, false);
    if (!json.is_object())
        return Error{
            ErrorCode::Corrupt, "what came over the private socket is no handshake", std::string(kInstallWhole), {}};
    if (const auto version = json.find("version"); version == json.end() || *version != kHandshakeVersion)
        return Error{ErrorCode::Unsupported,
                     fmt::format("the other end speaks another handshake than version {}", kHandshakeVersion),
                     std::string(kInstallWhole),
                     {}};
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

Error errorOf(const Json& json)
{
    constexpr std::size_t kMaxWords = 2048;
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
        return Error{ErrorCode::Crashed,
                     "the head on this computer ended before it was ready",
                     "see its last lines in the log",
                     {}};
    if (!json)
        return std::move(json).error();
    if (const auto error = json->find("error"); error != json->end() && error->is_object())
        return errorOf(*error);
    PrivateHeadAnswer answer{.endpoint = textOf(*json, "endpoint", 256),
                             .headPublicKey = textOf(*json, "head_public_key", 40)};
    if (answer.endpoint.empty() || !isKey(answer.headPublicKey))
        return Error{ErrorCode::Corrupt,
                     "the head on this computer did not say where it listens and who it is",
                     std::string(kInstallWhole),
                     {}};
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
        return Error{ErrorCode::Corrupt,
                     "the program that started this head did not say who it is",
                     std::string(kInstallWhole),
                     {}};
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
    }; // three of them, escaped sixfold, still fit one line
    const Json words = {{"code", errorCodeName(error.code)},
                        {"cause", cut(error.cause)},
                        {"remedy", cut(error.remedy)},
                        {"setting", cut(error.setting)}};
    return sendLine(fd, {{"version", kHandshakeVersion}, {"error", words}}, deadline);
}

} // namespace argus::protocol
