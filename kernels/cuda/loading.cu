#include "kernels/cuda/loading.h"

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/row_parts.cuh"

namespace argus::kernels::cuda {
namespace {

// Nothing here calls letNextStart(): the kernels of a step fetch weights before they wait for their predecessor, which
// must not be one that still writes weights.

/// Whether float16 makes infinity of a finite value: 65520 is half way from its largest number, 65504, to the next and
/// goes to the even one of the two, which would be 65536.
__device__ __forceinline__ bool leavesFloat16(float value)
{
    const float size = fabsf(value);
    return size >= 65520.0f && size < INFINITY;
}

/// Looks on as values are moved.
template <typename From>
struct CountOverflows {
    int count = 0;
    __device__ void operator()(const Eight<From>& eight)
    {
        float values[8];
        widenEight(values, eight);
#pragma unroll
        for (const float value : values)
            count += leavesFloat16(value);
    }
    __device__ void operator()(From value)
    {
        count += leavesFloat16(toFloat(value));
    }
};

/// Adds the counts of all threads to `total`; in the ordinary case, nothing to count, for the price of a barrier.
__device__ __forceinline__ void addCounts(int count, unsigned long long* total)
{
    __shared__ float sums[33];
    if (__syncthreads_or(count) == 0)
        return;
    const float sum = blockSum(static_cast<float>(count), sums); // exact: a block moves far fewer than 2^24 values
    if (threadIdx.x == 0)
        atomicAdd(total, static_cast<unsigned long long>(sum));
}

template <bool kAligned, typename To, typename From>
__global__ void __launch_bounds__(kMostThreads) placeRow(PlaceRows work, int parts)
{
    constexpr bool kMayOverflow = __is_same(To, __half) && !__is_same(From, __half);
    const auto [row, part] = rowPartOfBlock(parts);
    To* to = static_cast<To*>(work.target) + (work.firstRow + std::int64_t{row} * work.rowStep) * work.targetStride;
    const From* from = static_cast<const From*>(work.source) + row * work.sourceStride;
    waitForPrevious();
    if constexpr (kMayOverflow) {
        CountOverflows<From> overflows;
        movePart<kAligned>(to, from, part, work.columns, work.targetColumns, overflows);
        if (work.overflows != nullptr)
            addCounts(overflows.count, work.overflows);
    } else {
        movePart<kAligned>(to, from, part, work.columns, work.targetColumns, Unseen());
    }
}

template <bool kAligned, typename To, typename From>
Status place(const PlaceRows& work, Stream stream)
{
    const RowParts parts = movedParts<kAligned>(work.targetColumns);
    return launch(placeRow<kAligned, To, From>, parts.grid(work.rows), parts.block(), 0, stream, work, parts.count);
}

// Normal numbers: Philox4x32 with ten rounds, keyed by the seed, turns the number of four values into four uniform
// words (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011), and Box and Muller's
// method turns two words into two values. logf and sincospif consist of additions, multiplications and fused ones, and
// sqrtf is rounded correctly, so every device makes the same bits; the approximate intrinsics would not promise that.

struct Words {
    unsigned x, y, z, w;
};

__device__ __forceinline__ Words philox(std::uint64_t counter, std::uint64_t key)
{
    constexpr unsigned kFactors[2] = {0xD2511F53u, 0xCD9E8D57u};
    constexpr unsigned kKeySteps[2] = {0x9E3779B9u, 0xBB67AE85u};
    Words c{static_cast<unsigned>(counter), static_cast<unsigned>(counter >> 32), 0, 0};
    unsigned low = static_cast<unsigned>(key);
    unsigned high = static_cast<unsigned>(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t first = std::uint64_t{kFactors[0]} * c.x;
        const std::uint64_t second = std::uint64_t{kFactors[1]} * c.z;
        c = {static_cast<unsigned>(second >> 32) ^ c.y ^ low, static_cast<unsigned>(second),
             static_cast<unsigned>(first >> 32) ^ c.w ^ high, static_cast<unsigned>(first)};
        low += kKeySteps[0];
        high += kKeySteps[1];
    }
    return c;
}

/// Two independent normal values from two words.
__device__ __forceinline__ float2 normalPair(unsigned radius, unsigned angle)
{
    const float uniform = fmaf(static_cast<float>(radius), 0x1p-32f, 0x1p-33f); // in (0, 1]
    const float length = sqrtf(-2.0f * logf(uniform));
    float2 pair;
    sincospif(static_cast<float>(angle) * 0x1p-31f, &pair.y, &pair.x); // π · [0, 2]
    return {length * pair.x, length * pair.y};
}

/// Values 8·eight … 8·eight + 7.
template <typename T>
__device__ __forceinline__ Eight<T> normalEight(std::uint64_t eight, std::uint64_t seed, float mean, float deviation)
{
    float values[8];
#pragma unroll
    for (unsigned half = 0; half < 2; ++half) {
        const Words words = philox(2 * eight + half, seed);
        const float2 first = normalPair(words.x, words.y);
        const float2 second = normalPair(words.z, words.w);
        values[4 * half] = fmaf(deviation, first.x, mean);
        values[4 * half + 1] = fmaf(deviation, first.y, mean);
        values[4 * half + 2] = fmaf(deviation, second.x, mean);
        values[4 * half + 3] = fmaf(deviation, second.y, mean);
    }
    return roundEight<T>(values);
}

constexpr int kFillThreads = 256;

template <bool kAligned, typename T>
__global__ void __launch_bounds__(kFillThreads)
    fillEights(T* values, std::int64_t count, float mean, float deviation, std::uint64_t seed)
{
    const std::int64_t eight = std::int64_t{blockIdx.x} * kFillThreads + threadIdx.x;
    const Eight<T> made = normalEight<T>(static_cast<std::uint64_t>(eight), seed, mean, deviation);
    waitForPrevious();
    if (kAligned && eight * 8 + 8 <= count) {
        storeEight(values + eight * 8, made);
        return;
    }
#pragma unroll
    for (int j = 0; j < 8; ++j)
        if (eight * 8 + j < count)
            values[eight * 8 + j] = made.values[j];
}

} // namespace

Status placeRows(const PlaceRows& work, Stream stream)
{
    if (work.rows == 0)
        return 0;
    const bool aligned =
        rowsAligned(work.target, work.targetStride, work.to) && rowsAligned(work.source, work.sourceStride, work.from);
    return forFormat(work.from, [&]<typename From>() {
        return forFormat(work.to, [&]<typename To>() {
            return aligned ? place<true, To, From>(work, stream) : place<false, To, From>(work, stream);
        });
    });
}

Status fillNormal(void* values, std::int64_t count, Format type, float mean, float deviation, std::uint64_t seed,
                  Stream stream)
{
    if (count == 0)
        return 0;
    constexpr std::int64_t kValues = 8 * kFillThreads;
    const dim3 grid(static_cast<unsigned>((count + kValues - 1) / kValues));
    const bool aligned = reinterpret_cast<std::uintptr_t>(values) % 16 == 0;
    return forFormat(type, [&]<typename T>() {
        return launch(aligned ? fillEights<true, T> : fillEights<false, T>, grid, dim3(kFillThreads), 0, stream,
                      static_cast<T*>(values), count, mean, deviation, seed);
    });
}

} // namespace argus::kernels::cuda
