#pragma once
// Settings made whole, in two steps: what holds everywhere, and what the device decides. Pure functions.

#include "engine/base/result.h"
#include "engine/plan/device.h"
#include "engine/protocol/settings.pb.h"

#include <span>
#include <string>
#include <vector>

namespace argus::plan {

/// Fills zeros and empty strings with defaults and checks ranges. What the device decides stays as it was given.
/// Errors  BadRequest, DoesNotDivide, Unsupported, each with its setting
[[nodiscard]] Result<wire::EngineSettings> completed(const wire::EngineSettings& settings);

/// Completed settings with the devices' share in them: `device` by its name, `dtype` as what is computed with, and
/// max_num_seqs and max_batched_tokens where they were left open. Settled settings stay as they are.
/// Errors  as completed(); Unsupported for what this device cannot do
[[nodiscard]] Result<wire::EngineSettings> settled(const wire::EngineSettings& settings, const Device& device);
/// Of several devices of one kind, at least one: one dtype that all of them compute with, and the smallest decides the
/// rest. `device` is "cpu", or "auto" for several GPUs.
[[nodiscard]] Result<wire::EngineSettings> settled(const wire::EngineSettings& settings,
                                                   std::span<const Device> devices);

/// What `dtype` may be on these devices, auto first.
[[nodiscard]] std::vector<std::string> dtypesOf(std::span<const Device> devices);

} // namespace argus::plan
