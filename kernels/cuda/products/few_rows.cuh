#pragma once
// Products of up to eight rows. The rows lie in shared memory, normalised there if need be; weights pass through rings of
// slabs, a ring a warp, so that no warp waits for another before a tile's end.
//
// The warps of a block divide k among themselves; a block has whole tiles of outputs, as many as every other. So nothing has
// to be put together across blocks, and blocks of equal work share the bandwidth of memory fairly, however few multiprocessors
// they leave idle.

#include "kernels/cuda/products/epilogue.cuh"
#include "kernels/cuda/products/inputs.cuh"
#include "kernels/cuda/products/plan.h"

namespace argus::kernels::cuda::products {

template <typename Slabs>
struct FewShape {
    static constexpr int kTiles = Slabs::kFewTiles;
    static constexpr int kSlabBytes = kTiles * Slabs::kBytes;
    static constexpr FewTraits kTraits{.slabBytes = Slabs::kBytes, .tiles = kTiles};
    static constexpr int kPitch = kTraits.pitch();
    static constexpr int kRowPairs = kTiles * 8; ///< of outputs
    static constexpr int kAhead = 65536 / (kFewWarps * kSlabBytes);
};

/// The tiles of a block, kTiles times 16 outputs each.
struct FewPlace {
    int first = 0;
    int end = 0;
    int chunks = 0; ///< of k
    template <typename Slabs>
    __device__ __forceinline__ static FewPlace of(const Skinny& work, const FewPlan& plan)
    {
        const int first = static_cast<int>(blockIdx.x) * plan.passes;
        return {first, min(first + plan.passes, work.outputs / (16 * FewShape<Slabs>::kTiles)),
                work.inputs / Slabs::kInputs};
    }
};

/// A warp's share of a block's slabs, every kFewWarps-th counted on from tile to tile: a ring of them is under way.
template <typename Slabs, int kStages>
class WarpStream {
    using Shape = FewShape<Slabs>;

public:
    __device__ WarpStream(const Slabs& slabs, char* ring, const FewPlace& place, int warp)
        : m_slabs(slabs), m_ring(ring), m_source(slabs.sourceOf(place.first * Shape::kTiles, warp)), m_chunk(warp),
          m_chunks(place.chunks), m_tilesLeft(place.end - place.first)
    {
        toNextTile();
    }
    /// Asks for the next slab, into the place of the oldest, which is read no more. The last one asked for, the next kernel
    /// may start: its first weights follow ours without a gap.
    __device__ __forceinline__ void request()
    {
        __syncwarp();
        if (m_tilesLeft > 0)
            m_slabs.template request<Shape::kTiles>(m_ring + m_slot, m_source);
        else
            letNextStart();
        closeCopyGroup();
        m_slot = m_slot == (kStages - 1) * Shape::kSlabBytes ? 0 : m_slot + Shape::kSlabBytes;
        m_chunk += kFewWarps;
        m_slabs.move(m_source, 0, kFewWarps);
        toNextTile();
    }
    /// The oldest slab, arrived.
    [[nodiscard]] __device__ __forceinline__ const char* await() const
    {
        waitForCopies<kStages - 1>();
        __syncwarp();
        return m_ring + m_slot;
    }

private:
    __device__ __forceinline__ void toNextTile()
    {
        while (m_chunk >= m_chunks) {
            m_chunk -= m_chunks;
            m_slabs.move(m_source, Shape::kTiles, -m_chunks);
            --m_tilesLeft;
        }
    }

    const Slabs& m_slabs;
    char* m_ring;
    typename Slabs::Source m_source;
    int m_chunk;
    int m_chunks;
    int m_tilesLeft;
    int m_slot = 0;
};

/// What the rings do not hold yet is fetched as far as the cache: memory stays busy while the previous kernel ends. By one
/// warp a tile of 16 outputs.
template <typename Slabs, int kStages>
__device__ __forceinline__ void fetchAhead(const Slabs& slabs, const Skinny& work, const FewPlace& place, int warp)
{
    using T = typename Slabs::Type;
    using Shape = FewShape<Slabs>;
    if (work.bias != nullptr && threadIdx.x == 0)
        fetchToCache(static_cast<const T*>(work.bias) + place.first * Shape::kTiles * 16,
                     (place.end - place.first) * Shape::kTiles * 16 * 2);
    if (warp >= Shape::kTiles)
        return;
    int begin = kStages * kFewWarps; // chunks, counted on from tile to tile
    int end = begin + Shape::kAhead * kFewWarps;
    for (int tile = place.first; tile < place.end && end > 0; ++tile) {
        if (begin < place.chunks)
            slabs.fetch(tile * Shape::kTiles + warp, begin, min(end, place.chunks));
        begin = max(begin - place.chunks, 0);
        end -= place.chunks;
    }
}

/// A warp's sums of a tile beside those of the others: [warp][row][output].
template <typename Slabs>
__device__ __forceinline__ void leaveSums(float* sums, int rows, const float (&mine)[FewShape<Slabs>::kTiles][1][4])
{
    using Shape = FewShape<Slabs>;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int row = lane % 4 * 2;
    float* const to = sums + (static_cast<int>(threadIdx.x) / 32 * rows + row) * Shape::kPitch + lane / 4;
#pragma unroll
    for (int m = 0; m < Shape::kTiles; ++m) {
        if (row < rows) {
            to[m * 16] = mine[m][0][0];
            to[m * 16 + 8] = mine[m][0][2];
        }
        if (row + 1 < rows) {
            to[m * 16 + Shape::kPitch] = mine[m][0][1];
            to[m * 16 + Shape::kPitch + 8] = mine[m][0][3];
        }
    }
}

/// Adds up what the warps left for a tile; another warp each time. Contains a barrier.
template <typename Slabs, typename Epilogue>
__device__ __forceinline__ void finishTile(const Epilogue& epilogue, const Skinny& work, const float* sums, int tile,
                                           bool mine)
{
    using T = typename Slabs::Type;
    using Shape = FewShape<Slabs>;
    constexpr int kRounds = kMostFewRows * Shape::kRowPairs / 32;
    constexpr int kRowStep = 32 / Shape::kRowPairs;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int pairs = mine ? work.rows * Shape::kRowPairs : 0;
    const int firstRow = lane / Shape::kRowPairs;
    const int column = lane % Shape::kRowPairs * 2;
    const int output = tile * Shape::kTiles * 16 + column;
    typename Epilogue::Before before[kRounds];
    float2 bias = make_float2(0, 0);
    if (mine)
        bias = biasOf<T>(work, output);
#pragma unroll
    for (int i = 0; i < kRounds; ++i)
        if (lane + 32 * i < pairs)
            before[i] = epilogue.before(firstRow + i * kRowStep, output);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kRounds; ++i) {
        const int row = firstRow + i * kRowStep;
        if (lane + 32 * i >= pairs)
            continue;
        float2 sum = make_float2(0, 0);
#pragma unroll
        for (int warp = 0; warp < kFewWarps; ++warp) {
            const float2 part =
                *reinterpret_cast<const float2*>(sums + (warp * work.rows + row) * Shape::kPitch + column);
            sum.x += part.x;
            sum.y += part.y;
        }
        epilogue.write(row, output, make_float2(sum.x + bias.x, sum.y + bias.y), before[i]);
    }
}

template <typename Slabs, int kStages>
__global__ void __launch_bounds__(kFewWarps * 32, 2) multiplyFewRows(Skinny work, Slabs slabs, FewPlan plan)
{
    using T = typename Slabs::Type;
    using Shape = FewShape<Slabs>;
    extern __shared__ __align__(128) char shared[];
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int pitch = work.inputs * 2;
    char* const rows = shared + kFewWarps * kStages * Shape::kSlabBytes;
    float* const sums = reinterpret_cast<float*>(rows + work.rows * pitch);

    const FewPlace place = FewPlace::of<Slabs>(work, plan);
    WarpStream<Slabs, kStages> stream(slabs, shared + warp * kStages * Shape::kSlabBytes, place, warp);
#pragma unroll 1
    for (int i = 0; i < kStages; ++i)
        stream.request();
    fetchAhead<Slabs, kStages>(slabs, work, place, warp);
    if (work.gain == nullptr)
        stagePlain<T>(rows, pitch, work);
    else if (work.xType == Format::F32)
        stageNormalised<T, float, kFewWarps>(rows, pitch, sums, work);
    else
        stageNormalised<T, T, kFewWarps>(rows, pitch, sums, work);
    __syncthreads();

    // Columns of the tensor core beyond the rows repeat the last row; nobody looks at them.
    const LanePieces x(rows, min(static_cast<int>(threadIdx.x) % 32 / 4, work.rows - 1), pitch);
    int chunk = warp;
    for (int tile = place.first; tile < place.end; ++tile) {
        float mine[Shape::kTiles][1][4] = {};
        for (; chunk < place.chunks; chunk += kFewWarps) {
            slabs.multiply(mine, stream.await(), x.moved(chunk * Slabs::kInputs * 2), 0);
            stream.request();
        }
        chunk -= place.chunks;
        // Two sets of sums take turns: a tile's are read until the barrier of the next.
        const int pass = tile - place.first;
        float* const sumsHere = sums + pass % 2 * kFewWarps * work.rows * Shape::kPitch;
        leaveSums<Slabs>(sumsHere, work.rows, mine);
        withEpilogue<T>(work, [&](const auto& epilogue) {
            finishTile<Slabs>(epilogue, work, sumsHere, tile, warp == pass % kFewWarps);
        });
    }
}

} // namespace argus::kernels::cuda::products
