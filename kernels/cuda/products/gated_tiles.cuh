#pragma once
// The kernel of kernels/cuda/gated_product.h, for compute capability 9.0.
//
// A result tile is 128 rows by 256 outputs: 128 columns of y. As many clusters as fit stay and take one tile of tiles
// after the other. In a block one thread orders the loads, which fill a ring of stages, 64 inputs each; two warpgroups
// of 64 rows multiply what is there. The blocks of a cluster work on neighbouring rows of the same outputs: each loads
// its share of the weights' tile, for all. Without that the second-level cache could not feed the tensor cores: a block
// would read 48 bytes a cycle; of two that share, each reads 32.
//
// A thread's sums of outputs 2i and 2i+1 stand side by side, so the gate needs no exchange. While one warpgroup is busy
// with it the tensor cores are the other's: the second one keeps kLag stages behind the first, so that they do not
// come to the end of a tile together. Loads go on for the next tile meanwhile.

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/tma.cuh"
#include "kernels/cuda/common/wgmma.cuh"
#include "kernels/cuda/gated_product.h"
#include "kernels/cuda/products/epilogue.cuh"

namespace argus::kernels::cuda::products {

/// How work is shared out. What is said of other choices was measured on an H100, 8,192 rows by 37,888 outputs of 3,584
/// inputs in bfloat16, each twice; these took 3,180 to 3,232 us, cuBLASLt and siluMulPairs() 3,383 and 3,734. With
/// 4,784 x 6,848 x 1,280 all pairs of blocks were within 3 %.
struct GatedOrder {
    /// Blocks of a cluster. One: 4,075 and 4,014 us; four, which leave some multiprocessors idle: 5,227 and 5,215.
    static constexpr int kCluster = 2;
    /// Stages that the second warpgroup keeps behind the first. None: 3,183 and 3,402 us; one: 3,223 and 3,398.
    static constexpr int kLag = 2;
    /// Tiles of a cluster along the rows that are worked on before the next outputs. One stage behind, 4 took 3,242 and
    /// 3,213 us, 16 took 3,235 and 3,252, 32 took 3,426 and 3,530. To tell the second-level cache besides that x is to
    /// stay longer than weights: 3,297 and 3,310, where it is not told 3,199 and 3,218.
    static constexpr int kGroupRows = 8;
};

/// How tiles lie in shared memory, the same in every block.
struct GatedLayout {
    static constexpr int kRows = 128;
    static constexpr int kOutputs = 256;
    static constexpr int kInputs = 64; ///< of a stage: rows of 128 bytes
    static constexpr int kRowBytes = kInputs * 2;
    static constexpr int kStages = 4;
    static constexpr int kXBytes = kRows * kRowBytes;
    static constexpr int kStageBytes = kXBytes + kOutputs * kRowBytes;
    /// Of a warpgroup's results: 64 rows in two boxes of 64 columns.
    static constexpr int kBoxColumns = 64;
    static constexpr int kBoxBytes = 64 * kBoxColumns * 2;
    static constexpr int kResultsAt = kStages * kStageBytes;
    static constexpr int kBarriersAt = kResultsAt + 4 * kBoxBytes;
    static constexpr int kBytes = kBarriersAt + 2 * kStages * 8;
    static constexpr int kThreads = 384; ///< loads, then two warpgroups of products
    static_assert(kBytes <= 232448, "of a multiprocessor's shared memory a block can have so much");
};

/// One launch. Maps are of 16-bit elements whose boxes have rows of 128 bytes, exchanged as products expect it.
struct GatedTiles {
    CUtensorMap x;      ///< boxes of 128 rows
    CUtensorMap weight; ///< boxes of the rows that one block of the cluster loads
    CUtensorMap y;      ///< boxes of 64 rows
    const void* bias;
    int outputs;
    int steps;    ///< stages of a tile
    int rowTiles; ///< of a cluster's rows
    int outTiles;
};

/// Where a cluster's tile is, in tiles.
struct GatedPlace {
    int row;
    int out;
};
/// Tiles go along the rows of a group, then on to the next outputs: the group's x stays in the second-level cache while
/// the weights pass through it once.
__device__ __forceinline__ GatedPlace placeOf(const GatedTiles& work, int tile)
{
    const int ofGroup = GatedOrder::kGroupRows * work.outTiles;
    const int group = tile / ofGroup;
    const int first = group * GatedOrder::kGroupRows;
    const int rows = min(GatedOrder::kGroupRows, work.rowTiles - first);
    const int within = tile - group * ofGroup;
    return {first + within % rows, within / rows};
}

/// a / (1 + e^-a), off by less than 2^-17 of it; below -87, where it is smaller than 2e-36, zero. Exponential and
/// quotient without the steps that would keep numbers smaller than the smallest normal one: beside a 1 they are lost in
/// any case.
__device__ __forceinline__ float siluOf(float a)
{
    float power;
    float share;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(a * -1.4426950408889634f));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(share) : "f"(1.0f + power));
    return a * share;
}
/// The gate of two results, with the roundings of siluMulPairs().
template <typename T>
__device__ __forceinline__ unsigned gateTwo(float2 gate, float2 up)
{
    gate = widenTwo<T>(packPair<T>(gate.x, gate.y));
    up = widenTwo<T>(packPair<T>(up.x, up.y));
    const float2 open = widenTwo<T>(packPair<T>(siluOf(gate.x), siluOf(gate.y)));
    return packPair<T>(open.x * up.x, open.y * up.y);
}

/// A place in the ring of stages.
struct GatedStage {
    int index = 0;
    unsigned parity = 0;
    __device__ __forceinline__ void advance()
    {
        if (++index == GatedLayout::kStages) {
            index = 0;
            parity ^= 1;
        }
    }
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/// A block's shared memory.
struct GatedShared {
    char* base;
    [[nodiscard]] __device__ __forceinline__ char* x(int stage) const
    {
        return base + stage * GatedLayout::kStageBytes;
    }
    [[nodiscard]] __device__ __forceinline__ char* weight(int stage) const { return x(stage) + GatedLayout::kXBytes; }
    /// Of warpgroup 0 or 1.
    [[nodiscard]] __device__ __forceinline__ char* results(int group) const
    {
        return base + GatedLayout::kResultsAt + group * 2 * GatedLayout::kBoxBytes;
    }
    /// Its phase ends when a stage has been loaded.
    [[nodiscard]] __device__ __forceinline__ std::uint64_t* full(int stage) const
    {
        return reinterpret_cast<std::uint64_t*>(base + GatedLayout::kBarriersAt) + stage;
    }
    /// Its phase ends when every warp of the cluster that reads weights from this block's loads is done with a stage.
    [[nodiscard]] __device__ __forceinline__ std::uint64_t* empty(int stage) const
    {
        return full(stage) + GatedLayout::kStages;
    }
};

/// One thread orders the loads of all tiles of its block.
__device__ __forceinline__ void loadTiles(const GatedTiles& work, const GatedShared& shared, int first, int step,
                                          int rank)
{
    using Layout = GatedLayout;
    constexpr int kShare = Layout::kOutputs / GatedOrder::kCluster; // rows of the weight that this block loads
    GatedStage stage;
    for (int tile = first; tile < work.rowTiles * work.outTiles; tile += step) {
        const GatedPlace at = placeOf(work, tile);
        const int row = (at.row * GatedOrder::kCluster + rank) * Layout::kRows;
        const int output = at.out * Layout::kOutputs + rank * kShare;
        for (int k = 0; k < work.steps; ++k) {
            const int input = k * Layout::kInputs;
            std::uint64_t* const full = shared.full(stage.index);
            waitForPhase(shared.empty(stage.index), stage.parity ^ 1);
            arriveExpecting(full, Layout::kStageBytes);
            loadBox(shared.x(stage.index), work.x, input, row, full);
            char* const weight = shared.weight(stage.index) + rank * kShare * Layout::kRowBytes;
            loadBoxForAll(weight, work.weight, input, output, full, (1 << GatedOrder::kCluster) - 1);
            stage.advance();
        }
    }
}

/// Adds the bias to sums of the outputs from `output` on; those beyond the last have none.
template <typename T>
__device__ __forceinline__ void addBias(float (&sums)[32][4], const GatedTiles& work, int output)
{
    const unsigned* bias = reinterpret_cast<const unsigned*>(static_cast<const T*>(work.bias));
#pragma unroll
    for (int j = 0; j < 32; ++j) {
        const int at = output + 8 * j;
        const float2 two = widenTwo<T>(at < work.outputs ? __ldg(bias + at / 2) : 0);
        sums[j][0] += two.x;
        sums[j][1] += two.y;
        sums[j][2] += two.x;
        sums[j][3] += two.y;
    }
}

/// A warpgroup's 64 rows of results to `results`, as storeBox() takes them. Of every 16 outputs a thread's sums give
/// four results, columns 4j + t with j even and odd, in each of two rows. Neighbours exchange two of them, so that all
/// have words of neighbouring columns.
template <typename T>
__device__ __forceinline__ void writeResults(char* results, const float (&sums)[32][4])
{
    const int thread = static_cast<int>(threadIdx.x) % 128;
    const int quad = thread % 32 / 4;
    const int t = thread % 4;
    const bool odd = t % 2 != 0;
    const int row = thread / 32 * 16 + quad;
    const int word = (odd ? 2 : 0) + t / 2;
    char* const at = results + row * 128 + quad * 16 + word * 4; // quad = row % 8: the exchange of chunk 0
    const unsigned offset = sharedAddress(at);
#pragma unroll
    for (int chunk = 0; chunk < 16; ++chunk) {
        const float(&a)[4] = sums[2 * chunk];
        const float(&b)[4] = sums[2 * chunk + 1];
        const unsigned even = gateTwo<T>({a[0], a[2]}, {a[1], a[3]}); // of both rows
        const unsigned next = gateTwo<T>({b[0], b[2]}, {b[1], b[3]});
        const unsigned other = __shfl_xor_sync(0xffffffffu, odd ? even : next, 1);
        const unsigned low = odd ? other : even;
        const unsigned high = odd ? next : other;
        const unsigned to = (offset ^ (chunk % 8 * 16)) + chunk / 8 * GatedLayout::kBoxBytes;
        asm volatile("st.shared.b32 [%0], %1;\nst.shared.b32 [%0+1024], %2;" ::"r"(to),
                     "r"(__byte_perm(low, high, 0x5410)), "r"(__byte_perm(low, high, 0x7632))
                     : "memory");
    }
}

/// Warpgroup `group`, 0 or 1, multiplies rows 64·group … of all tiles of its block.
template <typename T>
__device__ __forceinline__ void multiplyAll(const GatedTiles& work, const GatedShared& shared, int first, int step,
                                            int rank, int group)
{
    using Layout = GatedLayout;
    constexpr int kLagBarrier = 1;
    constexpr int kResultsBarrier = 2; // and 3
    // The first passes a tile's barrier again only when the second has freed a stage of that tile.
    const bool lags = work.steps >= Layout::kStages;
    const unsigned lane = threadIdx.x % 32;
    const bool stores = threadIdx.x % 128 == 0;
    const auto release = [&](int stage) {
        if (lane < GatedOrder::kCluster)
            arriveAt(shared.empty(stage), lane);
    };
    float sums[32][4] = {};
    GatedStage stage;
    for (int tile = first; tile < work.rowTiles * work.outTiles; tile += step) {
        if (lags && group == 1)
            meet<256>(kLagBarrier);
        const GatedPlace at = placeOf(work, tile);
        int before = 0; // the stage before this one
#pragma unroll 1
        for (int k = 0; k < work.steps; ++k) {
            waitForPhase(shared.full(stage.index), stage.parity);
            const std::uint64_t x = describe(shared.x(stage.index) + group * 64 * Layout::kRowBytes, 16, 1024, 1);
            const std::uint64_t weight = describe(shared.weight(stage.index), 16, 1024, 1);
            beginProducts();
#pragma unroll
            for (int i = 0; i < Layout::kInputs / 16; ++i)
                multiplyTiles<T>(sums, further(x, i * 32), further(weight, i * 32), k > 0 || i > 0);
            closeProductGroup();
            if (k > 0) {
                waitForProducts<1>();
                release(before);
            }
            if (lags && group == 0 && k == GatedOrder::kLag - 1)
                passBy<256>(kLagBarrier);
            before = stage.index;
            stage.advance();
        }
        waitForProducts<0>();
        pin(sums);
        release(before);

        if (work.bias != nullptr)
            addBias<T>(sums, work, at.out * Layout::kOutputs + static_cast<int>(threadIdx.x) % 4 * 2);
        if (stores)
            waitForStoresRead(); // of the tile before
        meet<128>(kResultsBarrier + group);
        writeResults<T>(shared.results(group), sums);
        showWrites();
        meet<128>(kResultsBarrier + group);
        if (stores) {
            const int row = (at.row * GatedOrder::kCluster + rank) * Layout::kRows + group * 64;
            const int column = at.out * (Layout::kOutputs / 2);
            storeBox(work.y, column, row, shared.results(group));
            storeBox(work.y, column + Layout::kBoxColumns, row, shared.results(group) + Layout::kBoxBytes);
            closeStoreGroup();
        }
    }
    if (stores)
        waitForStores();
}

#endif

template <typename T>
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
__cluster_dims__(GatedOrder::kCluster, 1, 1)
#endif
    __global__ void __launch_bounds__(GatedLayout::kThreads, 1) gatedTiles(const __grid_constant__ GatedTiles work)
{
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
    extern __shared__ __align__(1024) uint4 sharedMemory[];
    const GatedShared shared{reinterpret_cast<char*>(sharedMemory)};
    const int rank = static_cast<int>(rankInCluster());
    const int first = static_cast<int>(blockIdx.x) / GatedOrder::kCluster;
    const int step = static_cast<int>(gridDim.x) / GatedOrder::kCluster;
    // The same in all threads of a warp, and seen to be so.
    const int group = __shfl_sync(0xffffffffu, static_cast<int>(threadIdx.x) / 128, 0);
    if (threadIdx.x == 0) {
        fetchMap(work.x);
        fetchMap(work.weight);
        fetchMap(work.y);
        for (int stage = 0; stage < GatedLayout::kStages; ++stage) {
            initBarrier(shared.full(stage), 1);
            initBarrier(shared.empty(stage), 8 * GatedOrder::kCluster);
        }
        publishBarriers();
    }
    // No block loads into another's memory, or arrives at its barriers, before those are ready …
    syncCluster();
    waitForPrevious();
    if (group == 0) {
        shrinkRegisters<40>();
        if (threadIdx.x == 0) {
            loadTiles(work, shared, first, step, rank);
            letNextStart();
        }
        __syncwarp();
    } else {
        growRegisters<232>();
        multiplyAll<T>(work, shared, first, step, rank, group - 1);
    }
    // … nor ends while another may still do so.
    syncCluster();
#else
    __trap(); // see takesGatedProduct()
#endif
}

} // namespace argus::kernels::cuda::products
