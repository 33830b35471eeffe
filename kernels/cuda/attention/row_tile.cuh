#pragma once
// Online softmax on tensor cores: the query rows of a warp meet tiles of keys that lie in shared memory. What prefill,
// full attention within segments and attention within windows share.
//
// What becomes of a row depends on its own query and keys and on where tiles of keys begin, and never on the rows
// beside it. So a prompt gives the same bits however it is cut into chunks.

#include "kernels/cuda/attention/primitives.cuh"
#include "kernels/cuda/common/mma.cuh"

#include <cstdint>

namespace argus::kernels::cuda::attention {

inline constexpr unsigned kAllLanes = 0xffffffffu;
inline constexpr float kLog2e = 1.44269504f;

/// The running maximum is renewed only when a row grew beyond it by this many powers of two: weights stay below 256,
/// which costs no precision, and most tiles leave output and sums as they are.
inline constexpr float kSlack = 8.0f;

/// The same value, of which the compiler does not know that: what is derived from it is computed again where it is
/// needed and not kept in registers throughout a loop.
__device__ __forceinline__ int anew(int value)
{
    asm volatile("" : "+r"(value));
    return value;
}

/// Rows of kDim 16-bit elements in shared memory. Chunks of 16 bytes lie so that the same chunk of eight successive
/// rows is in eight different groups of banks: rows of whole 128 bytes have their chunks exchanged, others are one
/// chunk apart.
template <int kDim>
struct Layout {
    static constexpr int kChunks = kDim / 8;
    static constexpr bool kExchanged = kChunks % 8 == 0;
    static constexpr int kRowBytes = (kExchanged ? kChunks : kChunks + 1) * 16;
    static_assert(kExchanged || kChunks % 2 == 0, "rows an odd number of chunks apart");

    /// Of a chunk, in a tile that begins at a multiple of 256 bytes.
    static constexpr __device__ __forceinline__ int offset(int row, int chunk)
    {
        return row * kRowBytes + (kExchanged ? chunk ^ (row & 7) : chunk) * 16;
    }
    /// Moves an offset(row, 0 or 1) by an even number of chunks.
    static constexpr __device__ __forceinline__ int moved(int offset, int chunks)
    {
        return kExchanged ? offset ^ (chunks * 16) : offset + chunks * 16;
    }
};

// Offsets of the row that this lane addresses for loadMatrices(), of a 16x16 piece at the beginning of a tile:

/// The four matrices are rows 0-7 and 8-15 of the left half, then of the right half: queries as A, values as B
/// (transposed).
template <int kDim>
__device__ __forceinline__ int laneRowFirst()
{
    const int lane = static_cast<int>(threadIdx.x % 32);
    return Layout<kDim>::offset(lane % 16, lane / 16);
}
/// The four matrices are left and right half of rows 0-7, then of rows 8-15: keys as B.
template <int kDim>
__device__ __forceinline__ int laneChunkFirst()
{
    const int lane = static_cast<int>(threadIdx.x % 32);
    return Layout<kDim>::offset(lane % 8 + lane / 16 * 8, lane / 8 % 2);
}

/// kTiles · 16 query rows of a warp. Lane 4g + t has rows g and g + 8 of each tile, of them columns 2t and 2t + 1 of
/// every eight, as mma16816() gives them; sums are of the lane's own columns until the end.
template <int kDim, int kTiles>
struct RowTile {
    float output[kTiles][kDim / 8][4];
    float maxima[kTiles][2];
    float sums[kTiles][2];

    __device__ __forceinline__ void begin()
    {
#pragma unroll
        for (int m = 0; m < kTiles; ++m) {
#pragma unroll
            for (int j = 0; j < kDim / 8; ++j)
#pragma unroll
                for (float& value : output[m][j])
                    value = 0;
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                maxima[m][h] = -INFINITY;
                sums[m][h] = 0;
            }
        }
    }
};

/// The warp's queries, read from shared memory whenever they are needed.
template <int kDim, int kTiles>
struct SharedQueries {
    const char* shared;
    int at; ///< laneRowFirst() of the first row
    __device__ __forceinline__ void load(unsigned (&q)[kTiles][4], int k) const
    {
#pragma unroll
        for (int m = 0; m < kTiles; ++m)
            loadMatrices(q[m], shared + Layout<kDim>::moved(at, 2 * k) + m * 16 * Layout<kDim>::kRowBytes);
    }
};
/// The warp's queries in registers.
template <int kDim, int kTiles>
struct HeldQueries {
    unsigned held[kDim / 16][kTiles][4];
    __device__ __forceinline__ explicit HeldQueries(const SharedQueries<kDim, kTiles>& source)
    {
#pragma unroll
        for (int k = 0; k < kDim / 16; ++k)
            source.load(held[k], k);
    }
    __device__ __forceinline__ void load(unsigned (&q)[kTiles][4], int k) const
    {
#pragma unroll
        for (int m = 0; m < kTiles; ++m)
#pragma unroll
            for (int i = 0; i < 4; ++i)
                q[m][i] = held[k][m][i];
    }
};

template <int kTiles, int kKeys>
using Scores = float[kTiles][kKeys / 8][4];

/// scores = queries · keysᵀ, the keys at `keys` (an offset in `shared`).
template <typename T, int kDim, int kTiles, int kKeys, typename Queries>
__device__ __forceinline__ void scoreKeys(Scores<kTiles, kKeys>& scores, const Queries& queries, const char* shared,
                                          int keys)
{
#pragma unroll
    for (int m = 0; m < kTiles; ++m)
#pragma unroll
        for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
            for (float& score : scores[m][n])
                score = 0;
    const int lane = keys + laneChunkFirst<kDim>();
#pragma unroll
    for (int k = 0; k < kDim / 16; ++k) {
        unsigned q[kTiles][4];
        queries.load(q, k);
#pragma unroll
        for (int n = 0; n < kKeys / 16; ++n) {
            unsigned r[4];
            loadMatrices(r, shared + Layout<kDim>::moved(lane, 2 * k) + n * 16 * Layout<kDim>::kRowBytes);
            const unsigned low[2] = {r[0], r[1]};
            const unsigned high[2] = {r[2], r[3]};
#pragma unroll
            for (int m = 0; m < kTiles; ++m) {
                mma16816<T>(scores[m][2 * n], q[m], low);
                mma16816<T>(scores[m][2 * n + 1], q[m], high);
            }
        }
    }
}

/// Hides keys from the warp's rows: row r sees those of the tile up to `last` + r · `step`.
template <int kTiles, int kKeys>
__device__ __forceinline__ void hideKeys(Scores<kTiles, kKeys>& scores, int last, int step)
{
    const int lane = static_cast<int>(threadIdx.x % 32);
#pragma unroll
    for (int m = 0; m < kTiles; ++m) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            const int visible = last + (m * 16 + h * 8 + lane / 4) * step - lane % 4 * 2;
#pragma unroll
            for (int n = 0; n < kKeys / 8; ++n) {
                if (n * 8 > visible)
                    scores[m][n][2 * h] = -INFINITY;
                if (n * 8 + 1 > visible)
                    scores[m][n][2 * h + 1] = -INFINITY;
            }
        }
    }
}

template <int kKeys>
__device__ __forceinline__ float largestOfRow(const float (&scores)[kKeys / 8][4], int half)
{
    float largest = fmaxf(scores[0][2 * half], scores[0][2 * half + 1]);
#pragma unroll
    for (int n = 1; n < kKeys / 8; ++n)
        largest = fmaxf(largest, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
    largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 1));
    return fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, 2));
}

/// For rows whose first tile this is.
template <int kDim, int kTiles, int kKeys>
__device__ __forceinline__ void firstMaxima(RowTile<kDim, kTiles>& rows, const Scores<kTiles, kKeys>& scores)
{
    rows.begin();
#pragma unroll
    for (int m = 0; m < kTiles; ++m)
#pragma unroll
        for (int h = 0; h < 2; ++h)
            rows.maxima[m][h] = largestOfRow<kKeys>(scores[m], h);
}

/// New maxima where a row outgrew its own; `shrink` is what output and sums are to be multiplied by. False when all
/// factors of the warp are 1. The first tile a row meets must have a key that it sees.
template <int kDim, int kTiles, int kKeys>
__device__ __forceinline__ bool growMaxima(RowTile<kDim, kTiles>& rows, const Scores<kTiles, kKeys>& scores,
                                           float factor, float (&shrink)[kTiles][2])
{
    bool grown = false;
#pragma unroll
    for (int m = 0; m < kTiles; ++m) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            const float largest = largestOfRow<kKeys>(scores[m], h);
            const bool grows = (largest - rows.maxima[m][h]) * factor > kSlack;
            shrink[m][h] = grows ? powerOfTwo((rows.maxima[m][h] - largest) * factor) : 1.0f;
            rows.maxima[m][h] = grows ? largest : rows.maxima[m][h];
            rows.sums[m][h] *= shrink[m][h];
            grown |= grows;
        }
    }
    return __any_sync(kAllLanes, grown);
}

template <int kDim, int kTiles>
__device__ __forceinline__ void shrinkOutput(RowTile<kDim, kTiles>& rows, const float (&shrink)[kTiles][2])
{
#pragma unroll
    for (int m = 0; m < kTiles; ++m)
#pragma unroll
        for (int j = 0; j < kDim / 8; ++j)
#pragma unroll
            for (int i = 0; i < 4; ++i)
                rows.output[m][j][i] *= shrink[m][i / 2];
}

/// Brings output and sums to maxima that cover the scores.
template <int kDim, int kTiles, int kKeys>
__device__ __forceinline__ void renewMaxima(RowTile<kDim, kTiles>& rows, const Scores<kTiles, kKeys>& scores,
                                            float factor)
{
    float shrink[kTiles][2];
    if (growMaxima<kDim, kTiles, kKeys>(rows, scores, factor, shrink))
        shrinkOutput<kDim, kTiles>(rows, shrink);
}

/// Scores become weights 2^((score − maximum) · factor).
template <int kDim, int kTiles, int kKeys>
__device__ __forceinline__ void weighKeys(Scores<kTiles, kKeys>& scores, RowTile<kDim, kTiles>& rows, float factor)
{
#pragma unroll
    for (int m = 0; m < kTiles; ++m) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            const float offset = -rows.maxima[m][h] * factor;
#pragma unroll
            for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
                for (int i = 2 * h; i < 2 * h + 2; ++i) {
                    scores[m][n][i] = powerOfTwo(fmaf(scores[m][n][i], factor, offset));
                    rows.sums[m][h] += scores[m][n][i];
                }
            }
        }
    }
}

/// The weights of 16 keys, from key 16 k on, rounded to the type: a matrix tile's A.
template <typename T, int kKeys>
__device__ __forceinline__ void packWeights(unsigned (&p)[4], const float (&weights)[kKeys / 8][4], int k)
{
#pragma unroll
    for (int i = 0; i < 4; ++i)
        p[i] = packPair<T>(weights[2 * k + i / 2][i % 2 * 2], weights[2 * k + i / 2][i % 2 * 2 + 1]);
}

/// output += weights · values, the weights rounded to the type; values at `values` (an offset in `shared`).
template <typename T, int kDim, int kTiles, int kKeys>
__device__ __forceinline__ void addValues(RowTile<kDim, kTiles>& rows, const Scores<kTiles, kKeys>& weights,
                                          const char* shared, int values)
{
    const int lane = values + laneRowFirst<kDim>();
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
        unsigned p[kTiles][4];
#pragma unroll
        for (int m = 0; m < kTiles; ++m)
            packWeights<T, kKeys>(p[m], weights[m], k);
#pragma unroll
        for (int j = 0; j < kDim / 16; ++j) {
            unsigned r[4];
            loadMatricesTransposed(r, shared + Layout<kDim>::moved(lane, 2 * j) + k * 16 * Layout<kDim>::kRowBytes);
            const unsigned low[2] = {r[0], r[1]};
            const unsigned high[2] = {r[2], r[3]};
#pragma unroll
            for (int m = 0; m < kTiles; ++m) {
                mma16816<T>(rows.output[m][2 * j], p[m], low);
                mma16816<T>(rows.output[m][2 * j + 1], p[m], high);
            }
        }
    }
}

/// Writes the warp's first `count` rows. They pass through its own kTiles · 16 rows of shared memory at `stage`, a tile
/// begun at a multiple of 256 bytes, so that they leave 16 bytes at a time.
template <typename T, int kDim, int kTiles>
__device__ __forceinline__ void storeRows(RowTile<kDim, kTiles>& rows, char* shared, int stage, T* y,
                                          std::int64_t stride, int count)
{
    const int lane = static_cast<int>(threadIdx.x % 32);
    __syncwarp(); // the queries may have lain there
#pragma unroll
    for (int m = 0; m < kTiles; ++m) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            float sum = rows.sums[m][h];
            sum += __shfl_xor_sync(kAllLanes, sum, 1);
            sum += __shfl_xor_sync(kAllLanes, sum, 2);
            const float scale = __fdividef(1.0f, sum);
            const int row = m * 16 + h * 8 + lane / 4;
#pragma unroll
            for (int j = 0; j < kDim / 8; ++j)
                *reinterpret_cast<unsigned*>(shared + stage + Layout<kDim>::offset(row, j) + lane % 4 * 4) =
                    packPair<T>(rows.output[m][j][2 * h] * scale, rows.output[m][j][2 * h + 1] * scale);
        }
    }
    __syncwarp();
#pragma unroll
    for (int i = lane; i < kTiles * 16 * Layout<kDim>::kChunks; i += 32) {
        const int row = i / Layout<kDim>::kChunks;
        const int chunk = i % Layout<kDim>::kChunks;
        if (row < count)
            *reinterpret_cast<uint4*>(y + row * stride + chunk * 8) =
                *reinterpret_cast<const uint4*>(shared + stage + Layout<kDim>::offset(row, chunk));
    }
}

} // namespace argus::kernels::cuda::attention
