#pragma once
// Element types on the device: conversions, eight elements at a time, sums over a warp and a block.

#include "kernels/cuda/types.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace argus::kernels::cuda {

template <typename T>
__device__ __forceinline__ float toFloat(T value)
{
    if constexpr (sizeof(T) == 4)
        return value;
    else
        return static_cast<float>(value);
}
template <typename T>
__device__ __forceinline__ T fromFloat(float value)
{
    if constexpr (sizeof(T) == 4)
        return value;
    else if constexpr (__is_same(T, __half))
        return __float2half_rn(value);
    else
        return __float2bfloat16_rn(value);
}

/// Two floats rounded to a register of two elements, the first one low.
template <typename T>
__device__ __forceinline__ unsigned packPair(float low, float high)
{
    if constexpr (__is_same(T, __half)) {
        const __half2 pair = __floats2half2_rn(low, high);
        return reinterpret_cast<const unsigned&>(pair);
    } else {
        const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
        return reinterpret_cast<const unsigned&>(pair);
    }
}

/// Eight consecutive elements; 16 bytes of a 16-bit type, 32 of float. Memory aligned to 16 bytes.
template <typename T>
struct alignas(16) Eight {
    T values[8];
};
template <typename T>
__device__ __forceinline__ Eight<T> loadEight(const T* from)
{
    Eight<T> eight;
    const uint4* source = reinterpret_cast<const uint4*>(from);
    uint4* target = reinterpret_cast<uint4*>(&eight);
#pragma unroll
    for (unsigned i = 0; i < sizeof(eight) / 16; ++i)
        target[i] = source[i];
    return eight;
}
template <typename T>
__device__ __forceinline__ void storeEight(T* to, const Eight<T>& eight)
{
    const uint4* source = reinterpret_cast<const uint4*>(&eight);
    uint4* target = reinterpret_cast<uint4*>(to);
#pragma unroll
    for (unsigned i = 0; i < sizeof(eight) / 16; ++i)
        target[i] = source[i];
}

__device__ __forceinline__ float warpSum(float value)
{
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
}
__device__ __forceinline__ float warpMax(float value)
{
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
    return value;
}
/// Sum over the block, the same in every thread. `shared` holds 33 floats and may be used again after the call.
__device__ __forceinline__ float blockSum(float value, float* shared)
{
    value = warpSum(value);
    if (threadIdx.x % 32 == 0)
        shared[threadIdx.x / 32] = value;
    __syncthreads();
    if (threadIdx.x < 32) {
        const float part = warpSum(threadIdx.x < (blockDim.x + 31) / 32 ? shared[threadIdx.x] : 0.0f);
        if (threadIdx.x == 0)
            shared[32] = part;
    }
    __syncthreads();
    const float sum = shared[32];
    __syncthreads();
    return sum;
}

/// Calls `use` with a null pointer of the element type: forFormat(f, [&]<typename T>() { … }).
template <typename Use>
auto forFormat(Format format, Use&& use)
{
    switch (format) {
    case Format::F16:
        return use.template operator()<__half>();
    case Format::BF16:
        return use.template operator()<__nv_bfloat16>();
    case Format::F32:
        break;
    }
    return use.template operator()<float>();
}

} // namespace argus::kernels::cuda
