#pragma once
// What the launches of the sampler share: a row of scores, what is known about it, numbers that order and weigh scores,
// and the draw.

#include "kernels/cuda/common/row_parts.cuh"
#include "kernels/cuda/sampling.h"

namespace argus::kernels::cuda::sampling {

inline constexpr int kThreads = 256; // of every block
inline constexpr int kWarps = kThreads / 32;
inline constexpr unsigned kAll = 0xffffffffu;

inline constexpr int kStrip = 256; // neighbouring ids that a warp takes at once, eight a lane
inline constexpr int kMostStrips = 1024;
inline constexpr int kMostParts = kMostStrips / kWarps;
inline constexpr int kBins = 2048;
inline constexpr int kMostListed = 2048;

/// A share of the softmax in units of 2^-kMassBits of the largest. Integers: blocks and warps add up in an order that
/// changes from run to run, and the sums do not.
using Mass = unsigned long long;
inline constexpr int kMassBits = 44;
static_assert(kMostStrips * kStrip <= 1 << (62 - kMassBits), "as many of the largest as there are ids must fit");

// ---- What blocks leave for each other ------------------------------------------------------------------------------

/// The best of some scores.
struct Best {
    Mass token;    ///< the largest penalised score in order (see ordered()), below it ~id of the lowest id that has it
    float largest; ///< scaled score
    float second;  ///< the largest scaled score of the others
    float sum;     ///< of the penalised scores, in units of 1 / kSumScale
    unsigned broken; ///< kBrokenScore, kBrokenScaled
};
inline constexpr float kSumScale = 0x1p-20f; // so that no sum of finite scores overflows
inline constexpr unsigned kBrokenScore = 1;  // a score is NaN or infinite
inline constexpr unsigned kBrokenScaled = 2; // or became so when it was scaled

enum class Stage : unsigned {
    Decided, ///< nothing is left to do
    Weigh,   ///< for the second launch
    List,    ///< for the third: the scores in bins first to last are to be listed
    Whole,   ///< likewise, but they are too many for the list
};

/// How far a row that samples has come.
struct Progress {
    Stage stage;
    float largest;       ///< scaled score
    float binsPerUnit;   ///< of scaled score
    int first;           ///< scores in bins before are kept for certain
    int last;            ///< scores in bins behind are removed for certain
    unsigned countAbove; ///< scores in bins before the first
    Mass massAbove;      ///< of these
    Mass massBelow;      ///< of the scores behind the last bin that are top-p's to remove
};

struct alignas(8) Listed {
    unsigned key; ///< the scaled score in order
    unsigned id;
};

/// A row's part of the workspace.
struct alignas(16) RowWork {
    Mass mass[kBins]; // these two are zeroed by the first launch
    unsigned count[kBins];
    Mass strips[kMostStrips]; ///< of what is kept, or kept for certain, of each strip
    Listed list[kMostListed];
    Best parts[kMostParts];
    Progress progress;
    unsigned listed;
    unsigned arrived; ///< blocks of the launch at work; zero between launches
};

// ---- Numbers -------------------------------------------------------------------------------------------------------

/// Unsigned numbers in the order of the floats; both zeros are one. Not for NaN.
__device__ __forceinline__ unsigned ordered(float score)
{
    const unsigned bits = __float_as_uint(__fadd_rn(score, 0.0f));
    return bits ^ (static_cast<unsigned>(static_cast<int>(bits) >> 31) | 0x80000000u);
}
__device__ __forceinline__ float scoreOf(unsigned key)
{
    return __uint_as_float(key & 0x80000000u ? key ^ 0x80000000u : ~key);
}

__device__ __forceinline__ Mass massOf(float scaled, float largest)
{
    return __float2ull_rn(__fmul_rn(expf(__fsub_rn(scaled, largest)), static_cast<float>(1ull << kMassBits)));
}

/// Never falls when the score does: what lies above a threshold is in its bin or before, what lies below behind or in
/// it.
__device__ __forceinline__ int binOf(float scaled, const Progress& progress)
{
    const float bin = __fmul_rn(__fsub_rn(progress.largest, scaled), progress.binsPerUnit);
    return static_cast<int>(fminf(bin, static_cast<float>(kBins - 1)));
}

/// What a row asks for.
class Rules {
public:
    __device__ Rules(const SamplingRow& row, int vocab)
        : m_temperature(row.temperature), m_topK(row.topK > 0 && row.topK < vocab ? row.topK : 0), m_topP(row.topP < 1)
    {
        // The reference rounds a probability to float before it compares, which lets half a step above the limit pass.
        const auto limit = static_cast<float>(1.0 - static_cast<double>(row.topP));
        const float above = __uint_as_float(__float_as_uint(limit) + 1);
        m_limit = 0.5 * (static_cast<double>(limit) + static_cast<double>(above));
    }
    [[nodiscard]] __device__ bool samples() const { return !(m_temperature <= 0); }
    [[nodiscard]] __device__ float temperature() const { return m_temperature; }
    /// 0: off
    [[nodiscard]] __device__ unsigned topK() const { return static_cast<unsigned>(m_topK); }
    [[nodiscard]] __device__ bool topP() const { return m_topP; }
    /// Whether top-p removes what has this mass together with all that is smaller.
    [[nodiscard]] __device__ bool removes(Mass mass, Mass total) const
    {
        return static_cast<double>(mass) <= m_limit * static_cast<double>(total);
    }

private:
    float m_temperature;
    int m_topK;
    bool m_topP;
    double m_limit;
};

/// What is kept: scores above the key, and those equal to it from an id on.
struct Threshold {
    unsigned key;
    unsigned id;
    [[nodiscard]] __device__ bool keeps(unsigned otherKey, unsigned otherId) const
    {
        return otherKey > key || (otherKey == key && otherId >= id);
    }
};

// ---- Among the threads of a block ----------------------------------------------------------------------------------

__device__ __forceinline__ int threadOf()
{
    return static_cast<int>(threadIdx.x);
}
__device__ __forceinline__ int laneOf()
{
    return threadOf() % 32;
}
__device__ __forceinline__ int warpOf()
{
    return threadOf() / 32;
}

__device__ __forceinline__ Mass warpTotal(Mass mass)
{
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
        mass += __shfl_xor_sync(kAll, mass, offset);
    return mass;
}

struct Scan {
    Mass before; ///< the sum of the threads before this one
    Mass total;
};
__device__ __forceinline__ Scan warpScan(Mass value)
{
    Mass through = value;
#pragma unroll
    for (int offset = 1; offset < 32; offset *= 2) {
        const Mass other = __shfl_up_sync(kAll, through, offset);
        through += laneOf() >= offset ? other : 0;
    }
    return {through - value, __shfl_sync(kAll, through, 31)};
}
__device__ __forceinline__ Scan blockScan(Mass value)
{
    __shared__ Mass totals[kWarps];
    Scan scan = warpScan(value);
    if (laneOf() == 0)
        totals[warpOf()] = scan.total;
    __syncthreads();
    scan.total = 0;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) {
        scan.before += warp < warpOf() ? totals[warp] : 0;
        scan.total += totals[warp];
    }
    __syncthreads();
    return scan;
}

/// True in the block of a row that arrives last; it sees what the others wrote.
__device__ __forceinline__ bool lastOfRow(RowWork& mine)
{
    __shared__ bool last;
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence(); // the barriers carry it to the whole block
        last = atomicAdd(&mine.arrived, 1u) == gridDim.x - 1;
        if (last)
            mine.arrived = 0;
        __threadfence();
    }
    __syncthreads();
    return last;
}

// ---- A row ---------------------------------------------------------------------------------------------------------

/// The scores of row blockIdx.y, penalised and scaled as they are read, in vectors of eight.
template <typename T>
class Row {
public:
    __device__ Row(const Sampling& work, const SamplingRow& row)
        : m_scores(static_cast<const T*>(work.scores) + blockIdx.y * work.scoreStride),
          m_seen(row.penalty == 1 ? nullptr : work.seen + row.slot * work.seenStride), m_penalty(row.penalty),
          m_temperature(row.temperature), m_vectors(work.vocab / 8)
    {
    }
    [[nodiscard]] __device__ int vectors() const { return m_vectors; }

    [[nodiscard]] __device__ Eight<T> load(int vector) const
    {
        return loadEight(m_scores + static_cast<std::int64_t>(vector) * 8);
    }
    __device__ void penalise(int vector, float (&scores)[8]) const
    {
        if (m_seen == nullptr)
            return;
        const unsigned marks = m_seen[vector / 4] >> (vector % 4 * 8) & 255u;
        if (marks == 0)
            return;
#pragma unroll
        for (int i = 0; i < 8; ++i)
            if (marks >> i & 1)
                scores[i] = scores[i] < 0 ? __fmul_rn(scores[i], m_penalty) : __fdiv_rn(scores[i], m_penalty);
    }
    [[nodiscard]] __device__ float scaled(float score) const
    {
        return __fdiv_rn(score, m_temperature);
    }

    /// Eight scaled scores; false for a vector behind the last, and any numbers.
    __device__ bool read(int vector, float (&scores)[8]) const
    {
        const bool exists = vector < m_vectors;
        if (exists) {
            widenEight(scores, load(vector));
            penalise(vector, scores);
        }
#pragma unroll
        for (float& score : scores)
            score = exists ? scaled(score) : 0.0f;
        return exists;
    }

private:
    const T* m_scores;
    const std::uint32_t* m_seen; // null: no penalty
    float m_penalty;
    float m_temperature;
    int m_vectors;
};

/// The vectors that this block looks through. It starts with whole strips.
struct Part {
    int begin;
    int end;
};
__device__ __forceinline__ Part partOfBlock(int vocab, int vectorsEach)
{
    const int begin = static_cast<int>(blockIdx.x) * vectorsEach;
    return {begin, min(begin + vectorsEach, vocab / 8)};
}

// ---- The draw ------------------------------------------------------------------------------------------------------

/// By one thread.
__device__ __forceinline__ void decide(const Sampling& work, int slot, int token)
{
    work.tokens[slot] = token;
    work.drawn[blockIdx.y] = token;
    if (token >= 0)
        atomicOr(&work.seen[slot * work.seenStride + token / 32], 1u << token % 32);
}

/// The strip in which the running sum of the masses passes `uniform` of their total, and how far into its mass.
struct Target {
    int strip;
    Mass rest;
};
__device__ __forceinline__ Target targetStrip(const RowWork& mine, int strips, double uniform)
{
    constexpr int kEach = kMostStrips / kThreads;
    __shared__ Target target;
    Mass masses[kEach];
    Mass sum = 0;
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
        const int strip = threadOf() * kEach + i;
        masses[i] = strip < strips ? __ldcg(&mine.strips[strip]) : 0;
        sum += masses[i];
    }
    const Scan scan = blockScan(sum);
    // The running sum must exceed this, and the total does, whatever the product was rounded to.
    const Mass wanted = min(static_cast<Mass>(uniform * static_cast<double>(scan.total)), scan.total - 1);
    Mass before = scan.before;
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
        if (before <= wanted && wanted < before + masses[i])
            target = {threadOf() * kEach + i, wanted - before};
        before += masses[i];
    }
    __syncthreads();
    return target;
}

/// Draws from what is kept; mine.strips says what that weighs. By the whole block, as the last thing it does.
template <typename T>
__device__ __forceinline__ void draw(const Sampling& work, const SamplingRow& asked, const RowWork& mine,
                                     const Row<T>& row, Threshold threshold)
{
    const Target target = targetStrip(mine, (row.vectors() + 31) / 32, asked.uniform);
    if (warpOf() != 0)
        return;
    const int vector = target.strip * 32 + laneOf();
    float scores[8];
    const bool exists = row.read(vector, scores);
    Mass masses[8];
    Mass sum = 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        const bool kept = exists && threshold.keeps(ordered(scores[i]), static_cast<unsigned>(vector * 8 + i));
        masses[i] = kept ? massOf(scores[i], mine.progress.largest) : 0;
        sum += masses[i];
    }
    Mass before = warpScan(sum).before;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        if (before <= target.rest && target.rest < before + masses[i])
            decide(work, asked.slot, vector * 8 + i);
        before += masses[i];
    }
}

} // namespace argus::kernels::cuda::sampling
