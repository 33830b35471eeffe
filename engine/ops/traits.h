#pragma once
// What a model has to know of a device to say what it takes there: element types and how far extents are padded.

#include "engine/tensor/dtype.h"

#include <cstdint>

namespace argus::ops {

struct Traits {
    DType compute = DType::F32;    ///< activations, weights and cache
    DType residual = DType::F32;   ///< the residual stream
    std::int64_t innerPadding = 1; ///< inner dimensions of an MLP are padded to a multiple of this
    std::int64_t gatedFactor = 1;  ///< columns of scratch a gated product wants for each of its results
    std::int64_t gatedRows = 2048; ///< rows of that scratch: enough to fill the largest device with a part of the rows
};

[[nodiscard]] constexpr Traits cpuTraits()
{
    return {};
}
/// A gated product of so many rows is one kernel with its gate where that kernel runs, and wants no scratch.
constexpr std::int64_t kOneKernelGatedRows = 256;

/// What is known of a GPU before it is opened, and of another machine's too.
struct CudaFacts {
    DType compute = DType::BF16; ///< F32, F16 or BF16
    bool packed = false;         ///< weights are AWQ's
    int major = 9, minor = 0;    ///< compute capability
    /// See kernels/cuda/gated_product.h. A program that was not compiled for it computes a few rows at a time.
    [[nodiscard]] constexpr bool gatesInOneKernel() const
    {
        return compute != DType::F32 && !packed && major == 9 && minor == 0;
    }
};

/// The residual stream stays float32: published weights overflow float16 there, and every
/// layer would round it to bfloat16 once more, which moves boxes and close calls.
[[nodiscard]] constexpr Traits cudaTraits(const CudaFacts& facts)
{
    Traits traits{.compute = facts.compute,
                  .residual = DType::F32,
                  .innerPadding = 64, // what a tile of the tensor cores takes along k
                  .gatedFactor = 2};
    if (facts.gatesInOneKernel())
        traits.gatedRows = kOneKernelGatedRows;
    return traits;
}

} // namespace argus::ops
