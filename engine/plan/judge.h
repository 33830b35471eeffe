#pragma once
// One look at a wish: the plan it gives and what is wrong with it, without remedies that have to be tried out. Pure.

#include "engine/plan/agreed_sizes.h"
#include "engine/plan/placement.h"
#include "engine/plan/preflight.h"
#include "engine/plan/problems.h"

namespace argus::plan {

struct Judgement {
    Preflight outcome; ///< `fixes` of its problems are empty
    Survey survey;
    bool gpus = false;         ///< the kind of devices that is planned with
    double shareNeeded = 0;    ///< gpu_memory_utilization under which the plan would fit; 0: none, or it fits
    std::vector<NodeUse> uses; ///< machines of the plan, or of the nearest one that can be
};

/// `footprints` are of model.config and may be shared by many calls.
[[nodiscard]] Judgement judge(const ModelFacts& model, Footprints& footprints, const Cluster& cluster,
                              const wire::EngineSettings& settings);

/// Whether somebody has to do something about it.
[[nodiscard]] bool stands(const std::vector<Problem>& problems);

} // namespace argus::plan
