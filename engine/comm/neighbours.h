#pragma once
// What all ranks of a group settle at the meeting point.

#include "engine/comm/meeting_point.h"
#include "engine/comm/world.h"

namespace argus::comm {

// Called by every rank of a group, once for an `about`; the answer is the same for all. They throw GroupBroken.

/// Whether every rank says yes. Nobody returns before all have called.
[[nodiscard]] bool allAgree(const char* about, bool yes, const GroupPlace& place, MeetingPoint& meeting,
                            Deadline forming);
/// Whether all are threads of one executor.
[[nodiscard]] bool inOneExecutor(const GroupPlace& place, MeetingPoint& meeting, Deadline forming);

} // namespace argus::comm
