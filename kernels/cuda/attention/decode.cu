#include "kernels/cuda/attention/decode_list.cuh"
#include "kernels/cuda/attention/decode_merge.cuh"
#include "kernels/cuda/attention/device.cuh"
#include "kernels/cuda/attention/paths.h"
#include "kernels/cuda/common/launch.cuh"

#include <algorithm>
#include <bit>

namespace argus::kernels::cuda::attention {
namespace {

// A stretch inside one block is finished there. Of others each block leaves its piece in the workspace, and the block
// that comes last puts the pieces together, in their order: results do not depend on who is last.

using Wide = Shared<8, 3>;   ///< most of compute capability 9.0's
using Narrow = Shared<4, 1>; ///< fits all
static_assert(sizeof(Wide) <= 227 * 1024 && sizeof(Narrow) <= 64 * 1024);

__device__ __forceinline__ std::int64_t rowOf(const Decode& decode, int slice)
{
    return decode.work.slices[slice * 4];
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
    float* sums = weights + Decode::kMostBlocks;
    for (int head = warp; head < decode.group; head += kWarps) {
        const auto placeOf = [&](int i) {
            return std::int64_t{stretch.slotOf(stretch.firstBlock + i)} * decode.group + head;
        };
        const auto outputOf = [&](int i) {
            return __ldcg(reinterpret_cast<const float4*>(decode.pieces + placeOf(i) * Step::kDim + lane * 4));
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
        storeHead<T>(decode.work, rowOf(decode, slice), kvHead * decode.group + head, merged.output,
                     __fdividef(1.0f, sum));
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
        shared.isLast = arrive(arrived) == before ? 1 : 0;
        if (shared.isLast != 0)
            *arrived = 0; // for the next launch
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
        leaveTile(shared.output[warp], shared.maxima[warp], shared.sums[warp], columns, tile);
        __syncthreads();
        for (int inTile = warp; inTile < Step::kHeads; inTile += kWarps) {
            const int head = tile * Step::kHeads + inTile;
            if (head >= decode.group)
                break;
            const Merged merged = mergeWarps<kWarps>([&](int w) { return shared.output[w]; }, shared.maxima,
                                                     shared.sums, inTile, decode.factor);
            if (stretch.isWhole()) {
                storeHead<T>(decode.work, rowOf(decode, place.slice), place.kvHead * decode.group + head, merged.output,
                             __fdividef(1.0f, merged.sum));
                continue;
            }
            const std::int64_t at = slot * decode.group + head;
            *reinterpret_cast<float4*>(decode.pieces + at * Step::kDim + lane * 4) = merged.output;
            if (lane == 0)
                decode.pieceStatistics[at] = make_float2(merged.maximum, merged.sum);
        }
    }
    if (!stretch.isWhole() && isLastPiece(decode, shared, stretch))
        combinePieces<T>(decode, shared, stretch, place.slice, place.kvHead);
}

template <typename T, int kWarps, int kStages, int kTiles>
__global__ void __launch_bounds__(kWarps * 32, 1) attendOneRow(Decode decode)
{
    extern __shared__ uint4 sharedMemory[];
    auto& shared = *reinterpret_cast<Shared<kWarps, kStages>*>(sharedMemory);
    // Slices and block tables are copied before the first kernel of a step: blocks find their part of the list, and
    // fetch old keys nearer, while the queries are being computed.
    const Share share = findShare(decode, shared);
    if (share.first >= share.end) {
        if (blockIdx.x == 0) // one block must, so that this launch ends after the one before it
            waitForPrevious();
        return;
    }
    Place<kWarps> place = placeOf(shared);
    Fetch<kWarps, kStages> fetch(decode, shared, place, share.end - share.first);
    fetch.toCache(decode);
    waitForPrevious();
    letNextStart();
#pragma unroll
    for (int stage = 0; stage + 1 < kStages; ++stage)
        fetch.next(decode, shared);
    Columns<kTiles> columns;
    columns.template begin<T>(decode.work, rowOf(decode, place.slice), place.kvHead, decode.group);
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
            columns.template begin<T>(decode.work, rowOf(decode, place.slice), place.kvHead, decode.group);
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
    return std::min(processors * each, Decode::kMostBlocks);
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
    workspace.statistics = Decode::kMostBlocks * sizeof(unsigned);
    workspace.pieces = workspace.statistics + aligned(count * 2 * static_cast<std::size_t>(group) * sizeof(float2));
    workspace.bytes = workspace.pieces + count * 2 * static_cast<std::size_t>(group) * Step::kDim * sizeof(float);
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
    for (int first = 0; first < work.sliceCount; first += Decode::kMostSlices) {
        decode.work.slices = work.slices + std::int64_t{first} * 4;
        decode.sliceCount = std::min(Decode::kMostSlices, work.sliceCount - first);
        const auto start = wide ? (group <= Step::kHeads ? launchDecode<T, 8, 3, 1> : launchDecode<T, 8, 3, 2>)
                                : (group <= Step::kHeads ? launchDecode<T, 4, 1, 1> : launchDecode<T, 4, 1, 2>);
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
