#include "kernels/cuda/sampling.h"

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/sampling/row.cuh"
#include "kernels/cuda/sampling/threshold.cuh"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstddef>

// Three launches, always; a row leaves after the first that decides it. Each cuts a row into parts, a block a part, and
// the last block of a row to arrive goes on for the row.
//
//   findBest   the largest score. Decides greedy rows, and rows that can draw nothing but their best token
//   weigh      what the scores weigh in the softmax, by strips of the vocabulary and by bins of the score. Decides rows
//              that keep everything. For the others the bins say which scores are kept for certain and which certainly
//              not
//   settle     lists the few scores in between and finds the threshold among them
//
// A row is drawn from in two steps: the strip of the vocabulary, by the masses of all of them, then the id in the
// strip.

namespace argus::kernels::cuda {
namespace {

using namespace sampling;

// ---- First launch --------------------------------------------------------------------------------------------------

__device__ __forceinline__ Best nothing()
{
    return {0, -INFINITY, -INFINITY, 0, 0};
}
__device__ __forceinline__ Best merged(const Best& a, const Best& b)
{
    return {max(a.token, b.token), fmaxf(a.largest, b.largest),
            fmaxf(fminf(a.largest, b.largest), fmaxf(a.second, b.second)), a.sum + b.sum, a.broken | b.broken};
}
__device__ __forceinline__ Best otherLane(const Best& best, int offset)
{
    return {__shfl_xor_sync(kAll, best.token, offset), __shfl_xor_sync(kAll, best.largest, offset),
            __shfl_xor_sync(kAll, best.second, offset), __shfl_xor_sync(kAll, best.sum, offset),
            __shfl_xor_sync(kAll, best.broken, offset)};
}
/// The same in every thread.
__device__ __forceinline__ Best blockBest(Best best)
{
    __shared__ Best bests[kWarps];
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2)
        best = merged(best, otherLane(best, offset));
    if (laneOf() == 0)
        bests[warpOf()] = best;
    __syncthreads();
    best = bests[0];
#pragma unroll
    for (int warp = 1; warp < kWarps; ++warp)
        best = merged(best, bests[warp]);
    __syncthreads();
    return best;
}

/// What a thread has seen.
class Sighting {
public:
    __device__ explicit Sighting(int firstId) : m_id(firstId) {}

    /// Before the penalty.
    __device__ void check(const float (&scores)[8])
    {
#pragma unroll
        for (const float score : scores)
            m_zero = fmaf(score, 0.0f, m_zero);
    }
    /// Ids must rise.
    __device__ void compare(const float (&scores)[8], int firstId)
    {
#pragma unroll
        for (int i = 0; i < 8; ++i)
            if (scores[i] > m_score) {
                m_score = scores[i];
                m_id = firstId + i;
            }
    }
    template <typename T>
    __device__ void compareScaled(const float (&scores)[8], const Row<T>& row)
    {
#pragma unroll
        for (const float score : scores) {
            const float scaled = row.scaled(score);
            m_zeroScaled = fmaf(scaled, 0.0f, m_zeroScaled);
            m_second = fmaxf(m_second, fminf(m_largest, scaled));
            m_largest = fmaxf(m_largest, scaled);
            m_sum = fmaf(score, kSumScale, m_sum);
        }
    }
    [[nodiscard]] __device__ Best best() const
    {
        const Mass token = static_cast<Mass>(ordered(m_score)) << 32 | ~static_cast<unsigned>(m_id);
        return {token, m_largest, m_second, m_sum,
                (m_zero == 0 ? 0 : kBrokenScore) | (m_zeroScaled == 0 ? 0 : kBrokenScaled)};
    }

private:
    float m_score = -INFINITY;
    int m_id;
    float m_zero = 0;       // NaN once a score was not finite
    float m_zeroScaled = 0; // likewise when scaled
    float m_largest = -INFINITY;
    float m_second = -INFINITY;
    float m_sum = 0;
};

/// What this thread sees of the block's part; `next` is its first vector.
template <typename T>
__device__ __forceinline__ Best bestOfThread(const Row<T>& row, Eight<T> next, Part part, bool samples)
{
    int vector = part.begin + threadOf();
    if (vector >= part.end)
        return nothing();
    Sighting seen(vector * 8);
    for (; vector < part.end; vector += kThreads) {
        float scores[8];
        widenEight(scores, next);
        if (vector + kThreads < part.end)
            next = row.load(vector + kThreads);
        seen.check(scores);
        row.penalise(vector, scores);
        seen.compare(scores, vector * 8);
        if (samples)
            seen.compareScaled(scores, row);
    }
    return seen.best();
}

/// Bins as wide as suits the row: half of them lie between its largest score and its mean. 0, one bin, when all tie.
__device__ __forceinline__ float binsPerUnit(const Best& best, float temperature, int vocab)
{
    const float largest = scoreOf(static_cast<unsigned>(best.token >> 32));
    const float gap = largest - best.sum / static_cast<float>(vocab) / kSumScale;
    return gap > 0 ? fminf(static_cast<float>(kBins / 2) * temperature / gap, FLT_MAX) : 0.0f;
}

/// By one thread, for the row.
__device__ __forceinline__ void judge(const Sampling& work, int slot, const Rules& rules, RowWork& mine,
                                      const Best& best)
{
    const bool alone = (rules.topK() == 1 && best.second < best.largest) || massOf(best.second, best.largest) == 0;
    mine.listed = 0;
    mine.progress.stage = Stage::Decided;
    if (best.broken & kBrokenScore) {
        decide(work, slot, -1);
    } else if (!rules.samples() || best.broken & kBrokenScaled || alone) {
        decide(work, slot, static_cast<int>(~static_cast<unsigned>(best.token)));
    } else {
        mine.progress.stage = Stage::Weigh;
        mine.progress.largest = best.largest;
        mine.progress.binsPerUnit = binsPerUnit(best, rules.temperature(), work.vocab);
    }
}

/// Zeros where the second launch adds up; each block of the row clears its share.
__device__ __forceinline__ void clearBins(RowWork& mine)
{
    constexpr unsigned kPieces = (sizeof mine.mass + sizeof mine.count) / sizeof(uint4);
    auto* pieces = reinterpret_cast<uint4*>(mine.mass);
    for (unsigned i = blockIdx.x * kThreads + threadIdx.x; i < kPieces; i += gridDim.x * kThreads)
        pieces[i] = make_uint4(0, 0, 0, 0);
}
static_assert(offsetof(RowWork, mass) == 0 && offsetof(RowWork, count) == sizeof(RowWork::mass));

template <typename T>
__global__ void __launch_bounds__(kThreads, 4) findBest(Sampling work, int vectorsEach)
{
    waitForPrevious();
    const SamplingRow asked = work.sampling[blockIdx.y];
    const Row<T> row(work, asked);
    const Part part = partOfBlock(work.vocab, vectorsEach);
    Eight<T> first{}; // on its way together with what the row asks for
    if (part.begin + threadOf() < part.end)
        first = row.load(part.begin + threadOf());
    letNextStart();
    if (asked.slot < 0)
        return;
    const Rules rules(asked, work.vocab);
    RowWork& mine = static_cast<RowWork*>(work.workspace)[blockIdx.y];
    const Best best = blockBest(bestOfThread(row, first, part, rules.samples()));
    if (threadIdx.x == 0)
        mine.parts[blockIdx.x] = best;
    if (rules.samples())
        clearBins(mine);
    if (!lastOfRow(mine))
        return;
    const Best whole = blockBest(threadIdx.x < gridDim.x ? mine.parts[threadIdx.x] : nothing());
    if (threadIdx.x == 0)
        judge(work, asked.slot, rules, mine, whole);
}

// ---- Second launch -------------------------------------------------------------------------------------------------

/// The masses of this block's strips, and its scores by bin.
template <typename T>
__device__ __forceinline__ void weighPart(RowWork& mine, const Row<T>& row, Part part, bool byBin,
                                          Histogram<kBins>& bins)
{
    const Progress progress = mine.progress;
    for (int begin = part.begin + warpOf() * 32; begin < part.end; begin += kThreads) {
        float scores[8];
        const bool exists = row.read(begin + laneOf(), scores);
        Mass sum = 0;
#pragma unroll
        for (const float score : scores) {
            const Mass mass = exists ? massOf(score, progress.largest) : 0;
            sum += mass;
            if (byBin)
                bins.add(exists ? binOf(score, progress) : -1, mass);
        }
        sum = warpTotal(sum);
        if (laneOf() == 0)
            mine.strips[begin / 32] = sum;
    }
}

__device__ __forceinline__ void addBins(RowWork& mine, const Histogram<kBins>& bins)
{
    __syncthreads();
    for (int bin = threadOf(); bin < kBins; bin += kThreads) {
        if (bins.counts[bin] == 0)
            continue;
        atomicAdd(&mine.count[bin], bins.counts[bin]);
        if (const Mass mass = bins.mass(bin); mass != 0)
            atomicAdd(&mine.mass[bin], mass);
    }
}

/// A thread's bins, and what all bins before them hold.
struct BinRun {
    static constexpr int kSize = kBins / kThreads;
    Mass masses[kSize];
    unsigned counts[kSize];
    Scan mass;
    Mass countBefore;

    __device__ explicit BinRun(const RowWork& mine)
    {
        Mass massSum = 0;
        Mass countSum = 0;
#pragma unroll
        for (int i = 0; i < kSize; ++i) {
            masses[i] = __ldcg(&mine.mass[threadOf() * kSize + i]);
            counts[i] = __ldcg(&mine.count[threadOf() * kSize + i]);
            massSum += masses[i];
            countSum += counts[i];
        }
        mass = blockScan(massSum);
        countBefore = blockScan(countSum).before;
    }
    /// use(bin, mass before it, count before it, its mass, its count)
    template <typename Use>
    __device__ void forEach(Use use) const
    {
        Mass massSum = mass.before;
        Mass countSum = countBefore;
#pragma unroll
        for (int i = 0; i < kSize; ++i) {
            use(threadOf() * kSize + i, massSum, static_cast<unsigned>(countSum), masses[i], counts[i]);
            massSum += masses[i];
            countSum += counts[i];
        }
    }
};

/// Which bins are kept for certain, and which removed. Top-k ends in the bin of the k-th largest score; how much of
/// that bin it keeps is open. Top-p counts in shares of what top-k keeps. The less that is, the more falls to top-p, so
/// it ends between the bin where it would if nothing of top-k's last bin were kept, and that last bin.
__device__ __forceinline__ void chooseBins(RowWork& mine, const Rules& rules)
{
    __shared__ int topKEnd;
    __shared__ int topPEnd;
    __shared__ Mass least; // that top-k can keep
    __shared__ unsigned through;
    __shared__ Progress progress;
    const BinRun run(mine);
    if (threadIdx.x == 0) {
        topKEnd = kBins - 1;
        topPEnd = 0;
        least = run.mass.total;
        progress = mine.progress;
    }
    __syncthreads();
    run.forEach([&](int bin, Mass massBefore, unsigned before, Mass, unsigned count) {
        if (before < rules.topK() && rules.topK() <= before + count) {
            topKEnd = bin;
            least = massBefore;
        }
    });
    __syncthreads();
    run.forEach([&](int bin, Mass massBefore, unsigned, Mass, unsigned) {
        if (rules.topP() && bin <= topKEnd && massBefore < least && !rules.removes(least - massBefore, least))
            atomicMax(&topPEnd, bin);
    });
    __syncthreads();
    const int first = rules.topP() ? topPEnd : topKEnd;
    const int last = rules.topK() != 0 ? topKEnd : topPEnd;
    run.forEach([&](int bin, Mass massBefore, unsigned before, Mass mass, unsigned count) {
        if (bin == first) {
            progress.first = first;
            progress.countAbove = before;
            progress.massAbove = massBefore;
        }
        if (bin == last) {
            progress.last = last;
            progress.massBelow = rules.topK() != 0 ? 0 : run.mass.total - massBefore - mass;
            through = before + count;
        }
    });
    __syncthreads();
    if (threadIdx.x == 0) {
        progress.stage = through - progress.countAbove <= kMostListed ? Stage::List : Stage::Whole;
        mine.progress = progress;
    }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) weigh(Sampling work, int vectorsEach)
{
    __shared__ Histogram<kBins> bins;
    waitForPrevious();
    letNextStart();
    const SamplingRow asked = work.sampling[blockIdx.y];
    const Rules rules(asked, work.vocab);
    RowWork& mine = static_cast<RowWork*>(work.workspace)[blockIdx.y];
    if (asked.slot < 0 || !rules.samples() || mine.progress.stage != Stage::Weigh)
        return;
    const Row<T> row(work, asked);
    const bool keepsAll = rules.topK() == 0 && !rules.topP();
    if (!keepsAll)
        bins.clear();
    weighPart(mine, row, partOfBlock(work.vocab, vectorsEach), !keepsAll, bins);
    if (!keepsAll)
        addBins(mine, bins);
    if (!lastOfRow(mine))
        return;
    if (!keepsAll) {
        chooseBins(mine, rules);
        return;
    }
    draw(work, asked, mine, row, Threshold{0, 0});
    if (threadIdx.x == 0)
        mine.progress.stage = Stage::Decided;
}

// ---- Third launch --------------------------------------------------------------------------------------------------

/// Appends what of this block's part lies in the open bins, and weighs what lies before them.
template <typename T>
__device__ __forceinline__ void listPart(RowWork& mine, const Row<T>& row, Part part)
{
    const Progress progress = mine.progress;
    for (int begin = part.begin + warpOf() * 32; begin < part.end; begin += kThreads) {
        float scores[8];
        const int vector = begin + laneOf();
        const bool exists = row.read(vector, scores);
        Mass sum = 0;
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const int bin = exists ? binOf(scores[i], progress) : kBins;
            if (bin < progress.first)
                sum += massOf(scores[i], progress.largest);
            const bool open = bin >= progress.first && bin <= progress.last;
            const unsigned lanes = __ballot_sync(kAll, open);
            if (lanes == 0)
                continue;
            unsigned at = laneOf() == 0 ? atomicAdd(&mine.listed, static_cast<unsigned>(__popc(lanes))) : 0;
            at = __shfl_sync(kAll, at, 0) + static_cast<unsigned>(__popc(lanes & ((1u << laneOf()) - 1)));
            if (open && at < kMostListed)
                mine.list[at] = {ordered(scores[i]), static_cast<unsigned>(vector * 8 + i)};
        }
        sum = warpTotal(sum);
        if (laneOf() == 0)
            mine.strips[begin / 32] = sum;
    }
}

/// Finds the threshold among the listed scores, and adds what is kept of them to the strips.
__device__ __forceinline__ Threshold settleList(RowWork& mine, const Rules& rules, Histogram<256>& digits)
{
    __shared__ Listed entries[kMostListed];
    const int size = static_cast<int>(min(__ldcg(&mine.listed), static_cast<unsigned>(kMostListed)));
    for (int i = threadOf(); i < size; i += kThreads) {
        const uint2 entry = __ldcg(reinterpret_cast<const uint2*>(&mine.list[i]));
        entries[i] = {entry.x, entry.y};
    }
    __syncthreads();
    const Progress progress = mine.progress;
    const Threshold threshold = thresholdOf(ShortList{entries, size}, progress, rules, digits);
    for (int i = threadOf(); i < size; i += kThreads)
        if (threshold.keeps(entries[i].key, entries[i].id))
            atomicAdd(&mine.strips[entries[i].id / kStrip], massOf(scoreOf(entries[i].key), progress.largest));
    __syncthreads();
    return threshold;
}

/// The same by one block without a list: for rows of which thousands tie, or a large k of which top-p keeps little.
template <typename T>
__device__ __forceinline__ Threshold settleWhole(RowWork& mine, const Row<T>& row, const Rules& rules,
                                                 Histogram<256>& digits)
{
    Progress progress{};
    progress.largest = mine.progress.largest;
    const Threshold threshold = thresholdOf(WholeRow<T>{row}, progress, rules, digits);
    for (int begin = warpOf() * 32; begin < row.vectors(); begin += kThreads) {
        float scores[8];
        const int vector = begin + laneOf();
        const bool exists = row.read(vector, scores);
        Mass mass = 0;
#pragma unroll
        for (int i = 0; i < 8; ++i)
            if (exists && threshold.keeps(ordered(scores[i]), static_cast<unsigned>(vector * 8 + i)))
                mass += massOf(scores[i], progress.largest);
        mass = warpTotal(mass);
        if (laneOf() == 0)
            mine.strips[begin / 32] = mass;
    }
    __syncthreads();
    return threshold;
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 3) settle(Sampling work, int vectorsEach)
{
    __shared__ Histogram<256> digits;
    waitForPrevious();
    letNextStart();
    const SamplingRow asked = work.sampling[blockIdx.y];
    const Rules rules(asked, work.vocab);
    RowWork& mine = static_cast<RowWork*>(work.workspace)[blockIdx.y];
    if (asked.slot < 0 || !rules.samples() || mine.progress.stage == Stage::Decided)
        return;
    const Row<T> row(work, asked);
    if (mine.progress.stage == Stage::Whole) {
        if (blockIdx.x == 0)
            draw(work, asked, mine, row, settleWhole(mine, row, rules, digits));
        return;
    }
    listPart(mine, row, partOfBlock(work.vocab, vectorsEach));
    if (lastOfRow(mine))
        draw(work, asked, mine, row, settleList(mine, rules, digits));
}

// ---- On the host ---------------------------------------------------------------------------------------------------

/// Vectors of a part: whole rounds of a block, and no more parts in all rows together than a large GPU takes in at
/// once.
int vectorsOfPart(int rows, int vocab)
{
    constexpr int kBlocks = 640;
    const int rounds = (vocab / 8 + kThreads - 1) / kThreads;
    const int parts = std::clamp(kBlocks / rows, 1, rounds);
    return (rounds + parts - 1) / parts * kThreads;
}

template <typename T>
Status sampleAs(const Sampling& work, Stream stream)
{
    const int each = vectorsOfPart(work.rows, work.vocab);
    const dim3 grid(static_cast<unsigned>((work.vocab / 8 + each - 1) / each), static_cast<unsigned>(work.rows));
    for (const auto kernel : {findBest<T>, weigh<T>, settle<T>}) {
        if (const Status status = launch(kernel, grid, dim3(kThreads), 0, stream, work, each); status != 0)
            return status;
        if (work.greedy)
            break;
    }
    return 0;
}

} // namespace

std::size_t samplingWorkspace(int rows, int)
{
    return static_cast<std::size_t>(rows) * sizeof(RowWork);
}

Status sample(const Sampling& work, Stream stream)
{
    if (work.rows == 0)
        return 0;
    if (work.vocab > kMostStrips * kStrip || work.workspaceBytes < samplingWorkspace(work.rows, work.vocab))
        return cudaErrorInvalidValue;
    return forFormat(work.type, [&]<typename T>() { return sampleAs<T>(work, stream); });
}

} // namespace argus::kernels::cuda
