#include "engine/cluster/join_line.h"

#include "engine/base/catalogue.h"
#include "engine/base/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace argus::cluster {
namespace {

constexpr std::string_view kScheme = "argus://";
constexpr int kCodeLetters = 26;

Error notALine(std::string_view text, SaidId<0> what)
{
    return makeError(ErrorCode::BadRequest, say("no-join-line", fmt::format("{:.60}", text), say(what)),
                     say("do-paste-line"), "join");
}

} // namespace

std::string JoinLine::text() const
{
    return fmt::format("{}{}:{}#{}", kScheme, host, port, code);
}

std::string JoinLine::endpoint() const
{
    return fmt::format("tcp://{}:{}", host, port);
}

std::string makeCode()
{
    return randomCode(kCodeLetters);
}

Result<JoinLine> parseJoinLine(std::string_view text)
{
    if (!text.starts_with(kScheme))
        return notALine(text, "join-line-scheme");
    const std::string_view rest = text.substr(kScheme.size());
    const std::size_t hash = rest.find('#');
    if (hash == rest.npos)
        return notALine(text, "join-line-code-missing");
    const std::string_view address = rest.substr(0, hash);
    const std::size_t colon = address.rfind(':');
    if (colon == address.npos || colon == 0)
        return notALine(text, "join-line-no-host");
    JoinLine line{.host = std::string(address.substr(0, colon)), .port = 0, .code = std::string(rest.substr(hash + 1))};
    const std::string_view port = address.substr(colon + 1);
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), line.port);
    if (problem != std::errc() || end != port.data() + port.size() || line.port == 0)
        return notALine(text, "join-line-port");
    if (line.code.size() != kCodeLetters || !std::all_of(line.code.begin(), line.code.end(), [](char c) {
            return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '9');
        }))
        return notALine(text, "join-line-code");
    return line;
}

PairingKeys pairingKeys(std::string_view code)
{
    return {.head = protocol::keysFrom(code, "argus pairing: the head"),
            .joiner = protocol::keysFrom(code, "argus pairing: the machine that joins")};
}

} // namespace argus::cluster
