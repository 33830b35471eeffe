#include "kernels/cuda/attention/device.cuh"
#include "kernels/cuda/attention/paths.h"
#include "kernels/cuda/attention/prefill.cuh"
#include "kernels/cuda/common/launch.cuh"

namespace argus::kernels::cuda::attention {
namespace {

// A block's four warps have 32 rows each, so that what a warp reads of keys and values in shared memory serves two rows
// of matrix tiles. Keys come in tiles, the next one on its way while one is used.

constexpr int kDim = Prefill::kDim;
constexpr int kRows = Prefill::kRows;
constexpr int kThreads = 128;
constexpr int kWarpRows = 32;
static_assert(kThreads / 32 * kWarpRows == kRows);
constexpr int kPassRows = kThreads / Prefill::kRowChunks; ///< rows that the block copies at once
using Shape = Layout<kDim>;
static_assert(kPassRows % 8 == 0, "then chunks are exchanged alike in all rows of a thread");

/// Queries, then two tiles of keys and values.
template <int kKeys>
constexpr int kSharedBytes = (kRows + 2 * 2 * kKeys) * Shape::kRowBytes;

/// The part's queries to the beginning of shared memory; rows beyond `count` become zeros.
template <typename T>
__device__ __forceinline__ void loadQueries(char* shared, const T* q, std::int64_t stride, int count)
{
    const int thread = static_cast<int>(threadIdx.x);
    const int chunk = thread % Shape::kChunks;
#pragma unroll
    for (int pass = 0; pass < kRows; pass += kPassRows) {
        const int row = pass + thread / Shape::kChunks;
        copyAsync16(shared + Shape::offset(row, chunk), q + (row < count ? row : 0) * stride + chunk * 8, row < count);
    }
}

template <int kKeys>
__device__ __forceinline__ void loadTile(PagedTiles<kKeys, kThreads>& tiles, const Prefill& prefill, int first,
                                         char* to)
{
    tiles.load(prefill, first, [&](int row, int pass, int chunk, std::int64_t from, bool there) {
        char* at = to + Shape::offset(row, chunk) + pass * Shape::kRowBytes;
        copyAsync16(at, static_cast<const char*>(prefill.work.keys) + from, there);
        copyAsync16(at + kKeys * Shape::kRowBytes, static_cast<const char*>(prefill.work.values) + from, there);
    });
    closeCopyGroup();
}

template <typename T, int kKeys>
__global__ void __launch_bounds__(kThreads, 2) attendRows(Prefill prefill)
{
    extern __shared__ uint4 sharedMemory[];
    char* shared = reinterpret_cast<char*>(sharedMemory);
    const PagedAttention& work = prefill.work;
    waitForPrevious();
    const Part part = findPart(prefill, static_cast<int>(blockIdx.y));
    if (part.rows <= 0)
        return;
    const int head = static_cast<int>(blockIdx.x);
    const std::int64_t column = std::int64_t{head} * kDim;
    constexpr int kRing = kRows * Shape::kRowBytes;
    constexpr int kTileBytes = 2 * kKeys * Shape::kRowBytes;
    PagedTiles<kKeys, kThreads> tiles(prefill, part, head / (work.heads / work.kvHeads));
    loadQueries(shared, static_cast<const T*>(work.q) + part.row * work.qStride + column, work.qStride, part.rows);
    loadTile<kKeys>(tiles, prefill, 0, shared + kRing);
    letNextStart();

    const int firstRow = static_cast<int>(threadIdx.x) / 32 * kWarpRows;
    const int position = part.position + firstRow;
    const int lastSeen = firstRow < part.rows ? position + kWarpRows - 1 : -1;
    const int queriesAt = firstRow * Shape::kRowBytes + laneRowFirst<kDim>();
    RowTile<kDim, 2> rows;
    rows.begin();
    for (int first = 0, now = kRing; first < tiles.count; first += kKeys, now = 2 * kRing + kTileBytes - now) {
        waitForCopies<0>();
        __syncthreads(); // this tile is there for all, and nobody reads the one before any more
        if (first + kKeys < tiles.count)
            loadTile<kKeys>(tiles, prefill, first + kKeys, shared + (2 * kRing + kTileBytes - now));
        if (first > lastSeen)
            continue;
        Scores<2, kKeys> scores;
        scoreKeys<T, kDim, 2, kKeys>(scores, SharedQueries<kDim, 2>{shared, anew(queriesAt)}, shared, now);
        if (first + kKeys > position + 1)
            hideKeys<2, kKeys>(scores, position - first, 1);
        renewMaxima<kDim, 2, kKeys>(rows, scores, prefill.factor);
        weighKeys<kDim, 2, kKeys>(scores, rows, prefill.factor);
        addValues<T, kDim, 2, kKeys>(rows, scores, shared, now + kKeys * Shape::kRowBytes);
    }
    if (firstRow < part.rows)
        storeRows<T, kDim, 2>(rows, shared, firstRow * Shape::kRowBytes,
                              static_cast<T*>(work.y) + (part.row + firstRow) * work.yStride + column, work.yStride,
                              part.rows - firstRow);
}

template <typename T, int kKeys>
Status launchPrefill(const Prefill& prefill, Stream stream)
{
    if (const Status status = allowShared(attendRows<T, kKeys>, kSharedBytes<kKeys>); status != 0)
        return status;
    return launch(attendRows<T, kKeys>, prefill.grid(), dim3(kThreads), kSharedBytes<kKeys>, stream, prefill);
}

} // namespace

Status prefillPaged(const PagedAttention& work, int fewestRows, Stream stream)
{
    if (hasWarpgroupProducts())
        return prefillPagedSm90(work, fewestRows, stream);
    // Larger tiles where two blocks of them fit a multiprocessor.
    const bool large = deviceAttribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor) >= 2 * (kSharedBytes<64> + 1024);
    const Prefill prefill = Prefill::of(work, fewestRows);
    const auto start = [&]<typename T>() {
        return large ? launchPrefill<T, 64>(prefill, stream) : launchPrefill<T, 32>(prefill, stream);
    };
    return work.type == Format::F16 ? start.template operator()<__half>() : start.template operator()<__nv_bfloat16>();
}

} // namespace argus::kernels::cuda::attention
