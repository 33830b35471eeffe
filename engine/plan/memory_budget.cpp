#include "engine/plan/memory_budget.h"

#include "engine/base/catalogue.h"
#include "engine/plan/agreed_sizes.h"
#include "engine/plan/complete_settings.h"

#include <exception>
#include <utility>

namespace argus::plan {

Result<MemoryBudget> memoryBudget(const model::ModelConfig& model, std::uint64_t checkpointBytes, const Device& device,
                                  const wire::EngineSettings& given)
{
    const Result<wire::EngineSettings> settings = settled(given, device);
    if (!settings)
        return settings.error();
    try { // measuring a model is loading it without a device, and operations throw
        Footprints footprints(model, checkpointBytes);
        const RankSite alone{.device = device, .shard = {}};
        AgreedSizes sizes = agreedSizes(footprints, {&alone, 1}, *settings);
        if (sizes.problem)
            return std::move(*sizes.problem);
        const RankBytes& rank = sizes.ranks.front();
        return MemoryBudget{.weightBytes = rank.weights,
                            .kvBlockBytes = rank.kvBlock,
                            .kvBlocks = sizes.kvBlocks,
                            .kvBlockTokens = sizes.kvBlockTokens,
                            .activationBytes = rank.activations,
                            .maxModelLen = sizes.maxModelLen,
                            .maxVisionPatches = sizes.maxVisionPatches,
                            .deviceBytes = rank.placed};
    } catch (const std::exception& problem) {
        return makeError(ErrorCode::Unsupported, say("model-layout-on", device.name(), problem.what()),
                         say("do-other-checkpoint"), "model");
    }
}

} // namespace argus::plan
