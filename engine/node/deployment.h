#pragma once
// What a head knows about the model it serves, read once from the model folder and handed round unchanged.

#include "engine/base/result.h"
#include "engine/media/media.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"
#include "engine/model/positions.h"
#include "engine/plan/preflight.h"
#include "engine/protocol/executor.pb.h"
#include "engine/protocol/settings.pb.h"
#include "engine/text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace argus::node {

/// What stands in a model folder, but for the weights' bytes.
struct ModelFolder {
    std::filesystem::path path; ///< absolute
    bool demo = false;
    std::string name; ///< for people: the folder's name, "Argus demo"
    model::ModelConfig config;
    model::GenerationConfig generation;
    media::PreprocessConfig preprocess;
    std::shared_ptr<const text::Tokenizer> tokenizer;
    std::shared_ptr<const model::Checkpoint> checkpoint; ///< mapped, not read; none when weights are made up
    std::uint64_t checkpointBytes = 0;                   ///< of all tensors
};

/// What a checkpoint is called, on every machine: its folder's name. Empty for an empty path.
[[nodiscard]] std::string modelName(const std::filesystem::path& folder);

/// The executor of one machine in a deployment, and what it is told to load.
struct Seat {
    std::string node;
    std::string kind; ///< "cpu", "cuda": which executor program
    wire::LoadModel order;
    bool first = false; ///< it has ranks of the first stage, which need the pixels
};

struct Deployment {
    std::uint64_t number = 0;      ///< of deployments of this head
    wire::EngineSettings settings; ///< settled; `model` is the folder's absolute path
    wire::EngineSettings asked{};  ///< as they were wished for: what a form starts from, what a restart plans anew
    std::shared_ptr<const ModelFolder> model;
    model::PositionVariant variant = model::PositionVariant::A;
    media::PreprocessConfig preprocess; ///< of the folder, with what the devices have room for
    plan::Placement placement;
    std::vector<Seat> seats; ///< by node; the head's first if it has one

    [[nodiscard]] bool usesGpu() const { return !seats.empty() && seats.front().kind == "cuda"; }
};

/// Reads and checks everything but the weights' bytes; with load_format dummy there need be none. An empty `asked` is
/// the built-in demo model. Errors  NotFound, Corrupt, Unsupported, each naming its file or setting
[[nodiscard]] Result<std::shared_ptr<const ModelFolder>> readModelFolder(const std::string& asked, bool weights);

/// What a plan becomes: the order of every machine. `cluster` is the one that the placement was made for.
[[nodiscard]] std::shared_ptr<const Deployment> deploymentOf(std::uint64_t number, const wire::EngineSettings& asked,
                                                             std::shared_ptr<const ModelFolder> model,
                                                             plan::Placement placement, const plan::Cluster& cluster);

/// What the decoder accepts, from the settings.
[[nodiscard]] media::DecodeLimits decodeLimits(const wire::EngineSettings& settings);

} // namespace argus::node
