#pragma once
// From a frame to a message that has been checked: the one way for all peers, so that every border has the same bounds.

#include "engine/base/result.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/check.h"

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <string>

namespace argus::protocol {

/// Who the other side is to a person, and what to do when the two do not fit.
struct ParseWords {
    const char* other = "the other side";
    const char* sameRelease = "use programs of one release on both sides";
    const char* install = "install the same release of Argus on this computer and on the head";
    const char* bounds = "ask with values within these bounds";
};

/// `checkBody(check, message)` collects what is wrong with the fields. Errors  TooLarge, Corrupt, Unsupported for
/// another protocol version (both are named), and those of the check
template <typename Message, typename CheckBody>
[[nodiscard]] Result<Message> parseMessage(std::span<const std::byte> frame, const ParseWords& words,
                                           const CheckBody& checkBody)
{
    if (frame.size() > kMaxClientFrame)
        return Error{ErrorCode::TooLarge,
                     fmt::format("a message has {} bytes, at most {} are allowed", frame.size(), kMaxClientFrame),
                     "send less at once",
                     {}};
    Message message;
    if (!message.ParseFromArray(frame.data(), static_cast<int>(frame.size())))
        return Error{ErrorCode::Corrupt,
                     fmt::format("{} bytes came that are no message of Argus", frame.size()),
                     words.sameRelease,
                     {}};
    if (message.protocol_version() != kVersion)
        return Error{ErrorCode::Unsupported,
                     fmt::format("{} speaks version {} of the protocol, this program version {}", words.other,
                                 message.protocol_version(), kVersion),
                     words.install,
                     {}};
    Check check(words.bounds);
    checkBody(check, message);
    if (!check.ok())
        return *check.error();
    return message;
}

} // namespace argus::protocol
