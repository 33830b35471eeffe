#pragma once
// What a model, or a rank's part of it, takes on a device with memory of its own, in bytes, before anything is
// allocated: the sums of what weights, cache and activations will ask for. Pure.

#include "engine/model/config.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/model/shard.h"
#include "engine/tensor/dtype.h"

#include <cstdint>

namespace argus::model {

struct Footprint {
    std::uint64_t weights = 0;
    std::uint64_t kvBlock = 0; ///< one block of all layers of the part
    std::uint64_t activations = 0;
};

/// A device as far as sizes depend on it.
struct DeviceFacts {
    DType type = DType::BF16; ///< what is computed with
    int capabilityMajor = 9;
    int capabilityMinor = 0;
    int processors = 132; ///< multiprocessors
};

/// Rows of embeddings of pictures and clips that there is room for while they wait for their place in the cache. The
/// scheduler begins no more of them at a time, and refuses a question that needs more for itself.
[[nodiscard]] std::int64_t waitingVisionTokens(std::int64_t maxModelLen);

/// Every rank computes with the same numbers: sizes.kvBlocks is not looked at, the rest is. Of the tensor ranks of a
/// stage the first takes as much as any. The model can be divided like that (checkShard()); otherwise
/// std::invalid_argument. Communicators' memory is not in it.
[[nodiscard]] Footprint footprint(const ModelConfig& config, const Shard& shard, const RuntimeSizes& sizes,
                                  std::int64_t maxModelLen, std::int64_t maxVisionPatches, const DeviceFacts& device);

} // namespace argus::model
