#pragma once
// From scores to tokens on the GPU, in Hugging Face's order, without sorting the vocabulary.

#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

/// How one row's token is drawn; 32 bytes, laid out for an upload as it is.
struct SamplingRow {
    std::int32_t slot = -1; ///< of the sequence; negative: padding, nothing is drawn
    std::int32_t topK = 0;  ///< 0: off
    float temperature = 0;  ///< 0: greedy, and the penalty still applies
    float topP = 1;         ///< 1: off
    float penalty = 1;      ///< repetition penalty; 1: off
    std::int32_t reserved = 0;
    double uniform = 0; ///< in [0, 1): the random number, a function of seed and position made by the host
};

/// tokens[row.slot] = the token of row i of the scores, and its bit is set in seen[row.slot]; -1 when a score is NaN or
/// infinite. drawn[i] = the same token.
///
/// Shapes   scores [rows, vocab] of type `type`, rows scoreStride apart, not changed; sampling [rows] on the device;
///          seen [slots, seenStride words]; tokens [slots]; drawn [rows]
/// Order    penalty on every id whose bit is set (s < 0 ? s·p : s/p); temperature 0: the lowest id among the largest
///          scores; else divide by the temperature, keep what is not below the k-th largest (ties survive), then the
///          smallest set whose probability reaches topP (walking from the smallest up, removing while the cumulative
///          probability is at most 1 - topP; the largest always stays), then draw: the first id in ascending order
///          whose cumulative probability exceeds uniform · total
/// Graphs   the grid depends on rows and vocab alone. workspace of samplingWorkspace() bytes, zeroed once when
///          allocated
/// Source   design/qwen2_5_vl.md §10; engine's CPU sampler is the reference
struct Sampling {
    const void* scores = nullptr;
    std::int64_t scoreStride = 0;
    const SamplingRow* sampling = nullptr;
    std::uint32_t* seen = nullptr;
    std::int64_t seenStride = 0;
    std::int32_t* tokens = nullptr;
    std::int32_t* drawn = nullptr;
    int rows = 0;
    int vocab = 0;
    bool greedy = false; ///< promises that no row's temperature is above 0: one launch instead of three
    Format type = Format::BF16;
    void* workspace = nullptr;
    std::size_t workspaceBytes = 0;
};
[[nodiscard]] std::size_t samplingWorkspace(int rows, int vocab);
[[nodiscard]] Status sample(const Sampling& work, Stream stream);

} // namespace argus::kernels::cuda
