#pragma once
// From scores to one token, in Hugging Face's order.

#include "engine/ops/ops.h"

#include <cstdint>
#include <span>

namespace argus::ops {

/// The next token of one sequence, -1 when a score is NaN or infinite. `scores` [vocab] is changed in place; bit id of
/// `seen` is set for every id of prompt and answer. Greedy takes the lowest id among equals.
/// Source  design/qwen2_5_vl.md §10
[[nodiscard]] std::int32_t sampleToken(std::span<float> scores, std::span<const std::uint32_t> seen,
                                       const SamplingRow& row);

} // namespace argus::ops
