#include "engine/executor/load_order.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace argus::executor {
namespace {

constexpr std::uint32_t kMostThreads = 1024;
/// More devices than anybody joins for one model; products of two such sizes stay small.
constexpr std::uint32_t kMostParallel = 1024;

std::uint32_t tensorSize(const wire::LoadModel& order)
{
    return std::max(order.settings().tensor_parallel_size(), 1U);
}

std::uint32_t stages(const wire::LoadModel& order)
{
    return std::max(order.settings().pipeline_parallel_size(), 1U);
}

Error impossible(std::string cause)
{
    return makeError(ErrorCode::Internal, std::move(cause), say("do-restart-node"));
}

} // namespace

std::uint64_t ranksOfAll(const wire::LoadModel& order)
{
    return std::uint64_t{tensorSize(order)} * stages(order);
}

Result<Done> checkRanks(const wire::LoadModel& order)
{
    if (tensorSize(order) > kMostParallel || stages(order) > kMostParallel)
        return impossible(fmt::format("a model in {} stages of {} ranks is more than the {} of each that can be",
                                      stages(order), tensorSize(order), kMostParallel));
    if (order.ranks_size() == 0)
        return impossible("the order to load a model names no rank of this executor");
    std::set<std::uint32_t> seen;
    for (const wire::RankOrder& rank : order.ranks()) {
        if (!seen.insert(rank.rank()).second)
            return impossible(fmt::format("the order to load a model names rank {} twice", rank.rank()));
        if (rank.stage() >= stages(order) || rank.tensor_rank() >= tensorSize(order) ||
            rank.rank() != rank.stage() * tensorSize(order) + rank.tensor_rank())
            return impossible(fmt::format("rank {} cannot be the {}. of stage {}: there are {} stages of {} ranks",
                                          rank.rank(), rank.tensor_rank() + 1, rank.stage() + 1, stages(order),
                                          tensorSize(order)));
        if (rank.end_layer() > 1U << 16 || (rank.end_layer() != 0 && rank.first_layer() >= rank.end_layer()))
            return impossible(fmt::format("rank {} has layers {} to {}, which cannot be", rank.rank(),
                                          rank.first_layer(), rank.end_layer()));
    }
    return Done{};
}

model::Shard shardOf(const wire::LoadModel& order, const wire::RankOrder& rank)
{
    return {.tensorRank = static_cast<int>(rank.tensor_rank()),
            .tensorSize = static_cast<int>(tensorSize(order)),
            .stage = static_cast<int>(rank.stage()),
            .stages = static_cast<int>(stages(order)),
            .firstLayer = static_cast<int>(rank.first_layer()),
            .endLayer = static_cast<int>(rank.end_layer())};
}

std::vector<std::uint32_t> peersOf(const wire::LoadModel& order, const wire::RankOrder& rank)
{
    std::vector<std::uint32_t> peers;
    const std::uint32_t size = tensorSize(order);
    for (std::uint32_t other = 0; other < size * stages(order); ++other)
        if (other != rank.rank() && (other / size == rank.stage() || other % size == rank.tensor_rank()))
            peers.push_back(other);
    return peers;
}

comm::World worldOf(const wire::LoadModel& order, const wire::RankOrder& rank, std::uint64_t epoch)
{
    return {.epoch = epoch,
            .rank = static_cast<int>(rank.rank()),
            .size = static_cast<int>(ranksOfAll(order)),
            .tensorRanks = static_cast<int>(tensorSize(order))};
}

Result<model::RuntimeSizes> sizesOf(const wire::LoadModel& order)
{
    const auto within = [](std::uint32_t value, int most) {
        return value >= 1 && value <= static_cast<std::uint32_t>(most);
    };
    if (!within(order.kv_blocks(), std::numeric_limits<int>::max()) || !within(order.kv_block_tokens(), 1024) ||
        order.max_vision_patches() > 1U << 20 || order.settings().max_model_len() > 1U << 24 ||
        !within(order.max_batched_tokens(), 1 << 20) || !within(order.max_num_seqs(), 1 << 16))
        return impossible(fmt::format("the sizes to load with are impossible: {} KV blocks of {} tokens, {} tokens and "
                                      "{} sequences in a step",
                                      order.kv_blocks(), order.kv_block_tokens(), order.max_batched_tokens(),
                                      order.max_num_seqs()));
    return model::RuntimeSizes{.kvBlocks = static_cast<int>(order.kv_blocks()),
                               .kvBlockTokens = static_cast<int>(order.kv_block_tokens()),
                               .maxBatchedTokens = static_cast<int>(order.max_batched_tokens()),
                               .maxSequences = static_cast<int>(order.max_num_seqs()),
                               .maxModelLen = static_cast<int>(order.settings().max_model_len()),
                               .maxVisionPatches = static_cast<int>(order.max_vision_patches()),
                               .recordsSteps = !order.settings().enforce_eager()};
}

Result<ops::PixelScale> pixelScaleOf(const wire::LoadModel& order)
{
    const wire::PixelScale& told = order.pixel_scale();
    ops::PixelScale scale;
    bool fine = told.mean_size() == 3 && told.deviation_size() == 3;
    for (int c = 0; fine && c < 3; ++c) {
        scale.mean[c] = told.mean(c);
        scale.deviation[c] = told.deviation(c);
        fine = std::isfinite(told.mean(c)) && std::isfinite(told.deviation(c)) && told.deviation(c) != 0;
    }
    if (!fine)
        return impossible("the order to load a model does not say what the bytes of pictures become");
    return scale;
}

int threadsOf(const wire::LoadModel& order, const wire::RankOrder& rank, int asked, int cores)
{
    if (rank.threads() > 0)
        return static_cast<int>(std::min(rank.threads(), kMostThreads));
    int all = asked;
    if (all <= 0)
        all = static_cast<int>(std::min(order.settings().threads(), kMostThreads));
    if (all <= 0)
        all = cores;
    return std::max(all / std::max(order.ranks_size(), 1), 1);
}

} // namespace argus::executor
