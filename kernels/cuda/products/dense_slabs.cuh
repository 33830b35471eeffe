#pragma once
// A stored matrix as the products take it: in slabs of 16 outputs and 64 inputs.

#include "kernels/cuda/products/pieces.cuh"

namespace argus::kernels::cuda::products {

/// What a kernel template asks of a matrix. Every function is called by a whole warp.
template <typename T>
struct DenseSlabs {
    using Type = T;
    static constexpr int kInputs = 64;
    static constexpr int kBytes = 16 * kInputs * 2;

    static constexpr int kFewTiles = 1; ///< of 16 outputs, that a warp takes at once for few rows

    // For many rows, in `columns` tiles of eight.
    static constexpr int tilesOfWarp(int columns) { return columns < 8 ? 1 : 2; }
    static constexpr int stages(int columns) { return columns <= 2 ? 6 : columns == 4 ? 5 : 4; }
    static constexpr int mostWarps(int columns) { return columns < 8 ? 8 : 4; }
    /// Clocks of one scheduler for a slab, about: what instructions and tensor core take.
    static constexpr int clocks(int columns) { return 25 + 24 * columns; }

    const T* weight = nullptr;
    int inputs = 0;

    /// Where a lane copies from.
    struct Source {
        const T* from;
    };
    __device__ __forceinline__ Source sourceOf(int tile, int chunk) const
    {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        return {weight + (std::int64_t{tile} * 16 + lane / 8) * inputs + chunk * kInputs + lane % 8 * 8};
    }
    __device__ __forceinline__ void move(Source& source, int tiles, int chunks) const
    {
        source.from += std::int64_t{tiles} * 16 * inputs + chunks * kInputs;
    }
    /// Copies of kTiles tiles set out, into slabs side by side.
    template <int kTiles>
    __device__ __forceinline__ void request(char* slabs, const Source& source) const
    {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        char* const to = slabs + lane / 8 * kPitch + pieceOffset(lane / 8, lane % 8);
        const T* from = source.from;
#pragma unroll
        for (int i = 0; i < 4 * kTiles; ++i, from += std::int64_t{4} * inputs)
            streamAsync16(to + i * 4 * kPitch, from);
    }
    /// Chunks [begin, end) of a tile to the cache.
    __device__ __forceinline__ void fetch(int tile, int begin, int end) const
    {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        if (lane < 16)
            fetchToCache(weight + (std::int64_t{tile} * 16 + lane) * inputs + begin * kInputs, (end - begin) * kPitch);
    }

    /// sums += the slabs of kTiles tiles · the rows at x, tiles of eight rows `eightRows` bytes apart.
    template <int kTiles, int kColumns>
    __device__ __forceinline__ void multiply(float (&sums)[kTiles][kColumns][4], const char* slabs, const LanePieces& x,
                                             int eightRows) const
    {
        const LanePieces w(slabs, static_cast<int>(threadIdx.x) % 32 / 4, kPitch);
#pragma unroll
        for (int step = 0; step < kInputs / 32; ++step) {
            unsigned a[2][kTiles][4];
#pragma unroll
            for (int m = 0; m < kTiles; ++m) {
                const uint4 upper = w.at(step, m * kBytes);
                const uint4 lower = w.at(step, m * kBytes + 8 * kPitch);
                a[0][m][0] = upper.x, a[0][m][1] = lower.x, a[0][m][2] = upper.y, a[0][m][3] = lower.y;
                a[1][m][0] = upper.z, a[1][m][1] = lower.z, a[1][m][2] = upper.w, a[1][m][3] = lower.w;
            }
            multiplyStep<T>(sums, a, x, step, eightRows);
        }
    }

private:
    static constexpr int kPitch = kInputs * 2;
};

} // namespace argus::kernels::cuda::products
