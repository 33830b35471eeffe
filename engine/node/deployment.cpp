#include "engine/node/deployment.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/model/checkpoint.h"

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
        return makeError(ErrorCode::NotFound, say("not-a-folder", folder.string()), say("do-name-folder"), "model");
    const bool demo = resources.ok() && fs::equivalent(folder, *resources / "demo-model", problem);
    return std::pair{folder, demo && !problem};
}

model::PositionVariant variantOf(const std::string& name)
{
    if (name == "B")
        return model::PositionVariant::B;
    return name == "C" ? model::PositionVariant::C : model::PositionVariant::A;
}

/// A GPU's memory is divided before the first picture comes: one that is larger than its pass is made smaller, as the
/// reference makes those beyond max_pixels.
void limitPictures(Deployment& deployment)
{
    const std::int64_t side = deployment.model->config.vision.patchSize;
    const std::int64_t most = std::int64_t{deployment.placement.maxVisionPatches} * side * side;
    if (most == 0 || deployment.preprocess.maxPixels <= most)
        return;
    log::info(
        "pictures of more than {:.1f} million pixels are made smaller: the GPU has memory for passes of {} patches",
        static_cast<double>(most) / 1e6, deployment.placement.maxVisionPatches);
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

std::string modelName(const fs::path& folder)
{
    return folder.has_filename() ? folder.filename().string() : folder.parent_path().filename().string();
}

Result<std::shared_ptr<const ModelFolder>> readModelFolder(const std::string& asked, bool weights)
{
    Result<std::pair<fs::path, bool>> folder = modelFolder(asked);
    if (!folder)
        return std::move(folder).error();
    auto model = std::make_shared<ModelFolder>();
    model->path = folder->first;
    model->demo = folder->second;
    model->name = model->demo ? "Argus demo" : modelName(model->path);
    Result<model::ModelConfig> config = model::loadConfig(model->path);
    if (!config)
        return aboutModel(std::move(config).error());
    model->config = std::move(*config);
    Result<model::GenerationConfig> generation = model::loadGenerationConfig(model->path);
    if (!generation)
        return aboutModel(std::move(generation).error());
    model->generation = std::move(*generation);
    Result<media::PreprocessConfig> preprocess = media::loadPreprocessConfig(model->path);
    if (!preprocess)
        return aboutModel(std::move(preprocess).error());
    model->preprocess = *preprocess;
    Result<std::shared_ptr<const text::Tokenizer>> tokenizer = text::Tokenizer::load(model->path);
    if (!tokenizer)
        return aboutModel(std::move(tokenizer).error());
    model->tokenizer = std::move(*tokenizer);
    if (weights) {
        Result<std::shared_ptr<const model::Checkpoint>> checkpoint = model::Checkpoint::open(model->path);
        if (!checkpoint)
            return aboutModel(std::move(checkpoint).error());
        if ((*checkpoint)->partial())
            return makeError(ErrorCode::NotFound, say("part-of-machine", model->path.string()), say("do-whole-folder"),
                             "model");
        model->checkpoint = std::move(*checkpoint);
        model->checkpointBytes = model->checkpoint->totalBytes();
    }
    return std::shared_ptr<const ModelFolder>(std::move(model));
}

namespace {

/// What all machines are told alike.
wire::LoadModel commonOrder(const Deployment& deployment)
{
    const plan::Placement& placement = deployment.placement;
    wire::LoadModel order;
    *order.mutable_settings() = deployment.settings;
    order.mutable_settings()->set_max_model_len(placement.maxModelLen);
    order.mutable_settings()->clear_nodes();
    order.set_kv_blocks(placement.kvBlocks);
    order.set_kv_block_tokens(placement.kvBlockTokens);
    order.set_max_batched_tokens(deployment.settings.max_batched_tokens());
    order.set_max_num_seqs(deployment.settings.max_num_seqs());
    order.set_dtype(deployment.settings.dtype());
    order.set_max_vision_patches(placement.maxVisionPatches);
    for (const float mean : deployment.preprocess.mean)
        order.mutable_pixel_scale()->add_mean(mean);
    for (const float deviation : deployment.preprocess.std)
        order.mutable_pixel_scale()->add_deviation(deviation);
    return order;
}

void addRank(Seat& seat, const plan::PlannedRank& planned, const plan::ClusterDevice& device)
{
    wire::RankOrder& rank = *seat.order.add_ranks();
    rank.set_rank(static_cast<std::uint32_t>(planned.rank));
    rank.set_stage(static_cast<std::uint32_t>(planned.shard.stage));
    rank.set_tensor_rank(static_cast<std::uint32_t>(planned.shard.tensorRank));
    rank.set_first_layer(static_cast<std::uint32_t>(planned.shard.firstLayer));
    rank.set_end_layer(static_cast<std::uint32_t>(planned.shard.endLayer));
    rank.set_device_index(device.index);
    rank.set_device_bytes(planned.deviceBytes);
    seat.first = seat.first || planned.shard.first();
}

} // namespace

std::shared_ptr<const Deployment> deploymentOf(std::uint64_t number, const wire::EngineSettings& asked,
                                               std::shared_ptr<const ModelFolder> model, plan::Placement placement,
                                               const plan::Cluster& cluster)
{
    auto deployment = std::make_shared<Deployment>();
    deployment->number = number;
    deployment->asked = asked;
    deployment->settings = placement.settings;
    deployment->settings.set_model(model->path.string());
    deployment->preprocess = model->preprocess;
    deployment->variant = variantOf(placement.settings.position_variant());
    deployment->model = std::move(model);
    deployment->placement = std::move(placement);
    const wire::LoadModel common = commonOrder(*deployment);
    for (std::size_t n = 0; n < cluster.nodes.size(); ++n) {
        const plan::ClusterNode& node = cluster.nodes[n];
        Seat seat{.node = node.name, .kind = "cpu", .order = common};
        for (const plan::PlannedRank& planned : deployment->placement.ranks)
            if (planned.node == n) {
                seat.kind = node.devices[planned.device].kind();
                addRank(seat, planned, node.devices[planned.device]);
            }
        if (seat.order.ranks_size() == 0)
            continue;
        if (!node.model.folder.empty())
            seat.order.mutable_settings()->set_model(node.model.folder);
        seat.order.set_interface(node.interface);
        seat.order.set_address(node.address);
        deployment->seats.push_back(std::move(seat));
    }
    if (deployment->seats.size() == 1) { // nothing leaves the machine
        deployment->seats.front().order.clear_interface();
        deployment->seats.front().order.clear_address();
    }
    limitPictures(*deployment);
    return deployment;
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
