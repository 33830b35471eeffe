#pragma once
// How a product is cut into blocks: decided on the host from extents alone, the same every time.

#include "kernels/cuda/skinny.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

struct float4;

namespace argus::kernels::cuda::products {

constexpr int kMostFewRows = 8; ///< one tile of the tensor core
constexpr int kFewWarps = 8;

/// For kernels that keep all rows in shared memory and take whole rows of the matrix.
struct FewPlan {
    int passes = 1; ///< tiles of a block
    int blocks = 0;
    int stages = 0; ///< 0: the rows do not fit
    std::size_t sharedBytes = 0;
};

struct FewTraits {
    int slabBytes = 0;
    int tiles = 1; ///< of 16 outputs, of a warp
    /// Floats from row to row of a tile's sums: four more than it has outputs, which moves rows to other banks.
    [[nodiscard]] constexpr int pitch() const { return tiles * 16 + 4; }
};

[[nodiscard]] inline FewPlan planFew(const FewTraits& traits, const Skinny& work, std::size_t sharedBudget)
{
    FewPlan plan;
    if (work.rows > kMostFewRows || work.outputs % (traits.tiles * 16) != 0)
        return plan;
    const auto rows = static_cast<std::size_t>(work.rows);
    const std::size_t inputs = rows * static_cast<std::size_t>(work.inputs) * 2;
    const std::size_t sums = 2 * kFewWarps * rows * static_cast<std::size_t>(traits.pitch()) * sizeof(float);
    const int tiles = work.outputs / (traits.tiles * 16);
    plan.passes = (tiles - 1) / work.processors + 1;
    plan.blocks = (tiles - 1) / plan.passes + 1;
    for (const int stages : {6, 4, 3}) {
        plan.sharedBytes = static_cast<std::size_t>(stages * kFewWarps * traits.tiles * traits.slabBytes) + inputs + sums;
        if (plan.sharedBytes <= sharedBudget) {
            plan.stages = stages;
            break;
        }
    }
    return plan;
}

/// For kernels whose blocks stream rows and matrix together.
struct ManyPlan {
    int warps = 0;
    int tiles = 0;  ///< of a whole block's width
    int passes = 1; ///< tiles that a block takes one after the other
    int splits = 1; ///< parts of k; with more than one a block has one pass
    int ahead = 0;  ///< chunks to fetch to the cache beforehand
    float4* pieces = nullptr;
    unsigned* arrivals = nullptr; ///< zero between launches
    [[nodiscard]] int blocks() const { return splits > 1 ? tiles * splits : (tiles - 1) / passes + 1; }
};

struct ManyTraits {
    int columns = 1; ///< tiles of eight rows
    int slabInputs = 0;
    int slabBytes = 0;
    int tiles = 1; ///< of 16 outputs, of a warp
    int stages = 0;
    int mostWarps = 0;
    int clocks = 0; ///< of a slab, on one of a multiprocessor's four schedulers
    [[nodiscard]] std::size_t sharedBytes(int warps) const
    {
        return static_cast<std::size_t>(stages) *
               static_cast<std::size_t>(warps * tiles * slabBytes + 8 * columns * slabInputs * 2);
    }
};

constexpr int kMostJoinedOutputs = 192; ///< of a block, when k is split
constexpr int kMostJoinedWarps = 16;
constexpr int kMostSplits = 32;

/// What the longest of equal blocks takes, in bytes that pass meanwhile at its fair share of the memory's bandwidth.
struct ManyCost {
    static constexpr double kBytesPerClock = 16; ///< that share, about
    static constexpr double kIntake = 1.8;       ///< how many times it a multiprocessor can take in, cache hits included
    static constexpr double kStageClocks = 150;  ///< barrier and latencies of a stage
    static constexpr double kUnderWay = 40960;   ///< bytes that must be on their way for full bandwidth
    static constexpr double kJoin = 24576;       ///< latencies of putting splits together

    static double of(const ManyTraits& traits, const ManyPlan& plan, const Skinny& work)
    {
        const int chunks = work.inputs / traits.slabInputs;
        const int stages = plan.passes * ((chunks - 1) / plan.splits + 1);
        const double slabs = static_cast<double>(plan.warps) * traits.tiles * traits.slabBytes;
        const double rows = static_cast<double>(work.rows) * traits.slabInputs * 2;
        const double fair = static_cast<double>(work.outputs) / 16 * chunks * traits.slabBytes / work.processors;
        const double clocks = kStageClocks + (plan.warps + 3) / 4 * traits.tiles * traits.clocks;
        double cost = std::max({fair, stages * (slabs + rows) / kIntake, stages * clocks * kBytesPerClock,
                                stages * slabs * kUnderWay / ((traits.stages - 1) * slabs)});
        if (plan.splits > 1)
            cost += kJoin + plan.splits * plan.warps * traits.tiles * 16.0 * 8 * traits.columns * 4 / kIntake;
        return cost;
    }
};

[[nodiscard]] inline ManyPlan planMany(const ManyTraits& traits, const Skinny& work, std::size_t sharedBudget)
{
    const int chunks = work.inputs / traits.slabInputs;
    ManyPlan best;
    double least = 0;
    for (int warps = 1; warps <= traits.mostWarps && traits.sharedBytes(warps) <= sharedBudget; ++warps) {
        ManyPlan plan;
        plan.warps = warps;
        plan.tiles = (work.outputs / 16 - 1) / (warps * traits.tiles) + 1;
        const bool joins = warps * traits.tiles * 16 <= kMostJoinedOutputs;
        const int mostSplits = joins ? std::min({kMostSplits, chunks, work.processors / plan.tiles}) : 1;
        for (plan.splits = 1; plan.splits == 1 || plan.splits <= mostSplits; ++plan.splits) {
            plan.passes = plan.splits == 1 ? (plan.tiles - 1) / work.processors + 1 : 1;
            const double cost = ManyCost::of(traits, plan, work);
            if (best.warps == 0 || cost < least) {
                best = plan;
                least = cost;
            }
        }
    }
    constexpr int kAheadBytes = 65536;
    if (best.warps > 0)
        best.ahead = kAheadBytes / (best.warps * traits.tiles * traits.slabBytes);
    return best;
}

/// The parts of the workspace. Arrivals have a place of their own whatever the launch, for they must be zero between launches.
struct Workspace {
    static constexpr std::size_t kNormalisedBytes = std::size_t{kMostSkinnyRows} * 8192 * 2;
    std::size_t normalised = 0;
    std::size_t pieces = 0;
    std::size_t bytes = 0;
    explicit Workspace(int processors)
    {
        const auto count = static_cast<std::size_t>(processors);
        normalised = (count * kMostJoinedWarps * sizeof(unsigned) + 255) / 256 * 256;
        pieces = normalised + kNormalisedBytes;
        bytes = pieces + count * kMostJoinedOutputs * kMostSkinnyRows * sizeof(float);
    }
};

} // namespace argus::kernels::cuda::products
