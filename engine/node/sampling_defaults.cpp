#include "engine/node/sampling_defaults.h"

#include "engine/base/sha256.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <optional>

namespace argus::node {
namespace {

std::uint64_t seedFromName(std::string_view name)
{
    const Sha256 digest = sha256(std::as_bytes(std::span(name.data(), name.size())));
    std::uint64_t seed = 0;
    std::memcpy(&seed, digest.data(), sizeof seed);
    return seed;
}

struct Range {
    const char* name;
    double low;
    double high;
    bool lowAllowed;
};
constexpr Range kTemperature{"temperature", 0.0, 100.0, true};
constexpr Range kTopP{"top_p", 0.0, 1.0, false};
constexpr Range kRepetitionPenalty{"repetition_penalty", 0.0, 100.0, false};

std::optional<Error> outside(double value, const Range& range)
{
    if (std::isfinite(value) && value <= range.high && (value > range.low || (range.lowAllowed && value == range.low)))
        return std::nullopt;
    return Error{ErrorCode::BadRequest,
                 fmt::format("{} is {}", range.name, value),
                 fmt::format("use a value {} {} and at most {}", range.lowAllowed ? "of at least" : "above", range.low,
                             range.high),
                 {}};
}

double defaultTemperature(const model::GenerationConfig& checkpoint)
{
    if (checkpoint.doSample && !*checkpoint.doSample)
        return 0;
    return checkpoint.temperature.value_or(kDefaultTemperature);
}

} // namespace

Result<SamplingChoice> chooseSampling(const wire::Sampling& asked, const model::GenerationConfig& checkpoint,
                                      std::string_view askId)
{
    SamplingChoice choice;
    wire::SamplingPlan& plan = choice.plan;
    plan.set_temperature(asked.has_temperature() ? asked.temperature() : defaultTemperature(checkpoint));
    plan.set_top_p(asked.has_top_p() ? asked.top_p() : checkpoint.topP.value_or(kDefaultTopP));
    plan.set_top_k(asked.has_top_k() ? asked.top_k()
                                     : static_cast<std::uint32_t>(std::max(0, checkpoint.topK.value_or(0))));
    plan.set_repetition_penalty(asked.has_repetition_penalty()
                                    ? asked.repetition_penalty()
                                    : checkpoint.repetitionPenalty.value_or(kDefaultRepetitionPenalty));
    plan.set_seed(asked.has_seed() ? asked.seed() : seedFromName(askId));
    choice.maxTokensExplicit = asked.has_max_tokens();
    const int fromFile = checkpoint.maxNewTokens.value_or(static_cast<int>(kDefaultMaxTokens));
    choice.maxTokens = asked.has_max_tokens() ? asked.max_tokens() : static_cast<std::uint32_t>(std::max(1, fromFile));
    for (const std::string& stop : asked.stop())
        if (!stop.empty())
            choice.stops.push_back(stop);

    for (const auto& [value, range] : {std::pair{plan.temperature(), kTemperature}, std::pair{plan.top_p(), kTopP},
                                       std::pair{plan.repetition_penalty(), kRepetitionPenalty}})
        if (std::optional<Error> error = outside(value, range))
            return *error;
    if (choice.maxTokens == 0)
        return Error{ErrorCode::BadRequest, "max_tokens is 0", "ask for at least one token", {}};
    return choice;
}

Result<std::uint32_t> answerRoom(const SamplingChoice& choice, std::uint32_t promptTokens, std::uint32_t maxModelLen)
{
    if (promptTokens >= maxModelLen)
        return Error{ErrorCode::DoesNotFit,
                     fmt::format("the conversation has {} tokens, but the context holds {} with the answer",
                                 promptTokens, maxModelLen),
                     "use fewer or smaller pictures and clips, clear the history, or start the model with a larger "
                     "max_model_len",
                     "max_model_len"};
    const std::uint32_t room = maxModelLen - promptTokens;
    if (choice.maxTokens <= room)
        return choice.maxTokens;
    if (!choice.maxTokensExplicit)
        return room;
    return Error{ErrorCode::DoesNotFit,
                 fmt::format("max_tokens {} and the conversation's {} tokens exceed the context of {}",
                             choice.maxTokens, promptTokens, maxModelLen),
                 fmt::format("use max_tokens {} or less, or start the model with a larger max_model_len", room),
                 "max_model_len"};
}

} // namespace argus::node
