#pragma once
// Sizes computed before the first allocation: KV blocks, context, and what does not fit. Pure functions.

#include "engine/base/result.h"
#include "engine/model/config.h"
#include "engine/plan/device.h"
#include "engine/protocol/settings.pb.h"

#include <cstdint>

namespace argus::plan {

struct MemoryBudget {
    std::uint64_t weightBytes = 0;
    std::uint64_t kvBlockBytes = 0;
    std::uint32_t kvBlocks = 0;
    std::uint32_t kvBlockTokens = 16;
    std::uint64_t activationBytes = 0;
    std::uint32_t maxModelLen = 0;      ///< what was asked, or what model and memory allow
    std::uint32_t maxVisionPatches = 0; ///< of one pass of the vision tower on a GPU; 0: as comes
    std::uint64_t deviceBytes = 0;      ///< of a GPU: weights, blocks and activations in one piece; 0 on a CPU
};

/// What one device holds.
///
/// CPU      gpu_memory_utilization is a share of the memory that is free; weights are as large as in the checkpoint
/// GPU      it is a share of the card's memory, of which others may have taken some: never more than is free, less a
///          margin. The CUDA runtime's own memory counts as ours. Weights are what model::footprint() says
/// Errors   as settled(); BadRequest beyond the model's own context. DoesNotFit: the cause lists each part and the free
///          memory, the remedy the largest context that would fit; setting max_model_len or gpu_memory_utilization
[[nodiscard]] Result<MemoryBudget> memoryBudget(const model::ModelConfig& model, std::uint64_t checkpointBytes,
                                                const Device& device, const wire::EngineSettings& settings);

} // namespace argus::plan
