#include "kernels/cuda/attention/paths.h"
#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/numeric.cuh"

#include <cstdint>

namespace argus::kernels::cuda::attention {
namespace {

// For float32, whatever the head: a block takes one row and one head, its warps every kWarps-th key, and the lanes of a
// warp the elements. Exact rather than fast.

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * 32;
constexpr int kMostHeadDim = 128;
constexpr int kEach = kMostHeadDim / 32; ///< elements of a lane: lane, lane + 32, …

/// What has been seen of the keys.
struct Seen {
    float output[kEach] = {};
    float maximum = -INFINITY;
    float sum = 0;

    __device__ __forceinline__ void add(const float (&value)[kEach], float score)
    {
        const float largest = fmaxf(maximum, score);
        const float shrink = expf(maximum - largest);
        const float weight = expf(score - largest);
        maximum = largest;
        sum = sum * shrink + weight;
#pragma unroll
        for (int i = 0; i < kEach; ++i)
            output[i] = output[i] * shrink + value[i] * weight;
    }
};

/// Elements of a row; those beyond headDim are 0.
__device__ __forceinline__ void loadRow(float (&values)[kEach], const float* row, int headDim)
{
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
        const int d = static_cast<int>(threadIdx.x % 32) + i * 32;
        values[i] = d < headDim ? row[d] : 0.0f;
    }
}

/// The warps' findings together, written to y.
__device__ __forceinline__ void mergeWarps(const Seen& seen, float* y, int headDim)
{
    __shared__ float outputs[kWarps][kMostHeadDim];
    __shared__ float maxima[kWarps];
    __shared__ float sums[kWarps];
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < kEach; ++i)
        outputs[warp][lane + i * 32] = seen.output[i];
    if (lane == 0) {
        maxima[warp] = seen.maximum;
        sums[warp] = seen.sum;
    }
    __syncthreads();
    const int d = static_cast<int>(threadIdx.x);
    if (d >= headDim)
        return;
    float maximum = maxima[0];
    for (int i = 1; i < kWarps; ++i)
        maximum = fmaxf(maximum, maxima[i]);
    float sum = 0;
    float output = 0;
    for (int i = 0; i < kWarps; ++i) {
        const float weight = expf(maxima[i] - maximum); // 0 for a warp without keys
        sum += sums[i] * weight;
        output += outputs[i][d] * weight;
    }
    y[d] = output / sum;
}
static_assert(kThreads >= kMostHeadDim, "a thread an element");

/// y = attention of q over `count` keys, one at least; offsetOf(i) says where key and value i lie.
template <typename OffsetOf>
__device__ __forceinline__ void attend(float* y, const float* q, const float* keys, const float* values, int count,
                                       int headDim, float scale, OffsetOf&& offsetOf)
{
    float query[kEach];
    loadRow(query, q, headDim);
    Seen seen;
    for (int i = static_cast<int>(threadIdx.x) / 32; i < count; i += kWarps) {
        const std::int64_t offset = offsetOf(i);
        float key[kEach];
        float value[kEach];
        loadRow(key, keys + offset, headDim);
        loadRow(value, values + offset, headDim);
        float score = 0;
#pragma unroll
        for (int j = 0; j < kEach; ++j)
            score = fmaf(query[j], key[j], score);
        seen.add(value, warpSum(score) * scale);
    }
    mergeWarps(seen, y, headDim);
}

/// The slice that row `row` of the step belongs to, or -1. Called by whole warps.
__device__ __forceinline__ int sliceOf(const int4* slices, int count, int row)
{
    for (int first = 0; first < count; first += 32) {
        const int i = first + static_cast<int>(threadIdx.x % 32);
        const int4 slice = i < count ? slices[i] : make_int4(0, 0, 0, -1);
        const bool has = slice.w >= 0 && row >= slice.x && row < slice.x + slice.y;
        const unsigned found = __ballot_sync(0xffffffffu, has);
        if (found != 0)
            return first + __ffs(static_cast<int>(found)) - 1;
    }
    return -1;
}

__global__ void __launch_bounds__(kThreads) attendPagedRow(PagedAttention work)
{
    const int row = static_cast<int>(blockIdx.x);
    const int head = static_cast<int>(blockIdx.y);
    const int kvHead = head / (work.heads / work.kvHeads);
    waitForPrevious();
    letNextStart();
    const int4* slices = reinterpret_cast<const int4*>(work.slices);
    const int found = sliceOf(slices, work.sliceCount, row);
    if (found < 0)
        return;
    const int4 slice = slices[found];
    const std::int32_t* table = work.blockTable + slice.w * work.blocksStride;
    const std::int64_t column = std::int64_t{head} * work.headDim;
    attend(static_cast<float*>(work.y) + row * work.yStride + column,
           static_cast<const float*>(work.q) + row * work.qStride + column, static_cast<const float*>(work.keys),
           static_cast<const float*>(work.values), slice.z + row - slice.x + 1, work.headDim, work.scale, [&](int i) {
               const std::int64_t block = std::int64_t{table[i / work.blockTokens]} * work.kvHeads + kvHead;
               return (block * work.blockTokens + i % work.blockTokens) * work.headDim;
           });
}

/// The segment that holds a row: the last one that begins at it or before.
__device__ __forceinline__ int segmentOf(const std::int32_t* ends, int segments, int row)
{
    int low = 0;
    int high = segments;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (ends[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

__global__ void __launch_bounds__(kThreads) attendSegmentRow(SegmentAttention work)
{
    const int row = static_cast<int>(blockIdx.x);
    const int head = static_cast<int>(blockIdx.y);
    waitForPrevious();
    letNextStart();
    const int segment = segmentOf(work.ends, work.segments, row);
    const std::int64_t column = std::int64_t{head} * work.headDim;
    const std::int64_t first = work.ends[segment] * work.stride + column;
    attend(static_cast<float*>(work.y) + row * work.yStride + column,
           static_cast<const float*>(work.q) + row * work.stride + column, static_cast<const float*>(work.k) + first,
           static_cast<const float*>(work.v) + first, work.ends[segment + 1] - work.ends[segment], work.headDim,
           work.scale, [&](int i) { return i * work.stride; });
}

} // namespace

Status attendPagedPlainly(const PagedAttention& work, Stream stream)
{
    return launch(attendPagedRow, dim3(static_cast<unsigned>(work.rows), static_cast<unsigned>(work.heads)),
                  dim3(kThreads), 0, stream, work);
}

Status attendSegmentsPlainly(const SegmentAttention& work, Stream stream)
{
    return launch(attendSegmentRow, dim3(static_cast<unsigned>(work.rows), static_cast<unsigned>(work.heads)),
                  dim3(kThreads), 0, stream, work);
}

} // namespace argus::kernels::cuda::attention
