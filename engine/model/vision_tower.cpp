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
    4096; ///< some 150 MB of activations at the published sizes; larger slices run alone

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

/// Consecutive slices that run together.
std::vector<std::vector<Grid>> passesOf(std::span<const Grid> grids)
{
    std::vector<std::vector<Grid>> passes;
    std::int64_t room = 0;
    for (const Grid& grid : grids) {
        const std::int64_t slice = std::int64_t{grid.h} * grid.w;
        for (int a = 0; a < grid.t; ++a) {
            const bool fits = !passes.empty() && slice <= room;
            if (!fits) {
                passes.emplace_back();
                room = std::max(kPatchesPerPass, slice);
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

VisionTower::VisionTower(ops::Ops& ops, const VisionConfig& config, Compatibility compatibility, WeightReader& weights)
    : m_ops(ops), m_config(config)
{
    const std::int64_t hidden = config.hiddenSize;
    const std::int64_t inner = config.intermediateSize;
    const std::int64_t merged = hidden * config.mergeSize * config.mergeSize;
    m_patchEmbed =
        weights.flattened("visual.patch_embed.proj.weight",
                          {hidden, config.inChannels, config.temporalPatchSize, config.patchSize, config.patchSize});
    for (int i = 0; i < config.depth; ++i) {
        const std::string name = fmt::format("visual.blocks.{}.", i);
        Block& block = m_blocks.emplace_back();
        block.norm1 = weights.vector(name + "norm1.weight", hidden);
        block.qkv = weights.matrix(name + "attn.qkv.weight", 3 * hidden, hidden);
        block.qkvBias = weights.vector(name + "attn.qkv.bias", 3 * hidden);
        block.proj = weights.matrix(name + "attn.proj.weight", hidden, hidden);
        block.projBias = weights.vector(name + "attn.proj.bias", hidden);
        block.norm2 = weights.vector(name + "norm2.weight", hidden);
        block.gate = weights.matrix(name + "mlp.gate_proj.weight", inner, hidden);
        block.gateBias = weights.vector(name + "mlp.gate_proj.bias", inner);
        block.up = weights.matrix(name + "mlp.up_proj.weight", inner, hidden);
        block.upBias = weights.vector(name + "mlp.up_proj.bias", inner);
        block.down = weights.matrix(name + "mlp.down_proj.weight", hidden, inner);
        block.downBias = weights.vector(name + "mlp.down_proj.bias", hidden);
    }
    m_mergerNorm = weights.vector("visual.merger.ln_q.weight", hidden);
    m_merger0 = weights.matrix("visual.merger.mlp.0.weight", merged, merged);
    m_merger0Bias = weights.vector("visual.merger.mlp.0.bias", merged);
    m_merger2 = weights.matrix("visual.merger.mlp.2.weight", config.outHiddenSize, merged);
    m_merger2Bias = weights.vector("visual.merger.mlp.2.bias", config.outHiddenSize);
    m_frequencies = placeFrequencies(ops, frequencies(config.headDim()), compatibility);
}

HostTensor VisionTower::encode(ConstTensorView patches, std::span<const Grid> grids)
{
    const int merge = m_config.mergeSize;
    std::int64_t total = 0;
    for (const Grid& grid : grids) {
        if (grid.t < 1 || grid.h < merge || grid.w < merge || grid.h % merge != 0 || grid.w % merge != 0)
            throw OpsError(fmt::format("vision tower: a grid of {} x {} x {} patches; sides must be multiples of {}",
                                       grid.t, grid.h, grid.w, merge));
        total += grid.patches();
    }
    if (patches.rank() != 2 || patches.extent(0) != total || patches.extent(1) != m_config.patchElements())
        throw OpsError(fmt::format("vision tower: grids add up to {} patches of {} numbers, given {}", total,
                                   m_config.patchElements(), patches.shape().text()));
    HostTensor result(DType::F32, {total / (merge * merge), m_config.outHiddenSize});
    std::int64_t first = 0;
    for (const std::vector<Grid>& pass : passesOf(grids)) {
        std::int64_t count = 0;
        for (const Grid& grid : pass)
            count += grid.patches();
        encodePass(result.view().rows(first / (merge * merge), count / (merge * merge)), patches.rows(first, count),
                   pass);
        first += count;
    }
    return result;
}

void VisionTower::reserve(std::int64_t patches)
{
    if (patches <= m_scratch.patches)
        return;
    m_scratch = {}; // give back before taking more
    const DType type = m_ops.computeType();
    const std::int64_t hidden = m_config.hiddenSize;
    const std::int64_t unit = std::int64_t{m_config.mergeSize} * m_config.mergeSize;
    const auto rows = [&](std::int64_t columns) { return m_ops.allocate(type, {patches, columns}); };
    Scratch scratch;
    scratch.pixels = rows(m_config.patchElements());
    scratch.hidden = rows(hidden);
    scratch.normed = rows(hidden);
    scratch.qkv = rows(3 * hidden);
    scratch.attention = rows(hidden);
    scratch.gate = rows(m_config.intermediateSize);
    scratch.up = rows(m_config.intermediateSize);
    scratch.cosines = rows(m_config.headDim() / 2);
    scratch.sines = rows(m_config.headDim() / 2);
    scratch.merged = m_ops.allocate(type, {patches / unit, unit * hidden});
    scratch.output = m_ops.allocate(type, {patches / unit, m_config.outHiddenSize});
    scratch.inOrder = m_ops.allocate(type, {patches / unit, m_config.outHiddenSize});
    scratch.positions = m_ops.allocate(DType::I32, {2 * patches});
    scratch.order = m_ops.allocate(DType::I32, {patches / unit});
    scratch.windowEnds = m_ops.allocate(DType::I32, {patches / unit + 1});
    scratch.sliceEnds = m_ops.allocate(DType::I32, {patches / unit + 1});
    scratch.patches = patches;
    m_scratch = std::move(scratch);
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
    const ConstTensorView positions = place(m_scratch.positions, windows.positions).reshaped({2, pass.patches});
    const int quarter = m_config.headDim() / 4;
    const TensorView cosines = m_scratch.cosines.rows(0, pass.patches);
    const TensorView sines = m_scratch.sines.rows(0, pass.patches);
    m_ops.ropeTables(cosines, sines, positions, m_frequencies.view(), std::array{quarter, quarter});
    pass.cosines = cosines;
    pass.sines = sines;
    return pass;
}

void VisionTower::encodePass(TensorView result, ConstTensorView patches, std::span<const Grid> grids)
{
    const std::int64_t count = patches.extent(0);
    const std::int64_t hidden = m_config.hiddenSize;
    const std::int64_t unit = std::int64_t{m_config.mergeSize} * m_config.mergeSize;
    reserve(count);
    const Pass pass = prepare(visionWindows(m_config, grids));

    const TensorView pixels = m_scratch.pixels.rows(0, count);
    const TensorView embedded = m_scratch.normed.rows(0, count); // free until the first norm
    m_ops.upload(pixels, patches);
    m_ops.project(pixels, std::array{ops::Projection{.y = embedded, .weight = m_patchEmbed.view()}});
    m_ops.gatherRows(m_scratch.hidden.rows(0, count).reshaped({count / unit, unit * hidden}),
                     embedded.reshaped({count / unit, unit * hidden}), pass.order);
    for (std::size_t i = 0; i < m_blocks.size(); ++i) {
        const auto& full = m_config.fullAttentionBlocks;
        runBlock(m_blocks[i], pass, std::find(full.begin(), full.end(), static_cast<int>(i)) != full.end());
    }
    merge(result, pass);
}

void VisionTower::runBlock(const Block& block, const Pass& pass, bool full)
{
    const std::int64_t hidden = m_config.hiddenSize;
    const TensorView h = m_scratch.hidden.rows(0, pass.patches);
    const TensorView x = m_scratch.normed.rows(0, pass.patches);
    const TensorView qkv = m_scratch.qkv.rows(0, pass.patches);
    const TensorView attention = m_scratch.attention.rows(0, pass.patches);
    const TensorView gate = m_scratch.gate.rows(0, pass.patches);
    const TensorView up = m_scratch.up.rows(0, pass.patches);
    const float scale = 1.0f / std::sqrt(static_cast<float>(m_config.headDim()));

    m_ops.rmsNorm(x, h, block.norm1.view(), kEpsilon);
    m_ops.project(x, std::array{ops::Projection{.y = qkv, .weight = block.qkv.view(), .bias = block.qkvBias.view()}});
    m_ops.rotate(qkv.columns(0, 2 * hidden), pass.cosines, pass.sines); // q and k stand side by side
    m_ops.segmentAttention(attention, qkv.columns(0, hidden), qkv.columns(hidden, hidden),
                           qkv.columns(2 * hidden, hidden), full ? pass.sliceEnds : pass.windowEnds, m_config.headDim(),
                           scale);
    m_ops.project(attention,
                  std::array{ops::Projection{
                      .y = h, .weight = block.proj.view(), .bias = block.projBias.view(), .accumulate = true}});

    m_ops.rmsNorm(x, h, block.norm2.view(), kEpsilon);
    m_ops.project(x, std::array{ops::Projection{.y = gate, .weight = block.gate.view(), .bias = block.gateBias.view()},
                                ops::Projection{.y = up, .weight = block.up.view(), .bias = block.upBias.view()}});
    m_ops.siluMul(gate, gate, up);
    m_ops.project(gate, std::array{ops::Projection{
                            .y = h, .weight = block.down.view(), .bias = block.downBias.view(), .accumulate = true}});
}

void VisionTower::merge(TensorView result, const Pass& pass)
{
    const std::int64_t unit = std::int64_t{m_config.mergeSize} * m_config.mergeSize;
    const std::int64_t tokens = pass.patches / unit;
    const TensorView x = m_scratch.normed.rows(0, pass.patches);
    const TensorView merged = m_scratch.merged.rows(0, tokens);
    const TensorView output = m_scratch.output.rows(0, tokens);
    const TensorView inOrder = m_scratch.inOrder.rows(0, tokens);
    m_ops.rmsNorm(x, m_scratch.hidden.rows(0, pass.patches), m_mergerNorm.view(), kEpsilon);
    m_ops.project(x.reshaped({tokens, unit * m_config.hiddenSize}),
                  std::array{ops::Projection{.y = merged, .weight = m_merger0.view(), .bias = m_merger0Bias.view()}});
    m_ops.gelu(merged, merged);
    m_ops.project(merged,
                  std::array{ops::Projection{.y = output, .weight = m_merger2.view(), .bias = m_merger2Bias.view()}});
    m_ops.scatterRows(inOrder, output, pass.order);
    m_ops.download(result, inOrder);
}

} // namespace argus::model
