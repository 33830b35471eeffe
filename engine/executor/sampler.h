#pragma once
// From scores to one token, in Hugging Face's order.

#include <cstdint>
#include <span>
#include <vector>

namespace argus::executor {

struct SamplingSettings {
    double temperature = 0; ///< 0: greedy, and the penalty still applies
    double topP = 1;
    std::uint32_t topK = 0; ///< 0: off
    double repetitionPenalty = 1;
    std::uint64_t seed = 0;
};

/// The next token of one sequence. `scores` [vocab] is changed in place. `seen` holds every id of prompt and answer, in
/// any order, repeats allowed. Random numbers depend on (seed, position) alone, so that a batch, a restart or a
/// preemption draws the same. Greedy takes the lowest id among equals; ids in `seen` outside the vocabulary do not
/// count. Errors  OpsError when a score is NaN or infinite Source  design/qwen2_5_vl.md §10
[[nodiscard]] std::int32_t sampleToken(std::span<float> scores, std::span<const std::int32_t> seen,
                                       const SamplingSettings& settings, std::uint64_t position);

} // namespace argus::executor
