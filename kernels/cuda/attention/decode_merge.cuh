#pragma once
// From what the warps of a block found about the query heads of one key head to a row of output.

#include "kernels/cuda/attention/decode_columns.cuh"

namespace argus::kernels::cuda::attention {

using HeadRows = float[Step::kHeads][Step::kDim]; ///< of one matrix tile
using HeadNumbers = float[Step::kHeads];

/// Where output row `dim` of a head lies in its row of shared memory: heads that are written at once lie in other
/// banks.
__device__ __forceinline__ int exchanged(int head, int dim)
{
    return dim ^ head / 2 % 4 * 8;
}

/// One matrix tile of a warp to its places in shared memory.
template <int kTiles>
__device__ __forceinline__ void leaveTile(HeadRows& output, HeadNumbers& maxima, HeadNumbers& sums,
                                          const Columns<kTiles>& columns, int tile)
{
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const int head = lane % 4 * 2 + i;
        float sum = columns.sums[tile][i];
#pragma unroll
        for (int distance = 4; distance < 32; distance *= 2)
            sum += __shfl_xor_sync(kAllLanes, sum, distance);
        if (lane < 4) {
            maxima[head] = columns.maxima[tile][i];
            sums[head] = sum;
        }
#pragma unroll
        for (int j = 0; j < Step::kDim / 16; ++j) {
            output[head][exchanged(head, j * 16 + lane / 4)] = columns.output[tile][j][i];
            output[head][exchanged(head, j * 16 + 8 + lane / 4)] = columns.output[tile][j][i + 2];
        }
    }
}

/// Four rows of output, a head's maximum and sum.
struct Merged {
    float4 output = {0, 0, 0, 0};
    float maximum = -INFINITY;
    float sum = 0;
    __device__ __forceinline__ void add(const float4& other, float weight)
    {
        output.x = fmaf(other.x, weight, output.x);
        output.y = fmaf(other.y, weight, output.y);
        output.z = fmaf(other.z, weight, output.z);
        output.w = fmaf(other.w, weight, output.w);
    }
};

/// What weights of pieces are measured from: their maximum; a number where none of them has keys, so that each of them
/// weighs nothing and not NaN.
__device__ __forceinline__ float finite(float maximum)
{
    return fmaxf(maximum, -3.0e38f);
}

/// What the warps left about a head, output rows 4 · lane and the next three. outputOf(warp) is a HeadRows.
template <int kWarps, typename OutputOf>
__device__ __forceinline__ Merged mergeWarps(const OutputOf& outputOf, const HeadNumbers (&maxima)[kWarps],
                                             const HeadNumbers (&sums)[kWarps], int head, float factor)
{
    const int lane = static_cast<int>(threadIdx.x) % 32;
    Merged merged;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp)
        merged.maximum = fmaxf(merged.maximum, maxima[warp][head]);
    const float reference = finite(merged.maximum);
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
        const float weight = powerOfTwo((maxima[warp][head] - reference) * factor);
        merged.sum = fmaf(sums[warp][head], weight, merged.sum);
        merged.add(*reinterpret_cast<const float4*>(&outputOf(warp)[head][exchanged(head, lane * 4)]), weight);
    }
    return merged;
}

/// Output rows 4 · lane and the next three of a head, scaled, to row `row` of y.
template <typename T>
__device__ __forceinline__ void storeHead(const PagedAttention& work, std::int64_t row, int head, const float4& output,
                                          float scale)
{
    const int lane = static_cast<int>(threadIdx.x) % 32;
    T* y = static_cast<T*>(work.y) + row * work.yStride + head * Step::kDim + lane * 4;
    *reinterpret_cast<uint2*>(y) =
        make_uint2(packPair<T>(output.x * scale, output.y * scale), packPair<T>(output.z * scale, output.w * scale));
}

} // namespace argus::kernels::cuda::attention
