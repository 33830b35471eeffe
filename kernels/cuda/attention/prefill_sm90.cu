#include "kernels/cuda/attention/device.cuh"
#include "kernels/cuda/attention/paths.h"
#include "kernels/cuda/attention/prefill.cuh"
#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/wgmma.cuh"

namespace argus::kernels::cuda::attention {
namespace {

// Prefill on compute capability 9.0. A block has two warpgroups of 64 rows each; keys come in tiles of 128. While the
// weights of a tile are computed, the products with the values of the tile before are under way: scores(i) and
// output(i - 1) are ordered together, the first is waited for, and the softmax runs beside the second.

constexpr int kRows = Prefill::kRows;
constexpr int kThreads = 256;
constexpr int kKeys = 128;
using Tile = HalvedLayout<128>;
static_assert(kRows == 128 && kKeys == 128 && Prefill::kDim == 128, "one layout for queries, keys and values");
using Rows = RowTile<Prefill::kDim, 1>;
using TileScores = Scores<1, kKeys>;
using Weights = unsigned[kKeys / 16][4];

/// Of tiles of keys and values: one is scored, the values of the one before are summed, the next one is on its way.
constexpr int kStages = 3;
constexpr int kStageBytes = 2 * Tile::kBytes;
constexpr int kSharedBytes = Tile::kBytes + kStages * kStageBytes;

/// The part's queries to the beginning of shared memory; rows beyond `count` become zeros.
template <typename T>
__device__ __forceinline__ void loadQueries(char* shared, const T* q, std::int64_t stride, int count)
{
    const int thread = static_cast<int>(threadIdx.x);
    const int chunk = thread % Prefill::kRowChunks;
#pragma unroll
    for (int pass = 0; pass < kRows; pass += kThreads / Prefill::kRowChunks) {
        const int row = pass + thread / Prefill::kRowChunks;
        copyAsync16(shared + Tile::offset(row, chunk), q + (row < count ? row : 0) * stride + chunk * 8, row < count);
    }
}

using Tiles = PagedTiles<kKeys, kThreads>;
__device__ __forceinline__ void loadTile(Tiles& tiles, const Prefill& prefill, int first, char* to)
{
    tiles.load(prefill, first, [&](int row, int pass, int chunk, std::int64_t from, bool there) {
        char* at = to + Tile::offset(row, chunk) + pass * 128; // of the same row of eight
        copyAsync16(at, static_cast<const char*>(prefill.work.keys) + from, there);
        copyAsync16(at + Tile::kBytes, static_cast<const char*>(prefill.work.values) + from, there);
    });
    closeCopyGroup();
}

/// Orders scores = queries · keysᵀ.
template <typename T>
__device__ __forceinline__ void orderScores(TileScores& scores, const char* queries, const char* keys)
{
    const std::uint64_t q = Tile::overColumns(queries);
    const std::uint64_t k = Tile::overColumns(keys);
#pragma unroll
    for (int i = 0; i < Prefill::kDim / 16; ++i)
        multiplyTiles<T>(scores[0], further(q, Tile::columnStep(i)), further(k, Tile::columnStep(i)), i > 0);
    closeProductGroup();
}

/// Orders output += weights · values.
template <typename T>
__device__ __forceinline__ void orderOutput(Rows& rows, const Weights& weights, const char* values)
{
    const std::uint64_t v = Tile::overRows(values);
#pragma unroll
    for (int i = 0; i < kKeys / 16; ++i)
        multiplyHeld<T>(rows.output[0], weights[i], further(v, Tile::rowStep(i)));
    closeProductGroup();
}

/// The weights of a tile whose scores are there. `shrink` and the result are growMaxima()'s.
__device__ __forceinline__ bool weigh(TileScores& scores, Rows& rows, int first, int position, float factor,
                                      float (&shrink)[1][2])
{
    if (first + kKeys > position + 1)
        hideKeys<1, kKeys>(scores, position - first, 1);
    const bool grown = growMaxima<Prefill::kDim, 1, kKeys>(rows, scores, factor, shrink);
    weighKeys<Prefill::kDim, 1, kKeys>(scores, rows, factor);
    return grown;
}

template <typename T>
__device__ __forceinline__ void pack(Weights& weights, const TileScores& scores)
{
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k)
        packWeights<T, kKeys>(weights[k], scores[0], k);
    pin(weights);
}

/// The warp's 16 rows over all keys; `position` is the first one's. Queries and the first tile are on their way.
template <typename T>
__device__ __forceinline__ void attend(Rows& rows, Tiles& tiles, const Prefill& prefill, char* shared, int position)
{
    const char* queries = shared + Tile::offset(static_cast<int>(threadIdx.x) / 128 * 64, 0);
    const auto after = [](int stage) { return stage + 1 == kStages ? 0 : stage + 1; };
    const auto stageAt = [shared](int stage) { return shared + Tile::kBytes + stage * kStageBytes; };
    TileScores scores;
    Weights weights;
    float shrink[1][2];
    int first = 0; // key of the tile
    int stage = 0;
    const auto loadNext = [&] {
        if (first + kKeys < tiles.count)
            loadTile(tiles, prefill, first + kKeys, stageAt(after(stage)));
    };
    rows.begin();
    waitForTile();
    loadNext();
    beginProducts();
    orderScores<T>(scores, queries, stageAt(stage));
    waitForProducts<0>();
    pin(scores[0]);
    weigh(scores, rows, first, position, prefill.factor, shrink);
    pack<T>(weights, scores);
    while (first + kKeys < tiles.count) {
        const char* values = stageAt(stage) + Tile::kBytes;
        first += kKeys;
        stage = after(stage);
        waitForTile();
        loadNext();
        pin(rows.output[0]);
        beginProducts();
        orderScores<T>(scores, queries, stageAt(stage));
        orderOutput<T>(rows, weights, values);
        waitForProducts<1>();
        pin(scores[0]);
        if (weigh(scores, rows, first, position, prefill.factor, shrink)) {
            waitForProductsHere<true>();
            pin(rows.output[0]);
            shrinkOutput<Prefill::kDim, 1>(rows, shrink);
        } else {
            waitForProductsHere<false>();
        }
        pin(rows.output[0]);
        pack<T>(weights, scores);
    }
    pin(rows.output[0]);
    beginProducts();
    orderOutput<T>(rows, weights, stageAt(stage) + Tile::kBytes);
    waitForProducts<0>();
    pin(rows.output[0]);
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 1) attendRows(Prefill prefill)
{
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    extern __shared__ __align__(1024) uint4 sharedMemory[];
    char* shared = reinterpret_cast<char*>(sharedMemory);
    const PagedAttention& work = prefill.work;
    waitForPrevious();
    const Part part = findPart(prefill, static_cast<int>(blockIdx.y));
    if (part.rows <= 0)
        return;
    const int head = static_cast<int>(blockIdx.x);
    const std::int64_t column = std::int64_t{head} * Prefill::kDim;
    Tiles tiles(prefill, part, head / (work.heads / work.kvHeads));
    loadQueries(shared, static_cast<const T*>(work.q) + part.row * work.qStride + column, work.qStride, part.rows);
    loadTile(tiles, prefill, 0, shared + Tile::kBytes);
    letNextStart();
    const int firstRow = static_cast<int>(threadIdx.x) / 32 * 16;
    Rows rows;
    attend<T>(rows, tiles, prefill, shared, part.position + firstRow);
    __syncthreads(); // all queries have been used: their place is the output's
    if (firstRow < part.rows)
        storeRows<T, Prefill::kDim, 1>(rows, shared, firstRow * Layout<Prefill::kDim>::kRowBytes,
                                       static_cast<T*>(work.y) + (part.row + firstRow) * work.yStride + column,
                                       work.yStride, part.rows - firstRow);
#else
    __trap(); // see hasWarpgroupProducts()
#endif
}

} // namespace

bool hasWarpgroupProducts()
{
    if (deviceAttribute(cudaDevAttrComputeCapabilityMajor) != 9 ||
        deviceAttribute(cudaDevAttrComputeCapabilityMinor) != 0)
        return false;
    // Compiled for anything else the kernel is but a trap, with next to no registers.
    cudaFuncAttributes attributes{};
    return cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(attendRows<__half>)) == cudaSuccess &&
           attributes.numRegs >= 64;
}

Status prefillPagedSm90(const PagedAttention& work, int fewestRows, Stream stream)
{
    const Prefill prefill = Prefill::of(work, fewestRows);
    const auto start = [&]<typename T>() {
        if (const Status status = allowShared(attendRows<T>, kSharedBytes); status != 0)
            return status;
        return launch(attendRows<T>, prefill.grid(), dim3(kThreads), kSharedBytes, stream, prefill);
    };
    return work.type == Format::F16 ? start.template operator()<__half>() : start.template operator()<__nv_bfloat16>();
}

} // namespace argus::kernels::cuda::attention
