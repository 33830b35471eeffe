#include "engine/model/footprint.h"

#include "engine/model/sharding.h"
#include "engine/ops/arena.h"
#include "engine/ops/measuring_ops.h"

#include <algorithm>
#include <stdexcept>

namespace argus::model {

namespace {

/// 112 MiB for the 7B, and more than one picture or a clip of a few minutes at the usual sizes.
constexpr std::int64_t kMostWaitingTokens = 16384;

} // namespace

std::int64_t waitingVisionTokens(std::int64_t maxModelLen)
{
    return std::min(maxModelLen, kMostWaitingTokens);
}

Footprint footprint(const ModelConfig& config, const Shard& shard, const RuntimeSizes& sizes, std::int64_t maxModelLen,
                    std::int64_t maxVisionPatches, const DeviceFacts& device)
{
    RuntimeSizes one = sizes;
    one.kvBlocks = static_cast<int>((maxModelLen + sizes.kvBlockTokens - 1) / sizes.kvBlockTokens);
    one.maxModelLen = static_cast<int>(maxModelLen);
    one.maxVisionPatches = static_cast<int>(maxVisionPatches);
    ops::MeasuringOps measure({.compute = device.type,
                               .packed = config.awq,
                               .major = device.capabilityMajor,
                               .minor = device.capabilityMinor});
    const auto model = Qwen25VL::load(measure, config, nullptr, one, {}, {}, shard);
    if (!model.ok()) // a device without bounds refuses nothing else
        throw std::invalid_argument(model.error().text());
    const Parts parts(config, shard);
    const std::uint64_t embeddings = shard.first()
                                         ? static_cast<std::uint64_t>(waitingVisionTokens(maxModelLen)) *
                                               static_cast<std::uint64_t>(config.hiddenSize) * sizeOf(device.type)
                                         : 0;
    const std::uint64_t cache = std::uint64_t{2} * static_cast<std::uint64_t>(parts.layers.count);
    const std::uint64_t blockOfLayer = static_cast<std::uint64_t>(sizes.kvBlockTokens) *
                                       static_cast<std::uint64_t>(parts.keys.count) * sizeOf(device.type);
    const std::uint64_t held = cache * ops::Arena::aligned(static_cast<std::uint64_t>(one.kvBlocks) * blockOfLayer);
    return {.weights = measure.weightBytes(),
            .kvBlock = cache * blockOfLayer,
            .activations = measure.otherBytes() - held + embeddings};
}

} // namespace argus::model
