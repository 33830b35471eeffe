#pragma once
// What an ask leaves open about sampling: the checkpoint's generation_config, then the service's documented defaults.

#include "engine/base/result.h"
#include "engine/model/config.h"
#include "engine/protocol/client.pb.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace argus::node {

constexpr double kDefaultTemperature = 0.1;
constexpr double kDefaultTopP = 0.001;
constexpr double kDefaultRepetitionPenalty = 1.05;
constexpr std::uint32_t kDefaultMaxTokens = 512;

struct SamplingChoice {
    wire::SamplingPlan plan;
    std::uint32_t maxTokens = kDefaultMaxTokens;
    bool maxTokensExplicit = false; ///< asked for: refused when it does not fit, never clamped
    std::vector<std::string> stops;
};

/// Pure. `askId` gives the seed when the ask has none, so that the same ask sent twice draws the same.
/// Errors  BadRequest naming field, value and range
/// Source  design/qwen2_5_vl.md §1.4, §10
[[nodiscard]] Result<SamplingChoice> chooseSampling(const wire::Sampling& asked,
                                                    const model::GenerationConfig& checkpoint, std::string_view askId);

/// How many tokens the answer may have. Errors: DoesNotFit (setting max_model_len) when the prompt fills the context,
/// or when an explicit max_tokens does not fit beside it; the cause has the numbers, the remedy the largest max_tokens.
[[nodiscard]] Result<std::uint32_t> answerRoom(const SamplingChoice& choice, std::uint32_t promptTokens,
                                               std::uint32_t maxModelLen);

} // namespace argus::node
