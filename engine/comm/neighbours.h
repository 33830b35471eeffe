#pragma once
// Whether ranks are threads of one executor.

#include "engine/comm/meeting_point.h"
#include "engine/comm/world.h"

namespace argus::comm {

/// Called by every rank of a group; the answer is the same for all. Throws GroupBroken.
[[nodiscard]] bool inOneExecutor(const GroupPlace& place, MeetingPoint& meeting, Deadline forming);

} // namespace argus::comm
