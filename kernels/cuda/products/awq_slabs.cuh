#pragma once
// A repacked AWQ matrix as the products take it: in slabs of 16 outputs and a group of 128 inputs.

#include "kernels/cuda/products/code_widener.cuh"
#include "kernels/cuda/products/pieces.cuh"

namespace argus::kernels::cuda::products {

/// The sum over a group is taken with code - zero and multiplied by the scale in float: one multiplication for 128 weights,
/// and no weight is rounded.
template <typename T>
struct AwqSlabs {
    using Type = T;
    static constexpr int kInputs = kAwqGroup;
    static constexpr int kBytes = kTileCodeBytes + 2 * kTileScaleBytes;

    // What these say is explained in dense_slabs.cuh.
    static constexpr int kFewTiles = 2;
    static constexpr int tilesOfWarp(int) { return 2; }
    static constexpr int stages(int columns) { return columns < 8 ? 4 : 3; }
    static constexpr int mostWarps(int columns) { return columns <= 2 ? 8 : columns == 4 ? 6 : 4; }
    static constexpr int clocks(int columns) { return 110 + 48 * columns; }

    const char* codes = nullptr;
    const char* scales = nullptr;
    const char* zeros = nullptr;
    int groups = 0;

    /// Codes, and in the first four lanes scales and zeros.
    struct Source {
        const char* codes;
        const char* side;
    };
    __device__ __forceinline__ Source sourceOf(int tile, int group) const
    {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        const std::int64_t place = std::int64_t{tile} * groups + group;
        return {codes + place * kTileCodeBytes + lane * kPieceBytes,
                (lane % 4 < 2 ? scales : zeros) + place * kTileScaleBytes + lane % 2 * kPieceBytes};
    }
    __device__ __forceinline__ void move(Source& source, int tiles, int chunks) const
    {
        const std::int64_t places = std::int64_t{tiles} * groups + chunks;
        source.codes += places * kTileCodeBytes;
        source.side += places * kTileScaleBytes;
    }
    template <int kTiles>
    __device__ __forceinline__ void request(char* slabs, const Source& source) const
    {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        char* const to = slabs + lane * kPieceBytes;
#pragma unroll
        for (int m = 0; m < kTiles; ++m) {
            const char* const from = source.codes + std::int64_t{m} * groups * kTileCodeBytes;
            streamAsync16(to + m * kBytes, from);
            streamAsync16(to + m * kBytes + kTileCodeBytes / 2, from + kTileCodeBytes / 2);
        }
        if (lane < 4) {
#pragma unroll
            for (int m = 0; m < kTiles; ++m)
                streamAsync16(to + m * kBytes + kTileCodeBytes, source.side + std::int64_t{m} * groups * kTileScaleBytes);
        }
    }
    __device__ __forceinline__ void fetch(int tile, int begin, int end) const
    {
        const int lane = static_cast<int>(threadIdx.x) % 32;
        const std::int64_t place = std::int64_t{tile} * groups + begin;
        if (lane == 0)
            fetchToCache(codes + place * kTileCodeBytes, (end - begin) * kTileCodeBytes);
        if (lane == 1 || lane == 2)
            fetchToCache((lane == 1 ? scales : zeros) + place * kTileScaleBytes, (end - begin) * kTileScaleBytes);
    }

    template <int kTiles, int kColumns>
    __device__ __forceinline__ void multiply(float (&sums)[kTiles][kColumns][4], const char* slabs, const LanePieces& x,
                                             int eightRows) const
    {
        float parts[kTiles][kColumns][4] = {};
        multiplyCodes(parts, slabs, x, eightRows);
#pragma unroll
        for (int m = 0; m < kTiles; ++m) {
            const float2 scale = __half22float2(pairAt(slabs + m * kBytes + kTileCodeBytes));
#pragma unroll
            for (int n = 0; n < kColumns; ++n) {
                sums[m][n][0] = fmaf(scale.x, parts[m][n][0], sums[m][n][0]);
                sums[m][n][1] = fmaf(scale.x, parts[m][n][1], sums[m][n][1]);
                sums[m][n][2] = fmaf(scale.y, parts[m][n][2], sums[m][n][2]);
                sums[m][n][3] = fmaf(scale.y, parts[m][n][3], sums[m][n][3]);
            }
        }
    }

private:
    /// A lane's pair of 16 scales or zeros.
    static __device__ __forceinline__ __half2 pairAt(const char* sixteen)
    {
        return reinterpret_cast<const __half2*>(sixteen)[threadIdx.x % 32 / 4];
    }

    template <int kTiles, int kColumns>
    static __device__ __forceinline__ void multiplyCodes(float (&parts)[kTiles][kColumns][4], const char* slabs,
                                                         const LanePieces& x, int eightRows)
    {
        const char* const mine = slabs + threadIdx.x % 32 * kPieceBytes;
        CodeWidener<T> wideners[kTiles];
#pragma unroll
        for (int m = 0; m < kTiles; ++m)
            wideners[m].setZeros(pairAt(slabs + m * kBytes + kTileCodeBytes + kTileScaleBytes));
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            uint4 words[kTiles];
#pragma unroll
            for (int m = 0; m < kTiles; ++m)
                words[m] = *reinterpret_cast<const uint4*>(mine + m * kBytes + half * kTileCodeBytes / 2);
#pragma unroll
            for (int odd = 0; odd < 2; ++odd) {
                unsigned a[2][kTiles][4];
#pragma unroll
                for (int m = 0; m < kTiles; ++m) {
                    wideners[m].widen(a[0][m], odd == 0 ? words[m].x : words[m].z);
                    wideners[m].widen(a[1][m], odd == 0 ? words[m].y : words[m].w);
                }
                multiplyStep<T>(parts, a, x, 2 * half + odd, eightRows);
            }
        }
    }
};

} // namespace argus::kernels::cuda::products
