#pragma once
// The rows that a product multiplies on their way to shared memory: as they are, or normalised.

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/norm.cuh"
#include "kernels/cuda/products/pieces.cuh"
#include "kernels/cuda/skinny.h"

namespace argus::kernels::cuda::products {

/// A row normalised by `threads` threads, of which this is number `index`. It keeps its first kKept pieces of eight;
/// those of longer rows are read twice.
template <typename T, typename X, int kKept>
class NormalisedRow {
public:
    __device__ NormalisedRow(int pieces, int index, int threads) : m_pieces(pieces), m_index(index), m_threads(threads)
    {
    }

    /// The gain is a weight: may be called before waitForPrevious().
    __device__ __forceinline__ void loadGain(const T* gain)
    {
        m_gain = gain;
#pragma unroll
        for (int i = 0; i < kKept; ++i)
            if (pieceOf(i) < m_pieces)
                m_gains[i] = loadEight(gain + pieceOf(i) * 8);
    }
    /// The thread's part of the sum of squares.
    [[nodiscard]] __device__ __forceinline__ float loadRow(const X* row)
    {
        m_row = row;
#pragma unroll
        for (int i = 0; i < kKept; ++i)
            if (pieceOf(i) < m_pieces)
                m_values[i] = loadFresh(row + pieceOf(i) * 8);
        float squares = 0;
#pragma unroll
        for (int i = 0; i < kKept; ++i)
            if (pieceOf(i) < m_pieces)
                squares += squaresOf(m_values[i]);
        for (int piece = pieceOf(kKept); piece < m_pieces; piece += m_threads)
            squares += squaresOf(loadFresh(row + piece * 8));
        return squares;
    }
    /// put(piece, eight elements) for the thread's pieces.
    template <typename Put>
    __device__ __forceinline__ void normalise(float scale, Put&& put) const
    {
#pragma unroll
        for (int i = 0; i < kKept; ++i)
            if (pieceOf(i) < m_pieces)
                put(pieceOf(i), scaled(m_values[i], scale, m_gains[i]));
        for (int piece = pieceOf(kKept); piece < m_pieces; piece += m_threads)
            put(piece, scaled(loadFresh(m_row + piece * 8), scale, loadEight(m_gain + piece * 8)));
    }

private:
    [[nodiscard]] __device__ __forceinline__ int pieceOf(int i) const
    {
        return m_index + i * m_threads;
    }

    int m_pieces;
    int m_index;
    int m_threads;
    const X* m_row = nullptr;
    const T* m_gain = nullptr;
    Eight<X> m_values[kKept];
    Eight<T> m_gains[kKept];
};

/// 1 / root mean square of a row from its threads' parts: whole warps, `team` warps a row. One barrier of the block.
/// `sums` holds a float a warp, used once.
__device__ __forceinline__ float scaleOfRow(float squares, float* sums, int team, int inputs, float epsilon)
{
    const int warp = static_cast<int>(threadIdx.x) / 32;
    squares = warpSum(squares);
    if (threadIdx.x % 32 == 0)
        sums[warp] = squares;
    __syncthreads();
    float sum = 0;
    for (int i = warp / team * team; i < (warp / team + 1) * team; ++i)
        sum += sums[i];
    return rsqrtf(sum / static_cast<float>(inputs) + epsilon);
}

/// Rows of work.x to shared memory, normalised. Waits for the previous kernel. A power of two of the block's kWarps
/// warps shares a row; there are no more rows than warps.
template <typename T, typename X, int kWarps>
__device__ __forceinline__ void stageNormalised(char* rows, int pitch, float* sums, const Skinny& work)
{
    constexpr int kKept = 4;
    int team = kWarps;
    while (kWarps / team < work.rows)
        team /= 2;
    const int thread = static_cast<int>(threadIdx.x);
    const int row = thread / (team * 32);
    const bool used = row < work.rows;
    NormalisedRow<T, X, kKept> part(used ? work.inputs / 8 : 0, thread % (team * 32), team * 32);
    part.loadGain(static_cast<const T*>(work.gain));
    waitForPrevious();
    const float squares = part.loadRow(static_cast<const X*>(work.x) + (used ? row : 0) * work.xStride);
    const float scale = scaleOfRow(squares, sums, team, work.inputs, work.epsilon);
    part.normalise(scale, [&](int piece, const Eight<T>& eight) {
        *reinterpret_cast<uint4*>(rows + row * pitch + pieceOffset(row, piece)) = reinterpret_cast<const uint4&>(eight);
    });
}

/// Rows of work.x to shared memory as they are. Waits for the previous kernel.
template <typename T>
__device__ __forceinline__ void stagePlain(char* rows, int pitch, const Skinny& work)
{
    constexpr int kBatch = 8; // loads of a thread under way
    const int pieces = work.inputs / 8;
    const int threads = static_cast<int>(blockDim.x);
    waitForPrevious();
    for (int row = 0; row < work.rows; ++row) {
        const T* from = static_cast<const T*>(work.x) + row * work.xStride;
        char* to = rows + row * pitch;
        for (int first = static_cast<int>(threadIdx.x); first < pieces; first += kBatch * threads) {
            Eight<T> batch[kBatch];
#pragma unroll
            for (int i = 0; i < kBatch; ++i)
                if (first + i * threads < pieces)
                    batch[i] = loadFresh(from + (first + i * threads) * 8);
#pragma unroll
            for (int i = 0; i < kBatch; ++i)
                if (first + i * threads < pieces)
                    *reinterpret_cast<uint4*>(to + pieceOffset(row, first + i * threads)) =
                        reinterpret_cast<const uint4&>(batch[i]);
        }
    }
}

} // namespace argus::kernels::cuda::products
