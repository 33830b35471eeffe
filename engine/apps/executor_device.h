#pragma once
// The device of an executor program: the only thing in which argus-executor-cpu and argus-executor-cuda differ.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/comm/communicator.h"
#include "engine/comm/meeting_point.h"
#include "engine/ops/ops.h"
#include "engine/protocol/executor.pb.h"

#include <chrono>
#include <cstdint>
#include <memory>

namespace argus::apps {

extern const char* const kExecutorName;

/// Opens the device of one rank of a load order. Errors: those of the device, each with its setting.
[[nodiscard]] Result<std::unique_ptr<ops::Ops>> openExecutorDevice(const wire::LoadModel& order,
                                                                   const wire::RankOrder& rank, int threads);

/// How long an operation of a group may wait: a rank is in it while others still compute what comes before, and the
/// node gives up on a step after as long. A process that dies is noticed at once.
constexpr std::chrono::minutes kGroupOperationPatience{15};

/// Joins one rank with the others of its model: Gloo between processors, NCCL between GPUs. Errors: those of the
/// communicators.
[[nodiscard]] Result<comm::Groups> openExecutorGroups(const wire::LoadModel& order, const wire::RankOrder& rank,
                                                      ops::Ops& ops, comm::MeetingPoint& meeting, std::uint64_t epoch,
                                                      Deadline forming);

} // namespace argus::apps
