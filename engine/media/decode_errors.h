#pragma once
// The decoder's fixed reasons as sentences. The child sends numbers only: nothing of a file's content reaches a message
// through it.

#include "engine/base/child_process.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/decoder/message.h"

#include <cstddef>
#include <span>

namespace argus::media {

[[nodiscard]] Error errorOf(const decoder::Answer& answer, const decoder::Request& request);
/// Unsupported, naming what the file begins with.
[[nodiscard]] Error notMedia(std::span<const std::byte> start, decoder::Format format);
[[nodiscard]] Error crashed(const ExitReport& report);
[[nodiscard]] Error tooSlow(Milliseconds patience);

} // namespace argus::media
