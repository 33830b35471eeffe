#include "engine/node/deployment.h"

#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/model/checkpoint.h"
#include "engine/plan/complete_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace argus::node {
namespace fs = std::filesystem;
namespace {

/// The folder to serve, and whether it is the built-in one.
Result<std::pair<fs::path, bool>> modelFolder(const std::string& asked)
{
    const Result<fs::path> resources = resourceFolder();
    if (asked.empty()) {
        if (!resources)
            return resources.error();
        return std::pair{*resources / "demo-model", true};
    }
    std::error_code problem;
    const fs::path folder = fs::absolute(asked, problem).lexically_normal();
    if (!fs::is_directory(folder, problem))
        return Error{ErrorCode::NotFound, fmt::format("{} is not a folder", folder.string()),
                     "name a folder with config.json, tokenizer.json and the safetensors files", "model"};
    const bool demo = resources.ok() && fs::equivalent(folder, *resources / "demo-model", problem);
    return std::pair{folder, demo && !problem};
}

model::PositionVariant variantOf(const std::string& name)
{
    if (name == "B")
        return model::PositionVariant::B;
    return name == "C" ? model::PositionVariant::C : model::PositionVariant::A;
}

std::string nameOf(const fs::path& folder, bool demo)
{
    if (demo)
        return "Argus demo";
    return folder.has_filename() ? folder.filename().string() : folder.parent_path().filename().string();
}

/// A GPU's memory is divided before the first picture comes: one that is larger than its pass is made smaller, as the
/// reference makes those beyond max_pixels.
void limitPictures(Deployment& deployment)
{
    const std::int64_t side = deployment.config.vision.patchSize;
    const std::int64_t most = std::int64_t{deployment.budget.maxVisionPatches} * side * side;
    if (most == 0 || deployment.preprocess.maxPixels <= most)
        return;
    log::info(
        "pictures of more than {:.1f} million pixels are made smaller: the GPU has memory for passes of {} patches",
        static_cast<double>(most) / 1e6, deployment.budget.maxVisionPatches);
    deployment.preprocess.maxPixels = most;
    deployment.preprocess.minPixels = std::min(deployment.preprocess.minPixels, most);
}

Error aboutModel(Error error)
{
    if (error.setting.empty())
        error.setting = "model";
    return error;
}

} // namespace

Result<std::shared_ptr<const Deployment>> readDeployment(const wire::EngineSettings& settings,
                                                         const plan::Device& device)
{
    Result<wire::EngineSettings> settled = plan::settled(settings, device);
    if (!settled)
        return std::move(settled).error();
    Result<std::pair<fs::path, bool>> folder = modelFolder(settled->model());
    if (!folder)
        return std::move(folder).error();
    auto deployment = std::make_shared<Deployment>();
    const fs::path& path = folder->first;
    deployment->settings = std::move(*settled);
    deployment->device = device;
    deployment->settings.set_model(path.string());
    deployment->demo = folder->second;
    deployment->name = nameOf(path, deployment->demo);
    deployment->variant = variantOf(deployment->settings.position_variant());

    Result<model::ModelConfig> config = model::loadConfig(path);
    if (!config)
        return aboutModel(std::move(config).error());
    deployment->config = std::move(*config);
    Result<model::GenerationConfig> generation = model::loadGenerationConfig(path);
    if (!generation)
        return aboutModel(std::move(generation).error());
    deployment->generation = std::move(*generation);
    Result<media::PreprocessConfig> preprocess = media::loadPreprocessConfig(path);
    if (!preprocess)
        return aboutModel(std::move(preprocess).error());
    deployment->preprocess = *preprocess;
    Result<std::shared_ptr<const text::Tokenizer>> tokenizer = text::Tokenizer::load(path);
    if (!tokenizer)
        return aboutModel(std::move(tokenizer).error());
    deployment->tokenizer = std::move(*tokenizer);

    std::uint64_t checkpointBytes = 0;
    if (deployment->settings.load_format() != "dummy") {
        Result<std::shared_ptr<const model::Checkpoint>> checkpoint = model::Checkpoint::open(path);
        if (!checkpoint)
            return aboutModel(std::move(checkpoint).error());
        checkpointBytes = (*checkpoint)->totalBytes();
    }
    Result<plan::MemoryBudget> budget =
        plan::memoryBudget(deployment->config, checkpointBytes, device, deployment->settings);
    if (!budget)
        return std::move(budget).error();
    deployment->budget = *budget;
    limitPictures(*deployment);
    return std::shared_ptr<const Deployment>(std::move(deployment));
}

wire::LoadModel loadOrder(const Deployment& deployment)
{
    wire::LoadModel order;
    *order.mutable_settings() = deployment.settings;
    order.mutable_settings()->set_max_model_len(deployment.budget.maxModelLen);
    order.set_kv_blocks(deployment.budget.kvBlocks);
    order.set_kv_block_tokens(deployment.budget.kvBlockTokens);
    order.set_max_batched_tokens(deployment.settings.max_batched_tokens());
    order.set_max_num_seqs(deployment.settings.max_num_seqs());
    order.set_dtype(deployment.settings.dtype());
    order.set_max_vision_patches(deployment.budget.maxVisionPatches);
    wire::RankOrder& rank = *order.add_ranks();
    rank.set_end_layer(static_cast<std::uint32_t>(deployment.config.layers));
    rank.set_device_bytes(deployment.budget.deviceBytes);
    rank.set_device_index(deployment.device.gpu ? deployment.device.gpu->index : 0);
    return order;
}

media::DecodeLimits decodeLimits(const wire::EngineSettings& settings)
{
    media::DecodeLimits limits;
    if (settings.max_image_pixels() > 0)
        limits.maxImagePixels = settings.max_image_pixels();
    if (settings.max_video_seconds() > 0)
        limits.maxVideoSeconds = settings.max_video_seconds();
    if (settings.max_upload_bytes() > 0)
        limits.maxFileBytes = settings.max_upload_bytes();
    return limits;
}

} // namespace argus::node
