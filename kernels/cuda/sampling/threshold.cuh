#pragma once
// Where what is kept of a row begins: among scores of which some are kept, the threshold of top-k and then that of
// top-p, without an order of them all.

#include "kernels/cuda/sampling/row.cuh"

namespace argus::kernels::cuda::sampling {

/// Counts and masses in shared memory, by bin.
template <int kSize>
struct Histogram {
    unsigned counts[kSize];
    unsigned low[kSize]; // masses in halves: shared memory adds 32 bits at once
    unsigned high[kSize];

    __device__ void clear()
    {
        for (int bin = threadOf(); bin < kSize; bin += kThreads)
            counts[bin] = low[bin] = high[bin] = 0;
        __syncthreads();
    }
    [[nodiscard]] __device__ Mass mass(int bin) const { return static_cast<Mass>(high[bin]) << 32 | low[bin]; }
    /// By whole warps; bin -1: nothing. Scores that tie, as in a row of zeros, go to their bin in one addition.
    __device__ void add(int bin, Mass mass)
    {
        if (!__all_sync(kAll, bin == __shfl_sync(kAll, bin, 0))) {
            if (bin >= 0)
                put(bin, 1, mass);
        } else if (bin >= 0) {
            mass = warpTotal(mass);
            if (laneOf() == 0)
                put(bin, 32, mass);
        }
        __syncwarp();
    }

private:
    __device__ void put(int bin, unsigned count, Mass mass)
    {
        atomicAdd(&counts[bin], count);
        const auto lower = static_cast<unsigned>(mass);
        auto upper = static_cast<unsigned>(mass >> 32);
        if (lower != 0 && atomicAdd(&low[bin], lower) > ~lower)
            ++upper; // the carry
        if (upper != 0)
            atomicAdd(&high[bin], upper);
    }
};

/// Scores of a row, in shared memory.
struct ShortList {
    const Listed* entries;
    int size;

    /// use(exists, key, id), by whole warps.
    template <typename Use>
    __device__ void forEach(Use use) const
    {
        for (int begin = 0; begin < size; begin += kThreads) {
            const int i = begin + threadOf();
            const Listed entry = i < size ? entries[i] : Listed{};
            use(i < size, entry.key, entry.id);
        }
    }
};
/// All scores of a row, read anew each time.
template <typename T>
struct WholeRow {
    const Row<T>& row;

    template <typename Use>
    __device__ void forEach(Use use) const
    {
        for (int begin = 0; begin < row.vectors(); begin += kThreads) {
            float scores[8];
            const int vector = begin + threadOf();
            const bool exists = row.read(vector, scores);
#pragma unroll
            for (int i = 0; i < 8; ++i)
                use(exists, ordered(scores[i]), static_cast<unsigned>(vector * 8 + i));
        }
    }
};

/// Finds a value of 32 bits by its rank or by mass, eight bits at a time from the top. By the whole block.
template <typename Scores>
class DigitSearch {
public:
    __device__ DigitSearch(const Scores& scores, float largest, Histogram<256>& digits)
        : m_scores(scores), m_largest(largest), m_digits(digits)
    {
    }

    /// The key of the rank-th largest score, from 1.
    __device__ unsigned keyOfRank(unsigned rank)
    {
        return largestOf(rank, [](unsigned key, unsigned) { return Taken{true, key}; });
    }
    /// The rank-th lowest id of the scores with this key, from 1.
    __device__ unsigned idOfRank(unsigned key, unsigned rank)
    {
        return ~largestOf(rank, [key](unsigned otherKey, unsigned id) { return Taken{otherKey == key, ~id}; });
    }
    /// Of the scores from a key on.
    [[nodiscard]] __device__ Mass massFrom(unsigned floor) const
    {
        Mass mass = 0;
        m_scores.forEach([&](bool exists, unsigned key, unsigned) {
            if (exists && key >= floor)
                mass += massOf(scoreOf(key), m_largest);
        });
        return blockScan(mass).total;
    }

    struct Cut {
        unsigned key;   ///< the smallest of which something stays
        unsigned count; ///< scores that have it
        Mass below;     ///< mass of what is smaller
    };
    /// Where top-p ends among the scores from `floor` on. `below`: the mass of scores that are not among these, and
    /// smaller.
    __device__ Cut cut(unsigned floor, Mass below, Mass total, const Rules& rules)
    {
        __shared__ Cut next;
        __shared__ int end;
        Cut cut{0, 0, below};
        for (int shift = 24; shift >= 0; shift -= 8) {
            count(cut.key, shift, true, [floor](unsigned key, unsigned) { return Taken{key >= floor, key}; });
            const int digit = threadOf();
            const unsigned here = m_digits.counts[digit];
            const Mass mass = m_digits.mass(digit);
            const Mass before = cut.below + blockScan(mass).before;
            // The first digit of which something stays; if there is none, as with top-p 0, the last that occurs.
            const bool stays = !rules.removes(before + mass, total);
            if (digit == 0)
                end = 0;
            __syncthreads();
            if (here != 0)
                atomicMax(&end, stays ? 512 - digit : digit);
            __syncthreads();
            if (digit == (end > 255 ? 512 - end : end))
                next = {cut.key | static_cast<unsigned>(digit) << shift, here, before};
            __syncthreads();
            cut = next;
        }
        return cut;
    }

private:
    struct Taken {
        bool counts;
        unsigned value;
    };

    /// Histogram of the digit at `shift` of the values that agree with `prefix` above it.
    template <typename Take>
    __device__ void count(unsigned prefix, int shift, bool weighs, Take take)
    {
        __syncthreads(); // the digits before these may still be read
        m_digits.clear();
        m_scores.forEach([&](bool exists, unsigned key, unsigned id) {
            const Taken taken = take(key, id);
            const bool counts = exists && taken.counts && (taken.value ^ prefix) >> shift >> 8 == 0;
            m_digits.add(counts ? static_cast<int>(taken.value >> shift & 255) : -1,
                         counts && weighs ? massOf(scoreOf(key), m_largest) : 0);
        });
        __syncthreads();
    }

    template <typename Take>
    __device__ unsigned largestOf(unsigned rank, Take take)
    {
        __shared__ unsigned nextPrefix;
        __shared__ unsigned nextRank;
        unsigned prefix = 0;
        for (int shift = 24; shift >= 0; shift -= 8) {
            count(prefix, shift, false, take);
            const unsigned digit = 255 - threadIdx.x;
            const unsigned here = m_digits.counts[digit];
            const auto before = static_cast<unsigned>(blockScan(here).before);
            if (before < rank && rank <= before + here) {
                nextPrefix = prefix | digit << shift;
                nextRank = rank - before;
            }
            __syncthreads();
            prefix = nextPrefix;
            rank = nextRank;
        }
        return prefix;
    }

    const Scores& m_scores;
    float m_largest;
    Histogram<256>& m_digits;
};

/// How many of `count` scores of one mass top-p removes, above a mass of `below`; never the last of them.
__device__ __forceinline__ unsigned removedTies(unsigned count, Mass mass, Mass below, Mass total, const Rules& rules)
{
    unsigned least = 0;
    unsigned most = count - 1;
    while (least < most) {
        const unsigned middle = (least + most + 1) / 2;
        if (rules.removes(below + middle * mass, total))
            least = middle;
        else
            most = middle - 1;
    }
    return least;
}

/// The threshold, when it lies among these scores and `progress` says what lies above and below them. Of scores that
/// tie top-k keeps all, and top-p removes the lowest ids first.
template <typename Scores>
__device__ __forceinline__ Threshold thresholdOf(const Scores& scores, const Progress& progress, const Rules& rules,
                                                 Histogram<256>& digits)
{
    DigitSearch<Scores> search(scores, progress.largest, digits);
    const unsigned floor = rules.topK() == 0 ? 0 : search.keyOfRank(rules.topK() - progress.countAbove);
    if (!rules.topP())
        return {floor, 0};
    const Mass total = progress.massAbove + search.massFrom(floor) + progress.massBelow;
    const auto cut = search.cut(floor, progress.massBelow, total, rules);
    const Mass each = massOf(scoreOf(cut.key), progress.largest);
    const unsigned ties = removedTies(cut.count, each, cut.below, total, rules);
    return {cut.key, ties == 0 ? 0 : search.idOfRank(cut.key, ties + 1)};
}

} // namespace argus::kernels::cuda::sampling
