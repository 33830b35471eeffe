#include "engine/model/sharding.h"

#include <fmt/format.h>

#include <algorithm>

namespace argus::model {

namespace {

std::int64_t unitsOf(std::int64_t size, std::int64_t unit)
{
    return (size + unit - 1) / unit;
}

std::int64_t mergedSize(const VisionConfig& vision)
{
    return std::int64_t{vision.hiddenSize} * vision.mergeSize * vision.mergeSize;
}

std::int64_t paddedVocabulary(const ModelConfig& config)
{
    return unitsOf(config.vocabSize, kVocabularyUnit) * kVocabularyUnit;
}

/// Every rank has some whole heads and some of the rest.
bool visionDivides(const VisionConfig& vision, int ranks)
{
    return vision.heads % ranks == 0 && unitsOf(vision.intermediateSize, kPlainUnit) >= ranks &&
           unitsOf(mergedSize(vision), kPlainUnit) >= ranks;
}

Error badTensorSize(std::string cause)
{
    return {ErrorCode::Unsupported, std::move(cause), "choose another tensor_parallel_size", "tensor_parallel_size"};
}

} // namespace

Extent cut(std::int64_t size, std::int64_t unit, int rank, int of)
{
    const std::int64_t units = unitsOf(size, unit);
    const auto edge = [&](std::int64_t index) { return std::min(size, unitsOf(units * index, of) * unit); };
    return {size, edge(rank), edge(rank + 1) - edge(rank)};
}

Parts::Parts(const ModelConfig& config, const Shard& shard)
{
    const int rank = shard.tensorRank;
    const int of = shard.tensorSize;
    const std::int64_t head = config.headDim();
    const int endLayer = shard.endLayer > 0 ? shard.endLayer : config.layers;
    layers = {config.layers, shard.firstLayer, endLayer - shard.firstLayer};
    heads = config.heads / of;
    kvHeads = std::max(1, config.kvHeads / of);
    queries = cut(config.heads * head, head, rank, of);
    keys = {config.kvHeads * head, std::int64_t{rank} * config.kvHeads / of * head, kvHeads * head};
    inner = cut(config.intermediateSize, config.awq ? kPackedUnit : kPlainUnit, rank, of);
    scoreColumns = of == 1 ? config.vocabSize : paddedVocabulary(config) / of;
    vocabulary = cut(config.vocabSize, scoreColumns, rank, of);

    const VisionConfig& vision = config.vision;
    visionSplit = of > 1 && visionDivides(vision, of);
    const int visionRank = visionSplit ? rank : 0;
    const int visionOf = visionSplit ? of : 1;
    visionHidden = cut(vision.hiddenSize, vision.headDim(), visionRank, visionOf);
    visionInner = cut(vision.intermediateSize, kPlainUnit, visionRank, visionOf);
    merged = cut(mergedSize(vision), kPlainUnit, visionRank, visionOf);
}

Result<Done> checkShard(const ModelConfig& config, const Shard& shard)
{
    const int of = shard.tensorSize;
    if (of < 1 || shard.tensorRank < 0 || shard.tensorRank >= of)
        return badTensorSize(fmt::format("tensor rank {} of {}", shard.tensorRank, of));
    if (config.heads % of != 0)
        return badTensorSize(fmt::format("{} attention heads cannot be shared by {} ranks", config.heads, of));
    if (config.kvHeads % of != 0 && of % config.kvHeads != 0)
        return badTensorSize(fmt::format("{} key heads can neither be shared by {} ranks nor repeated on them evenly",
                                         config.kvHeads, of));
    const std::int64_t vocabulary = paddedVocabulary(config);
    if (vocabulary % of != 0 || unitsOf(config.vocabSize, vocabulary / of) < of)
        return badTensorSize(fmt::format("a vocabulary of {} cannot be shared by {} ranks", config.vocabSize, of));
    const std::int64_t unit = config.awq ? kPackedUnit : kPlainUnit;
    if (unitsOf(config.intermediateSize, unit) < of)
        return badTensorSize(
            fmt::format("an intermediate size of {} has no {} parts of {} or more", config.intermediateSize, of, unit));
    const int end = shard.endLayer > 0 ? shard.endLayer : config.layers;
    if (shard.stage < 0 || shard.stage >= shard.stages || shard.firstLayer < 0 || shard.firstLayer >= end ||
        end > config.layers || shard.first() != (shard.firstLayer == 0) || shard.last() != (end == config.layers))
        return Error{ErrorCode::Unsupported,
                     fmt::format("stage {} of {} cannot have layers {} to {} of {}", shard.stage, shard.stages,
                                 shard.firstLayer, end, config.layers),
                     "choose a smaller pipeline_parallel_size or other stage_layers", "pipeline_parallel_size"};
    return Done{};
}

} // namespace argus::model
