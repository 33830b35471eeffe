#pragma once
// Lines between machines that break in silence.

#include "engine/base/clock.h"

#include <string_view>

namespace argus::comm {

/// A line that swallows everything tells nobody: the kernel sends again for a quarter of an hour, and who waits for the
/// other side hears nothing. Longer than a line that works is ever silent: five repetitions of what was lost.
constexpr Milliseconds kLongestSilence{8'000};

/// Has the kernel give up every connection of this process, as it is now, over which nothing that was sent is confirmed
/// for that long; its next use fails with "Connection timed out". A peer whose program is stopped still confirms: that
/// is not this function's business. Any thread.
void limitSilenceOnLines(Milliseconds longest = kLongestSilence);

/// Whether these words of a communication library tell of a line that is broken, not of a peer that has ended.
[[nodiscard]] bool isNoWay(std::string_view words);

} // namespace argus::comm
