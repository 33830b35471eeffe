#include "kernels/cuda/all_reduce.h"
#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/row_parts.cuh"

#include <algorithm>

namespace argus::kernels::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kQuickThreads = 128;           ///< few: such blocks find room before the product before them has ended
constexpr unsigned kSpinsBetweenLooks = 512; ///< looking at the host's word takes a microsecond over the bus

__device__ __forceinline__ void raiseFlag(std::uint32_t* flag, std::uint32_t value)
{
    asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}
__device__ __forceinline__ std::uint32_t seenFlag(const std::uint32_t* flag)
{
    std::uint32_t value;
    asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
    return value;
}
__device__ __forceinline__ std::uint64_t nanoseconds()
{
    std::uint64_t value;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(value));
    return value;
}

/// Asks arrived() until it says so, or the group is broken, or patience is at its end, which breaks it.
template <typename Arrived>
__device__ __forceinline__ void await(const Peers& peers, Arrived&& arrived)
{
    std::uint64_t begin = 0;
    for (unsigned spins = 1; !arrived(); ++spins) {
        if (spins % kSpinsBetweenLooks != 0)
            continue;
        volatile std::uint32_t* broken = peers.broken;
        if (*broken != kPeersWhole)
            return;
        const std::uint64_t time = nanoseconds();
        if (begin == 0) {
            begin = time;
        } else if (time - begin > peers.patience) {
            *broken = kPeersTimedOut;
            return;
        }
    }
}

/// Where rank `from` leaves its part of a call in the inbox of rank `of`.
template <typename T>
__device__ __forceinline__ T* slotOf(const Peers& peers, int of, int from, std::uint32_t call)
{
    const std::int64_t slot = static_cast<std::int64_t>(call % 2) * peers.ranks + from;
    return reinterpret_cast<T*>(static_cast<char*>(peers.inbox[of]) + slot * peers.slotBytes);
}

/// Tells the block's counterpart on every other rank that this block has written, and waits to be told so.
__device__ __forceinline__ void meetPeers(const Peers& peers, std::uint32_t call)
{
    __syncthreads();
    const int other = static_cast<int>(threadIdx.x);
    if (other < peers.ranks && other != peers.rank) {
        const std::size_t block = static_cast<std::size_t>(blockIdx.x) * kMostPeers;
        raiseFlag(peers.flags[other] + block + static_cast<std::size_t>(peers.rank), call + 1);
        const std::uint32_t* const flag = peers.flags[peers.rank] + block + static_cast<std::size_t>(other);
        // It may be one call further: then it has written into the other half.
        await(peers, [&] { return static_cast<std::int32_t>(seenFlag(flag) - (call + 1)) >= 0; });
    }
    __syncthreads();
}

/// The last block to be through counts the call: by then every block has read the number.
__device__ __forceinline__ void closeCall(const Peers& peers, std::uint32_t call)
{
    __syncthreads();
    if (threadIdx.x != 0)
        return;
    if (atomicAdd(peers.calls + 1, 1u) + 1 == gridDim.x) {
        peers.calls[1] = 0;
        peers.calls[0] = call + 1;
    }
}

__device__ __forceinline__ std::uint32_t callNumber(const Peers& peers)
{
    return *static_cast<volatile std::uint32_t*>(peers.calls);
}

/// Eights [0, count) of this block's threads, spread over the grid.
template <typename Use>
__device__ __forceinline__ void forOwnEights(std::int64_t count, Use&& use)
{
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step)
        use(i);
}

/// The sum so far as the result of the work: added to what is there, or in its place.
template <typename To>
__device__ __forceinline__ void putSum(To* y, float (&total)[8], bool accumulate)
{
    if (accumulate) {
        float values[8];
        widenEight(values, loadEight(y));
#pragma unroll
        for (int j = 0; j < 8; ++j)
            total[j] = values[j] + total[j];
    }
    storeEight(y, roundEight<To>(total));
}

template <typename From>
__device__ __forceinline__ void addEight(float (&total)[8], const Eight<From>& eight, bool first)
{
    float values[8];
    widenEight(values, eight);
#pragma unroll
    for (int j = 0; j < 8; ++j)
        total[j] = first ? values[j] : total[j] + values[j];
}

// A line is 16 bytes that go over the link together: two words, each with the number of the call beside it.

__device__ __forceinline__ void sendLine(uint4* to, uint2 words, std::uint32_t flag)
{
    asm volatile("st.volatile.global.v4.u32 [%0], {%1, %3, %2, %3};" ::"l"(to), "r"(words.x), "r"(words.y), "r"(flag)
                 : "memory");
}
/// Whether both words are of the call.
__device__ __forceinline__ bool takeLine(uint2& words, const uint4* from, std::uint32_t flag)
{
    std::uint32_t first;
    std::uint32_t second;
    asm volatile("ld.volatile.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words.x), "=r"(first), "=r"(words.y), "=r"(second)
                 : "l"(from)
                 : "memory");
    return first == flag && second == flag;
}

/// A sum of at most kMostQuickBytes, one eight for a thread. A half is written again two calls later, by ranks that
/// have seen this rank's lines of the call between: it sent them when this call had ended.
template <typename To, typename From>
__global__ void __launch_bounds__(kQuickThreads) quickSumKernel(PeerSum work, Peers peers, std::int64_t rowEights)
{
    constexpr int kLines = sizeof(Eight<From>) / sizeof(uint2);
    letNextStart(); // its first weights come while we wait for others
    waitForPrevious();
    const std::uint32_t call = callNumber(peers);
    const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kQuickThreads + threadIdx.x;
    if (i < work.rows * rowEights) {
        const auto linesOf = [&](int of, int from) {
            const std::int64_t slot = static_cast<std::int64_t>(call % 2) * peers.ranks + from;
            return reinterpret_cast<uint4*>(static_cast<char*>(peers.quick[of]) + slot * 2 * kMostQuickBytes) +
                   i * kLines;
        };
        const Eight<From> own = loadEight(static_cast<const From*>(work.x) + i * 8);
        const uint2* const words = reinterpret_cast<const uint2*>(&own);
        for (int other = 0; other < peers.ranks; ++other)
            if (other != peers.rank)
#pragma unroll
                for (int line = 0; line < kLines; ++line)
                    sendLine(linesOf(other, peers.rank) + line, words[line], call + 1);
        float total[8];
        for (int from = 0; from < peers.ranks; ++from) {
            Eight<From> eight = own;
            if (from != peers.rank)
                await(peers, [&] {
                    bool all = true;
#pragma unroll
                    for (int line = 0; line < kLines; ++line)
                        all &= takeLine(reinterpret_cast<uint2*>(&eight)[line], linesOf(peers.rank, from) + line,
                                        call + 1);
                    return all;
                });
            addEight(total, eight, from == 0);
        }
        const std::int64_t row = i / rowEights;
        putSum(static_cast<To*>(work.y) + row * work.yStride + (i - row * rowEights) * 8, total, work.accumulate);
    }
    closeCall(peers, call);
}

template <typename To, typename From>
__global__ void __launch_bounds__(kThreads) sumKernel(PeerSum work, Peers peers, std::int64_t rowEights)
{
    letNextStart();
    waitForPrevious();
    const std::uint32_t call = callNumber(peers);
    const std::int64_t count = work.rows * rowEights;
    const From* x = static_cast<const From*>(work.x);
    forOwnEights(count, [&](std::int64_t i) {
        const Eight<From> own = loadEight(x + i * 8);
        for (int other = 0; other < peers.ranks; ++other)
            if (other != peers.rank)
                storeEight(slotOf<From>(peers, other, peers.rank, call) + i * 8, own);
    });
    meetPeers(peers, call);
    forOwnEights(count, [&](std::int64_t i) {
        float total[8];
        for (int from = 0; from < peers.ranks; ++from) {
            const From* theirs = from == peers.rank ? x : slotOf<From>(peers, peers.rank, from, call);
            addEight(total, loadEight(theirs + i * 8), from == 0);
        }
        const std::int64_t row = rowEights == count ? 0 : i / rowEights;
        putSum(static_cast<To*>(work.y) + row * work.yStride + (i - row * rowEights) * 8, total, work.accumulate);
    });
    closeCall(peers, call);
}

template <typename T>
__global__ void __launch_bounds__(kThreads) gatherKernel(PeerGather work, Peers peers, std::int64_t rowEights)
{
    letNextStart();
    waitForPrevious();
    const std::uint32_t call = callNumber(peers);
    const std::int64_t count = work.rows * rowEights;
    T* y = static_cast<T*>(work.y);
    const auto place = [&](int from, std::int64_t row, std::int64_t column) {
        return y + row * work.yStride + from * work.columns + column;
    };
    forOwnEights(count, [&](std::int64_t i) {
        const std::int64_t row = rowEights == count ? 0 : i / rowEights;
        const std::int64_t column = (i - row * rowEights) * 8;
        const Eight<T> own = loadEight(static_cast<const T*>(work.x) + row * work.xStride + column);
        for (int other = 0; other < peers.ranks; ++other)
            storeEight(other == peers.rank ? place(other, row, column)
                                           : slotOf<T>(peers, other, peers.rank, call) + i * 8,
                       own);
    });
    meetPeers(peers, call);
    forOwnEights(count, [&](std::int64_t i) {
        const std::int64_t row = rowEights == count ? 0 : i / rowEights;
        const std::int64_t column = (i - row * rowEights) * 8;
        for (int from = 0; from < peers.ranks; ++from)
            if (from != peers.rank)
                storeEight(place(from, row, column), loadEight(slotOf<T>(peers, peers.rank, from, call) + i * 8));
    });
    closeCall(peers, call);
}

template <typename To, typename From>
__global__ void __launch_bounds__(kThreads) addKernel(AddRows work)
{
    waitForPrevious();
    letNextStart();
    const std::int64_t count = work.rows * work.columns;
    const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
    for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
        const std::int64_t row = i / work.columns;
        To* y = static_cast<To*>(work.y) + row * work.yStride + (i - row * work.columns);
        *y = fromFloat<To>(toFloat(*y) + toFloat(static_cast<const From*>(work.x)[i]));
    }
}
template <typename To, typename From>
__global__ void __launch_bounds__(kThreads) addEightsKernel(AddRows work, std::int64_t rowEights)
{
    waitForPrevious();
    letNextStart();
    const std::int64_t count = work.rows * rowEights;
    forOwnEights(count, [&](std::int64_t i) {
        const std::int64_t row = i / rowEights;
        To* y = static_cast<To*>(work.y) + row * work.yStride + (i - row * rowEights) * 8;
        float values[8];
        float added[8];
        widenEight(values, loadEight(y));
        widenEight(added, loadEight(static_cast<const From*>(work.x) + i * 8));
#pragma unroll
        for (int j = 0; j < 8; ++j)
            values[j] += added[j];
        storeEight(y, roundEight<To>(values));
    });
}

[[nodiscard]] unsigned blocksFor(std::int64_t pieces, int most, int threads = kThreads)
{
    return static_cast<unsigned>(std::clamp<std::int64_t>((pieces + threads - 1) / threads, 1, most));
}

} // namespace

bool sumFits(const PeerSum& work, std::int64_t slotBytes)
{
    return work.columns % 8 == 0 && rowsAligned(work.x, work.columns, work.type) &&
           rowsAligned(work.y, work.yStride, work.out) && work.rows * work.columns * bytesOf(work.type) <= slotBytes;
}

Status sumOfPeers(const PeerSum& work, const Peers& peers, Stream stream)
{
    if (work.rows == 0 || work.columns == 0)
        return 0;
    const std::int64_t rowEights = work.columns / 8;
    const std::int64_t eights = work.rows * rowEights;
    const bool quick = eights * 8 * bytesOf(work.type) <= kMostQuickBytes;
    static_assert(kMostQuickBytes / 16 <= kMostPeerBlocks * kQuickThreads);
    const dim3 grid(blocksFor(eights, kMostPeerBlocks, quick ? kQuickThreads : kThreads));
    return forFormat(work.type, [&]<typename From>() {
        return forFormat(work.out, [&]<typename To>() {
            if (quick)
                return launch(quickSumKernel<To, From>, grid, dim3(kQuickThreads), 0, stream, work, peers, rowEights);
            return launch(sumKernel<To, From>, grid, dim3(kThreads), 0, stream, work, peers, rowEights);
        });
    });
}

bool gatherFits(const PeerGather& work, std::int64_t slotBytes)
{
    return work.columns % 8 == 0 && rowsAligned(work.x, work.xStride, work.type) &&
           rowsAligned(work.y, work.yStride, work.type) && work.rows * work.columns * bytesOf(work.type) <= slotBytes;
}

Status gatherOfPeers(const PeerGather& work, const Peers& peers, Stream stream)
{
    if (work.rows == 0 || work.columns == 0)
        return 0;
    const std::int64_t rowEights = work.columns / 8;
    const dim3 grid(blocksFor(work.rows * rowEights, kMostPeerBlocks));
    return forFormat(work.type, [&]<typename T>() {
        return launch(gatherKernel<T>, grid, dim3(kThreads), 0, stream, work, peers, rowEights);
    });
}

Status addRows(const AddRows& work, Stream stream)
{
    if (work.rows == 0 || work.columns == 0)
        return 0;
    constexpr int kMostBlocks = 2048;
    const bool eights = work.columns % 8 == 0 && rowsAligned(work.x, work.columns, work.type) &&
                        rowsAligned(work.y, work.yStride, work.out);
    return forFormat(work.type, [&]<typename From>() {
        return forFormat(work.out, [&]<typename To>() {
            const std::int64_t pieces = eights ? work.rows * (work.columns / 8) : work.rows * work.columns;
            const dim3 grid(blocksFor(pieces, kMostBlocks));
            if (eights)
                return launch(addEightsKernel<To, From>, grid, dim3(kThreads), 0, stream, work, work.columns / 8);
            return launch(addKernel<To, From>, grid, dim3(kThreads), 0, stream, work);
        });
    });
}

} // namespace argus::kernels::cuda
