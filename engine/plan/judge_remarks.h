#pragma once
// Why a plan is as it is, a sentence each. Pure.

#include "engine/plan/preflight.h"
#include "engine/plan/stage_plan.h"

#include <string>
#include <vector>

namespace argus::plan {

/// `asked`: completed settings; `whole`: the same, settled for the devices of `plan`.
void remark(const ModelFacts& model, const Cluster& cluster, const wire::EngineSettings& asked,
            const wire::EngineSettings& whole, const StagePlan& plan, std::vector<Said>& remarks);

} // namespace argus::plan
