#pragma once
// One row: what a single conversation's decode step consists of. The matrix goes from memory straight into registers;
// nothing is staged but the row itself. Here is what dense (one_row_dense.cuh) and packed (one_row_awq.cuh) matrices
// have in common.

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/norm.cuh"
#include "kernels/cuda/common/turn.cuh"
#include "kernels/cuda/skinny.h"

#include <algorithm>

namespace argus::kernels::cuda::products::one_row {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;
// For the row: of the 48 KB that every GPU grants without being asked, what sums, squares and the driver leave.
constexpr std::size_t kMostRowBytes = 44 * 1024;

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

/// The row as it is into shared memory: each warp sends for what it will use itself, all of it at once, and waits for
/// nobody else.
template <typename T, int kChunk>
__device__ __forceinline__ void stageOwn(T* to, const Skinny& work)
{
    constexpr int kPieces = kChunk / 8; // of 16 bytes
    const T* const x = static_cast<const T*>(work.x);
    const int lane = static_cast<int>(threadIdx.x) % 32;
    for (int chunk = static_cast<int>(threadIdx.x) / 32 + lane / kPieces * kWarps; chunk * kChunk < work.inputs;
         chunk += 32 / kPieces * kWarps) {
        const int k = chunk * kChunk + lane % kPieces * 8;
        if (k < work.inputs)
            copyAsync16(to + k, x + k);
        else // the rest of a last chunk that is not whole is multiplied too, with weights of zero
            *reinterpret_cast<uint4*>(to + k) = {};
    }
    closeCopyGroup();
    waitForCopies<0>();
    __syncwarp();
}

/// The value's sum over the block, added in the order of blockSum(), behind one barrier. `sums` is not used again.
__device__ __forceinline__ float sumOfAll(float value, float (&sums)[kWarps])
{
    static_assert(kWarps == 8);
    value = warpSum(value);
    if (threadIdx.x % 32 == 0)
        sums[threadIdx.x / 32] = value;
    __syncthreads();
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/// The row, normalised with the gain that fetchGain() has sent for, into shared memory.
template <typename T, typename X>
__device__ __forceinline__ void stageWithGain(T* to, const Skinny& work, float (&sums)[kWarps])
{
    constexpr int kHeld = 2; // eights of a thread that are not read again, which everything would wait for
    constexpr int kStride = kThreads * 8;
    const X* const x = static_cast<const X*>(work.x);
    const int first = static_cast<int>(threadIdx.x) * 8;
    Eight<X> held[kHeld];
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
        if (const int k = first + i * kStride; k < work.inputs)
            held[i] = loadEight(x + k);
    float squares = 0;
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
        if (first + i * kStride < work.inputs)
            squares += squaresOf(held[i]);
#pragma unroll 1
    for (int k = first + kHeld * kStride; k < work.inputs; k += kStride)
        squares += squaresOf(loadEight(x + k));
    const float scale = rsqrtf(sumOfAll(squares, sums) / static_cast<float>(work.inputs) + work.epsilon);
    waitForCopies<0>();
#pragma unroll
    for (int i = 0; i < kHeld; ++i)
        if (const int k = first + i * kStride; k < work.inputs)
            storeEight(to + k, scaled(held[i], scale, loadEight(to + k)));
#pragma unroll 1
    for (int k = first + kHeld * kStride; k < work.inputs; k += kStride)
        storeEight(to + k, scaled(loadEight(x + k), scale, loadEight(to + k)));
}

// What becomes of the sum of an output: of the two kinds, each with the same shape. kUnit outputs are taken at a time,
// a unit: two halves that may lie apart. begin() is called where a unit begins, so that what it reads has come when the
// sums have. The first kUnit lanes of a warp call it and what follows, each for its place in the unit.

/// Of Plainly: all that it needs is in Skinny.
struct NoTarget {};

template <int kUnit>
constexpr unsigned kUnitThreads = static_cast<unsigned>((std::uint64_t{1} << kUnit) - 1);

/// Units as they lie, and the epilogues of Skinny.
template <typename T, int kUnit>
class Plainly {
public:
    __device__ __forceinline__ explicit Plainly(NoTarget) {}
    /// The first output of a unit, and how far the upper half of its outputs is from the lower.
    __device__ __forceinline__ int firstOf(int unit) const { return unit * kUnit; }
    __device__ __forceinline__ int upperHalf() const { return kUnit / 2; }
    /// What no other kernel writes.
    __device__ __forceinline__ void beginConstant(const Skinny& work, int unit, int place)
    {
        m_output = unit * kUnit + place;
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
            const float up = __shfl_down_sync(kUnitThreads<kUnit>, rounded, 1);
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

/// Units of some dimensions of a head and as many that turn with them; results as rotateIntoCache() leaves them.
template <typename T, int kUnit>
class IntoCache {
public:
    __device__ __forceinline__ explicit IntoCache(const SkinnyIntoCache& work) : m_work(work) {}
    __device__ __forceinline__ int firstOf(int unit) const
    {
        const int ofHead = m_work.headDim / kUnit;
        return unit / ofHead * m_work.headDim + unit % ofHead * (kUnit / 2);
    }
    __device__ __forceinline__ int upperHalf() const { return m_work.headDim / 2; }
    __device__ __forceinline__ void beginConstant(const Skinny& work, int unit, int place)
    {
        constexpr int kHalf = kUnit / 2;
        m_output = firstOf(unit) + place % kHalf + place / kHalf * upperHalf();
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
        const float other = __shfl_xor_sync(kUnitThreads<kUnit>, own, kUnit / 2);
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
template <typename Matrix, typename X, typename Epilogue, typename Target>
__global__ void __launch_bounds__(kThreads, Matrix::kBlocks) multiplyOneRow(Skinny work, Matrix matrix, Target target)
{
    using T = typename Matrix::Type;
    constexpr int kUnit = Matrix::kUnit;
    constexpr int kDepth = Matrix::kDepth;
    extern __shared__ uint4 memory[];
    T* const staged = reinterpret_cast<T*>(memory);
    __shared__ float sums[2][kWarps][kUnit]; // two units take turns: one barrier each
    __shared__ float squares[kWarps];

    const int thread = static_cast<int>(threadIdx.x);
    const int warp = thread / 32;
    const int chunks = (work.inputs + Matrix::kChunk - 1) / Matrix::kChunk;
    const int mine = (chunks - warp + kWarps - 1) / kWarps; // chunks of this warp in a unit
    const int units = work.outputs / kUnit;
    Epilogue epilogue(target);
    const typename Matrix::Lane lane(matrix, epilogue.upperHalf());

    // The sequence of pieces runs through this block's units without a break; a warp without a chunk of its own still
    // comes to the barriers.
    const int steps = max(mine, 1);
    int loadUnit = static_cast<int>(blockIdx.x);
    int loadStep = 0;
    const auto next = [&](typename Matrix::Piece& piece) {
        if (loadStep < mine && loadUnit < units)
            piece = lane.load(epilogue.firstOf(loadUnit), warp + loadStep * kWarps);
        if (++loadStep >= steps) {
            loadStep = 0;
            loadUnit += static_cast<int>(gridDim.x);
        }
    };
    letNextStart(); // what fits beside us fetches its first weights too
    typename Matrix::Piece pieces[kDepth];
#pragma unroll
    for (typename Matrix::Piece& piece : pieces)
        next(piece);
    fetchGain(staged, work);
    if (thread < kUnit)
        epilogue.beginConstant(work, static_cast<int>(blockIdx.x), thread);
    waitForPrevious();
    if (thread < kUnit)
        epilogue.begin(work);
    if (work.gain == nullptr) {
        stageOwn<T, Matrix::kChunk>(staged, work);
    } else {
        stageWithGain<T, X>(staged, work, squares);
        // Of a last chunk that is not whole the rest is multiplied too, with weights of zero.
        if (const int k = work.inputs + thread * 8; k < chunks * Matrix::kChunk)
            *reinterpret_cast<uint4*>(staged + k) = {};
        __syncthreads();
    }

    int unit = static_cast<int>(blockIdx.x);
    int step = 0;
    int turn = 0;
    typename Matrix::Sums mySums;
    while (unit < units) {
#pragma unroll
        for (int u = 0; u < kDepth; ++u) {
            if (unit >= units)
                break;
            if (step < mine)
                mySums.add(pieces[u], staged + (warp + step * kWarps) * Matrix::kChunk);
            next(pieces[u]);
            if (++step < steps)
                continue;
            mySums.leave(sums[turn][warp]);
            __syncthreads();
            step = 0;
            unit += static_cast<int>(gridDim.x);
            if (thread < kUnit) {
                float value = 0;
#pragma unroll
                for (int w = 0; w < kWarps; ++w)
                    value += sums[turn][w][thread];
                epilogue.finish(work, value);
                if (unit < units) {
                    epilogue.beginConstant(work, unit, thread);
                    epilogue.begin(work);
                }
            }
            turn ^= 1;
            mySums = {};
        }
    }
}

/// Whether one_row::run() serves this product.
[[nodiscard]] inline bool fits(const Skinny& work)
{
    return work.rows == 1 && static_cast<std::size_t>(work.inputs) * 2 <= kMostRowBytes;
}

template <typename Epilogue, typename Matrix, typename Target>
[[nodiscard]] Status run(const Skinny& work, const Matrix& matrix, const Target& target, Stream stream)
{
    using T = typename Matrix::Type;
    const auto kernel = work.gain != nullptr && work.xType == Format::F32
                            ? multiplyOneRow<Matrix, float, Epilogue, Target>
                            : multiplyOneRow<Matrix, T, Epilogue, Target>;
    if (const Status status = divideAsProductsDo(kernel); status != 0)
        return status;
    // Blocks of equal work share the bandwidth of memory fairly, however few multiprocessors they leave idle.
    const int units = work.outputs / Matrix::kUnit;
    const int most = work.processors * Matrix::kBlocks;
    const int rounds = (units + most - 1) / most;
    const int blocks = (units + rounds - 1) / rounds;
    const int staged = (work.inputs + Matrix::kChunk - 1) / Matrix::kChunk * Matrix::kChunk;
    return launch(kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), static_cast<std::size_t>(staged) * 2,
                  stream, work, matrix, target);
}

template <typename Matrix>
[[nodiscard]] Status runPlainly(const Skinny& work, const Matrix& matrix, Stream stream)
{
    return run<Plainly<typename Matrix::Type, Matrix::kUnit>>(work, matrix, NoTarget{}, stream);
}

template <typename Matrix>
[[nodiscard]] Status runIntoCache(const Skinny& work, const Matrix& matrix, const SkinnyIntoCache& target,
                                  Stream stream)
{
    return run<IntoCache<typename Matrix::Type, Matrix::kUnit>>(work, matrix, target, stream);
}

} // namespace argus::kernels::cuda::products::one_row
