#pragma once
// Single instructions that only attention needs.

#include "kernels/cuda/common/numeric.cuh"

namespace argus::kernels::cuda::attention {

/// 2^x, off by at most 2^-22 of it; 0 for -infinity and wherever the result would be subnormal.
__device__ __forceinline__ float powerOfTwo(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/// The transpose of an 8x8 matrix of 16-bit elements: lane l holds elements 2 (l % 4) and the next of row l / 4.
__device__ __forceinline__ unsigned transposed(unsigned pair)
{
    unsigned result;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(result) : "r"(pair));
    return result;
}

/// Adds 1 and returns what was there. What this thread wrote before, or saw written before a barrier, is seen by the
/// thread that finds it counted, and by others behind a barrier with that one.
__device__ __forceinline__ unsigned arrive(unsigned* counter)
{
    unsigned before;
    asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");
    return before;
}

} // namespace argus::kernels::cuda::attention
