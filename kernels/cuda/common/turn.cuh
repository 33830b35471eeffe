#pragma once
// The rotation of a pair of a head's dimensions, written so that every kernel that does it gives the same bits.

namespace argus::kernels::cuda {

__device__ __forceinline__ float turnedLow(float low, float high, float cosine, float sine)
{
    return fmaf(low, cosine, -(high * sine));
}
__device__ __forceinline__ float turnedHigh(float low, float high, float cosine, float sine)
{
    return fmaf(high, cosine, low * sine);
}

} // namespace argus::kernels::cuda
