#pragma once
// A decode step as a list of key tiles, and how blocks and warps find and fetch their part of it.
//
// The list goes sequence by sequence, within it key head by key head. Every block takes the same number of successive
// tiles, whatever sequences they belong to, so lengths may differ as they like. A part of the list that has one query
// (a sequence and a key head) is a stretch; it may begin in one block and go on in others. Within a tile each warp has
// keys of its own and its own ring of shared memory: warps wait for nobody until a stretch ends.

#include "kernels/cuda/attention/decode_step.cuh"
#include "kernels/cuda/common/fetch_to_cache.cuh"

#include <cstdint>

namespace argus::kernels::cuda::attention {

struct Decode {
    static constexpr int kMostSlices = 256; ///< of one launch
    static constexpr int kMostBlocks = 512; ///< as many pieces as a warp has room to weigh

    PagedAttention work;
    int sliceCount; ///< of this launch, from work.slices on
    int group;      ///< query heads of a key head
    int blockShift; ///< log2 of the tokens of a cache block
    float factor;   ///< of scores, to powers of two
    // In the workspace, of each block of the launch: how many pieces have come of the stretch that begins in it and
    // goes on; then two pieces, of a stretch that began before it and of one that goes on behind it, a maximum and a
    // sum [blocks, 2, group] and the output [blocks, 2, group, kDim].
    unsigned* arrived;
    float2* pieceStatistics;
    float* pieces;
};

template <int kWarps, int kStages>
struct Shared {
    char ring[kWarps][kStages][2][Step::kBytes];
    float output[kWarps][Step::kHeads][Step::kDim]; ///< of one matrix tile; later each warp's weights of pieces
    float maxima[kWarps][Step::kHeads];
    float sums[kWarps][Step::kHeads];
    int lengths[Decode::kMostSlices]; ///< 0: not of this launch
    int slots[Decode::kMostSlices];
    int totals[kWarps];
    int startSlice;
    int startTile; ///< within the slice
    int isLast;
};

/// Where in the list one is.
template <int kWarps>
struct Place {
    static constexpr int kTileKeys = kWarps * Step::kKeys;
    int slice;
    int kvHead;
    int tile;
    int length;

    static __device__ __forceinline__ int tilesOf(int length) { return (length + kTileKeys - 1) / kTileKeys; }
    [[nodiscard]] __device__ __forceinline__ bool endsStretch() const { return (tile + 1) * kTileKeys >= length; }
    /// Key of the tile where this warp begins; may lie beyond the last one.
    [[nodiscard]] __device__ __forceinline__ int firstKey() const
    {
        return tile * kTileKeys + static_cast<int>(threadIdx.x) / 32 * Step::kKeys;
    }
    /// There must be a next one.
    __device__ __forceinline__ void advance(const int* lengths, int kvHeads)
    {
        if (!endsStretch()) {
            ++tile;
            return;
        }
        tile = 0;
        if (++kvHead < kvHeads)
            return;
        kvHead = 0;
        do
            ++slice;
        while (lengths[slice] == 0);
        length = lengths[slice];
    }
};

/// A block's part of the list.
struct Share {
    int first = 0;
    int end = 0;
    int size = 0; ///< of every block's but the last ones
};

/// Reads the slices and cuts the list. All threads call it; what it leaves in shared memory is there when it returns.
template <int kWarps, int kStages>
__device__ __forceinline__ Share findShare(const Decode& decode, Shared<kWarps, kStages>& shared)
{
    constexpr int kEach = Decode::kMostSlices / (kWarps * 32); // successive slices of a thread
    const int thread = static_cast<int>(threadIdx.x);
    const int lane = thread % 32;
    int tiles[kEach];
    int sum = 0;
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
        const int i = thread * kEach + j;
        const int4 slice =
            i < decode.sliceCount ? reinterpret_cast<const int4*>(decode.work.slices)[i] : make_int4(0, 0, 0, -1);
        const int length = slice.y == 1 && slice.w >= 0 ? slice.z + 1 : 0;
        shared.lengths[i] = length;
        shared.slots[i] = slice.w;
        tiles[j] = Place<kWarps>::tilesOf(length) * decode.work.kvHeads;
        sum += tiles[j];
    }
    int end = sum;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
        const int before = __shfl_up_sync(kAllLanes, end, step);
        end += lane >= step ? before : 0;
    }
    if (lane == 31)
        shared.totals[thread / 32] = end;
    __syncthreads();
    int begin = end - sum;
    int total = 0;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
        begin += warp < thread / 32 ? shared.totals[warp] : 0;
        total += shared.totals[warp];
    }
    Share share;
    share.size = (total + static_cast<int>(gridDim.x) - 1) / static_cast<int>(gridDim.x);
    share.first = static_cast<int>(blockIdx.x) * share.size;
    share.end = min(share.first + share.size, total);
#pragma unroll
    for (int j = 0; j < kEach; ++j) {
        if (share.first >= begin && share.first < begin + tiles[j]) {
            shared.startSlice = thread * kEach + j;
            shared.startTile = share.first - begin;
        }
        begin += tiles[j];
    }
    __syncthreads();
    return share;
}

template <int kWarps, int kStages>
__device__ __forceinline__ Place<kWarps> placeOf(const Shared<kWarps, kStages>& shared)
{
    Place<kWarps> place;
    place.slice = shared.startSlice;
    place.length = shared.lengths[place.slice];
    const int tiles = Place<kWarps>::tilesOf(place.length);
    place.kvHead = shared.startTile / tiles;
    place.tile = shared.startTile % tiles;
    return place;
}

/// Brings a warp's keys and values into its ring, step by step and ahead of their use. The number of the cache block
/// that a step needs is fetched one step before.
template <int kWarps, int kStages>
struct Fetch {
    Place<kWarps> place;
    int left; ///< steps
    int stage = 0;
    int block = 0;

    __device__ __forceinline__ Fetch(const Decode& decode, const Shared<kWarps, kStages>& shared, Place<kWarps> start,
                                     int steps)
        : place(start), left(steps)
    {
        findBlock(decode, shared);
    }
    __device__ __forceinline__ void findBlock(const Decode& decode, const Shared<kWarps, kStages>& shared)
    {
        const int key = place.firstKey();
        if (key < place.length)
            block = decode.work
                        .blockTable[shared.slots[place.slice] * decode.work.blocksStride + (key >> decode.blockShift)];
    }
    /// A step; a group of copies is closed even when none is left, so that groups count steps.
    __device__ __forceinline__ void next(const Decode& decode, Shared<kWarps, kStages>& shared)
    {
        if (left > 0) {
            if (place.firstKey() < place.length)
                copy(decode, shared);
            if (--left > 0) {
                place.advance(shared.lengths, decode.work.kvHeads);
                findBlock(decode, shared);
            }
        }
        closeCopyGroup();
        stage = stage + 1 == kStages ? 0 : stage + 1;
    }
    /// The first step as far as the second-level cache: may be asked for while its last key is not written yet.
    __device__ __forceinline__ void toCache(const Decode& decode) const
    {
        const int key = place.firstKey();
        const int lane = static_cast<int>(threadIdx.x) % 32;
        if (key >= place.length || lane >= 2)
            return;
        const std::int64_t from = stepOffset(decode.work, decode.blockShift, block, place.kvHead, key);
        fetchToCache(static_cast<const char*>(lane == 0 ? decode.work.keys : decode.work.values) + from, Step::kBytes);
    }
    __device__ __forceinline__ void copy(const Decode& decode, Shared<kWarps, kStages>& shared)
    {
        const int key = place.firstKey();
        copyStep(shared.ring[threadIdx.x / 32][stage][0], decode.work,
                 stepOffset(decode.work, decode.blockShift, block, place.kvHead, key), place.length - key);
    }
};

/// A stretch of the list, as far as blocks are concerned.
struct Stretch {
    int firstBlock;
    int lastBlock;
    /// Of the block's piece of it.
    [[nodiscard]] __device__ __forceinline__ int slotOf(int block) const { return 2 * block + (block == firstBlock); }
    [[nodiscard]] __device__ __forceinline__ bool isWhole() const { return firstBlock == lastBlock; }
};
template <int kWarps>
__device__ __forceinline__ Stretch stretchOf(const Share& share, const Place<kWarps>& place, int index)
{
    const int begin = index - place.tile;
    const int end = begin + Place<kWarps>::tilesOf(place.length);
    return {begin / share.size, (end - 1) / share.size};
}

} // namespace argus::kernels::cuda::attention
