#include "kernels/cuda/attention/decode_merge.cuh"
#include "kernels/cuda/attention/device.cuh"
#include "kernels/cuda/attention/paths.h"
#include "kernels/cuda/common/cluster.cuh"
#include "kernels/cuda/common/launch.cuh"

#include <algorithm>
#include <bit>

namespace argus::kernels::cuda::attention {
namespace {

// A few sequences, so short that the eight blocks of a cluster hold all keys of a key head at once. Such a launch moves
// next to nothing: what it takes are latencies, one behind the other, and this kernel has few of them. Keys and values
// of former steps are on their way before the launch waits for the queries, each warp takes its keys in one go, and
// pieces meet in shared memory, not in global memory behind fences and counters: one meeting of the cluster.

constexpr int kBlocks = 8; ///< of a cluster: as many as every GPU with clusters grants
constexpr int kWarps = 8;
constexpr int kStepsAtOnce = kBlocks * kWarps;
constexpr int kMostSlices = 4;
static_assert(kBlocks == Step::kHeads && kWarps == Step::kHeads, "a head has a warp, and then a block");

template <int kSteps>
constexpr int kReach = kSteps* kStepsAtOnce* Step::kKeys; ///< keys of a sequence

template <int kSteps>
struct Shared {
    char ring[kWarps][kSteps][2][Step::kBytes]; ///< keys and values; at last the beginning of each warp's is its output
    float4 pieces[kBlocks][32];                 ///< what the blocks found about the head that this one puts together
    float2 statistics[kBlocks];                 ///< maxima and sums
    HeadNumbers maxima[kWarps];
    HeadNumbers sums[kWarps];
    __device__ __forceinline__ HeadRows& output(int warp) { return reinterpret_cast<HeadRows&>(ring[warp]); }
};
static_assert(sizeof(HeadRows) <= sizeof(Shared<1>::ring[0]));

/// What a launch takes of a sequence's row. Key head and slice are the block's number; keys go round by blocks, then
/// warps.
struct Row {
    int4 slice; ///< first row, rows, tokens cached before them, slot
    int kvHead;
    int group;
    int blockShift;
    [[nodiscard]] __device__ __forceinline__ int keys() const { return slice.z + 1; }
    [[nodiscard]] __device__ __forceinline__ int firstKey(unsigned rank, int step) const
    {
        const int warp = static_cast<int>(threadIdx.x) / 32;
        return ((step * kWarps + warp) * kBlocks + static_cast<int>(rank)) * Step::kKeys;
    }
    [[nodiscard]] __device__ __forceinline__ std::int64_t offsetOf(const PagedAttention& work, int key) const
    {
        const int block = work.blockTable[slice.w * work.blocksStride + (key >> blockShift)];
        return stepOffset(work, blockShift, block, kvHead, key);
    }
};

/// The newest key and value, which the launch before this one wrote, to their places in a step that is there.
class Newest {
public:
    __device__ __forceinline__ void load(const PagedAttention& work, const Row& row)
    {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        const char* const from = static_cast<const char*>(lane < 16 ? work.keys : work.values);
        m_piece = __ldcg(reinterpret_cast<const uint4*>(from + row.offsetOf(work, row.slice.z) + lane % 16 * 16));
    }
    __device__ __forceinline__ void put(char* step, const Row& row) const
    {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        char* const to = step + lane / 16 * Step::kBytes;
        *reinterpret_cast<uint4*>(to + Step::Shape::offset(row.slice.z % Step::kKeys, lane % 16)) = m_piece;
    }

private:
    uint4 m_piece;
};

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

/// What the warps of all blocks left, as rows of output: a head's pieces go to the block of its number.
template <typename T, int kSteps>
__device__ __forceinline__ void putTogether(const PagedAttention& work, Shared<kSteps>& shared, const Row& row,
                                            unsigned rank, float factor)
{
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    waitForCluster(); // all blocks have begun: there is a place to write to
    if (const int head = warp; head < row.group) {
        const Merged merged = mergeWarps<kWarps>([&](int w) -> const HeadRows& { return shared.output(w); },
                                                 shared.maxima, shared.sums, head, factor);
        storeInBlock(&shared.pieces[rank][lane], static_cast<unsigned>(head), merged.output);
        if (lane == 0)
            storeInBlock(&shared.statistics[rank], static_cast<unsigned>(head),
                         make_float2(merged.maximum, merged.sum));
    }
    syncCluster();
    if (warp > 0 || static_cast<int>(rank) >= row.group)
        return;
    float maximum = -INFINITY;
#pragma unroll
    for (int block = 0; block < kBlocks; ++block)
        maximum = fmaxf(maximum, shared.statistics[block].x);
    Merged merged;
#pragma unroll
    for (int block = 0; block < kBlocks; ++block) {
        const float2 statistics = shared.statistics[block];
        const float weight = powerOfTwo((statistics.x - finite(maximum)) * factor);
        merged.sum = fmaf(statistics.y, weight, merged.sum);
        merged.add(shared.pieces[block][lane], weight);
    }
    storeHead<T>(work, row.slice.x, row.kvHead * row.group + static_cast<int>(rank), merged.output,
                 __fdividef(1.0f, merged.sum));
}

template <typename T, int kSteps>
__device__ __forceinline__ void attend(const PagedAttention& work, Shared<kSteps>& shared, const Row& row, float factor)
{
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const unsigned rank = rankInCluster();
#pragma unroll
    for (int step = 0; step < kSteps; ++step)
        if (const int key = row.firstKey(rank, step); key < row.keys())
            copyStep(shared.ring[warp][step][0], work, row.offsetOf(work, key), row.slice.z - key);
    closeCopyGroup();
    waitForPrevious();
    Columns<1> columns;
    columns.begin<T>(work, row.slice.x, row.kvHead, row.group);
    int newestStep = -1;
#pragma unroll
    for (int step = 0; step < kSteps; ++step)
        if (row.firstKey(rank, step) == row.slice.z / Step::kKeys * Step::kKeys)
            newestStep = step;
    Newest newest;
    if (newestStep >= 0)
        newest.load(work, row);
    waitForCopies<0>();
    __syncwarp();
    if (newestStep >= 0) {
        newest.put(shared.ring[warp][newestStep][0], row);
        __syncwarp();
    }
#pragma unroll
    for (int step = 0; step < kSteps; ++step)
        if (const int visible = row.keys() - row.firstKey(rank, step); visible > 0)
            absorb<T>(columns, shared.ring[warp][step][0], visible, factor);
    __syncwarp(); // the ring is read
    leaveTile(shared.output(warp), shared.maxima[warp], shared.sums[warp], columns, 0);
    __syncthreads();

    putTogether<T>(work, shared, row, rank, factor);
}

#endif

/// Grid: blocks of a cluster, key heads, slices.
template <typename T, int kSteps>
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
__cluster_dims__(kBlocks, 1, 1)
#endif
    __global__ void __launch_bounds__(kWarps * 32) attendShort(PagedAttention work, int blockShift, float factor)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    extern __shared__ uint4 sharedMemory[];
    letNextStart(); // what fits beside us fetches its first weights
    comeToCluster();
    // Slices and block tables are copied before the first kernel of a step, and keys of former steps are written.
    const Row row{.slice = reinterpret_cast<const int4*>(work.slices)[blockIdx.z],
                  .kvHead = static_cast<int>(blockIdx.y),
                  .group = work.heads / work.kvHeads,
                  .blockShift = blockShift};
    if (row.slice.y != 1 || row.slice.w < 0) { // padding
        waitForCluster();
        waitForPrevious();
        return;
    }
    if (row.keys() > kReach<kSteps>) // of a bound that was none: rather nothing than an answer from half of the keys
        __trap();
    attend<T>(work, reinterpret_cast<Shared<kSteps>&>(*sharedMemory), row, factor);
#else
    __trap(); // see takesShort()
#endif
}

template <typename T, int kSteps>
Status launchShort(const PagedAttention& work, Stream stream)
{
    constexpr int kBytes = sizeof(Shared<kSteps>);
    const auto kernel = attendShort<T, kSteps>;
    if (const Status status = allowShared(kernel, kBytes); status != 0)
        return status;
    if (const Status status = divideAsProductsDo(kernel); status != 0)
        return status;
    const dim3 grid(kBlocks, static_cast<unsigned>(work.kvHeads), static_cast<unsigned>(work.sliceCount));
    return launch(kernel, grid, dim3(kWarps * 32), kBytes, stream, work,
                  std::countr_zero(static_cast<unsigned>(work.blockTokens)), work.scale * kLog2e);
}

template <typename T>
Status launchFor(const PagedAttention& work, Stream stream)
{
    return work.longest <= kReach<1> ? launchShort<T, 1>(work, stream) : launchShort<T, 2>(work, stream);
}

/// Keys of the longest sequence that the calling thread's device takes so; 0: it has no clusters, or not the shared
/// memory. Found out once, as programmaticLaunchAllowed() is: every step asks.
int reachHere()
{
    thread_local const int reach = [] {
        if (!programmaticLaunchAllowed())
            return 0;
        const auto most = static_cast<std::size_t>(deviceAttribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
        return most >= sizeof(Shared<2>) ? kReach<2> : most >= sizeof(Shared<1>) ? kReach<1> : 0;
    }();
    return reach;
}

} // namespace

int shortReach(int sequences, int longest, int most)
{
    const int here = reachHere();
    if (sequences > kMostSlices || longest > here)
        return most;
    return std::min(longest <= kReach<1> ? kReach<1> : here, most);
}

bool takesShort(const PagedAttention& work)
{
    return work.heads / work.kvHeads <= Step::kHeads && work.sliceCount <= kMostSlices && work.longest <= reachHere();
}

Status decodeShort(const PagedAttention& work, Stream stream)
{
    return work.type == Format::F16 ? launchFor<__half>(work, stream) : launchFor<__nv_bfloat16>(work, stream);
}

} // namespace argus::kernels::cuda::attention
