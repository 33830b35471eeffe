#include "kernels/cuda/attention/device.cuh"
#include "kernels/cuda/attention/find_tile.cuh"
#include "kernels/cuda/attention/paths.h"
#include "kernels/cuda/attention/row_tile.cuh"
#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/wgmma.cuh"

#include <algorithm>

namespace argus::kernels::cuda::attention {
namespace {

// Long segments on compute capability 9.0. A block has two warpgroups of 64 rows each; keys come in tiles of 128. With
// 80 columns the exponentials of a tile take almost as long as its products. So that neither waits for the other, the
// scores of the next tile and the output of the tile before are under way while the weights of a tile are computed.

constexpr int kDim = 80;
constexpr int kRows = 128;
constexpr int kKeys = 128;
constexpr int kThreads = 256;
static_assert(kRows == kKeys, "one layout for queries, keys and values");
using Tile = ChunkedLayout<kKeys, kDim>;
using Rows = RowTile<kDim, 1>;
using TileScores = Scores<1, kKeys>;
using Weights = unsigned[kKeys / 16][4];

/// Of tiles of keys and values: values of two are summed or will be, one is scored, the next one is on its way.
constexpr int kStages = 4;
constexpr int kStageBytes = 2 * Tile::kBytes;
constexpr int kSharedBytes = Tile::kBytes + kStages * kStageBytes;

struct Segments {
    SegmentAttention work;
    float factor; ///< of scores, to powers of two
};

/// 128 rows of one head, of q, k or v beginning at `from`. Rows from `count` on become zeros.
template <typename T>
__device__ __forceinline__ void copyRows(char* to, const T* from, std::int64_t stride, int count)
{
    static_assert(kRows * Tile::kChunks % kThreads == 0);
#pragma unroll
    for (int begin = 0; begin < kRows * Tile::kChunks; begin += kThreads) {
        const int i = begin + static_cast<int>(threadIdx.x);
        const int row = i / Tile::kChunks;
        const int chunk = i % Tile::kChunks;
        copyAsync16(to + Tile::offset(row, chunk), from + (row < count ? row : 0) * stride + chunk * 8, row < count);
    }
}

/// What a block works on: rows of one segment and head, whose keys stand in `tiles` tiles.
template <typename T>
struct Work {
    const T* keys;
    const T* values;
    std::int64_t stride;
    int count; ///< of keys
    float factor;
    char* shared;

    [[nodiscard]] __device__ __forceinline__ int tiles() const { return (count + kKeys - 1) / kKeys; }
    [[nodiscard]] __device__ __forceinline__ char* keysAt(int tile) const
    {
        return shared + Tile::kBytes + tile % kStages * kStageBytes;
    }
    [[nodiscard]] __device__ __forceinline__ char* valuesAt(int tile) const { return keysAt(tile) + Tile::kBytes; }
    /// Nothing when there is no such tile.
    __device__ __forceinline__ void load(int tile) const
    {
        const int first = tile * kKeys;
        if (first < count) {
            copyRows(keysAt(tile), keys + first * stride, stride, count - first);
            copyRows(valuesAt(tile), values + first * stride, stride, count - first);
        }
        closeCopyGroup();
    }
};

/// Orders scores = queries · keysᵀ.
template <typename T>
__device__ __forceinline__ void orderScores(TileScores& scores, const Work<T>& work, int tile)
{
    const std::uint64_t q = Tile::overColumns(work.shared + Tile::offset(static_cast<int>(threadIdx.x) / 128 * 64, 0));
    const std::uint64_t k = Tile::overColumns(work.keysAt(tile));
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i)
        multiplyTiles<T>(scores[0], further(q, Tile::columnStep(i)), further(k, Tile::columnStep(i)), i > 0);
}

/// Orders output += weights · values.
template <typename T>
__device__ __forceinline__ void orderOutput(Rows& rows, const Weights& weights, const Work<T>& work, int tile)
{
    const std::uint64_t v = Tile::overRows(work.valuesAt(tile));
#pragma unroll
    for (int i = 0; i < kKeys / 16; ++i)
        multiplyHeld<T>(rows.output[0], weights[i], further(v, Tile::rowStep(i)));
}

/// A tile whose scores are there, while products ordered before are under way: they are finished when this returns.
template <typename T>
__device__ __forceinline__ void weighTile(TileScores& scores, Rows& rows, Weights& weights, const Work<T>& work,
                                          int tile)
{
    if ((tile + 1) * kKeys > work.count)
        hideKeys<1, kKeys>(scores, work.count - 1 - tile * kKeys, 0);
    float shrink[1][2];
    const bool grown = growMaxima<kDim, 1, kKeys>(rows, scores, work.factor, shrink);
    weighKeys<kDim, 1, kKeys>(scores, rows, work.factor);
    if (grown) {
        waitForProductsHere<true>();
        pin(rows.output[0]);
        shrinkOutput<kDim, 1>(rows, shrink);
    } else {
        waitForProductsHere<false>();
    }
    pin(rows.output[0]);
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k)
        packWeights<T, kKeys>(weights[k], scores[0], k);
    pin(weights);
}

/// Weighs tile `tile`, which is not the last one, with the scores of the next one ordered meanwhile.
template <bool kFirst, typename T>
__device__ __forceinline__ void passTile(TileScores& scores, TileScores& next, Rows& rows, Weights& weights,
                                         const Work<T>& work, int tile)
{
    waitForTile();
    work.load(tile + 2);
    beginProducts();
    orderScores(next, work, tile + 1);
    if constexpr (!kFirst)
        orderOutput(rows, weights, work, tile - 1);
    closeProductGroup();
    weighTile(scores, rows, weights, work, tile);
    pin(next[0]);
}

/// The last tile: nothing is ordered ahead.
template <bool kFirst, typename T>
__device__ __forceinline__ void endTiles(TileScores& scores, Rows& rows, Weights& weights, const Work<T>& work,
                                         int tile)
{
    if constexpr (!kFirst) {
        beginProducts();
        orderOutput(rows, weights, work, tile - 1);
        closeProductGroup();
    }
    weighTile(scores, rows, weights, work, tile);
    beginProducts();
    orderOutput(rows, weights, work, tile);
    closeProductGroup();
    waitForProducts<0>();
    pin(rows.output[0]);
}

/// The warp's 16 rows over all keys; queries and the first tile are on their way.
template <typename T>
__device__ __forceinline__ void attend(Rows& rows, const Work<T>& work)
{
    TileScores even;
    TileScores odd;
    Weights weights;
    rows.begin();
    waitForTile();
    work.load(1);
    beginProducts();
    orderScores(even, work, 0);
    closeProductGroup();
    waitForProducts<0>();
    pin(even[0]);
    const int last = work.tiles() - 1;
    if (last == 0)
        return endTiles<true>(even, rows, weights, work, 0);
    passTile<true>(even, odd, rows, weights, work, 0);
    for (int tile = 1;; tile += 2) {
        if (tile == last)
            return endTiles<false>(odd, rows, weights, work, tile);
        passTile<false>(odd, even, rows, weights, work, tile);
        if (tile + 1 == last)
            return endTiles<false>(even, rows, weights, work, tile + 1);
        passTile<false>(even, odd, rows, weights, work, tile + 1);
    }
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 1) attendLong(Segments segments)
{
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    extern __shared__ __align__(1024) uint4 sharedMemory[];
    char* shared = reinterpret_cast<char*>(sharedMemory);
    const SegmentAttention& attention = segments.work;
    waitForPrevious();
    const TileOfItem at = findTile(static_cast<int>(blockIdx.y), attention.segments, [&](int i) {
        return (attention.ends[i + 1] - attention.ends[i] + kRows - 1) / kRows;
    });
    if (at.item < 0)
        return;
    const std::int64_t first = attention.ends[at.item];
    const int count = attention.ends[at.item + 1] - attention.ends[at.item];
    const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kDim;
    const std::int64_t from = first * attention.stride + column;
    const int firstOfBlock = at.tile * kRows;
    const Work<T> work{static_cast<const T*>(attention.k) + from,
                       static_cast<const T*>(attention.v) + from,
                       attention.stride,
                       count,
                       segments.factor,
                       shared};
    copyRows(shared, static_cast<const T*>(attention.q) + from + firstOfBlock * attention.stride, attention.stride,
             count - firstOfBlock);
    work.load(0);
    letNextStart();
    Rows rows;
    attend(rows, work);
    __syncthreads(); // all queries have been used: their place is the output's
    const int firstOfWarp = static_cast<int>(threadIdx.x) / 32 * 16;
    const int firstRow = firstOfBlock + firstOfWarp;
    if (firstRow < count)
        storeRows<T, kDim, 1>(rows, shared, firstOfWarp * Layout<kDim>::kRowBytes,
                              static_cast<T*>(attention.y) + (first + firstRow) * attention.yStride + column,
                              attention.yStride, count - firstRow);
#else
    __trap(); // see hasWarpgroupProducts()
#endif
}
static_assert(kRows * Layout<kDim>::kRowBytes <= Tile::kBytes + kStageBytes, "what storeRows() needs");

} // namespace

Status attendLongSegmentsSm90(const SegmentAttention& work, Stream stream)
{
    const Segments segments{work, work.scale * kLog2e};
    // A segment's rows fill tiles but for the last one.
    const int tiles = work.rows / kRows + std::min(work.segments, work.rows);
    const auto start = [&]<typename T>() {
        if (const Status status = allowShared(attendLong<T>, kSharedBytes); status != 0)
            return status;
        return launch(attendLong<T>, dim3(static_cast<unsigned>(work.heads), static_cast<unsigned>(tiles)),
                      dim3(kThreads), kSharedBytes, stream, segments);
    };
    return work.type == Format::F16 ? start.template operator()<__half>() : start.template operator()<__nv_bfloat16>();
}

} // namespace argus::kernels::cuda::attention
