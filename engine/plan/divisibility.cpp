#include "engine/plan/divisibility.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string>

namespace argus::plan {
namespace {

/// Vocabularies are padded to a multiple of this before they are shared.
constexpr int kVocabularyMultiple = 64;

/// What does not divide, as the start of a sentence; nothing when all does.
std::optional<std::string> rest(const model::ModelConfig& model, int size)
{
    if (model.heads % size != 0)
        return fmt::format("{} attention heads cannot be shared by tensor_parallel_size {}", model.heads, size);
    if (model.kvHeads >= size ? model.kvHeads % size != 0 : size % model.kvHeads != 0)
        return fmt::format("{} KV heads can be neither shared by nor repeated over tensor_parallel_size {}",
                           model.kvHeads, size);
    if (model.intermediateSize % size != 0)
        return fmt::format("intermediate_size {} cannot be shared by tensor_parallel_size {}", model.intermediateSize,
                           size);
    const int vocabulary = (model.vocabSize + kVocabularyMultiple - 1) / kVocabularyMultiple * kVocabularyMultiple;
    if (vocabulary % size != 0)
        return fmt::format("a vocabulary of {} (padded to {}) cannot be shared by tensor_parallel_size {}",
                           model.vocabSize, vocabulary, size);
    return std::nullopt;
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
        if (size <= most && !rest(model, size))
            sizes.push_back(size);
    return sizes;
}

Result<Done> checkTensorParallel(const model::ModelConfig& model, int size)
{
    auto problem = size < 1 ? std::optional(fmt::format("tensor_parallel_size is {}", size)) : rest(model, size);
    if (!problem)
        return Done{};
    const auto sizes = validTensorParallelSizes(model);
    return Error{ErrorCode::DoesNotDivide, std::move(*problem),
                 fmt::format("{} {}", sizes.size() == 1 ? "use" : "use one of", fmt::join(sizes, ", ")),
                 "tensor_parallel_size"};
}

Result<Done> checkPipelineParallel(const model::ModelConfig& model, int size)
{
    if (size >= 1 && size <= model.layers)
        return Done{};
    return Error{ErrorCode::DoesNotDivide,
                 fmt::format("{} layers cannot be shared by pipeline_parallel_size {}", model.layers, size),
                 fmt::format("use 1 to {}", model.layers), "pipeline_parallel_size"};
}

} // namespace argus::plan
