#pragma once
// Parsing and checking of frames: everything a peer sends passes here before anybody acts on it.

#include "engine/base/result.h"
#include "engine/protocol/client.pb.h"

#include <span>

namespace argus::protocol {

/// Parses and checks one frame from a client. Errors: Unsupported for another protocol version or an unknown body,
/// TooLarge and BadRequest naming field and bound, Corrupt for bytes that are no message.
[[nodiscard]] Result<wire::ClientMessage> parseClientMessage(std::span<const std::byte> frame);
/// The same for a frame from a head.
[[nodiscard]] Result<wire::HeadMessage> parseHeadMessage(std::span<const std::byte> frame);

[[nodiscard]] wire::Error toWire(const Error& error);
[[nodiscard]] Error fromWire(const wire::Error& error);
/// Nothing for a sentence that is too long, or not UTF-8: its English goes alone then.
[[nodiscard]] wire::Said toWire(const Said& said);
[[nodiscard]] Said fromWire(const wire::Said& said);

} // namespace argus::protocol
