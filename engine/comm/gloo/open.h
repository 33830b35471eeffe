#pragma once
// Groups of CPU ranks: over TCP by Gloo, or in memory where all of a group are threads of one executor.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/comm/communicator.h"
#include "engine/comm/meeting_point.h"
#include "engine/comm/world.h"

#include <string>

namespace argus::comm {

struct GlooSettings {
    World world;
    std::string address;            ///< of this machine, as the other ranks reach it; empty: the interface's first one
    std::string interface;          ///< "eth0"; with an empty address too: loopback, which other machines do not reach
    Milliseconds forming{60'000};   ///< until every rank must have come
    Milliseconds operation{30'000}; ///< that one operation may wait for the others
};

/// Meets the other ranks and connects to those of the same groups. Called on the rank's thread, by every rank. Ignores
/// SIGPIPE from here on, since Gloo writes to connections whose peer may be gone.
///
/// Errors   Timeout (a rank did not come in time: which), Cancelled (the meeting point was aborted), Unreachable (no
///          connection, or no such interface or address), BadRequest (sizes that make no world)
/// A sum is taken in rank order in float32 whatever the timing, and its bits do not depend on which rank asks. send()
/// takes a copy and returns; up to four are under way. A rank that destroys its groups while others still
/// wait for what it sent breaks them.
[[nodiscard]] Result<Groups> openGloo(const GlooSettings& settings, MeetingPoint& meeting);

} // namespace argus::comm
