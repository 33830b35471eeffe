#include "engine/model/vision_tower.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace argus::model {

namespace {

constexpr float kEpsilon = 1e-6f; ///< a constant of the vision tower, not of the configuration
constexpr double kTheta = 10000;
constexpr std::int64_t kPatchesPerPass =
    4096; ///< on a processor some 150 MB of activations at the published sizes; larger slices run alone

/// [half]: the frequencies of the row for the first half of the columns, of the column for the second.
std::vector<float> frequencies(int headDim)
{
    const int quarter = headDim / 4;
    std::vector<float> values;
    for (int axis = 0; axis < 2; ++axis)
        for (int i = 0; i < quarter; ++i)
            values.push_back(1.0f / std::pow(static_cast<float>(kTheta),
                                             static_cast<float>(2 * i) / static_cast<float>(headDim / 2)));
    return values;
}

ConstTensorView viewOf(const std::vector<std::int32_t>& values, Shape shape)
{
    return {reinterpret_cast<const std::byte*>(values.data()), DType::I32, shape};
}

int longest(const std::vector<std::int32_t>& ends)
{
    int most = 0;
    for (std::size_t i = 1; i < ends.size(); ++i)
        most = std::max(most, ends[i] - ends[i - 1]);
    return most;
}

/// Consecutive slices that run together.
std::vector<std::vector<Grid>> passesOf(std::span<const Grid> grids, std::int64_t patchesPerPass)
{
    std::vector<std::vector<Grid>> passes;
    std::int64_t room = 0;
    for (const Grid& grid : grids) {
        const std::int64_t slice = std::int64_t{grid.h} * grid.w;
        for (int a = 0; a < grid.t; ++a) {
            const bool fits = !passes.empty() && slice <= room;
            if (!fits) {
                passes.emplace_back();
                room = std::max(patchesPerPass, slice);
            }
            room -= slice;
            if (fits && a > 0)
                ++passes.back().back().t;
            else
                passes.back().push_back({.t = 1, .h = grid.h, .w = grid.w});
        }
    }
    return passes;
}

} // namespace

VisionTower::VisionTower(ops::Ops& ops, const ModelConfig& model, const RuntimeSizes& sizes,
                         Compatibility compatibility, const Rank& rank, WeightReader& weights)
    : m_ops(ops), m_config(model.vision), m_parts(model, rank.shard),
      m_group(m_parts.visionSplit ? rank.tensor : nullptr), m_inner(ops.padded(m_parts.visionInner.count)),
      m_patchesPerPass(sizes.maxVisionPatches > 0 ? sizes.maxVisionPatches : kPatchesPerPass),
      m_mostPatches(sizes.maxVisionPatches),
      m_framesInHidden(static_cast<std::size_t>(m_config.hiddenSize) * sizeOf(ops.residualType()) >=
                       static_cast<std::size_t>(m_config.patchElements()))
{
    const VisionConfig& config = m_config;
    const Extent& merged = m_parts.merged;
    const auto one = [&](const ops::StoredLinear& layer) { return ops.placeProduct({&layer, 1}); };
    m_patchEmbed = one(weights.flattened(
        "visual.patch_embed.proj.weight",
        {config.hiddenSize, config.inChannels, config.temporalPatchSize, config.patchSize, config.patchSize}));
    for (int i = 0; i < config.depth; ++i)
        m_blocks.push_back(takeBlock(i, weights));
    m_mergerNorm = weights.vector("visual.merger.ln_q.weight", config.hiddenSize);
    m_merger0 = one(weights.linear("visual.merger.mlp.0", merged, merged.stored, true));
    m_merger2 = one(weights.linear("visual.merger.mlp.2", config.outHiddenSize, merged, merged.first == 0));
    m_frequencies = placeFrequencies(ops, frequencies(config.headDim()), compatibility);
}

VisionTower::Block VisionTower::takeBlock(int index, WeightReader& weights) const
{
    const std::int64_t hidden = m_config.hiddenSize;
    const Extent& heads = m_parts.visionHidden;
    const Extent& inner = m_parts.visionInner;
    const std::string name = fmt::format("visual.blocks.{}.", index);
    const auto one = [this](const ops::StoredLinear& layer) { return m_ops.placeProduct({&layer, 1}); };
    Block block;
    block.norm1 = weights.vector(name + "norm1.weight", hidden);
    block.qkv = m_ops.placeProduct(weights.fused(name + "attn.qkv", heads, hidden));
    // Ranks add their results up, so one of them has the bias.
    block.proj = one(weights.linear(name + "attn.proj", hidden, heads, heads.first == 0));
    block.norm2 = weights.vector(name + "norm2.weight", hidden);
    const ops::StoredLinear gate = weights.linear(name + "mlp.gate_proj", inner, hidden, true, m_inner);
    block.gateUp = m_ops.placeGatedProduct(gate, weights.linear(name + "mlp.up_proj", inner, hidden, true, m_inner));
    block.down = one(weights.linear(name + "mlp.down_proj", hidden, inner, inner.first == 0, hidden, m_inner));
    return block;
}

ops::DeviceTensor VisionTower::encode(const PatchSource& source, std::span<const Grid> grids)
{
    const int merge = m_config.mergeSize;
    std::int64_t total = 0;
    for (const Grid& grid : grids) {
        if (grid.t < 1 || grid.h < merge || grid.w < merge || grid.h % merge != 0 || grid.w % merge != 0)
            throw OpsError(fmt::format("vision tower: a grid of {} x {} x {} patches; sides must be multiples of {}",
                                       grid.t, grid.h, grid.w, merge));
        total += grid.patches();
    }
    if (source.patches() != total)
        throw OpsError(fmt::format("vision tower: grids add up to {} patches, given {}", total, source.patches()));
    ops::DeviceTensor result = m_ops.allocate(m_ops.computeType(), {total / (merge * merge), m_config.outHiddenSize});
    std::int64_t first = 0;
    for (const std::vector<Grid>& pass : passesOf(grids, m_patchesPerPass)) {
        std::int64_t count = 0;
        for (const Grid& grid : pass)
            count += grid.patches();
        encodePass(result.rows(first / (merge * merge), count / (merge * merge)), source, first, pass);
        first += count;
    }
    return result;
}

void VisionTower::layOut(Workbench& bench)
{
    if (m_mostPatches > 0)
        m_scratch =
            makeScratch(m_mostPatches, [&bench](DType type, const Shape& shape) { return bench.take(type, shape); });
}

void VisionTower::reserve(std::int64_t patches)
{
    if (patches <= m_scratch.patches)
        return;
    if (m_mostPatches > 0)
        throw OpsError(fmt::format("vision tower: a picture or frame of {} patches, this device has room for {}",
                                   patches, m_mostPatches));
    m_scratch = {}; // give back before taking more
    m_scratch = makeScratch(patches, [this](DType type, const Shape& shape) { return m_ops.allocate(type, shape); });
}

VisionTower::Scratch VisionTower::makeScratch(std::int64_t patches, const Take& take) const
{
    const DType type = m_ops.computeType();
    const std::int64_t hidden = m_config.hiddenSize;
    const std::int64_t heads = m_parts.visionHidden.count;
    const std::int64_t unit = std::int64_t{m_config.mergeSize} * m_config.mergeSize;
    Scratch scratch;
    if (!m_framesInHidden)
        scratch.frames = take(DType::U8, {patches, m_config.patchElements()});
    scratch.pixels = take(type, {patches, m_config.patchElements()});
    scratch.hidden = take(m_ops.residualType(), {patches, hidden});
    scratch.normed = take(type, {patches, hidden});
    scratch.qkv = take(type, {patches, 3 * heads});
    scratch.attention = take(type, {patches, hidden}); // as wide as patches are before the first attention
    scratch.gate = take(type, {patches, m_inner});
    scratch.gateScratch = take(type, m_ops.gatedScratch(patches, m_inner));
    scratch.cosines = take(DType::F32, {patches, m_config.headDim() / 2});
    scratch.sines = take(DType::F32, {patches, m_config.headDim() / 2});
    scratch.merged = take(type, {patches / unit, m_parts.merged.count});
    scratch.output = take(type, {patches / unit, m_config.outHiddenSize});
    scratch.positions = take(DType::I32, {2 * patches});
    scratch.order = take(DType::I32, {patches / unit});
    scratch.windowEnds = take(DType::I32, {patches / unit + 1});
    scratch.sliceEnds = take(DType::I32, {patches / unit + 1});
    scratch.patches = patches;
    return scratch;
}

VisionTower::Pass VisionTower::prepare(const VisionWindows& windows)
{
    const auto place = [this](const ops::DeviceTensor& to, const std::vector<std::int32_t>& values) {
        const auto count = static_cast<std::int64_t>(values.size());
        const TensorView view = to.rows(0, count);
        m_ops.upload(view, viewOf(values, {count}));
        return view;
    };
    Pass pass;
    pass.patches = static_cast<std::int64_t>(windows.positions.size()) / 2;
    pass.order = place(m_scratch.order, windows.order);
    pass.windowEnds = place(m_scratch.windowEnds, windows.windowEnds);
    pass.sliceEnds = place(m_scratch.sliceEnds, windows.sliceEnds);
    pass.longestWindow = longest(windows.windowEnds);
    pass.longestSlice = longest(windows.sliceEnds);
    const ConstTensorView positions = place(m_scratch.positions, windows.positions).reshaped({2, pass.patches});
    const int quarter = m_config.headDim() / 4;
    const TensorView cosines = m_scratch.cosines.rows(0, pass.patches);
    const TensorView sines = m_scratch.sines.rows(0, pass.patches);
    m_ops.ropeTables(cosines, sines, positions, m_frequencies.view(), std::array{quarter, quarter}, false);
    pass.cosines = cosines;
    pass.sines = sines;
    return pass;
}

TensorView VisionTower::frameScratch(std::int64_t patches) const
{
    const ops::DeviceTensor& memory = m_framesInHidden ? m_scratch.hidden : m_scratch.frames;
    return {memory.view().bytes(), DType::U8, {patches * m_config.patchElements()}};
}

void VisionTower::encodePass(TensorView result, const PatchSource& source, std::int64_t first,
                             std::span<const Grid> grids)
{
    std::int64_t count = 0;
    for (const Grid& grid : grids)
        count += grid.patches();
    const std::int64_t hidden = m_config.hiddenSize;
    const std::int64_t unit = std::int64_t{m_config.mergeSize} * m_config.mergeSize;
    reserve(count);
    const Pass pass = prepare(visionWindows(m_config, grids));

    const TensorView pixels = m_scratch.pixels.rows(0, count);
    const TensorView embedded = m_scratch.normed.rows(0, count);   // free until the first norm
    const TensorView ordered = m_scratch.attention.rows(0, count); // free until the first attention
    source.put(m_ops, pixels, frameScratch(count), first);
    m_ops.project(embedded, pixels, *m_patchEmbed, {}, false);
    m_ops.gatherRows(ordered.reshaped({count / unit, unit * hidden}), embedded.reshaped({count / unit, unit * hidden}),
                     pass.order);
    m_ops.copyRows(m_scratch.hidden.rows(0, count), ordered);
    for (std::size_t i = 0; i < m_blocks.size(); ++i) {
        const auto& full = m_config.fullAttentionBlocks;
        runBlock(m_blocks[i], pass, std::find(full.begin(), full.end(), static_cast<int>(i)) != full.end());
        if (m_layerDone)
            m_layerDone();
    }
    merge(result, pass);
}

void VisionTower::runBlock(const Block& block, const Pass& pass, bool full)
{
    const std::int64_t heads = m_parts.visionHidden.count;
    const TensorView h = m_scratch.hidden.rows(0, pass.patches);
    const TensorView normed = m_scratch.normed.rows(0, pass.patches);
    const TensorView qkv = m_scratch.qkv.rows(0, pass.patches);
    const TensorView attention = m_scratch.attention.rows(0, pass.patches).columns(0, heads);
    const TensorView gate = m_scratch.gate.rows(0, pass.patches);
    const float scale = 1.0f / std::sqrt(static_cast<float>(m_config.headDim()));

    m_ops.project(qkv, h, *block.qkv, {.gain = block.norm1.view(), .epsilon = kEpsilon, .scratch = normed}, false);
    m_ops.rotate(qkv.columns(0, 2 * heads), pass.cosines, pass.sines); // q and k stand side by side
    m_ops.segmentAttention(attention, qkv.columns(0, heads), qkv.columns(heads, heads), qkv.columns(2 * heads, heads),
                           full ? pass.sliceEnds : pass.windowEnds, full ? pass.longestSlice : pass.longestWindow,
                           m_config.headDim(), scale);
    addProduct(m_ops, m_group, h, attention, *block.proj, normed);

    m_ops.gatedProject(gate, m_scratch.gateScratch.view(), h, *block.gateUp,
                       {.gain = block.norm2.view(), .epsilon = kEpsilon, .scratch = normed});
    addProduct(m_ops, m_group, h, gate, *block.down, normed);
}

void VisionTower::merge(TensorView result, const Pass& pass)
{
    const std::int64_t unit = std::int64_t{m_config.mergeSize} * m_config.mergeSize;
    const std::int64_t tokens = pass.patches / unit;
    const TensorView normed = m_scratch.normed.rows(0, pass.patches);
    const TensorView merged = m_scratch.merged.rows(0, tokens);
    const TensorView output = m_scratch.output.rows(0, tokens);
    m_ops.rmsNorm(normed, m_scratch.hidden.rows(0, pass.patches), m_mergerNorm.view(), kEpsilon);
    m_ops.project(merged, normed.reshaped({tokens, unit * m_config.hiddenSize}), *m_merger0, {}, false);
    m_ops.gelu(merged, merged);
    m_ops.project(output, merged, *m_merger2, {}, false);
    if (m_group != nullptr)
        m_group->sum(output);
    m_ops.scatterRows(result, output, pass.order);
}

} // namespace argus::model
