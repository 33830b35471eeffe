#pragma once
// Products of up to 64 rows. A block's warps lie side by side over the outputs and share a ring of stages, each a chunk of k:
// a slab of the matrix for every tile, and the same chunk of every row.
//
// Where whole rows of the matrix would give too few blocks, or blocks so narrow that fetching x costs more than the weights,
// k is split over blocks: each leaves its sums in the workspace, and the warp that comes last adds them up in their order.

#include "kernels/cuda/products/epilogue.cuh"
#include "kernels/cuda/products/inputs.cuh"
#include "kernels/cuda/products/plan.h"

namespace argus::kernels::cuda::products {

/// One kernel's sizes, all known when it is compiled.
template <typename Slabs, int kColumns>
struct ManyShape {
    static constexpr int kTiles = Slabs::tilesOfWarp(kColumns);
    static constexpr int kStages = Slabs::stages(kColumns);
    static constexpr int kPitch = Slabs::kInputs * 2;
    static constexpr int kRowBytes = 8 * kColumns * kPitch;
    static constexpr int kThreads = Slabs::mostWarps(kColumns) * 32;
    [[nodiscard]] static constexpr ManyTraits traits()
    {
        return {.columns = kColumns,
                .slabInputs = Slabs::kInputs,
                .slabBytes = Slabs::kBytes,
                .tiles = kTiles,
                .stages = kStages,
                .mostWarps = Slabs::mostWarps(kColumns),
                .clocks = Slabs::clocks(kColumns)};
    }
};

/// This warp's tiles in each pass of its block, and the block's share of k.
struct ManyPlace {
    int pass = 0; ///< counted over all blocks
    int passes = 0;
    int split = 0;
    int begin = 0; ///< chunk
    int end = 0;   ///< chunk

    __device__ ManyPlace(const ManyPlan& plan, int chunks)
    {
        const int block = static_cast<int>(blockIdx.x);
        pass = block / plan.splits * plan.passes;
        passes = min(plan.passes, plan.tiles - pass);
        split = block % plan.splits;
        begin = chunks * split / plan.splits;
        end = chunks * (split + 1) / plan.splits;
    }
};

/// Goes through the chunks of a block's passes.
struct ManyCursor {
    int pass = 0;
    int chunk = 0;
    __device__ explicit ManyCursor(const ManyPlace& place) : pass(place.pass), chunk(place.begin) {}
    __device__ __forceinline__ void advance(const ManyPlace& place)
    {
        if (++chunk == place.end) {
            chunk = place.begin;
            ++pass;
        }
    }
};

template <typename Slabs, int kColumns>
class StageRing {
    using Shape = ManyShape<Slabs, kColumns>;

public:
    __device__ StageRing(char* shared, const Skinny& work, const Slabs& slabs)
        : m_shared(shared), m_work(work), m_slabs(slabs), m_tiles(work.outputs / 16),
          m_warpTiles(static_cast<int>(blockDim.x) / 32 * Shape::kTiles),
          m_slabBytes(m_warpTiles * Slabs::kBytes), m_stageBytes(m_slabBytes + Shape::kRowBytes)
    {
    }
    [[nodiscard]] __device__ __forceinline__ int tileOfPass(int pass) const
    {
        return pass * m_warpTiles + static_cast<int>(threadIdx.x) / 32 * Shape::kTiles;
    }
    [[nodiscard]] __device__ __forceinline__ const char* slabsOf(int stage) const { return mySlabs(stage); }
    /// Where the rows of the first stage lie, and how far each stage is from the one before.
    [[nodiscard]] __device__ __forceinline__ const char* rows() const { return m_shared + m_slabBytes; }
    [[nodiscard]] __device__ __forceinline__ int stageBytes() const { return m_stageBytes; }

    /// Slabs for this warp's tiles. May be called before waitForPrevious().
    __device__ __forceinline__ void requestSlabs(int stage, int pass, int chunk)
    {
        const int tile = tileOfPass(pass);
        if (tile + Shape::kTiles <= m_tiles)
            m_slabs.template request<Shape::kTiles>(mySlabs(stage), m_slabs.sourceOf(tile, chunk));
        else if (tile < m_tiles)
            m_slabs.template request<1>(mySlabs(stage), m_slabs.sourceOf(tile, chunk));
    }
    /// This thread's share of a chunk of the rows. The places of rows beyond the last stay as they are: they belong to
    /// columns of the tensor core that nobody looks at.
    __device__ __forceinline__ void requestRows(int stage, int chunk)
    {
        using T = typename Slabs::Type;
        constexpr int kPieces = Slabs::kInputs / 8; // of a row's chunk
        char* const to = m_shared + stage * m_stageBytes + m_slabBytes;
        for (int i = static_cast<int>(threadIdx.x); i < m_work.rows * kPieces; i += static_cast<int>(blockDim.x)) {
            const int row = i / kPieces;
            const int piece = i % kPieces;
            copyAsync16(to + row * Shape::kPitch + pieceOffset(row, piece),
                        static_cast<const T*>(m_work.x) + row * m_work.xStride + chunk * Slabs::kInputs + piece * 8);
        }
    }
    __device__ __forceinline__ void fetchAhead(int pass, int begin, int end)
    {
        const int tile = tileOfPass(pass);
#pragma unroll
        for (int m = 0; m < Shape::kTiles; ++m)
            if (tile + m < m_tiles && begin < end)
                m_slabs.fetch(tile + m, begin, end);
    }

private:
    [[nodiscard]] __device__ __forceinline__ char* mySlabs(int stage) const
    {
        return m_shared + stage * m_stageBytes + static_cast<int>(threadIdx.x) / 32 * Shape::kTiles * Slabs::kBytes;
    }

    char* m_shared;
    const Skinny& m_work;
    const Slabs& m_slabs;
    int m_tiles;
    int m_warpTiles;
    int m_slabBytes;
    int m_stageBytes;
};

/// This warp's sums of one split to the others'. True in the warp that comes last; it then holds the sum of all.
template <int kTiles, int kColumns>
__device__ __forceinline__ bool joinSplits(float (&sums)[kTiles][kColumns][4], const ManyPlan& plan,
                                           const ManyPlace& place)
{
    const int warps = static_cast<int>(blockDim.x) / 32;
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    constexpr int kFragments = kTiles * kColumns;
    // [pass][split][warp][fragment][lane]
    const std::int64_t splitStride = std::int64_t{warps} * kFragments * 32;
    float4* const all = plan.pieces + place.pass * plan.splits * splitStride + warp * kFragments * 32 + lane;
    float4* const mine = all + place.split * splitStride;
#pragma unroll
    for (int m = 0; m < kTiles; ++m)
#pragma unroll
        for (int n = 0; n < kColumns; ++n)
            __stcg(mine + (m * kColumns + n) * 32,
                   make_float4(sums[m][n][0], sums[m][n][1], sums[m][n][2], sums[m][n][3]));
    __threadfence();
    __syncwarp();
    unsigned* const arrivals = plan.arrivals + place.pass * warps + warp;
    unsigned before = 0;
    if (lane == 0)
        before = atomicAdd(arrivals, 1u);
    before = __shfl_sync(0xffffffffu, before, 0);
    if (before + 1 != static_cast<unsigned>(plan.splits))
        return false;
    __threadfence();
    if (lane == 0)
        *arrivals = 0;
    for (int split = 0; split < plan.splits; ++split) {
#pragma unroll
        for (int m = 0; m < kTiles; ++m)
#pragma unroll
            for (int n = 0; n < kColumns; ++n) {
                const float4 piece = __ldcg(all + split * splitStride + (m * kColumns + n) * 32);
                sums[m][n][0] = split == 0 ? piece.x : sums[m][n][0] + piece.x;
                sums[m][n][1] = split == 0 ? piece.y : sums[m][n][1] + piece.y;
                sums[m][n][2] = split == 0 ? piece.z : sums[m][n][2] + piece.z;
                sums[m][n][3] = split == 0 ? piece.w : sums[m][n][3] + piece.w;
            }
    }
    return true;
}

/// A tile's sums to memory. Two lanes that hold two rows of two neighbouring outputs exchange halves, so that each has a pair
/// of neighbours of one row.
template <typename T, typename Epilogue, int kColumns>
__device__ __forceinline__ void writeTile(const Epilogue& epilogue, const Skinny& work, const float (&sums)[kColumns][4],
                                          int firstOutput)
{
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const bool odd = lane / 4 % 2 != 0;
    const int firstRow = lane % 4 * 2 + (odd ? 1 : 0);
    const int output = firstOutput + lane / 8 * 2;
    typename Epilogue::Before before[kColumns][2];
#pragma unroll
    for (int n = 0; n < kColumns; ++n)
#pragma unroll
        for (int half = 0; half < 2; ++half)
            if (firstRow + 8 * n < work.rows)
                before[n][half] = epilogue.before(firstRow + 8 * n, output + 8 * half);
    const float2 bias[2] = {biasOf<T>(work, output), biasOf<T>(work, output + 8)};
#pragma unroll
    for (int n = 0; n < kColumns; ++n)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float own = odd ? sums[n][2 * half + 1] : sums[n][2 * half];
            const float given = odd ? sums[n][2 * half] : sums[n][2 * half + 1];
            const float taken = __shfl_xor_sync(0xffffffffu, given, 4);
            const float2 pair = odd ? make_float2(taken, own) : make_float2(own, taken);
            if (firstRow + 8 * n < work.rows)
                epilogue.write(firstRow + 8 * n, output + 8 * half,
                               make_float2(pair.x + bias[half].x, pair.y + bias[half].y), before[n][half]);
        }
}

template <typename Slabs, int kColumns>
__global__ void __launch_bounds__(ManyShape<Slabs, kColumns>::kThreads, 2)
    multiplyManyRows(Skinny work, Slabs slabs, ManyPlan plan)
{
    using T = typename Slabs::Type;
    using Shape = ManyShape<Slabs, kColumns>;
    constexpr int kStages = Shape::kStages;
    extern __shared__ __align__(128) char shared[];
    StageRing<Slabs, kColumns> ring(shared, work, slabs);
    const ManyPlace place(plan, work.inputs / Slabs::kInputs);
    const int units = place.passes * (place.end - place.begin);

    ManyCursor next(place);
#pragma unroll 1
    for (int i = 0; i < kStages - 1 && i < units; ++i, next.advance(place))
        ring.requestSlabs(i, next.pass, next.chunk);
    ring.fetchAhead(place.pass, place.begin + kStages - 1, min(place.begin + kStages - 1 + plan.ahead, place.end));
    waitForPrevious();
    next = ManyCursor(place);
#pragma unroll 1
    for (int i = 0; i < kStages - 1; ++i, next.advance(place)) {
        if (i < units)
            ring.requestRows(i, next.chunk);
        closeCopyGroup();
    }

    const LanePieces x(ring.rows(), static_cast<int>(threadIdx.x) % 32 / 4, Shape::kPitch);
    ManyCursor at(place);
    float sums[Shape::kTiles][kColumns][4] = {};
    int stage = 0;
    for (int unit = 0; unit < units; ++unit) {
        waitForCopies<kStages - 2>();
        __syncthreads(); // the stage has arrived, and the one before it is read no more
        if (unit + kStages - 1 < units) {
            const int free = stage == 0 ? kStages - 1 : stage - 1;
            ring.requestSlabs(free, next.pass, next.chunk);
            ring.requestRows(free, next.chunk);
            next.advance(place);
        } else {
            letNextStart();
        }
        closeCopyGroup();
        slabs.multiply(sums, ring.slabsOf(stage), x.moved(stage * ring.stageBytes()), 8 * Shape::kPitch);
        stage = stage + 1 == kStages ? 0 : stage + 1;
        const int tile = ring.tileOfPass(at.pass);
        at.advance(place);
        if (at.chunk != place.begin)
            continue;
        if (plan.splits > 1 && (tile * 16 >= work.outputs || !joinSplits(sums, plan, place)))
            return; // such blocks have one pass
        withEpilogue<T>(work, [&](const auto& epilogue) {
#pragma unroll
            for (int m = 0; m < Shape::kTiles; ++m)
                if ((tile + m) * 16 < work.outputs)
                    writeTile<T>(epilogue, work, sums[m], (tile + m) * 16);
        });
#pragma unroll
        for (auto& ofTile : sums)
            for (auto& ofColumn : ofTile)
                for (float& sum : ofColumn)
                    sum = 0;
    }
}

} // namespace argus::kernels::cuda::products
