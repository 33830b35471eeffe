#include "engine/plan/preflight.h"

#include "engine/model/weights.h"
#include "engine/plan/fixes.h"
#include "engine/plan/judge.h"

namespace argus::plan {
namespace {

/// Of all tensors; guessed from the config where there is nothing but that.
std::uint64_t bytesOf(const ModelFacts& model)
{
    if (model.checkpointBytes != 0)
        return model.checkpointBytes;
    return model::weightBytesOf(model.config, model.config.dtype == "float32" ? DType::F32 : DType::BF16);
}

} // namespace

Preflight preflight(const ModelFacts& model, const Cluster& cluster, const wire::EngineSettings& settings)
{
    Footprints footprints(model.config, bytesOf(model));
    const Trial trial = [&](const wire::EngineSettings& other) { return judge(model, footprints, cluster, other); };
    Judgement judgement = trial(settings);
    findFixes(judgement, cluster, settings, trial);
    return std::move(judgement.outcome);
}

} // namespace argus::plan
