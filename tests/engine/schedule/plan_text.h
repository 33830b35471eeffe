#pragma once
// A step's plan as tests compare it.

#include "engine/schedule/scheduler.h"

#include <string>

namespace argus::schedule::testing {

/// "7:16+4s ": of sequence 7 the tokens [16, 20), the last of which is sampled from. f: the first that the executor
/// hears of it; ~: it follows what is on its way.
inline std::string text(const StepPlan& plan)
{
    std::string out;
    for (const Slice& slice : plan)
        out += std::to_string(slice.sequence) + ":" + std::to_string(slice.start) + "+" + std::to_string(slice.tokens) +
               (slice.sample ? "s" : "") + (slice.first ? "f" : "") + (slice.follows ? "~" : "") + " ";
    return out;
}

} // namespace argus::schedule::testing
