#include "kernels/cuda/attention/device.cuh"
#include "kernels/cuda/attention/paths.h"
#include "kernels/cuda/attention/row_tile.cuh"
#include "kernels/cuda/common/launch.cuh"

#include <algorithm>
#include <bit>

namespace argus::kernels::cuda::attention {
namespace {

// The work of a step is a list of key tiles: sequence by sequence, within it key head by key head. Every block takes
// the same number of successive tiles, whatever sequences they belong to, so lengths may differ as they like. A part of
// the list that has one query (a sequence and a key head) is a stretch. A stretch inside one block is finished there;
// of others each block leaves its piece in the workspace, and the block that comes last puts the pieces together, in
// their order: results do not depend on who is last.
//
// Within a tile each warp has keys of its own and its own ring of shared memory: warps wait for nobody until a stretch
// ends. Products are turned round, scoresᵀ = keys · queriesᵀ and outputᵀ = valuesᵀ · weightsᵀ: the query heads of a key
// head are the eight columns of a matrix tile, where as rows they would leave half of one empty.

constexpr int kDim = 128;
constexpr int kRowBytes = kDim * 2;
constexpr int kStepKeys = 16;    ///< of a warp at a time; they lie in one block of the cache
constexpr int kHeads = 8;        ///< query heads of a matrix tile
constexpr int kMostSlices = 256; ///< of one launch
constexpr int kMostBlocks = 512; ///< as many pieces as a warp has room to weigh
using Shape = Layout<kDim>;
constexpr int kPieceBytes = kStepKeys * kRowBytes; ///< keys or values of a step

struct Decode {
    PagedAttention work;
    int sliceCount; ///< of this launch, from work.slices on
    int group;      ///< query heads of a key head
    int blockShift; ///< log2 of the tokens of a cache block
    float factor;   ///< of scores, to powers of two
    // Of each block of the launch: how many pieces have come of the stretch that begins in it and goes on; two pieces,
    // of a stretch that began before and of one that goes on, [blocks, 2, group] maximum and sum, [blocks, 2, group,
    // kDim].
    unsigned* arrived;
    float2* pieceStatistics;
    float* pieces;
};

template <int kWarps, int kStages>
struct Shared {
    char ring[kWarps][kStages][2][kPieceBytes];
    float output[kWarps][kHeads][kDim]; ///< of one matrix tile; later weights of pieces, a row a head
    float maxima[kWarps][kHeads];
    float sums[kWarps][kHeads];
    int lengths[kMostSlices]; ///< 0: not of this launch
    int slots[kMostSlices];
    int totals[kWarps];
    int startSlice;
    int startTile; ///< within the slice
    int isLast;
};
using Wide = Shared<8, 3>;   ///< most of compute capability 9.0's
using Narrow = Shared<4, 1>; ///< fits all
static_assert(sizeof(Wide) <= 227 * 1024 && sizeof(Narrow) <= 64 * 1024);

/// Where in the list one is.
template <int kWarps>
struct Place {
    static constexpr int kTileKeys = kWarps * kStepKeys;
    int slice;
    int kvHead;
    int tile;
    int length;

    static __device__ __forceinline__ int tilesOf(int length) { return (length + kTileKeys - 1) / kTileKeys; }
    [[nodiscard]] __device__ __forceinline__ bool endsStretch() const { return (tile + 1) * kTileKeys >= length; }
    /// Key of the tile where this warp begins; may lie beyond the last one.
    [[nodiscard]] __device__ __forceinline__ int firstKey() const
    {
        return tile * kTileKeys + static_cast<int>(threadIdx.x) / 32 * kStepKeys;
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
    constexpr int kEach = kMostSlices / (kWarps * 32); // successive slices of a thread
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
    /// 4 KB of keys and 4 KB of values that are contiguous in the cache; what is behind the last key becomes zeros.
    __device__ __forceinline__ void copy(const Decode& decode, Shared<kWarps, kStages>& shared)
    {
        const int warp = static_cast<int>(threadIdx.x) / 32;
        const int lane = static_cast<int>(threadIdx.x) % 32;
        const int row = lane / Shape::kChunks; // and every second after it
        const int chunk = lane % Shape::kChunks;
        const int key = place.firstKey();
        const int inBlock = (place.kvHead << decode.blockShift) + (key & ((1 << decode.blockShift) - 1)) + row;
        const std::int64_t from =
            ((std::int64_t{block} * decode.work.kvHeads << decode.blockShift) + inBlock) * kRowBytes + chunk * 16;
        const char* keys = static_cast<const char*>(decode.work.keys) + from;
        const char* values = static_cast<const char*>(decode.work.values) + from;
        char* to = shared.ring[warp][stage][0];
#pragma unroll
        for (int i = 0; i < kStepKeys; i += 2)
            copyAsync16(to + Shape::moved(Shape::offset(row, chunk), i % 8) + i * kRowBytes, keys + i * kRowBytes,
                        key + i + row < place.length);
#pragma unroll
        for (int i = 0; i < kStepKeys; i += 2)
            copyAsync16(to + kPieceBytes + Shape::moved(Shape::offset(row, chunk), i % 8) + i * kRowBytes,
                        values + i * kRowBytes, key + i + row < place.length);
    }
};

/// The query heads of one key head on their way over a warp's keys. Lane 4g + t has heads 2t and 2t + 1 of each tile
/// and of the output rows g and g + 8 of every sixteen; maxima are the same for all g, sums are of the lane's own keys.
template <int kTiles>
struct Columns {
    unsigned queries[kTiles][kDim / 16][2];
    float output[kTiles][kDim / 16][4];
    float maxima[kTiles][2];
    float sums[kTiles][2];

    template <typename T, int kWarps>
    __device__ __forceinline__ void begin(const Decode& decode, const Place<kWarps>& place)
    {
        const int lane = static_cast<int>(threadIdx.x % 32);
        const std::int64_t row = decode.work.slices[place.slice * 4];
        const T* q = static_cast<const T*>(decode.work.q) + row * decode.work.qStride +
                     place.kvHead * decode.group * kDim + lane % 4 * 2;
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
            const int head = tile * kHeads + lane / 4;
#pragma unroll
            for (int k = 0; k < kDim / 16; ++k)
#pragma unroll
                for (int i = 0; i < 2; ++i)
                    queries[tile][k][i] =
                        head < decode.group ? *reinterpret_cast<const unsigned*>(q + head * kDim + k * 16 + i * 8) : 0u;
#pragma unroll
            for (int j = 0; j < kDim / 16; ++j)
#pragma unroll
                for (float& value : output[tile][j])
                    value = 0;
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                maxima[tile][i] = -INFINITY;
                sums[tile][i] = 0;
            }
        }
    }
};

/// scores of 16 keys: lane 4g + t has keys g and g + 8.
template <typename T, int kTiles>
__device__ __forceinline__ void scoreStep(float (&scores)[kTiles][4], const Columns<kTiles>& columns, const char* keys,
                                          int visible)
{
    float other[kTiles][4]; // of every second product: half the latency
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
        for (int i = 0; i < 4; ++i)
            scores[tile][i] = other[tile][i] = 0;
    const int at = laneRowFirst<kDim>();
#pragma unroll
    for (int k = 0; k < kDim / 16; ++k) {
        unsigned a[4];
        loadMatrices(a, keys + Shape::moved(at, 2 * k));
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile)
            mma16816<T>(k % 2 == 0 ? scores[tile] : other[tile], a, columns.queries[tile][k]);
    }
    const int key = static_cast<int>(threadIdx.x % 32) / 4;
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
        for (int i = 0; i < 4; ++i)
            scores[tile][i] = key + i / 2 * 8 < visible ? scores[tile][i] + other[tile][i] : -INFINITY;
}

/// Scores become weights 2^((score − maximum) · factor) under maxima that cover them; what was summed before follows.
template <int kTiles>
__device__ __forceinline__ void weighStep(float (&scores)[kTiles][4], Columns<kTiles>& columns, float factor)
{
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            float largest = fmaxf(scores[tile][i], scores[tile][i + 2]);
#pragma unroll
            for (int distance = 4; distance < 32; distance *= 2)
                largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, distance));
            largest = fmaxf(largest, columns.maxima[tile][i]);
            const float shrink = powerOfTwo((columns.maxima[tile][i] - largest) * factor);
            columns.maxima[tile][i] = largest;
            const float offset = -largest * factor;
            scores[tile][i] = powerOfTwo(fmaf(scores[tile][i], factor, offset));
            scores[tile][i + 2] = powerOfTwo(fmaf(scores[tile][i + 2], factor, offset));
            columns.sums[tile][i] = columns.sums[tile][i] * shrink + (scores[tile][i] + scores[tile][i + 2]);
#pragma unroll
            for (int j = 0; j < kDim / 16; ++j) {
                columns.output[tile][j][i] *= shrink;
                columns.output[tile][j][i + 2] *= shrink;
            }
        }
    }
}

/// 16 keys and their values, of which `visible` (one at least) are of the sequence; the other values are zeros.
template <typename T, int kTiles>
__device__ __forceinline__ void absorb(Columns<kTiles>& columns, const char* step, int visible, float factor)
{
    float scores[kTiles][4];
    scoreStep<T, kTiles>(scores, columns, step, visible);
    weighStep<kTiles>(scores, columns, factor);
    unsigned weights[kTiles][2];
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
        for (int i = 0; i < 2; ++i)
            weights[tile][i] = transposed(packPair<T>(scores[tile][2 * i], scores[tile][2 * i + 1]));
    const int at = laneChunkFirst<kDim>();
#pragma unroll
    for (int j = 0; j < kDim / 16; ++j) {
        unsigned a[4];
        loadMatricesTransposed(a, step + kPieceBytes + Shape::moved(at, 2 * j));
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile)
            mma16816<T>(columns.output[tile][j], a, weights[tile]);
    }
}

/// Where output row `dim` of a head lies in its row of shared memory: heads that are written at once lie in other
/// banks.
__device__ __forceinline__ int exchanged(int head, int dim)
{
    return dim ^ head / 2 % 4 * 8;
}

/// One matrix tile of every warp to shared memory.
template <int kTiles, int kWarps, int kStages>
__device__ __forceinline__ void gatherTile(Shared<kWarps, kStages>& shared, const Columns<kTiles>& columns, int tile)
{
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const int head = lane % 4 * 2 + i;
        float sum = columns.sums[tile][i];
#pragma unroll
        for (int distance = 4; distance < 32; distance *= 2)
            sum += __shfl_xor_sync(kAllLanes, sum, distance);
        if (lane < 4) {
            shared.maxima[warp][head] = columns.maxima[tile][i];
            shared.sums[warp][head] = sum;
        }
#pragma unroll
        for (int j = 0; j < kDim / 16; ++j) {
            shared.output[warp][head][exchanged(head, j * 16 + lane / 4)] = columns.output[tile][j][i];
            shared.output[warp][head][exchanged(head, j * 16 + 8 + lane / 4)] = columns.output[tile][j][i + 2];
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

/// What the warps found about a head of the gathered tile, output rows 4 · lane and the next three.
template <int kWarps, int kStages>
__device__ __forceinline__ Merged mergeWarps(const Shared<kWarps, kStages>& shared, int head, float factor)
{
    const int lane = static_cast<int>(threadIdx.x) % 32;
    Merged merged;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp)
        merged.maximum = fmaxf(merged.maximum, shared.maxima[warp][head]);
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
        const float weight = powerOfTwo((shared.maxima[warp][head] - merged.maximum) * factor);
        merged.sum = fmaf(shared.sums[warp][head], weight, merged.sum);
        merged.add(*reinterpret_cast<const float4*>(&shared.output[warp][head][exchanged(head, lane * 4)]), weight);
    }
    return merged;
}

template <typename T>
__device__ __forceinline__ void storeHead(const Decode& decode, int slice, int head, const float4& output, float scale)
{
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const std::int64_t row = decode.work.slices[slice * 4];
    T* y = static_cast<T*>(decode.work.y) + row * decode.work.yStride + head * kDim + lane * 4;
    *reinterpret_cast<uint2*>(y) =
        make_uint2(packPair<T>(output.x * scale, output.y * scale), packPair<T>(output.z * scale, output.w * scale));
}

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

/// All pieces of a stretch, in their order: a warp takes a head at a time. What the first ones hold is fetched together
/// with the statistics, for mostly they are few and this is waited for.
template <typename T, int kWarps, int kStages>
__device__ __forceinline__ void combinePieces(const Decode& decode, Shared<kWarps, kStages>& shared,
                                              const Stretch& stretch, int slice, int kvHead)
{
    constexpr int kAhead = 8;
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int count = stretch.lastBlock - stretch.firstBlock + 1;
    float* weights = shared.output[warp][0];
    float* sums = weights + kMostBlocks;
    for (int head = warp; head < decode.group; head += kWarps) {
        const auto placeOf = [&](int i) {
            return std::int64_t{stretch.slotOf(stretch.firstBlock + i)} * decode.group + head;
        };
        const auto outputOf = [&](int i) {
            return __ldcg(reinterpret_cast<const float4*>(decode.pieces + placeOf(i) * kDim + lane * 4));
        };
        float4 ahead[kAhead];
#pragma unroll
        for (int i = 0; i < kAhead; ++i)
            if (i < count)
                ahead[i] = outputOf(i);
        float maximum = -INFINITY;
        for (int i = lane; i < count; i += 32) {
            const float2 statistics = __ldcg(&decode.pieceStatistics[placeOf(i)]);
            weights[i] = statistics.x;
            sums[i] = statistics.y;
            maximum = fmaxf(maximum, statistics.x);
        }
        maximum = warpMax(maximum);
        float sum = 0;
        for (int i = lane; i < count; i += 32) {
            weights[i] = powerOfTwo((weights[i] - maximum) * decode.factor);
            sum = fmaf(sums[i], weights[i], sum);
        }
        sum = warpSum(sum);
        __syncwarp();
        Merged merged;
#pragma unroll
        for (int i = 0; i < kAhead; ++i)
            if (i < count)
                merged.add(ahead[i], weights[i]);
#pragma unroll 8
        for (int i = kAhead; i < count; ++i)
            merged.add(outputOf(i), weights[i]);
        storeHead<T>(decode, slice, kvHead * decode.group + head, merged.output, 1.0f / sum);
        __syncwarp();
    }
}

/// The block's piece is in the workspace; true for the block whose piece is the last of its stretch, which then may
/// read all of them (past the first-level cache).
template <int kWarps, int kStages>
__device__ __forceinline__ bool isLastPiece(const Decode& decode, Shared<kWarps, kStages>& shared,
                                            const Stretch& stretch)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned* arrived = decode.arrived + stretch.firstBlock;
        const auto before = static_cast<unsigned>(stretch.lastBlock - stretch.firstBlock);
        __threadfence(); // for what the other threads wrote, too: the barrier comes before it
        shared.isLast = atomicAdd(arrived, 1u) == before ? 1 : 0;
        if (shared.isLast != 0)
            *arrived = 0; // for the next launch
        __threadfence();
    }
    __syncthreads();
    return shared.isLast != 0;
}

/// Ends a stretch, or this block's piece of one.
template <typename T, int kTiles, int kWarps, int kStages>
__device__ __forceinline__ void finish(const Decode& decode, Shared<kWarps, kStages>& shared,
                                       const Columns<kTiles>& columns, const Place<kWarps>& place,
                                       const Stretch& stretch)
{
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const std::int64_t slot = stretch.slotOf(static_cast<int>(blockIdx.x));
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
        __syncthreads(); // what lay in shared memory before has been read
        gatherTile(shared, columns, tile);
        __syncthreads();
        for (int inTile = warp; inTile < kHeads; inTile += kWarps) {
            const int head = tile * kHeads + inTile;
            if (head >= decode.group)
                break;
            const Merged merged = mergeWarps(shared, inTile, decode.factor);
            if (stretch.isWhole()) {
                storeHead<T>(decode, place.slice, place.kvHead * decode.group + head, merged.output, 1.0f / merged.sum);
                continue;
            }
            const std::int64_t at = slot * decode.group + head;
            *reinterpret_cast<float4*>(decode.pieces + at * kDim + lane * 4) = merged.output;
            if (lane == 0)
                decode.pieceStatistics[at] = make_float2(merged.maximum, merged.sum);
        }
    }
    if (!stretch.isWhole() && isLastPiece(decode, shared, stretch))
        combinePieces<T>(decode, shared, stretch, place.slice, place.kvHead);
}

template <typename T, int kWarps, int kStages, int kTiles>
__global__ void __launch_bounds__(kWarps * 32) attendOneRow(Decode decode)
{
    extern __shared__ uint4 sharedMemory[];
    auto& shared = *reinterpret_cast<Shared<kWarps, kStages>*>(sharedMemory);
    waitForPrevious();
    const Share share = findShare(decode, shared);
    letNextStart();
    if (share.first >= share.end)
        return;
    Place<kWarps> place = placeOf(shared);
    Fetch<kWarps, kStages> fetch(decode, shared, place, share.end - share.first);
#pragma unroll
    for (int stage = 0; stage + 1 < kStages; ++stage)
        fetch.next(decode, shared);
    Columns<kTiles> columns;
    columns.template begin<T>(decode, place);
    int stage = 0;
    for (int index = share.first;; ++index) {
        fetch.next(decode, shared);
        waitForCopies<kStages - 1>();
        __syncwarp(); // the step is there for all lanes
        const int visible = place.length - place.firstKey();
        if (visible > 0)
            absorb<T>(columns, shared.ring[threadIdx.x / 32][stage][0], visible, decode.factor);
        __syncwarp(); // nobody reads it any more
        stage = stage + 1 == kStages ? 0 : stage + 1;
        const bool last = index + 1 == share.end;
        if (last || place.endsStretch()) {
            finish<T>(decode, shared, columns, place, stretchOf(share, place, index));
            if (last)
                return;
            place.advance(shared.lengths, decode.work.kvHeads);
            columns.template begin<T>(decode, place);
        } else {
            place.advance(shared.lengths, decode.work.kvHeads);
        }
    }
}

/// Blocks of a launch per multiprocessor: as many as fit where shared memory is large, for they pay for every piece;
/// two where it is smaller.
constexpr int kMostBlocksEach = 2;

[[nodiscard]] int blocksOf(int processors, int each)
{
    return std::min(processors * each, kMostBlocks);
}

struct Workspace {
    std::size_t statistics;
    std::size_t pieces;
    std::size_t bytes;
};
[[nodiscard]] Workspace workspaceOf(int blocks, int group)
{
    const auto aligned = [](std::size_t bytes) { return (bytes + 255) / 256 * 256; };
    const auto count = static_cast<std::size_t>(blocks);
    Workspace workspace{};
    // The counters have their place to themselves whatever the launch: they must be zero, the rest need not.
    workspace.statistics = kMostBlocks * sizeof(unsigned);
    workspace.pieces = workspace.statistics + aligned(count * 2 * static_cast<std::size_t>(group) * sizeof(float2));
    workspace.bytes = workspace.pieces + count * 2 * static_cast<std::size_t>(group) * kDim * sizeof(float);
    return workspace;
}

template <typename T, int kWarps, int kStages, int kTiles>
Status launchDecode(const Decode& decode, int blocks, Stream stream)
{
    constexpr int kBytes = sizeof(Shared<kWarps, kStages>);
    const auto kernel = attendOneRow<T, kWarps, kStages, kTiles>;
    if (const Status status = allowShared(kernel, kBytes); status != 0)
        return status;
    return launch(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kWarps * 32), kBytes, stream, decode);
}

template <typename T>
Status launchFor(const PagedAttention& work, Stream stream)
{
    const bool wide = deviceAttribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) >= static_cast<int>(sizeof(Wide));
    const int blocks = blocksOf(work.processors, wide ? 1 : kMostBlocksEach);
    const int group = work.heads / work.kvHeads;
    const Workspace workspace = workspaceOf(blocks, group);
    if (work.workspaceBytes < workspace.bytes)
        return static_cast<Status>(cudaErrorInvalidValue);
    char* memory = static_cast<char*>(work.workspace);
    Decode decode{work,
                  0,
                  group,
                  std::countr_zero(static_cast<unsigned>(work.blockTokens)),
                  work.scale * kLog2e,
                  reinterpret_cast<unsigned*>(memory),
                  reinterpret_cast<float2*>(memory + workspace.statistics),
                  reinterpret_cast<float*>(memory + workspace.pieces)};
    for (int first = 0; first < work.sliceCount; first += kMostSlices) {
        decode.work.slices = work.slices + std::int64_t{first} * 4;
        decode.sliceCount = std::min(kMostSlices, work.sliceCount - first);
        const auto start = wide ? (group <= kHeads ? launchDecode<T, 8, 3, 1> : launchDecode<T, 8, 3, 2>)
                                : (group <= kHeads ? launchDecode<T, 4, 1, 1> : launchDecode<T, 4, 1, 2>);
        if (const Status status = start(decode, blocks, stream); status != 0)
            return status;
    }
    return 0;
}

} // namespace

std::size_t decodeWorkspace(int heads, int kvHeads, int processors)
{
    return workspaceOf(blocksOf(processors, kMostBlocksEach), heads / kvHeads).bytes;
}

Status decodePaged(const PagedAttention& work, Stream stream)
{
    return work.type == Format::F16 ? launchFor<__half>(work, stream) : launchFor<__nv_bfloat16>(work, stream);
}

} // namespace argus::kernels::cuda::attention
