#pragma once
// One row: what a single conversation's decode step consists of. The matrix goes from memory straight into the
// fragments of the tensor cores; nothing is staged but the row itself.

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/mma.cuh"
#include "kernels/cuda/common/norm.cuh"
#include "kernels/cuda/skinny.h"

#include <algorithm>

namespace argus::kernels::cuda::products::one_row {

// Within a dot product the order of k is free as long as both operands agree. So a lane loads 16 consecutive bytes of a
// row, eight numbers, and takes them for what the tensor core calls columns 2t, 2t+1, 2t+8, 2t+9 of two k16 steps: no
// shuffle, no shared memory between the matrix and the product. Seven eighths of the tensor core's work are for rows
// that do not exist; it has nothing else to do.

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;
constexpr int kTile = 16;                      // outputs of a block at a time
constexpr int kChunk = 64;                     // k of a warp at a time
constexpr int kDepth = 4;                      // chunks of a warp under way
constexpr int kBlocks = 2;                     // of a multiprocessor: while one reduces, the other loads
constexpr std::size_t kMostShared = 47 * 1024; // what every GPU grants without being asked

/// A chunk of 16 rows of the matrix, as one lane holds it.
struct Piece {
    uint4 upper[2]; // row g
    uint4 lower[2]; // row g + 8
};

template <typename T>
__device__ __forceinline__ Piece loadPiece(const T* row, std::int64_t eightRows)
{
    return {{loadOnce(row), loadOnce(row + 32)}, {loadOnce(row + eightRows), loadOnce(row + eightRows + 32)}};
}

template <typename T>
__device__ __forceinline__ void multiply(float (&d)[4], const uint4& upper, const uint4& lower, const uint4& x)
{
    const unsigned first[4] = {upper.x, lower.x, upper.y, lower.y};
    const unsigned second[4] = {upper.z, lower.z, upper.w, lower.w};
    mma16816<T>(d, first, {x.x, x.y});
    mma16816<T>(d, second, {x.z, x.w});
}

/// The row, normalised when there is a gain, into shared memory.
template <typename T, typename X>
__device__ void stageRow(T* to, const Skinny& work, float* sums)
{
    const X* const x = static_cast<const X*>(work.x);
    const int first = static_cast<int>(threadIdx.x) * 8;
    if (work.gain == nullptr) {
        for (int k = first; k < work.inputs; k += kThreads * 8)
            storeEight(to + k, convertEight<T>(loadEight(x + k)));
        return;
    }
    float squares = 0;
    for (int k = first; k < work.inputs; k += kThreads * 8)
        squares += squaresOf(loadEight(x + k));
    const float scale = rsqrtf(blockSum(squares, sums) / static_cast<float>(work.inputs) + work.epsilon);
    for (int k = first; k < work.inputs; k += kThreads * 8)
        storeEight(to + k, scaled(loadEight(x + k), scale, loadEight(static_cast<const T*>(work.gain) + k)));
}

/// The finished sum of one output, by the lane that stands at its place in a half warp; lanes of a gate give theirs to
/// it.
template <typename T>
__device__ __forceinline__ void finish(const Skinny& work, int output, float value)
{
    if (work.bias != nullptr)
        value += toFloat(static_cast<const T*>(work.bias)[output]);
    if (work.epilogue == SkinnyEpilogue::SiluMul) {
        const float rounded = toFloat(fromFloat<T>(value));
        const float up = __shfl_down_sync(0xffffu, rounded, 1);
        const float gate = toFloat(fromFloat<T>(rounded / (1.0f + expf(-rounded))));
        if (output % 2 == 0)
            static_cast<T*>(work.y)[output / 2] = fromFloat<T>(gate * up);
    } else if (work.out == Format::F32) {
        float* const y = static_cast<float*>(work.y) + output;
        *y = work.epilogue == SkinnyEpilogue::Accumulate ? *y + value : value;
    } else {
        T* const y = static_cast<T*>(work.y) + output;
        *y = fromFloat<T>(work.epilogue == SkinnyEpilogue::Accumulate ? toFloat(*y) + value : value);
    }
}

template <typename T, typename X>
__global__ void __launch_bounds__(kThreads, kBlocks) multiplyOneRow(Skinny work)
{
    extern __shared__ uint4 memory[];
    T* const staged = reinterpret_cast<T*>(memory);
    __shared__ float sums[2][kWarps][kTile]; // two tiles take turns: one barrier each
    __shared__ float squares[33];

    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int g = static_cast<int>(threadIdx.x) % 32 / 4;
    const int t = static_cast<int>(threadIdx.x) % 4;
    const int chunks = work.inputs / kChunk;
    const int mine = (chunks - warp + kWarps - 1) / kWarps; // chunks of this warp in a tile
    const int tiles = work.outputs / kTile;
    const std::int64_t eightRows = std::int64_t{8} * work.inputs;
    const T* const weight = static_cast<const T*>(work.weight) + std::int64_t{g} * work.inputs + t * 8;

    // The next piece to load. The sequence runs through this block's tiles without a break, each filled up with empty
    // steps to a multiple of kDepth, so that a piece's place among the registers is a constant.
    const int steps = (mine + kDepth - 1) / kDepth * kDepth;
    int loadTile = static_cast<int>(blockIdx.x);
    int loadStep = 0;
    const auto next = [&](Piece& piece) {
        if (loadStep < mine && loadTile < tiles)
            piece = loadPiece(
                weight + std::int64_t{loadTile} * kTile * work.inputs + (warp + loadStep * kWarps) * kChunk, eightRows);
        if (++loadStep >= steps) {
            loadStep = 0;
            loadTile += static_cast<int>(gridDim.x);
        }
    };
    Piece pieces[kDepth];
#pragma unroll
    for (Piece& piece : pieces)
        next(piece);
    waitForPrevious();
    letNextStart();
    stageRow<T, X>(staged, work, squares);
    __syncthreads();

    int turn = 0;
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x), turn ^= 1) {
        float d[4] = {};
        for (int step = 0; step < steps; step += kDepth) {
#pragma unroll
            for (int u = 0; u < kDepth; ++u) {
                if (step + u < mine) {
                    uint4 x[2] = {};
                    if (g == 0) { // the others stand for rows that do not exist
                        const T* const from = staged + (warp + (step + u) * kWarps) * kChunk + t * 8;
                        x[0] = *reinterpret_cast<const uint4*>(from);
                        x[1] = *reinterpret_cast<const uint4*>(from + 32);
                    }
                    multiply<T>(d, pieces[u].upper[0], pieces[u].lower[0], x[0]);
                    multiply<T>(d, pieces[u].upper[1], pieces[u].lower[1], x[1]);
                }
                next(pieces[u]);
            }
        }
        if (t == 0) { // column 0 of the product
            sums[turn][warp][g] = d[0];
            sums[turn][warp][g + 8] = d[2];
        }
        __syncthreads();
        if (threadIdx.x < kTile) {
            float value = 0;
#pragma unroll
            for (int w = 0; w < kWarps; ++w)
                value += sums[turn][w][threadIdx.x];
            finish<T>(work, tile * kTile + static_cast<int>(threadIdx.x), value);
        }
    }
}

/// Whether one_row::run() serves this product.
[[nodiscard]] inline bool fits(const Skinny& work)
{
    return work.rows == 1 && static_cast<std::size_t>(work.inputs) * 2 <= kMostShared - 2048;
}

template <typename T>
[[nodiscard]] Status run(const Skinny& work, Stream stream)
{
    const auto kernel =
        work.gain != nullptr && work.xType == Format::F32 ? multiplyOneRow<T, float> : multiplyOneRow<T, T>;
    const int blocks = std::min(work.outputs / kTile, work.processors * kBlocks);
    return launch(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads),
                  static_cast<std::size_t>(work.inputs) * 2, stream, work);
}

} // namespace argus::kernels::cuda::products::one_row
