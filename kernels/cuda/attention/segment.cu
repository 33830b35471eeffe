#include "kernels/cuda/attention/device.cuh"
#include "kernels/cuda/attention/find_tile.cuh"
#include "kernels/cuda/attention/paths.h"
#include "kernels/cuda/attention/row_tile.cuh"
#include "kernels/cuda/common/launch.cuh"

#include <algorithm>

namespace argus::kernels::cuda::attention {
namespace {

// Two kernels: segments of up to 64 rows (windows) are one tile of keys, and a block takes one window and head at once;
// longer ones stream past in tiles as in a prefill. In both a block has four warps and one head.

constexpr int kDim = 80;
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * 32;
using Shape = Layout<kDim>;

struct Segments {
    SegmentAttention work;
    float factor; ///< of scores, to powers of two
};

/// `kRows` rows of one head to offset `to`: of q, k or v beginning at `from`. Rows from `count` on become zeros.
template <typename T, int kRows>
__device__ __forceinline__ void copyRows(char* shared, int to, const T* from, std::int64_t stride, int count)
{
    constexpr int kAll = kRows * Shape::kChunks;
#pragma unroll
    for (int begin = 0; begin < kAll; begin += kThreads) {
        const int i = begin + static_cast<int>(threadIdx.x);
        const int row = i / Shape::kChunks;
        const int chunk = i % Shape::kChunks;
        if (begin + kThreads <= kAll || i < kAll)
            copyAsync16(shared + to + Shape::offset(row, chunk), from + (row < count ? row : 0) * stride + chunk * 8,
                        row < count);
    }
}

constexpr int kWindow = 64; ///< most rows of a window
constexpr int kWindowShared = 3 * kWindow * Shape::kRowBytes;

/// Blocks that a multiprocessor should hold: as many as shared memory has room for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int kWindowBlocks = 1;
#else
constexpr int kWindowBlocks = 5;
#endif

template <typename T>
__global__ void __launch_bounds__(kThreads, kWindowBlocks) attendWindow(Segments segments)
{
    extern __shared__ uint4 sharedMemory[];
    char* shared = reinterpret_cast<char*>(sharedMemory);
    const SegmentAttention& work = segments.work;
    const int segment = static_cast<int>(blockIdx.x) / work.heads;
    const int head = static_cast<int>(blockIdx.x) % work.heads;
    waitForPrevious();
    const int first = work.ends[segment];
    const int count = work.ends[segment + 1] - first;
    const std::int64_t from = first * work.stride + head * kDim;
    constexpr int kKeysAt = kWindow * Shape::kRowBytes;
    constexpr int kValuesAt = 2 * kKeysAt;
    copyRows<T, kWindow>(shared, 0, static_cast<const T*>(work.q) + from, work.stride, count);
    copyRows<T, kWindow>(shared, kKeysAt, static_cast<const T*>(work.k) + from, work.stride, count);
    closeCopyGroup();
    copyRows<T, kWindow>(shared, kValuesAt, static_cast<const T*>(work.v) + from, work.stride, count);
    closeCopyGroup();
    letNextStart();

    const int firstRow = static_cast<int>(threadIdx.x) / 32 * 16;
    RowTile<kDim, 1> rows;
    const SharedQueries<kDim, 1> queries{shared, firstRow * Shape::kRowBytes + laneRowFirst<kDim>()};
    Scores<1, kWindow> scores;
    waitForCopies<1>();
    __syncthreads();
    scoreKeys<T, kDim, 1, kWindow>(scores, queries, shared, kKeysAt);
    hideKeys<1, kWindow>(scores, count - 1, 0);
    firstMaxima<kDim, 1, kWindow>(rows, scores);
    weighKeys<kDim, 1, kWindow>(scores, rows, segments.factor);
    waitForCopies<0>();
    __syncthreads();
    addValues<T, kDim, 1, kWindow>(rows, scores, shared, kValuesAt);
    if (firstRow < count)
        storeRows<T, kDim, 1>(rows, shared, firstRow * Shape::kRowBytes,
                              static_cast<T*>(work.y) + (first + firstRow) * work.yStride + head * kDim, work.yStride,
                              count - firstRow);
}

constexpr int kWarpRows = 32;
constexpr int kRows = kWarps * kWarpRows;

/// Queries, then two tiles of keys and values.
template <int kKeys>
constexpr int kLongShared = (kRows + 2 * 2 * kKeys) * Shape::kRowBytes;

template <typename T, int kKeys>
__global__ void __launch_bounds__(kThreads, 2) attendLong(Segments segments)
{
    extern __shared__ uint4 sharedMemory[];
    char* shared = reinterpret_cast<char*>(sharedMemory);
    const SegmentAttention& work = segments.work;
    const int head = static_cast<int>(blockIdx.x);
    waitForPrevious();
    const TileOfItem at = findTile(static_cast<int>(blockIdx.y), work.segments,
                                   [&](int i) { return (work.ends[i + 1] - work.ends[i] + kRows - 1) / kRows; });
    if (at.item < 0)
        return;
    const int first = work.ends[at.item];
    const int count = work.ends[at.item + 1] - first;
    const int firstOfBlock = at.tile * kRows;
    constexpr int kRing = kRows * Shape::kRowBytes;
    constexpr int kTileBytes = 2 * kKeys * Shape::kRowBytes;
    const auto loadTile = [&](int i, int to) {
        const std::int64_t from = (std::int64_t{first} + i * kKeys) * work.stride + head * kDim;
        copyRows<T, kKeys>(shared, to, static_cast<const T*>(work.k) + from, work.stride, count - i * kKeys);
        copyRows<T, kKeys>(shared, to + kKeys * Shape::kRowBytes, static_cast<const T*>(work.v) + from, work.stride,
                           count - i * kKeys);
    };
    copyRows<T, kRows>(shared, 0,
                       static_cast<const T*>(work.q) + (std::int64_t{first} + firstOfBlock) * work.stride + head * kDim,
                       work.stride, count - firstOfBlock);
    loadTile(0, kRing);
    closeCopyGroup();
    letNextStart();

    const int firstOfWarp = static_cast<int>(threadIdx.x) / 32 * kWarpRows;
    const int firstRow = firstOfBlock + firstOfWarp;
    RowTile<kDim, 2> rows;
    rows.begin();
    waitForCopies<0>();
    __syncthreads();
    const HeldQueries<kDim, 2> queries(
        SharedQueries<kDim, 2>{shared, firstOfWarp * Shape::kRowBytes + laneRowFirst<kDim>()});
    for (int i = 0; i * kKeys < count; ++i) {
        waitForCopies<0>();
        __syncthreads(); // tile i is there for all, and nobody reads tile i - 1 any more
        const int now = kRing + i % 2 * kTileBytes;
        if ((i + 1) * kKeys < count)
            loadTile(i + 1, kRing + kTileBytes - i % 2 * kTileBytes);
        closeCopyGroup();
        if (firstRow >= count)
            continue;
        Scores<2, kKeys> scores;
        scoreKeys<T, kDim, 2, kKeys>(scores, queries, shared, now);
        if ((i + 1) * kKeys > count)
            hideKeys<2, kKeys>(scores, count - 1 - i * kKeys, 0);
        renewMaxima<kDim, 2, kKeys>(rows, scores, segments.factor);
        weighKeys<kDim, 2, kKeys>(scores, rows, segments.factor);
        addValues<T, kDim, 2, kKeys>(rows, scores, shared, now + kKeys * Shape::kRowBytes);
    }
    if (firstRow < count)
        storeRows<T, kDim, 2>(rows, shared, firstOfWarp * Shape::kRowBytes,
                              static_cast<T*>(work.y) + (std::int64_t{first} + firstRow) * work.yStride + head * kDim,
                              work.yStride, count - firstRow);
}

template <typename T>
Status launchWindows(const Segments& segments, Stream stream)
{
    const SegmentAttention& work = segments.work;
    return launch(attendWindow<T>, dim3(static_cast<unsigned>(work.segments) * static_cast<unsigned>(work.heads)),
                  dim3(kThreads), kWindowShared, stream, segments);
}

template <typename T, int kKeys>
Status launchLong(const Segments& segments, Stream stream)
{
    const SegmentAttention& work = segments.work;
    if (const Status status = allowShared(attendLong<T, kKeys>, kLongShared<kKeys>); status != 0)
        return status;
    // A segment's rows fill tiles but for the last one.
    const int tiles = work.rows / kRows + std::min(work.segments, work.rows);
    return launch(attendLong<T, kKeys>, dim3(static_cast<unsigned>(work.heads), static_cast<unsigned>(tiles)),
                  dim3(kThreads), kLongShared<kKeys>, stream, segments);
}

} // namespace

Status attendSegments(const SegmentAttention& work, Stream stream)
{
    const Segments segments{work, work.scale * kLog2e};
    const bool windows = work.longest <= kWindow;
    if (!windows && hasWarpgroupProducts())
        return attendLongSegmentsSm90(work, stream);
    // Larger tiles where two blocks of them fit a multiprocessor.
    const bool large = deviceAttribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor) >= 2 * (kLongShared<64> + 1024);
    const auto start = [&]<typename T>() {
        if (windows)
            return launchWindows<T>(segments, stream);
        return large ? launchLong<T, 64>(segments, stream) : launchLong<T, 32>(segments, stream);
    };
    return work.type == Format::F16 ? start.template operator()<__half>() : start.template operator()<__nv_bfloat16>();
}

} // namespace argus::kernels::cuda::attention
