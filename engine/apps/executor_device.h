#pragma once
// The device of an executor program: the only thing in which argus-executor-cpu and argus-executor-cuda differ.

#include "engine/base/result.h"
#include "engine/ops/ops.h"
#include "engine/protocol/executor.pb.h"

#include <memory>

namespace argus::apps {

extern const char* const kExecutorName;

/// Opens the device of one rank of a load order. Errors: those of the device, each with its setting.
[[nodiscard]] Result<std::unique_ptr<ops::Ops>> openExecutorDevice(const wire::LoadModel& order, const wire::RankOrder& rank, int threads);

} // namespace argus::apps
