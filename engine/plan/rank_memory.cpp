#include "engine/plan/rank_memory.h"

#include "engine/base/catalogue.h"
#include "engine/model/weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace argus::plan {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

// ---- a CPU ----

constexpr std::uint64_t kFloatBytes = 4; // activations and the KV cache of a CPU device
/// Patches of the largest clip that reaches the executor, at the processor's limit of 24,576 tokens; its bytes and
/// rows are held whole, one clip at a time.
constexpr std::uint64_t kLargestClipPatches = 98'304;
/// Patches of the largest picture (12,845,056 pixels of 14 x 14): what the vision tower works on at once. It takes
/// clips in smaller pieces.
constexpr std::uint64_t kLargestPicturePatches = 65'536;
/// What a group of CPU ranks keeps to talk: buffers of its sockets, and rows on their way.
constexpr std::uint64_t kCpuGroupBytes = 32 * kMiB;

// ---- a GPU ----

/// What a process takes besides the one piece it places everything in: the CUDA context, kernels, cuBLAS.
constexpr std::uint64_t kRuntimeBytes = 700 * kMiB;
/// What NCCL keeps for each group: a few channels with buffers for every neighbour and protocol (an estimate), and many
/// of them where NVLink would otherwise wait (measured on two H100: 0.97 GiB for tensor, 1.22 GiB for pipeline
/// parallel).
constexpr std::uint64_t kGroupBytes = 96 * kMiB;
constexpr std::uint64_t kLinkedGroupBytes = 1280 * kMiB;
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

std::uint64_t layersOf(const model::ModelConfig& model, const model::Shard& shard)
{
    return positive(shard.endLayer == 0 ? model.layers : shard.endLayer - shard.firstLayer);
}

/// KV heads of a rank: its share, or one that others have too.
std::uint64_t kvHeadsOf(const model::ModelConfig& model, const model::Shard& shard)
{
    return std::max<std::uint64_t>(positive(model.kvHeads) / positive(shard.tensorSize), 1);
}

/// Hidden rows, projections and MLP of a full step, scores of every sequence, and the vision tower on the largest item
/// that a context can hold.
std::uint64_t cpuActivations(const model::ModelConfig& model, const model::Shard& shard,
                             const wire::EngineSettings& settings, std::uint64_t context)
{
    const std::uint64_t ranks = positive(shard.tensorSize);
    const std::uint64_t hidden = positive(model.hiddenSize);
    const std::uint64_t heads = positive(model.heads) * positive(model.headDim()) / ranks;
    const std::uint64_t kv = kvHeadsOf(model, shard) * positive(model.headDim());
    const std::uint64_t shared = shard.whole() ? 0 : 2 * hidden; // partial sums, and rows that come and go
    const std::uint64_t row = 4 * hidden + 2 * heads + 2 * kv + 2 * positive(model.intermediateSize) / ranks + shared;
    std::uint64_t values = row * settings.max_batched_tokens();
    if (shard.last())
        values += (ranks > 1 ? 2 : 1) * positive(model.vocabSize) * settings.max_num_seqs();
    if (!shard.first())
        return kFloatBytes * values;
    const model::VisionConfig& vision = model.vision;
    const std::uint64_t merge = positive(vision.mergeSize) * positive(vision.mergeSize);
    const std::uint64_t held =
        std::min(merge * context, kLargestClipPatches) *
        (positive(vision.patchElements()) / kFloatBytes + hidden / merge); // a byte for each number of a patch
    const std::uint64_t worked = std::min(merge * context, kLargestPicturePatches) *
                                 (positive(vision.patchElements()) + 8 * positive(vision.hiddenSize) +
                                  2 * positive(vision.intermediateSize) + hidden);
    return kFloatBytes * (values + held + worked);
}

DType dtypeOf(const std::string& name)
{
    if (name == "float32")
        return DType::F32;
    return name == "float16" ? DType::F16 : DType::BF16;
}

} // namespace

std::string bytesText(std::uint64_t bytes)
{
    const double amount = static_cast<double>(bytes) / kMiB;
    return amount >= 1024 ? fmt::format("{:.1f} GiB", amount / 1024) : fmt::format("{:.0f} MiB", std::ceil(amount));
}

std::uint64_t Room::allowed() const
{
    return std::min(static_cast<std::uint64_t>(static_cast<double>(whole) * share), available);
}

std::uint64_t Room::usable() const
{
    return allowed() - std::min(allowed(), taken());
}

Said Room::said() const
{
    if (!gpu)
        return say("room-of-free", bytesText(allowed()), fmt::format("{}", share), bytesText(whole));
    return say("room-of-all", bytesText(allowed()), fmt::format("{}", share), bytesText(whole), bytesText(free));
}

double Room::shareFor(std::uint64_t needed) const
{
    const std::uint64_t all = needed + taken();
    if (all > available)
        return 0;
    return std::ceil(100.0 * static_cast<double>(all) / static_cast<double>(std::max<std::uint64_t>(whole, 1))) / 100;
}

std::uint64_t groupBytes(bool gpus, bool linked)
{
    if (!gpus)
        return kCpuGroupBytes;
    return linked ? kLinkedGroupBytes : kGroupBytes;
}

Room roomOn(const Device& device, double share, std::uint64_t communication)
{
    if (!device.gpu)
        return {.whole = device.hostMemoryFree,
                .free = device.hostMemoryFree,
                .available = device.hostMemoryFree,
                .communication = communication,
                .share = share};
    const Gpu& gpu = *device.gpu;
    const std::uint64_t margin = std::max(gpu.memoryTotal / kMarginDivisor, kSmallestMargin);
    return {.whole = gpu.memoryTotal,
            .free = gpu.memoryFree,
            .available = gpu.memoryFree - std::min(gpu.memoryFree, margin),
            .runtime = kRuntimeBytes,
            .communication = communication,
            .share = share,
            .gpu = true};
}

double Footprints::shareOf(const model::Shard& shard)
{
    if (shard.whole())
        return 1;
    double& share = m_shares[{shard.tensorRank, shard.tensorSize, shard.firstLayer, shard.endLayer}];
    if (share == 0)
        share = static_cast<double>(model::weightBytesOf(m_model, DType::BF16, shard)) /
                static_cast<double>(std::max<std::uint64_t>(model::weightBytesOf(m_model, DType::BF16), 1));
    return share;
}

model::Footprint Footprints::of(const Device& device, const model::Shard& shard, const wire::EngineSettings& settings,
                                std::int64_t patches, std::uint32_t context)
{
    if (!device.gpu)
        return onCpu(shard, settings, context);
    return onGpu(*device.gpu, shard, settings, patches, context);
}

/// The CPU computes with weights as they are stored.
model::Footprint Footprints::onCpu(const model::Shard& shard, const wire::EngineSettings& settings,
                                   std::uint32_t context)
{
    const std::uint64_t block = layersOf(m_model, shard) * 2 * kvHeadsOf(m_model, shard) * positive(m_model.headDim()) *
                                kCpuBlockTokens * kFloatBytes;
    return {.weights = static_cast<std::uint64_t>(static_cast<double>(m_checkpointBytes) * shareOf(shard)),
            .kvBlock = block,
            .activations = cpuActivations(m_model, shard, settings, context)};
}

/// Layers are alike, so two of them tell of eighty, and one block tells of the vision tower: weights and cache grow
/// with them and with nothing else, activations with everything else.
model::Footprint Footprints::onGpu(const Gpu& gpu, const model::Shard& shard, const wire::EngineSettings& settings,
                                   std::int64_t patches, std::uint32_t context)
{
    const auto weightsOf = [&](int layers) {
        return ofFew({layers, m_model.vision.depth}, gpu, shard, settings, smallestPassPatches(), kSmallestContext)
            .weights;
    };
    const std::uint64_t layers = layersOf(m_model, shard);
    model::Footprint parts = ofFew({1, 1}, gpu, shard, settings, patches, context);
    parts.weights = weightsOf(1) + (layers - 1) * (weightsOf(2) - weightsOf(1));
    parts.kvBlock *= layers;
    return parts;
}

/// Of a model with so few layers on this rank.
model::Footprint Footprints::ofFew(const Depth& depth, const Gpu& gpu, const model::Shard& shard,
                                   const wire::EngineSettings& settings, std::int64_t patches, std::uint32_t context)
{
    const Key key{depth.layers,
                  depth.blocks,
                  gpu.capabilityMajor,
                  gpu.capabilityMinor,
                  gpu.processors,
                  static_cast<std::int64_t>(dtypeOf(settings.dtype())),
                  settings.max_batched_tokens(),
                  settings.max_num_seqs(),
                  settings.enforce_eager() ? 1 : 0,
                  patches,
                  context,
                  shard.tensorSize,
                  (shard.first() ? 1 : 0) + (shard.last() ? 2 : 0)};
    const auto known = m_known.find(key);
    if (known != m_known.end())
        return known->second;
    model::ModelConfig config = m_model;
    const int before = shard.first() ? 0 : 1; // a layer on each side for the stages there
    const int after = shard.last() ? 0 : 1;
    config.layers = before + depth.layers + after;
    config.vision.depth = depth.blocks;
    const model::Shard part{.tensorRank = 0,
                            .tensorSize = shard.tensorSize,
                            .stage = before,
                            .stages = before + 1 + after,
                            .firstLayer = before,
                            .endLayer = before + depth.layers};
    const model::RuntimeSizes sizes{.kvBlocks = 0,
                                    .kvBlockTokens = static_cast<int>(kGpuBlockTokens),
                                    .maxBatchedTokens = static_cast<int>(settings.max_batched_tokens()),
                                    .maxSequences = static_cast<int>(settings.max_num_seqs()),
                                    .recordsSteps = !settings.enforce_eager()};
    const model::DeviceFacts facts{.type = dtypeOf(settings.dtype()),
                                   .capabilityMajor = gpu.capabilityMajor,
                                   .capabilityMinor = gpu.capabilityMinor,
                                   .processors = gpu.processors};
    return m_known.emplace(key, model::footprint(config, part, sizes, context, patches, facts)).first->second;
}

std::uint64_t RankSizes::total(std::uint32_t context) const
{
    const model::Footprint all = parts(context);
    return all.weights + all.activations + blocksFor(context) * all.kvBlock;
}

std::uint32_t RankSizes::largestContext(std::uint32_t most, std::uint64_t bytes) const
{
    std::uint32_t fits = 0;
    std::uint32_t beyond = most + 1;
    while (beyond - fits > 1) {
        const std::uint32_t middle = fits + (beyond - fits) / 2;
        (total(middle) <= bytes ? fits : beyond) = middle;
    }
    return fits;
}

std::int64_t passPatches(Footprints& footprints, const Device& device, const model::Shard& shard,
                         const wire::EngineSettings& settings, std::uint64_t usable)
{
    const std::uint32_t context = std::max(settings.max_model_len(), kSmallestContext);
    const auto needs = [&](std::int64_t patches) {
        const model::Footprint parts = footprints.of(device, shard, settings, patches, context);
        return parts.weights + parts.activations;
    };
    const std::uint64_t least = needs(kPassPatches.back());
    const std::uint64_t left = usable - std::min(usable, least);
    const auto most = least + static_cast<std::uint64_t>(static_cast<double>(left) * kMostForPasses);
    const auto found = std::find_if(kPassPatches.begin(), kPassPatches.end(),
                                    [&](std::int64_t patches) { return needs(patches) <= most; });
    return found == kPassPatches.end() ? kPassPatches.back() : *found;
}

std::int64_t smallestPassPatches()
{
    return kPassPatches.back();
}

} // namespace argus::plan
