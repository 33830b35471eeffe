#pragma once
// AWQ's packing on the host: the definition, and what a processor computes with.

#include "engine/ops/ops.h"

namespace argus::ops {

constexpr std::int64_t kAwqGroup = 128;

/// [outputs, inputs] float16: half((q - z) · scale). Throws OpsError when the three tensors do not belong together.
/// Source  design/qwen2_5_vl.md §12.2
[[nodiscard]] Weight widenAwq(const AwqTensors& packed);

} // namespace argus::ops
