#include "engine/node/sampling_defaults.h"

#include "engine/base/catalogue.h"
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
    const auto least = fmt::to_string(range.low);
    const auto most = fmt::to_string(range.high);
    return makeError(ErrorCode::BadRequest, say("sampling-outside", range.name, fmt::to_string(value)),
                     range.lowAllowed ? say("do-at-least", least, most) : say("do-above", least, most));
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
        return makeError(ErrorCode::BadRequest, say("no-answer-possible"), say("do-ask-one-token"));
    return choice;
}

Result<std::uint32_t> answerRoom(const SamplingChoice& choice, std::uint32_t promptTokens, std::uint32_t maxModelLen)
{
    if (promptTokens >= maxModelLen)
        return makeError(ErrorCode::DoesNotFit, say("conversation-too-long", promptTokens, maxModelLen),
                         say("do-less-conversation"), "max_model_len");
    const std::uint32_t room = maxModelLen - promptTokens;
    if (choice.maxTokens <= room)
        return choice.maxTokens;
    if (!choice.maxTokensExplicit)
        return room;
    return makeError(ErrorCode::DoesNotFit, say("answer-too-long", choice.maxTokens, promptTokens, maxModelLen),
                     say("do-fewer-tokens", room), "max_model_len");
}

} // namespace argus::node
