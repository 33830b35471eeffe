#pragma once
// What a head knows about the model it serves, read once from the model folder and handed round unchanged.

#include "engine/base/result.h"
#include "engine/media/media.h"
#include "engine/model/config.h"
#include "engine/model/positions.h"
#include "engine/plan/device.h"
#include "engine/plan/memory_budget.h"
#include "engine/protocol/executor.pb.h"
#include "engine/protocol/settings.pb.h"
#include "engine/text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace argus::node {

struct Deployment {
    wire::EngineSettings settings; ///< settled; `model` is the folder's absolute path
    plan::Device device;
    bool demo = false;
    std::string name; ///< for people: the folder's name, "Argus demo"
    model::ModelConfig config;
    model::GenerationConfig generation;
    model::PositionVariant variant = model::PositionVariant::A;
    media::PreprocessConfig preprocess;
    std::shared_ptr<const text::Tokenizer> tokenizer;
    plan::MemoryBudget budget;
};

/// Reads and checks everything but the weights' bytes; with load_format dummy there need be none.
/// Errors  NotFound, Corrupt, Unsupported, DoesNotFit, each naming its file or setting
[[nodiscard]] Result<std::shared_ptr<const Deployment>> readDeployment(const wire::EngineSettings& settings,
                                                                       const plan::Device& device);

/// The device and the numbers that node and executor must agree on, from the deployment's budget.
[[nodiscard]] wire::LoadModel loadOrder(const Deployment& deployment);

/// What the decoder accepts, from the settings.
[[nodiscard]] media::DecodeLimits decodeLimits(const wire::EngineSettings& settings);

} // namespace argus::node
