#include "engine/plan/memory_budget.h"

#include "engine/model/footprint.h"
#include "engine/plan/complete_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <functional>
#include <utility>
#include <vector>

namespace argus::plan {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint32_t kSmallestContext = 16;

// ---- a CPU ----

constexpr std::uint32_t kCpuBlockTokens = 16;
constexpr std::uint64_t kFloatBytes = 4; // activations and the KV cache of a CPU device

/// Patches of the largest clip that reaches the executor, at the processor's limit of 24,576 tokens; its pixels and
/// rows are held whole, one clip at a time.
constexpr std::uint64_t kLargestClipPatches = 98'304;
/// Patches of the largest picture (12,845,056 pixels of 14 x 14): what the vision tower works on at once. It takes
/// clips in smaller pieces.
constexpr std::uint64_t kLargestPicturePatches = 65'536;

// ---- a GPU ----

/// Longer blocks than on a CPU: a warp reads a whole block of keys with one table look-up.
constexpr std::uint32_t kGpuBlockTokens = 64;
/// What a process takes besides the one piece it places everything in: the CUDA context, kernels, cuBLAS.
constexpr std::uint64_t kRuntimeBytes = 700 * kMiB;
/// Left alone of what is free: the driver's own, and a desktop that opens one more window.
constexpr std::uint64_t kSmallestMargin = 200 * kMiB;
constexpr std::uint64_t kMarginDivisor = 50;
/// Passes of the vision tower, largest first: a picture at the processor's limit, down to more than a frame of a clip.
constexpr std::array<std::int64_t, 5> kPassPatches{65'536, 32'768, 16'384, 8'192, 4'096};
/// What a larger pass than the smallest may take of the memory that weights and the steps of the decoder leave.
constexpr double kMostForPasses = 0.15;

std::uint64_t positive(int value)
{
    return static_cast<std::uint64_t>(std::max(value, 1));
}

/// "7.0 GiB", "340 MiB": rounded so that a person can compare.
std::string bytesText(std::uint64_t bytes)
{
    const double amount = static_cast<double>(bytes) / kMiB;
    return amount >= 1024 ? fmt::format("{:.1f} GiB", amount / 1024) : fmt::format("{:.0f} MiB", std::ceil(amount));
}

/// The sizes of one model under given settings, as functions of the context.
class Sizes {
public:
    using Parts = std::function<model::Footprint(std::uint32_t context)>;
    Sizes(std::uint32_t blockTokens, Parts parts) : m_blockTokens(blockTokens), m_parts(std::move(parts)) {}

    [[nodiscard]] std::uint32_t blockTokens() const { return m_blockTokens; }
    [[nodiscard]] model::Footprint parts(std::uint32_t context) const { return m_parts(context); }
    [[nodiscard]] std::uint64_t blocksFor(std::uint32_t context) const
    {
        return (std::uint64_t{context} + m_blockTokens - 1) / m_blockTokens;
    }
    /// All that one sequence of that context needs.
    [[nodiscard]] std::uint64_t total(std::uint32_t context) const
    {
        const model::Footprint all = parts(context);
        return all.weights + all.activations + blocksFor(context) * all.kvBlock;
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

private:
    std::uint32_t m_blockTokens;
    Parts m_parts;
};

/// Hidden rows, projections and MLP of a full step, scores of every sequence, and the vision tower on the largest item
/// that a context can hold.
std::uint64_t cpuActivations(const model::ModelConfig& model, const wire::EngineSettings& settings,
                             std::uint64_t context)
{
    const std::uint64_t hidden = positive(model.hiddenSize);
    const std::uint64_t heads = positive(model.heads) * positive(model.headDim());
    const std::uint64_t kv = positive(model.kvHeads) * positive(model.headDim());
    const std::uint64_t row = 4 * hidden + 2 * heads + 2 * kv + 2 * positive(model.intermediateSize);
    const model::VisionConfig& vision = model.vision;
    const std::uint64_t merge = positive(vision.mergeSize) * positive(vision.mergeSize);
    const std::uint64_t held =
        std::min(merge * context, kLargestClipPatches) * (positive(vision.patchElements()) + hidden / merge);
    const std::uint64_t worked = std::min(merge * context, kLargestPicturePatches) *
                                 (positive(vision.patchElements()) + 8 * positive(vision.hiddenSize) +
                                  2 * positive(vision.intermediateSize) + hidden);
    return kFloatBytes *
           (row * settings.max_batched_tokens() + positive(model.vocabSize) * settings.max_num_seqs() + held + worked);
}

/// The CPU computes with weights as they are stored, straight from the mapped files.
Sizes cpuSizes(const model::ModelConfig& model, std::uint64_t weightBytes, const wire::EngineSettings& settings)
{
    const std::uint64_t block = positive(model.layers) * 2 * positive(model.kvHeads) * positive(model.headDim()) *
                                kCpuBlockTokens * kFloatBytes;
    return {kCpuBlockTokens, [=, &model, &settings](std::uint32_t context) {
                return model::Footprint{
                    .weights = weightBytes, .kvBlock = block, .activations = cpuActivations(model, settings, context)};
            }};
}

DType dtypeOf(const std::string& name)
{
    if (name == "float32")
        return DType::F32;
    return name == "float16" ? DType::F16 : DType::BF16;
}

Sizes gpuSizes(const model::ModelConfig& model, const Gpu& gpu, const wire::EngineSettings& settings,
               std::int64_t patches)
{
    const model::RuntimeSizes sizes{.kvBlocks = 0,
                                    .kvBlockTokens = static_cast<int>(kGpuBlockTokens),
                                    .maxBatchedTokens = static_cast<int>(settings.max_batched_tokens()),
                                    .maxSequences = static_cast<int>(settings.max_num_seqs()),
                                    .recordsSteps = !settings.enforce_eager()};
    const model::DeviceFacts facts{.type = dtypeOf(settings.dtype()),
                                   .capabilityMajor = gpu.capabilityMajor,
                                   .capabilityMinor = gpu.capabilityMinor,
                                   .processors = gpu.processors};
    return {kGpuBlockTokens,
            [=, &model](std::uint32_t context) { return model::footprint(model, {}, sizes, context, patches, facts); }};
}

/// The memory of a device, and the part of it that may be filled.
struct Room {
    std::uint64_t whole = 0;     ///< what gpu_memory_utilization is a share of
    std::uint64_t available = 0; ///< of it, whatever the share
    std::uint64_t taken = 0;     ///< of the share, by ourselves, before anything is placed
    double share = 0;
    const Gpu* gpu = nullptr; ///< null: the CPU

    [[nodiscard]] std::uint64_t allowed() const
    {
        return std::min(static_cast<std::uint64_t>(static_cast<double>(whole) * share), available);
    }
    [[nodiscard]] std::uint64_t usable() const { return allowed() - std::min(allowed(), taken); }
    [[nodiscard]] std::string text() const
    {
        if (gpu == nullptr)
            return fmt::format("{} may be used (gpu_memory_utilization {} of the {} that are free)",
                               bytesText(allowed()), share, bytesText(whole));
        return fmt::format("{} may be used (gpu_memory_utilization {} of {}, {} of which are free)",
                           bytesText(allowed()), share, bytesText(whole), bytesText(gpu->memoryFree));
    }
    /// How to make room for `needed` bytes; empty when nothing would.
    [[nodiscard]] std::string remedyFor(std::uint64_t needed) const
    {
        const std::uint64_t all = needed + taken;
        const double asked =
            std::ceil(100.0 * static_cast<double>(all) / static_cast<double>(std::max<std::uint64_t>(whole, 1))) / 100;
        if (asked <= 1 && all <= available)
            return fmt::format("raise gpu_memory_utilization to {:.2f}", asked);
        if (gpu == nullptr)
            return fmt::format("free {} by closing other programs", bytesText(all - available));
        const std::uint64_t held = whole - std::min(whole, gpu->memoryFree);
        return all <= available + held
                   ? fmt::format("free {} of {} by closing other programs", bytesText(all - available), gpu->text())
                   : std::string();
    }
};

Room roomOn(const Device& device, double share)
{
    if (!device.gpu)
        return {.whole = device.hostMemoryFree, .available = device.hostMemoryFree, .share = share};
    const Gpu& gpu = *device.gpu;
    const std::uint64_t margin = std::max(gpu.memoryTotal / kMarginDivisor, kSmallestMargin);
    return {.whole = gpu.memoryTotal,
            .available = gpu.memoryFree - std::min(gpu.memoryFree, margin),
            .taken = kRuntimeBytes,
            .share = share,
            .gpu = &gpu};
}

/// The largest pass that is worth its memory: the rest of it holds the KV cache.
std::int64_t passPatches(const model::ModelConfig& model, const Gpu& gpu, const wire::EngineSettings& settings,
                         std::uint64_t usable)
{
    const std::uint32_t context = std::max(settings.max_model_len(), kSmallestContext);
    const auto needs = [&](std::int64_t patches) {
        const model::Footprint parts = gpuSizes(model, gpu, settings, patches).parts(context);
        return parts.weights + parts.activations;
    };
    const std::uint64_t least = needs(kPassPatches.back());
    const std::uint64_t left = usable - std::min(usable, least);
    const auto most = least + static_cast<std::uint64_t>(static_cast<double>(left) * kMostForPasses);
    const auto found = std::find_if(kPassPatches.begin(), kPassPatches.end(),
                                    [&](std::int64_t patches) { return needs(patches) <= most; });
    return found == kPassPatches.end() ? kPassPatches.back() : *found;
}

std::string causeOf(const Sizes& sizes, std::uint32_t context, const Room& room)
{
    const model::Footprint parts = sizes.parts(context);
    std::string cause = fmt::format("a context of {} tokens needs {}{}: weights {}, KV cache {}, working memory {}",
                                    context, bytesText(sizes.total(context) + room.taken),
                                    room.gpu ? " of " + room.gpu->text() : std::string(), bytesText(parts.weights),
                                    bytesText(sizes.blocksFor(context) * parts.kvBlock), bytesText(parts.activations));
    if (room.taken > 0)
        cause += fmt::format(", CUDA itself {}", bytesText(room.taken));
    return fmt::format("{}; {}", cause, room.text());
}

Error doesNotFit(const Sizes& sizes, std::uint32_t context, std::uint32_t largest, const Room& room,
                 const char* otherCheckpoint)
{
    std::vector<std::string> ways;
    if (std::string more = room.remedyFor(sizes.total(context)); !more.empty())
        ways.push_back(std::move(more));
    const bool none = largest < kSmallestContext;
    if (!none)
        ways.insert(ways.begin(), fmt::format("set max_model_len to {} or less", largest));
    if (none || room.gpu)
        ways.emplace_back(otherCheckpoint);
    if (none && room.gpu)
        ways.emplace_back(kOnTheCpu);
    std::string remedy = none ? "no context fits: " : "";
    for (std::size_t i = 0; i < ways.size(); ++i)
        remedy += fmt::format("{}{}", i == 0 ? "" : i + 1 == ways.size() ? ", or " : ", ", ways[i]);
    return {ErrorCode::DoesNotFit, causeOf(sizes, context, room), std::move(remedy),
            none ? "gpu_memory_utilization" : "max_model_len"};
}

Result<MemoryBudget> budgetOf(const model::ModelConfig& model, std::uint64_t checkpointBytes, const Device& device,
                              const wire::EngineSettings& settings)
{
    const auto positions = static_cast<std::uint32_t>(std::max(model.maxPositions, 1));
    const std::uint32_t asked = settings.max_model_len();
    if (asked > positions)
        return Error{ErrorCode::BadRequest,
                     fmt::format("max_model_len is {}, but the model was made for {} tokens", asked, positions),
                     fmt::format("use at most {}", positions), "max_model_len"};
    const Room room = roomOn(device, settings.gpu_memory_utilization());
    const std::int64_t patches = device.gpu ? passPatches(model, *device.gpu, settings, room.usable()) : 0;
    const Sizes sizes =
        device.gpu ? gpuSizes(model, *device.gpu, settings, patches) : cpuSizes(model, checkpointBytes, settings);
    const std::uint32_t largest = sizes.largestContext(positions, room.usable());
    const std::uint32_t context = asked != 0 ? asked : largest;
    if (context > largest || largest < std::min(kSmallestContext, positions))
        return doesNotFit(sizes, std::max(context, kSmallestContext), largest, room,
                          device.gpu && !model.awq ? "take a smaller or quantised checkpoint"
                                                   : "take a smaller checkpoint");

    const model::Footprint parts = sizes.parts(context);
    const std::uint64_t wanted = std::uint64_t{settings.max_num_seqs()} * sizes.blocksFor(context);
    const std::uint64_t affordable = (room.usable() - parts.weights - parts.activations) / parts.kvBlock;
    const std::uint64_t blocks = std::min(wanted, affordable);
    const std::uint64_t placed = parts.weights + parts.activations + blocks * parts.kvBlock;
    return MemoryBudget{.weightBytes = parts.weights,
                        .kvBlockBytes = parts.kvBlock,
                        .kvBlocks = static_cast<std::uint32_t>(blocks),
                        .kvBlockTokens = sizes.blockTokens(),
                        .activationBytes = parts.activations,
                        .maxModelLen = context,
                        .maxVisionPatches = static_cast<std::uint32_t>(patches),
                        .deviceBytes = device.gpu ? placed : 0};
}

} // namespace

Result<MemoryBudget> memoryBudget(const model::ModelConfig& model, std::uint64_t checkpointBytes, const Device& device,
                                  const wire::EngineSettings& given)
{
    const Result<wire::EngineSettings> settings = settled(given, device);
    if (!settings)
        return settings.error();
    try { // measuring a model is loading it without a device, and operations throw
        return budgetOf(model, checkpointBytes, device, *settings);
    } catch (const std::exception& problem) {
        return Error{ErrorCode::Unsupported,
                     fmt::format("the model cannot be laid out on {}: {}", device.name(), problem.what()),
                     "take another checkpoint", "model"};
    }
}

} // namespace argus::plan
