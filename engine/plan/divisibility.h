#pragma once
// Which tensor- and pipeline-parallel sizes a model can be shared by. Pure functions of its configuration.

#include "engine/base/result.h"
#include "engine/model/config.h"

#include <vector>

namespace argus::plan {

/// Divisors of a positive number, rising; none of a number below 1.
[[nodiscard]] std::vector<int> divisorsOf(int number);

/// Tensor-parallel sizes up to `most` that share heads, KV heads (shared or repeated), the MLP, the vocabulary and the
/// groups of an AWQ checkpoint without a rest, rising; always begins with 1. The vision tower sets no limit: it may be
/// repeated on every device. Source  design/qwen2_5_vl.md §11.3
[[nodiscard]] std::vector<int> validTensorParallelSizes(const model::ModelConfig& model, int most = 64);

/// Heads, KV heads, MLP, vocabulary.
/// Errors  DoesNotDivide: the cause names what has a rest, the remedy the sizes that work; setting tensor_parallel_size
[[nodiscard]] Result<Done> checkTensorParallel(const model::ModelConfig& model, int size);

/// Whether the groups of an AWQ checkpoint can be shared; other checkpoints have none. A row of 231 groups is padded
/// with one of zeros, so that 2, 4 and 8 share it.
/// Errors  DoesNotDivide: the cause names the layer, its size and its groups, the remedy the sizes that work; setting
///         tensor_parallel_size
/// Source  design/qwen2_5_vl.md §12.3
[[nodiscard]] Result<Done> checkAwqGroups(const model::ModelConfig& model, int size);

/// Errors  DoesNotDivide when there are more stages than layers; setting pipeline_parallel_size
[[nodiscard]] Result<Done> checkPipelineParallel(const model::ModelConfig& model, int size);

} // namespace argus::plan
