#pragma once
// Sizes computed before the first allocation: KV blocks, context, and what does not fit. Pure functions.

#include "engine/base/result.h"
#include "engine/model/config.h"
#include "engine/protocol/settings.pb.h"

#include <cstdint>
#include <string>

namespace argus::plan {

/// Fills zeros and empty strings with defaults and checks ranges. Errors: BadRequest, DoesNotDivide, Unsupported, each
/// with its setting.
[[nodiscard]] Result<wire::EngineSettings> completed(const wire::EngineSettings& settings);

/// What the device computes with once "auto" is decided: float32, since every device of this release is a CPU.
[[nodiscard]] std::string computeDtype(const wire::EngineSettings& settings);

struct MemoryBudget {
    std::uint64_t weightBytes = 0;
    std::uint64_t kvBlockBytes = 0;
    std::uint32_t kvBlocks = 0;
    std::uint32_t kvBlockTokens = 16;
    std::uint64_t activationBytes = 0;
    std::uint32_t maxModelLen = 0; ///< what was asked, or what model and memory allow
};

/// What one CPU device holds. `freeBytes` is the memory free now.
/// Errors  DoesNotFit: the cause lists each part and the free memory, the remedy the largest context that would fit;
/// setting max_model_len
[[nodiscard]] Result<MemoryBudget> memoryBudget(const model::ModelConfig& model, std::uint64_t checkpointBytes,
                                                std::uint64_t freeBytes, const wire::EngineSettings& settings);

} // namespace argus::plan
