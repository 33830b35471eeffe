#include "engine/plan/divisibility.h"

#include "engine/base/catalogue.h"
#include "engine/model/sharding.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string>

namespace argus::plan {
namespace {

/// Vocabularies are padded to a multiple of this before they are shared.
constexpr int kVocabularyMultiple = 64;
/// Inputs that share a scale in an AWQ checkpoint.
constexpr int kAwqGroup = 128;
/// Groups are padded to a multiple of this where a single one is missing: 231 of the 72B model.
constexpr int kPaddedGroups = 8;

/// What does not divide, as the start of a sentence; nothing when all does.
std::optional<Said> rest(const model::ModelConfig& model, int size)
{
    if (model.heads % size != 0)
        return say("heads-share", model.heads, size);
    if (model.kvHeads >= size ? model.kvHeads % size != 0 : size % model.kvHeads != 0)
        return say("kv-heads-share", model.kvHeads, size);
    if (model.intermediateSize % size != 0)
        return say("inner-share", model.intermediateSize, size);
    const int vocabulary = (model.vocabSize + kVocabularyMultiple - 1) / kVocabularyMultiple * kVocabularyMultiple;
    if (vocabulary % size != 0)
        return say("vocabulary-share", model.vocabSize, vocabulary, size);
    return std::nullopt;
}

/// A layer whose inputs are shared, so that no AWQ group may be cut, and what does not divide in it.
std::optional<Said> awqRest(const char* layer, const Said& what, int inputs, int size)
{
    const int groups = (inputs + kAwqGroup - 1) / kAwqGroup;
    const int padded = (groups + kPaddedGroups - 1) / kPaddedGroups * kPaddedGroups;
    const int shared = padded - groups <= 1 ? padded : groups; // one group of zeros costs nothing worth a word
    if (shared % size == 0)
        return std::nullopt;
    return say("awq-share", layer, what, inputs, groups, kAwqGroup, size,
               fmt::format("{:.4g}", static_cast<double>(groups) / size));
}

std::optional<Said> awqRest(const model::ModelConfig& model, int size)
{
    if (!model.awq)
        return std::nullopt;
    if (auto problem = awqRest("o_proj", say("input-width"), model.heads * model.headDim(), size))
        return problem;
    return awqRest("down_proj", "intermediate_size", model.intermediateSize, size);
}

/// Whether the loader can cut the model like that.
std::optional<Said> uncuttable(const model::ModelConfig& model, int size)
{
    model::Shard shard;
    shard.tensorSize = size;
    const auto checked = model::checkShard(model, shard);
    return checked.ok() ? std::nullopt : std::optional(checked.error().saidCause());
}

Error doesNotDivide(const model::ModelConfig& model, Said problem)
{
    const auto sizes = validTensorParallelSizes(model);
    const std::string list = fmt::format("{}", fmt::join(sizes, ", "));
    return makeError(ErrorCode::DoesNotDivide, std::move(problem),
                     sizes.size() == 1 ? say("do-use", list) : say("do-use-one-of", list), "tensor_parallel_size");
}

} // namespace

std::vector<int> divisorsOf(int number)
{
    std::vector<int> divisors;
    for (int candidate = 1; candidate <= number; ++candidate)
        if (number % candidate == 0)
            divisors.push_back(candidate);
    return divisors;
}

std::vector<int> validTensorParallelSizes(const model::ModelConfig& model, int most)
{
    std::vector<int> sizes;
    for (const int size : divisorsOf(model.heads))
        if (size <= most && !rest(model, size) && !awqRest(model, size) && !uncuttable(model, size))
            sizes.push_back(size);
    return sizes;
}

Result<Done> checkTensorParallel(const model::ModelConfig& model, int size)
{
    auto problem = size < 1 ? std::optional(say("tensor-size-is", size)) : rest(model, size);
    if (!problem)
        problem = uncuttable(model, size);
    if (!problem)
        return Done{};
    return doesNotDivide(model, std::move(*problem));
}

Result<Done> checkAwqGroups(const model::ModelConfig& model, int size)
{
    auto problem = size < 1 ? std::nullopt : awqRest(model, size);
    if (!problem)
        return Done{};
    return doesNotDivide(model, std::move(*problem));
}

Result<Done> checkPipelineParallel(const model::ModelConfig& model, int size)
{
    if (size >= 1 && size <= model.layers)
        return Done{};
    return makeError(ErrorCode::DoesNotDivide, say("layers-share", model.layers, size),
                     say("do-use-up-to", model.layers), "pipeline_parallel_size");
}

} // namespace argus::plan
