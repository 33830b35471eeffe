#pragma once
// Stages on given devices: layers of each, and the sizes that come of it. Pure.

#include "engine/plan/agreed_sizes.h"
#include "engine/plan/placement.h"

#include <vector>

namespace argus::plan {

struct StagePlan {
    StageSites stages;
    std::vector<RankSite> ranks; ///< rank = stage · tensor size + tensor rank
    AgreedSizes sizes;
};

/// `settings` are settled. `layers` of each stage; empty: shared evenly when the context that is wished for fits
/// then, else so that the smallest cache is largest.
[[nodiscard]] StagePlan stagePlan(Footprints& footprints, const Cluster& cluster, const StageSites& stages,
                                  const wire::EngineSettings& settings, const std::vector<int>& layers);

/// The devices of all stages, in rank order.
[[nodiscard]] std::vector<Device> devicesOf(const Cluster& cluster, const StageSites& stages);

} // namespace argus::plan
