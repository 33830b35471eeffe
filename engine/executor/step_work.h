#pragma once
// How much a step asks of its ranks, so that a long one is not taken for a rank that hangs.

#include "engine/model/config.h"
#include "engine/protocol/executor.pb.h"

namespace argus::executor {

/// Floating point operations, of the whole model however it is divided. Roughly: nobody computes less than a third of
/// it.
struct StepWork {
    double largestLayer = 0; ///< of the decoder or the vision tower, or the scores
    double total = 0;
    double largestWeights = 0; ///< bytes of the layer that has the most, or of what scores
};
/// Pure; believes the plan. Pictures count for slices that bring them.
[[nodiscard]] StepWork workOf(const model::ModelConfig& config, const wire::StepPlan& plan);

} // namespace argus::executor
