#include "engine/plan/memory_budget.h"

#include "engine/plan/setting_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace argus::plan {
namespace {

constexpr std::uint64_t kFloatBytes = 4; // activations and the KV cache of a CPU device

/// Patches of the largest clip that reaches the executor, at the processor's limit of 24,576 tokens; its pixels and
/// rows are held whole, one clip at a time.
constexpr std::uint64_t kLargestClipPatches = 98'304;
/// Patches of the largest picture (12,845,056 pixels of 14 x 14): what the vision tower works on at once. It takes
/// clips in smaller pieces.
constexpr std::uint64_t kLargestPicturePatches = 65'536;

constexpr std::uint32_t kSmallestContext = 16;

bool isAbsent(const SettingValue& value)
{
    const std::string text = textOf(value);
    return text.empty() || text == "0";
}

Result<Done> refuseWhatThisReleaseLacks(const wire::EngineSettings& settings)
{
    for (const auto& [name, size] : {std::pair("tensor_parallel_size", settings.tensor_parallel_size()),
                                     std::pair("pipeline_parallel_size", settings.pipeline_parallel_size())})
        if (size > 1)
            return Error{ErrorCode::Unsupported,
                         fmt::format("{} is {}, but this release runs one device per model", name, size), "use 1",
                         name};
    if (settings.dtype() == "bfloat16" || settings.dtype() == "float16")
        return Error{
            ErrorCode::Unsupported,
            fmt::format("dtype is {}, but a CPU computes in float32, whatever the checkpoint stores", settings.dtype()),
            "use auto or float32", "dtype"};
    return Done{};
}

/// "7.0 GiB", "340 MiB": rounded so that a person can compare.
std::string bytesText(std::uint64_t bytes)
{
    constexpr double kMiB = 1024.0 * 1024;
    const double amount = static_cast<double>(bytes);
    if (amount >= 1024 * kMiB)
        return fmt::format("{:.1f} GiB", amount / (1024 * kMiB));
    return fmt::format("{:.0f} MiB", std::ceil(amount / kMiB));
}

/// The sizes of one model under given settings, as functions of the context.
class Sizes {
public:
    Sizes(const model::ModelConfig& model, std::uint64_t weightBytes, const wire::EngineSettings& settings)
        : m_model(model), m_settings(settings), m_weightBytes(weightBytes)
    {
    }

    [[nodiscard]] std::uint64_t weights() const { return m_weightBytes; }
    [[nodiscard]] std::uint64_t block() const
    {
        return positive(m_model.layers) * 2 * positive(m_model.kvHeads) * positive(m_model.headDim()) * kBlockTokens *
               kFloatBytes;
    }
    [[nodiscard]] static std::uint64_t blocksFor(std::uint64_t context)
    {
        return (context + kBlockTokens - 1) / kBlockTokens;
    }
    /// Hidden rows, projections and MLP of a full step, scores of every sequence, and the vision tower on the largest
    /// item that a context can hold.
    [[nodiscard]] std::uint64_t activations(std::uint64_t context) const
    {
        const std::uint64_t hidden = positive(m_model.hiddenSize);
        const std::uint64_t heads = positive(m_model.heads) * positive(m_model.headDim());
        const std::uint64_t kv = positive(m_model.kvHeads) * positive(m_model.headDim());
        const std::uint64_t row = 4 * hidden + 2 * heads + 2 * kv + 2 * positive(m_model.intermediateSize);
        const model::VisionConfig& vision = m_model.vision;
        const std::uint64_t merge = positive(vision.mergeSize) * positive(vision.mergeSize);
        const std::uint64_t held =
            std::min(merge * context, kLargestClipPatches) * (positive(vision.patchElements()) + hidden / merge);
        const std::uint64_t worked = std::min(merge * context, kLargestPicturePatches) *
                                     (positive(vision.patchElements()) + 8 * positive(vision.hiddenSize) +
                                      2 * positive(vision.intermediateSize) + hidden);
        return kFloatBytes * (row * m_settings.max_batched_tokens() +
                              positive(m_model.vocabSize) * m_settings.max_num_seqs() + held + worked);
    }
    /// All that one sequence of that context needs.
    [[nodiscard]] std::uint64_t total(std::uint64_t context) const
    {
        return m_weightBytes + activations(context) + blocksFor(context) * block();
    }
    /// The largest context up to `most` whose total is within `bytes`; 0 when none is.
    [[nodiscard]] std::uint32_t largestContext(std::uint32_t most, std::uint64_t bytes) const
    {
        std::uint32_t fits = 0;
        std::uint32_t beyond = most + 1;
        while (beyond - fits > 1) {
            const std::uint32_t middle = fits + (beyond - fits) / 2;
            (total(middle) <= bytes ? fits : beyond) = middle;
        }
        return fits;
    }

    static constexpr std::uint64_t kBlockTokens = 16;

private:
    static std::uint64_t positive(int value) { return static_cast<std::uint64_t>(std::max(value, 1)); }
    const model::ModelConfig& m_model;
    const wire::EngineSettings& m_settings;
    std::uint64_t m_weightBytes;
};

struct Room {
    std::uint64_t free = 0;
    double share = 0;
    [[nodiscard]] std::uint64_t usable() const { return static_cast<std::uint64_t>(static_cast<double>(free) * share); }
    [[nodiscard]] std::string text() const
    {
        return fmt::format("{} may be used (gpu_memory_utilization {} of the {} that are free)", bytesText(usable()),
                           share, bytesText(free));
    }
};

Error doesNotFit(const Sizes& sizes, std::uint32_t context, std::uint32_t largest, const Room& room)
{
    const std::uint64_t needed = sizes.total(context);
    std::string cause =
        fmt::format("a context of {} tokens needs {}: weights {}, KV cache {}, working memory {}; {}", context,
                    bytesText(needed), bytesText(sizes.weights()), bytesText(Sizes::blocksFor(context) * sizes.block()),
                    bytesText(sizes.activations(context)), room.text());
    const double share =
        std::ceil(100.0 * static_cast<double>(needed) / static_cast<double>(std::max<std::uint64_t>(room.free, 1))) /
        100;
    std::string other = share <= 1 ? fmt::format("raise gpu_memory_utilization to {:.2f}", share)
                                   : fmt::format("free {} by closing other programs", bytesText(needed - room.free));
    if (largest < kSmallestContext)
        return {ErrorCode::DoesNotFit, std::move(cause),
                fmt::format("no context fits: {}, or take a smaller checkpoint", other), "gpu_memory_utilization"};
    return {ErrorCode::DoesNotFit, std::move(cause),
            fmt::format("set max_model_len to {} or less, or {}", largest, other), "max_model_len"};
}

} // namespace

Result<wire::EngineSettings> completed(const wire::EngineSettings& settings)
{
    wire::EngineSettings whole = settings;
    for (const Setting& setting : settingTable()) {
        if (setting.kind == SettingKind::Switch)
            continue;
        if (isAbsent(setting.get(whole)))
            setting.set(whole, setting.standard);
        if (auto checked = checkSetting(setting, setting.get(whole)); !checked)
            return std::move(checked).error();
    }
    if (auto possible = refuseWhatThisReleaseLacks(whole); !possible)
        return std::move(possible).error();
    if (whole.max_batched_tokens() < whole.max_num_seqs())
        return Error{ErrorCode::BadRequest,
                     fmt::format("max_batched_tokens is {}, less than max_num_seqs {}: a step could not serve everyone",
                                 whole.max_batched_tokens(), whole.max_num_seqs()),
                     fmt::format("set max_batched_tokens to {} or more", whole.max_num_seqs()), "max_batched_tokens"};
    return whole;
}

std::string computeDtype(const wire::EngineSettings& settings)
{
    return settings.dtype().empty() || settings.dtype() == "auto" ? "float32" : settings.dtype();
}

Result<MemoryBudget> memoryBudget(const model::ModelConfig& model, std::uint64_t checkpointBytes,
                                  std::uint64_t freeBytes, const wire::EngineSettings& given)
{
    auto settings = completed(given);
    if (!settings)
        return std::move(settings).error();
    const auto positions = static_cast<std::uint32_t>(std::max(model.maxPositions, 1));
    if (settings->max_model_len() > positions)
        return Error{ErrorCode::BadRequest,
                     fmt::format("max_model_len is {}, but the model was made for {} tokens", settings->max_model_len(),
                                 positions),
                     fmt::format("use at most {}", positions), "max_model_len"};
    // The CPU computes with weights as they are stored, straight from the mapped files.
    const Sizes sizes(model, checkpointBytes, *settings);
    const Room room{.free = freeBytes, .share = settings->gpu_memory_utilization()};
    const std::uint32_t largest = sizes.largestContext(positions, room.usable());
    const std::uint32_t context = settings->max_model_len() != 0 ? settings->max_model_len() : largest;
    if (context > largest || largest < std::min(kSmallestContext, positions))
        return doesNotFit(sizes, std::max(context, kSmallestContext), largest, room);

    const std::uint64_t wanted = std::uint64_t{settings->max_num_seqs()} * Sizes::blocksFor(context);
    const std::uint64_t affordable = (room.usable() - sizes.weights() - sizes.activations(context)) / sizes.block();
    return MemoryBudget{.weightBytes = sizes.weights(),
                        .kvBlockBytes = sizes.block(),
                        .kvBlocks = static_cast<std::uint32_t>(std::min(wanted, affordable)),
                        .kvBlockTokens = static_cast<std::uint32_t>(Sizes::kBlockTokens),
                        .activationBytes = sizes.activations(context),
                        .maxModelLen = context};
}

} // namespace argus::plan
