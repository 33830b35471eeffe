#pragma once
// AWQ int4 matrices: repacked once when loaded, then multiplied directly (few rows) or widened to scratch (many rows).

#include "kernels/cuda/skinny.h"
#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

constexpr int kAwqGroup = 128;

/// A repacked matrix of `outputs` x `inputs` (inputs a multiple of 128, outputs of 64): sizes of its three parts in
/// bytes. `codes` holds the 4-bit codes in an order made for the tensor cores; scales are the checkpoint's float16, one
/// a group and output; zeros likewise hold code·1.0 in float16.
struct AwqSizes {
    std::size_t codes = 0;
    std::size_t scales = 0;
    std::size_t zeros = 0;
};
[[nodiscard]] AwqSizes awqSizes(int outputs, int inputs);

/// Checkpoint layout to ours, rows of the result interleaved or stacked into a larger matrix: output n of the source
/// becomes output firstOutput + n · outputStep.
///
/// Shapes   qweight int32 [inputs, sourceOutputs/8], qzeros int32 [inputs/128, sourceOutputs/8], scales float16
///          [inputs/128, sourceOutputs], as published; all on the device
/// Promises outputs and inputs of the target that no source names hold zero weights if the target was zeroed first
///          (codes and zeros 0); sourceInputs ≤ inputs
/// Source   design/qwen2_5_vl.md §12.2
struct AwqRepack {
    void* codes = nullptr;
    void* scales = nullptr;
    void* zeros = nullptr;
    const std::int32_t* qweight = nullptr;
    const std::int32_t* qzeros = nullptr;
    const void* sourceScales = nullptr;
    int outputs = 0; ///< of the target
    int inputs = 0;  ///< of the target
    int sourceOutputs = 0;
    int sourceInputs = 0;
    int firstOutput = 0;
    int outputStep = 1;
};
[[nodiscard]] Status awqRepack(const AwqRepack& work, Stream stream);

/// Deterministic random codes, zeros and scales (weights about N(0, 0.02)) for benchmarks without a checkpoint.
[[nodiscard]] Status awqFill(void* codes, void* scales, void* zeros, int outputs, int inputs, std::uint64_t seed,
                             Stream stream);

/// The same promises and epilogues as skinny() (kernels/cuda/skinny.h), the weight being a repacked matrix:
/// code - zero is exact in the tensor cores, and a group's float sum is multiplied by its scale: no weight is rounded,
/// so the result lies closer to the exact product than that of widened weights. `base.weight` is not used.
struct AwqSkinny {
    Skinny base;
    const void* codes = nullptr;
    const void* scales = nullptr;
    const void* zeros = nullptr;
};
[[nodiscard]] Status awqSkinny(const AwqSkinny& work, Stream stream);

/// skinnyIntoCache() (kernels/cuda/skinny.h) with a repacked matrix: the bits of awqSkinny() and rotateIntoCache().
/// headDim a multiple of 32; awqFitsIntoCache() says whether it serves.
[[nodiscard]] bool awqFitsIntoCache(const Skinny& work, int headDim);
[[nodiscard]] Status awqSkinnyIntoCache(const AwqSkinny& work, const SkinnyIntoCache& target, Stream stream);

/// Outputs [firstOutput, firstOutput + outputCount) of a repacked matrix widened to `weight` [outputCount, inputs] of
/// `type`. F16 rounds code - zero times scale once, as the checkpoint's arithmetic does; F32 holds the same numbers,
/// which is what a comparison in float32 wants; BF16 is rounded from the exact product.
struct AwqWiden {
    void* weight = nullptr;
    const void* codes = nullptr;
    const void* scales = nullptr;
    const void* zeros = nullptr;
    int outputs = 0;
    int inputs = 0;
    int firstOutput = 0;
    int outputCount = 0; ///< multiples of 64
    Format type = Format::F16;
};
[[nodiscard]] Status awqWiden(const AwqWiden& work, Stream stream);

} // namespace argus::kernels::cuda
