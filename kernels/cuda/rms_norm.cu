#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/norm.cuh"
#include "kernels/cuda/rows.h"

namespace argus::kernels::cuda {
namespace {

// A block normalises a row that it holds in registers. The sum of squares is taken in one order whatever the number of
// pieces a thread holds: eights in sequence, 32 neighbouring eights as a tree, those sums as a tree. So a row's result
// does not depend on how many other rows there are.

constexpr int kMostHidden = 8192; // 32 warps of eights: their sums fit one warp
constexpr int kThreads = 256;     // of blocks whose threads hold several eights

/// First column of the thread's i-th piece.
__device__ __forceinline__ int columnOf(int i)
{
    return static_cast<int>(threadIdx.x + static_cast<unsigned>(i) * blockDim.x) * 8;
}

template <int kPieces, typename T>
__device__ __forceinline__ void loadRow(Eight<T> (&pieces)[kPieces], const T* row, int hidden)
{
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
        const int h = columnOf(i);
        if (h < hidden)
            pieces[i] = loadEight(row + h);
    }
}

/// The row stays as it was loaded until it is scaled. Otherwise the compiler carries the floats that it squared across
/// the barrier, twice the registers, and half as many blocks fit.
template <typename T>
__device__ __forceinline__ void keepPacked(Eight<T>& x)
{
    unsigned(&words)[sizeof(x) / 4] = reinterpret_cast<unsigned(&)[sizeof(x) / 4]>(x);
#pragma unroll
    for (unsigned& word : words)
        asm volatile("" : "+r"(word));
}

/// The same in every thread. One barrier: each warp adds up the sums of all. `sums` holds 32 floats, used once.
template <int kPieces, typename T>
__device__ __forceinline__ float rowSquares(const Eight<T> (&x)[kPieces], int hidden, float* sums)
{
    const unsigned warp = threadIdx.x / 32;
    const unsigned lane = threadIdx.x % 32;
    const unsigned warps = blockDim.x / 32;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
        const bool inside = columnOf(i) < hidden;
        const float sum = warpSum(inside ? squaresOf(x[i]) : 0.0f);
        if (lane == 0)
            sums[warp + i * warps] = sum;
    }
    __syncthreads();
    return warpSum(lane < kPieces * warps ? sums[lane] : 0.0f);
}

/// Blocks of kThreads that a multiprocessor should hold at least, as far as registers go: what they have in flight
/// covers the latency of memory while others of them stand at the barrier.
template <typename X>
constexpr int kBlocks = sizeof(X) == 2 ? 4 : 3;

template <typename T, typename X, int kPieces>
__global__ void __launch_bounds__(kPieces == 1 ? kMostHidden / 8 : kThreads, kPieces == 1 ? 1 : kBlocks<X>)
    normaliseRow(RmsNorm work)
{
    __shared__ float sums[32];
    Eight<T> gain[kPieces];
    Eight<X> x[kPieces];
    loadRow(gain, static_cast<const T*>(work.gain), work.hidden);
    waitForPrevious();
    loadRow(x, static_cast<const X*>(work.x) + blockIdx.x * work.xStride, work.hidden);
    letNextStart();
    const float mean = rowSquares(x, work.hidden, sums) / static_cast<float>(work.hidden);
#pragma unroll
    for (Eight<X>& piece : x)
        keepPacked(piece);
    const float scale = rsqrtf(mean + work.epsilon);
    T* y = static_cast<T*>(work.y) + blockIdx.x * work.yStride;
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
        const int h = columnOf(i);
        if (h < work.hidden)
            storeEight(y + h, scaled(x[i], scale, gain[i]));
    }
}

/// For rows too long for registers: read twice.
template <typename T, typename X>
__global__ void __launch_bounds__(1024) normaliseLongRow(RmsNorm work)
{
    __shared__ float sums[33];
    waitForPrevious();
    const X* x = static_cast<const X*>(work.x) + blockIdx.x * work.xStride;
    T* y = static_cast<T*>(work.y) + blockIdx.x * work.yStride;
    const T* gain = static_cast<const T*>(work.gain);
    float squares = 0;
    for (int h = threadIdx.x * 8; h < work.hidden; h += blockDim.x * 8)
        squares += squaresOf(loadEight(x + h));
    letNextStart();
    const float mean = blockSum(squares, sums) / static_cast<float>(work.hidden);
    const float scale = rsqrtf(mean + work.epsilon);
    for (int h = threadIdx.x * 8; h < work.hidden; h += blockDim.x * 8)
        storeEight(y + h, scaled(loadEight(x + h), scale, loadEight(gain + h)));
}

template <typename T, typename X>
Status normalise(const RmsNorm& work, Stream stream)
{
    constexpr int kPieces = kMostHidden / 8 / kThreads;
    const dim3 grid(static_cast<unsigned>(work.tokens));
    const auto block = [&work](int pieces) {
        return dim3(static_cast<unsigned>((work.hidden + 8 * pieces - 1) / (8 * pieces) + 31) / 32 * 32);
    };
    if (work.hidden > kMostHidden)
        return launch(normaliseLongRow<T, X>, grid, dim3(1024), 0, stream, work);
    if (work.tokens <= kFewRows)
        return launch(normaliseRow<T, X, 1>, grid, block(1), 0, stream, work);
    return launch(normaliseRow<T, X, kPieces>, grid, block(kPieces), 0, stream, work);
}

} // namespace

Status rmsNorm(const RmsNorm& work, Stream stream)
{
    if (work.tokens == 0)
        return 0;
    return forFormat(work.type, [&]<typename T>() {
        return work.residual == Format::F32 ? normalise<T, float>(work, stream) : normalise<T, T>(work, stream);
    });
}

} // namespace argus::kernels::cuda
