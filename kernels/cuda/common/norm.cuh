#pragma once
// Root mean square normalisation, eight elements at a time. Source: design/qwen2_5_vl.md §3.2

#include "kernels/cuda/common/row_parts.cuh"

namespace argus::kernels::cuda {

/// Sum of the squares, in order.
template <typename T>
__device__ __forceinline__ float squaresOf(const Eight<T>& x)
{
    float values[8];
    widenEight(values, x);
    float squares = 0;
#pragma unroll
    for (const float value : values)
        squares = fmaf(value, value, squares);
    return squares;
}

/// round(round(x · scale) · gain): two roundings to T, as the published models have them.
template <typename T, typename X>
__device__ __forceinline__ Eight<T> scaled(const Eight<X>& x, float scale, const Eight<T>& gain)
{
    float values[8];
    widenEight(values, x);
#pragma unroll
    for (float& value : values)
        value *= scale;
    float gains[8];
    widenEight(values, roundEight<T>(values));
    widenEight(gains, gain);
#pragma unroll
    for (int j = 0; j < 8; ++j)
        values[j] *= gains[j];
    return roundEight<T>(values);
}

} // namespace argus::kernels::cuda
