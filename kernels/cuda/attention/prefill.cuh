#pragma once
// What the two prefills share: which rows a block has, and where in the cache its keys are.

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention/find_tile.cuh"
#include "kernels/cuda/attention/row_tile.cuh"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace argus::kernels::cuda::attention {

struct Prefill {
    PagedAttention work;
    int fewestRows;
    int blockShift; ///< log2 of the tokens of a cache block
    int blockBytes; ///< keys or values
    float factor;   ///< of scores, to powers of two

    static constexpr int kDim = 128;
    static constexpr int kRows = 128;           ///< of a slice and one query head: a block's part of the work
    static constexpr int kRowBytes = kDim * 2;  ///< of the cache
    static constexpr int kRowChunks = kDim / 8; ///< of 16 bytes
    static constexpr int kGroup = 16;           ///< keys that surely lie in one block of the cache

    [[nodiscard]] static Prefill of(const PagedAttention& work, int fewestRows)
    {
        return {work, fewestRows, std::countr_zero(static_cast<unsigned>(work.blockTokens)),
                work.kvHeads * work.blockTokens * kRowBytes, work.scale * kLog2e};
    }
    /// x: the query head; y: a bound of how many parts there can be, since a slice's rows fill parts but for the last
    /// one.
    [[nodiscard]] dim3 grid() const
    {
        const int parts = work.rows / kRows + std::min(work.sliceCount, work.rows / fewestRows);
        return dim3(static_cast<unsigned>(work.heads), static_cast<unsigned>(parts));
    }
};

struct Part {
    std::int64_t row; ///< the first of its rows
    int rows;
    int position; ///< of the first row in its sequence
    int slot;
};

/// Without rows when there are not so many parts. Of a slice the last rows come first: they see the most keys.
__device__ __forceinline__ Part findPart(const Prefill& prefill, int index)
{
    const int4* slices = reinterpret_cast<const int4*>(prefill.work.slices);
    const TileOfItem at = findTile(index, prefill.work.sliceCount, [&](int i) {
        const int4 slice = slices[i];
        return slice.w >= 0 && slice.y >= prefill.fewestRows ? (slice.y + Prefill::kRows - 1) / Prefill::kRows : 0;
    });
    if (at.item < 0)
        return {};
    const int4 slice = slices[at.item];
    const int first = (at.tiles - 1 - at.tile) * Prefill::kRows;
    return {std::int64_t{slice.x} + first, min(Prefill::kRows, slice.y - first), slice.z + first, slice.w};
}

/// Copies keys and values of one sequence and key head to shared memory, tile by tile. The lanes of a warp hold the
/// numbers of 32 successive blocks of the cache, and those of the 32 after them are fetched while these are used.
/// Pointers stay in the arguments: registers are what the kernels have least of.
template <int kKeys, int kThreads>
struct PagedTiles {
    int slot;
    int headBytes; ///< before the key head in a block of the cache
    int count;     ///< of keys
    int held = 0;
    int next;

    __device__ __forceinline__ PagedTiles(const Prefill& prefill, const Part& part, int kvHead)
        : slot(part.slot), headBytes(kvHead * Prefill::kRowBytes << prefill.blockShift),
          count(part.position + part.rows), next(blockOf(prefill, static_cast<int>(threadIdx.x % 32)))
    {
    }

    __device__ __forceinline__ int blockOf(const Prefill& prefill, int index) const
    {
        return index << prefill.blockShift < count ? prefill.work.blockTable[slot * prefill.work.blocksStride + index]
                                                   : 0;
    }

    /// The tile that begins at key `first`; tiles are asked for in order. Calls copy(row, pass, chunk, from, there) for
    /// all chunks of 16 bytes that are this thread's: chunk `chunk` of row `row` + `pass` lies at byte `from` of keys
    /// and of values; if not `there`, it is behind the last key and becomes zeros. Only `pass` and `from` differ
    /// between calls.
    template <typename Copy>
    __device__ __forceinline__ void load(const Prefill& prefill, int first, Copy&& copy)
    {
        const int thread = anew(static_cast<int>(threadIdx.x));
        const int shift = prefill.blockShift;
        if ((first & ((32 << shift) - 1)) == 0) {
            held = next;
            next = blockOf(prefill, (first >> shift) + 32 + thread % 32);
        }
        constexpr int kPassRows = kThreads / Prefill::kRowChunks;
        const int row = thread / Prefill::kRowChunks; // and every kPassRows-th after it
        const int chunk = thread % Prefill::kRowChunks;
#pragma unroll
        for (int group = 0; group < kKeys; group += Prefill::kGroup) {
            const int block = __shfl_sync(kAllLanes, held, (first + group) >> shift);
            const int inBlock = ((first + group) & ((1 << shift) - 1)) + row;
            const std::int64_t from =
                std::int64_t{block} * prefill.blockBytes + headBytes + inBlock * Prefill::kRowBytes + chunk * 16;
#pragma unroll
            for (int pass = 0; pass < Prefill::kGroup; pass += kPassRows)
                copy(row, group + pass, chunk, from + pass * Prefill::kRowBytes, first + group + pass + row < count);
        }
    }
};

} // namespace argus::kernels::cuda::attention
