#pragma once
// The sizes that all ranks of a deployment agree on: the scarcest device decides. Pure.

#include "engine/base/error.h"
#include "engine/plan/rank_memory.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace argus::plan {

/// A rank and the device it is to run on.
struct RankSite {
    Device device;
    model::Shard shard;
    std::uint64_t communication = 0; ///< bytes that its groups keep
    std::string name{};              ///< of the device, for people; empty: as it calls itself
};

/// What one rank holds under the agreed sizes.
struct RankBytes {
    std::uint64_t weights = 0;
    std::uint64_t kvBlock = 0;
    std::uint64_t activations = 0;
    std::uint64_t taken = 0;     ///< CUDA's own, communication
    std::uint64_t available = 0; ///< of the device, all of these together
    std::uint64_t placed = 0;    ///< of a GPU: weights, activations and blocks in one piece; 0 on a CPU
};

struct AgreedSizes {
    std::optional<Error> problem{}; ///< then the sizes are those of the attempt
    std::uint32_t kvBlocks = 0;
    std::uint32_t kvBlockTokens = kCpuBlockTokens;
    std::uint32_t maxModelLen = 0;
    std::uint32_t maxVisionPatches = 0;
    std::uint32_t largestContext = 0;
    double shareNeeded = 0;   ///< gpu_memory_utilization under which it would fit; 0: none
    std::size_t tightest = 0; ///< the rank whose memory limits the context first
    std::vector<RankBytes> ranks{};
};

/// Devices of one kind; `settings` are settled for them.
/// Errors  in `problem`. BadRequest beyond the model's own context. DoesNotFit: the cause lists each part of the
///         tightest rank and its free memory, the remedy the largest context that would fit
[[nodiscard]] AgreedSizes agreedSizes(Footprints& footprints, std::span<const RankSite> sites,
                                      const wire::EngineSettings& settings);

} // namespace argus::plan
