#pragma once
// Settings made whole, in two steps: what holds everywhere, and what the device decides. Pure functions.

#include "engine/base/result.h"
#include "engine/plan/device.h"
#include "engine/protocol/settings.pb.h"

namespace argus::plan {

/// Fills zeros and empty strings with defaults and checks ranges. What the device decides stays as it was given.
/// Errors  BadRequest, DoesNotDivide, Unsupported, each with its setting
[[nodiscard]] Result<wire::EngineSettings> completed(const wire::EngineSettings& settings);

/// Completed settings with the device's share in them: `device` by its name, `dtype` as what is computed with, and
/// max_num_seqs and max_batched_tokens where they were left open. Settled settings stay as they are.
/// Errors  as completed(); Unsupported for what this device cannot do
[[nodiscard]] Result<wire::EngineSettings> settled(const wire::EngineSettings& settings, const Device& device);

} // namespace argus::plan
