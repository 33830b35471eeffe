#pragma once
// From a frame to a message that has been checked: the one way for all peers, so that every border has the same bounds.

#include "engine/base/catalogue.h"
#include "engine/base/result.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/check.h"

#include <cstddef>
#include <span>
#include <string>

namespace argus::protocol {

/// Who the other side is to a person, and what to do when the two do not fit.
struct ParseWords {
    SaidId<0> other = "other-side";
    SaidId<0> sameRelease = "do-one-release";
    SaidId<0> install = "do-install-same";
    const char* bounds = "ask with values within these bounds";
};

/// `checkBody(check, message)` collects what is wrong with the fields. Errors  TooLarge, Corrupt, Unsupported for
/// another protocol version (both are named), and those of the check
template <typename Message, typename CheckBody>
[[nodiscard]] Result<Message> parseMessage(std::span<const std::byte> frame, const ParseWords& words,
                                           const CheckBody& checkBody)
{
    if (frame.size() > kMaxClientFrame)
        return makeError(ErrorCode::TooLarge, say("message-too-large", frame.size(), kMaxClientFrame),
                         say("do-send-less"));
    Message message;
    if (!message.ParseFromArray(frame.data(), static_cast<int>(frame.size())))
        return makeError(ErrorCode::Corrupt, say("message-foreign", frame.size()), say(words.sameRelease));
    if (message.protocol_version() != kVersion)
        return makeError(ErrorCode::Unsupported,
                         say("protocol-differs", say(words.other), message.protocol_version(), kVersion),
                         say(words.install));
    Check check(words.bounds);
    checkBody(check, message);
    if (!check.ok())
        return *check.error();
    return message;
}

} // namespace argus::protocol
