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
};

[[nodiscard]] constexpr Traits cpuTraits()
{
    return {};
}
/// `compute` F32, F16 or BF16. The residual stream stays float32: published weights overflow float16 there, and every
/// layer would round it to bfloat16 once more, which moves boxes and close calls.
[[nodiscard]] constexpr Traits cudaTraits(DType compute)
{
    return {.compute = compute,
            .residual = DType::F32,
            .innerPadding = 64, // what a tile of the tensor cores takes along k
            .gatedFactor = 2};
}

} // namespace argus::ops
