#pragma once
// One row: what a single conversation's decode step consists of. The matrix goes from memory straight into the
// fragments of the tensor cores; nothing is staged but the row itself.

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/mma.cuh"
#include "kernels/cuda/common/norm.cuh"
#include "kernels/cuda/common/turn.cuh"
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
// Of a multiprocessor's memory, for rows: two of the longest. Loads of weights are under way in the rest, the
// first-level cache; with twice as much for rows they stand in each other's way, and with little neighbours of other
// widths do.
constexpr int kSharedPercent = 44;

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

/// The gain on its way to where the normalised row will lie: each thread fetches what it will use itself, so that no
/// barrier is needed. A gain never changes: this may come before waitForPrevious().
template <typename T>
__device__ __forceinline__ void fetchGain(T* to, const Skinny& work)
{
    if (work.gain == nullptr)
        return;
    for (int k = static_cast<int>(threadIdx.x) * 8; k < work.inputs; k += kThreads * 8)
        copyAsync16(to + k, static_cast<const T*>(work.gain) + k);
    closeCopyGroup();
}

/// The row, normalised when there is a gain (which fetchGain() has sent for), into shared memory.
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
    waitForCopies<0>();
    for (int k = first; k < work.inputs; k += kThreads * 8)
        storeEight(to + k, scaled(loadEight(x + k), scale, loadEight(to + k)));
}

// What becomes of the sum of an output: of the two kinds, each with the same shape. begin() is called where a tile
// begins, so that what it reads has come when the sums have. Only threads below kTile call anything, the thread p for
// place p of a tile.

/// Of Plainly: all that it needs is in Skinny.
struct NoTarget {};

/// Tiles as they lie, and the epilogues of Skinny.
template <typename T>
class Plainly {
public:
    __device__ __forceinline__ explicit Plainly(NoTarget) {}
    /// The first output of a tile, and how far the upper half of its outputs is from the lower.
    __device__ __forceinline__ int firstOf(int tile) const { return tile * kTile; }
    __device__ __forceinline__ int upperHalf() const { return kTile / 2; }
    /// What no other kernel writes.
    __device__ __forceinline__ void beginConstant(const Skinny& work, int tile)
    {
        m_output = tile * kTile + static_cast<int>(threadIdx.x);
        m_bias = work.bias != nullptr ? toFloat(static_cast<const T*>(work.bias)[m_output]) : 0.0f;
    }
    __device__ __forceinline__ void begin(const Skinny& work)
    {
        if (work.epilogue == SkinnyEpilogue::Accumulate)
            m_before = work.out == Format::F32 ? __ldcg(static_cast<const float*>(work.y) + m_output)
                                               : toFloat(static_cast<const T*>(work.y)[m_output]);
    }
    __device__ __forceinline__ void finish(const Skinny& work, float value) const
    {
        if (work.bias != nullptr)
            value += m_bias;
        if (work.epilogue == SkinnyEpilogue::SiluMul) {
            const float rounded = toFloat(fromFloat<T>(value));
            const float up = __shfl_down_sync(0xffffu, rounded, 1);
            const float gate = toFloat(fromFloat<T>(rounded / (1.0f + expf(-rounded))));
            if (m_output % 2 == 0)
                static_cast<T*>(work.y)[m_output / 2] = fromFloat<T>(gate * up);
            return;
        }
        if (work.epilogue == SkinnyEpilogue::Accumulate)
            value += m_before;
        if (work.out == Format::F32)
            static_cast<float*>(work.y)[m_output] = value;
        else
            static_cast<T*>(work.y)[m_output] = fromFloat<T>(value);
    }

private:
    int m_output = 0;
    float m_bias = 0;
    float m_before = 0;
};

/// Tiles of eight dimensions of a head and the eight that turn with them; results as rotateIntoCache() leaves them.
template <typename T>
class IntoCache {
public:
    __device__ __forceinline__ explicit IntoCache(const SkinnyIntoCache& work) : m_work(work) {}
    __device__ __forceinline__ int firstOf(int tile) const
    {
        const int ofHead = m_work.headDim / kTile;
        return tile / ofHead * m_work.headDim + tile % ofHead * (kTile / 2);
    }
    __device__ __forceinline__ int upperHalf() const { return m_work.headDim / 2; }
    __device__ __forceinline__ void beginConstant(const Skinny& work, int tile)
    {
        const int place = static_cast<int>(threadIdx.x);
        m_output = firstOf(tile) + place % 8 + place / 8 * upperHalf();
        m_bias = work.bias != nullptr ? toFloat(static_cast<const T*>(work.bias)[m_output]) : 0.0f;
    }
    __device__ __forceinline__ void begin(const Skinny&)
    {
        const int j = m_output % m_work.headDim % upperHalf();
        m_cosine = __ldcg(m_work.cosines + j);
        m_sine = __ldcg(m_work.sines + j);
        m_place = __ldg(m_work.places);
    }
    __device__ __forceinline__ void finish(const Skinny& work, float value) const
    {
        const float own = toFloat(fromFloat<T>(value + m_bias));
        const float other = __shfl_xor_sync(0xffffu, own, 8);
        if (m_place < 0)
            return;
        const int head = m_output / m_work.headDim;
        const int dim = m_output % m_work.headDim;
        const bool turns = head < m_work.heads + m_work.kvHeads;
        const float result = !turns              ? own
                             : dim < upperHalf() ? turnedLow(own, other, m_cosine, m_sine)
                                                 : turnedHigh(other, own, m_cosine, m_sine);
        T* to = static_cast<T*>(work.y) + m_output;
        if (head >= m_work.heads) {
            const int kvHead = head - m_work.heads - (turns ? 0 : m_work.kvHeads);
            const std::int64_t block = m_place / m_work.blockTokens;
            const int offset = m_place % m_work.blockTokens;
            to = static_cast<T*>(turns ? m_work.keys : m_work.values) +
                 ((block * m_work.kvHeads + kvHead) * m_work.blockTokens + offset) * m_work.headDim + dim;
        }
        *to = fromFloat<T>(result);
    }

private:
    SkinnyIntoCache m_work;
    int m_output = 0;
    int m_place = 0;
    float m_bias = 0;
    float m_cosine = 0;
    float m_sine = 0;
};

/// `Target` is NoTarget or SkinnyIntoCache, what Epilogue is made of.
template <typename T, typename X, typename Epilogue, typename Target>
__global__ void __launch_bounds__(kThreads, kBlocks) multiplyOneRow(Skinny work, Target target)
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
    Epilogue epilogue(target);
    const std::int64_t upperHalf = std::int64_t{epilogue.upperHalf()} * work.inputs;
    const T* const weight = static_cast<const T*>(work.weight) + std::int64_t{g} * work.inputs + t * 8;

    // The next piece to load. The sequence runs through this block's tiles without a break, each filled up with empty
    // steps to a multiple of kDepth, so that a piece's place among the registers is a constant.
    const int steps = (mine + kDepth - 1) / kDepth * kDepth;
    int loadTile = static_cast<int>(blockIdx.x);
    int loadStep = 0;
    const auto next = [&](Piece& piece) {
        if (loadStep < mine && loadTile < tiles)
            piece = loadPiece(weight + std::int64_t{epilogue.firstOf(loadTile)} * work.inputs +
                                  (warp + loadStep * kWarps) * kChunk,
                              upperHalf);
        if (++loadStep >= steps) {
            loadStep = 0;
            loadTile += static_cast<int>(gridDim.x);
        }
    };
    letNextStart(); // what fits beside us fetches its first weights too
    Piece pieces[kDepth];
#pragma unroll
    for (Piece& piece : pieces)
        next(piece);
    fetchGain(staged, work);
    if (threadIdx.x < kTile)
        epilogue.beginConstant(work, static_cast<int>(blockIdx.x));
    waitForPrevious();
    if (threadIdx.x < kTile)
        epilogue.begin(work);
    stageRow<T, X>(staged, work, squares);
    __syncthreads();

    int turn = 0;
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x), turn ^= 1) {
        if (threadIdx.x < kTile && tile != static_cast<int>(blockIdx.x)) {
            epilogue.beginConstant(work, tile);
            epilogue.begin(work);
        }
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
            epilogue.finish(work, value);
        }
    }
}

/// Whether one_row::run() serves this product.
[[nodiscard]] inline bool fits(const Skinny& work)
{
    return work.rows == 1 && static_cast<std::size_t>(work.inputs) * 2 <= kMostShared - 2048;
}

template <typename T, typename Epilogue, typename Target>
[[nodiscard]] Status run(const Skinny& work, const Target& target, Stream stream)
{
    const auto kernel = work.gain != nullptr && work.xType == Format::F32 ? multiplyOneRow<T, float, Epilogue, Target>
                                                                          : multiplyOneRow<T, T, Epilogue, Target>;
    // Kernels that want different divisions of a multiprocessor's memory cannot overlap on it: all of one row want the
    // same.
    if (programmaticLaunchAllowed()) {
        const cudaError_t error =
            cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, kSharedPercent);
        if (error != cudaSuccess)
            return static_cast<Status>(error);
    }
    const int blocks = std::min(work.outputs / kTile, work.processors * kBlocks);
    return launch(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads),
                  static_cast<std::size_t>(work.inputs) * 2, stream, work, target);
}

} // namespace argus::kernels::cuda::products::one_row
