#include "engine/plan/judge_remarks.h"

#include "engine/base/catalogue.h"
#include "engine/model/sharding.h"
#include "engine/plan/joining.h"
#include "engine/plan/stage_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace argus::plan {
namespace {

/// "37 of 80 layers on gpu-a cuda:0,1,2,3"
Said stageText(const Cluster& cluster, const StagePlan& plan, std::size_t stage, int layers)
{
    const StageSite& site = plan.stages[stage];
    const ClusterNode& node = cluster.nodes[site.node];
    const model::Shard& shard = plan.ranks[stage * site.devices.size()].shard;
    return say("remark-stage", stage, shard.firstLayer, shard.endLayer - 1, layers, node.name,
               fmt::format("{}:{}", node.devices[site.devices.front()].kind(), devicesText(node, site.devices)));
}

void remarkDtype(const wire::EngineSettings& asked, const wire::EngineSettings& whole, const StagePlan& plan,
                 std::vector<Said>& remarks)
{
    if (asked.dtype() != "auto" || whole.dtype() != "float16")
        return;
    const auto older = std::find_if(plan.ranks.begin(), plan.ranks.end(), [](const RankSite& site) {
        return site.device.gpu && site.device.gpu->capabilityMajor < 8;
    });
    if (older != plan.ranks.end())
        remarks.push_back(say("remark-float16", older->name.empty() ? older->device.gpu->text() : older->name,
                              older->device.gpu->capability()));
}

void remarkLayers(const ModelFacts& model, const Cluster& cluster, const StagePlan& plan, std::vector<Said>& remarks)
{
    if (plan.stages.size() < 2)
        return;
    std::vector<int> layers;
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
        const model::Shard& shard = plan.ranks[i * plan.stages[i].devices.size()].shard;
        layers.push_back(shard.endLayer - shard.firstLayer);
        remarks.push_back(stageText(cluster, plan, i, model.config.layers));
    }
    if (layers != evenLayers(static_cast<int>(layers.size()), model.config.layers))
        remarks.push_back(say("remark-layers"));
}

/// Where it is known: how the ranks of each stage reach each other.
void remarkJoints(const Cluster& cluster, const StagePlan& plan, std::vector<Said>& remarks)
{
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
        const StageSite& site = plan.stages[i];
        if (Said how = joinedText(joinedBy(cluster.nodes[site.node], site.devices)); !how.empty())
            remarks.push_back(say("remark-joined", i, site.devices.size(), std::move(how)));
    }
}

void remarkCopies(const ModelFacts& model, const StagePlan& plan, std::vector<Said>& remarks)
{
    const model::Shard& shard = plan.ranks.front().shard;
    if (shard.tensorSize < 2)
        return;
    if (shard.tensorSize > model.config.kvHeads)
        remarks.push_back(say("remark-kv-heads", model.config.kvHeads, shard.tensorSize,
                              shard.tensorSize / std::max(model.config.kvHeads, 1)));
    if (!model::Parts(model.config, shard).visionSplit)
        remarks.push_back(say("remark-vision", shard.tensorSize));
}

void remarkContext(const ModelFacts& model, const wire::EngineSettings& asked, const StagePlan& plan,
                   std::vector<Said>& remarks)
{
    const AgreedSizes& sizes = plan.sizes;
    if (sizes.problem || asked.max_model_len() != 0 ||
        sizes.maxModelLen >= static_cast<std::uint32_t>(std::max(model.config.maxPositions, 1)))
        return;
    const RankSite& site = plan.ranks[sizes.tightest];
    const std::string name = !site.name.empty() ? site.name
                             : site.device.gpu  ? site.device.gpu->text()
                                                : site.device.name();
    remarks.push_back(say("remark-context", sizes.maxModelLen, name, model.config.maxPositions));
}

} // namespace

void remark(const ModelFacts& model, const Cluster& cluster, const wire::EngineSettings& asked,
            const wire::EngineSettings& whole, const StagePlan& plan, std::vector<Said>& remarks)
{
    remarkLayers(model, cluster, plan, remarks);
    remarkJoints(cluster, plan, remarks);
    remarkDtype(asked, whole, plan, remarks);
    remarkCopies(model, plan, remarks);
    remarkContext(model, asked, plan, remarks);
}

} // namespace argus::plan
