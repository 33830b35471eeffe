#include "engine/model/decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace argus::model {

namespace {

/// [half]; exponent and power in float, as the reference has them.
std::vector<float> frequencies(int headDim, double theta)
{
    std::vector<float> values;
    for (int i = 0; i < headDim / 2; ++i)
        values.push_back(1.0f /
                         std::pow(static_cast<float>(theta), static_cast<float>(2 * i) / static_cast<float>(headDim)));
    return values;
}

ConstTensorView viewOf(std::span<const std::int32_t> values)
{
    return {reinterpret_cast<const std::byte*>(values.data()), DType::I32, {static_cast<std::int64_t>(values.size())}};
}

} // namespace

Decoder::Decoder(ops::Ops& ops, const ModelConfig& config, const RuntimeSizes& sizes, Compatibility compatibility,
                 WeightReader& weights)
    : m_ops(ops), m_config(config), m_sizes(sizes)
{
    const std::int64_t hidden = config.hiddenSize;
    const std::int64_t queries = std::int64_t{config.heads} * config.headDim();
    const std::int64_t keys = std::int64_t{config.kvHeads} * config.headDim();
    const Shape cacheShape{sizes.kvBlocks, config.kvHeads, sizes.kvBlockTokens, config.headDim()};
    m_embedding = weights.matrix("model.embed_tokens.weight", config.vocabSize, hidden);
    for (int i = 0; i < config.layers; ++i) {
        const std::string name = fmt::format("model.layers.{}.", i);
        Layer& layer = m_layers.emplace_back();
        layer.inputNorm = weights.vector(name + "input_layernorm.weight", hidden);
        layer.q = weights.matrix(name + "self_attn.q_proj.weight", queries, hidden);
        layer.qBias = weights.vector(name + "self_attn.q_proj.bias", queries);
        layer.k = weights.matrix(name + "self_attn.k_proj.weight", keys, hidden);
        layer.kBias = weights.vector(name + "self_attn.k_proj.bias", keys);
        layer.v = weights.matrix(name + "self_attn.v_proj.weight", keys, hidden);
        layer.vBias = weights.vector(name + "self_attn.v_proj.bias", keys);
        layer.o = weights.matrix(name + "self_attn.o_proj.weight", hidden, queries);
        layer.postNorm = weights.vector(name + "post_attention_layernorm.weight", hidden);
        layer.gate = weights.matrix(name + "mlp.gate_proj.weight", config.intermediateSize, hidden);
        layer.up = weights.matrix(name + "mlp.up_proj.weight", config.intermediateSize, hidden);
        layer.down = weights.matrix(name + "mlp.down_proj.weight", hidden, config.intermediateSize);
        layer.keys = ops.allocate(ops.computeType(), cacheShape);
        layer.values = ops.allocate(ops.computeType(), cacheShape);
    }
    m_norm = weights.vector("model.norm.weight", hidden);
    m_head = config.tieWordEmbeddings ? m_embedding : weights.matrix("lm_head.weight", config.vocabSize, hidden);
    m_frequencies = placeFrequencies(ops, frequencies(config.headDim(), config.ropeTheta), compatibility);
    allocateActivations();
}

void Decoder::allocateActivations()
{
    const DType type = m_ops.computeType();
    const std::int64_t rows = m_sizes.maxBatchedTokens;
    const std::int64_t sequences = m_sizes.maxSequences;
    const std::int64_t head = m_config.headDim();
    m_hidden = m_ops.allocate(type, {rows, m_config.hiddenSize});
    m_normed = m_ops.allocate(type, {rows, m_config.hiddenSize});
    m_qkv = m_ops.allocate(type, {rows, (m_config.heads + 2 * m_config.kvHeads) * head});
    m_attention = m_ops.allocate(type, {rows, m_config.heads * head});
    m_gate = m_ops.allocate(type, {rows, m_config.intermediateSize});
    m_up = m_ops.allocate(type, {rows, m_config.intermediateSize});
    m_cosines = m_ops.allocate(type, {rows, head / 2});
    m_sines = m_ops.allocate(type, {rows, head / 2});
    m_picked = m_ops.allocate(type, {sequences, m_config.hiddenSize});
    m_pickedNormed = m_ops.allocate(type, {sequences, m_config.hiddenSize});
    m_logits = m_ops.allocate(type, {sequences, m_config.vocabSize});
    m_ids = m_ops.allocate(DType::I32, {rows});
    m_positions = m_ops.allocate(DType::I32, {3 * rows});
    m_slices = m_ops.allocate(DType::I32, {sequences, 3});
    m_blocks = m_ops.allocate(DType::I32, {sequences, m_sizes.kvBlocks});
    m_places = m_ops.allocate(DType::I32, {rows});
    m_logitRows = m_ops.allocate(DType::I32, {sequences});
    m_hostLogits = HostTensor(DType::F32, {sequences, m_config.vocabSize});
    m_hostSlices = HostTensor(DType::I32, {sequences, 3});
    m_hostPlaces = HostTensor(DType::I32, {rows});
}

std::uint64_t Decoder::kvBytes() const
{
    return std::uint64_t{2} * static_cast<std::uint64_t>(m_config.layers) *
           static_cast<std::uint64_t>(m_sizes.kvBlocks) * static_cast<std::uint64_t>(m_sizes.kvBlockTokens) *
           static_cast<std::uint64_t>(m_config.kvHeads) * static_cast<std::uint64_t>(m_config.headDim()) *
           sizeOf(m_ops.computeType());
}

void Decoder::require(const Batch& batch) const
{
    const auto rows = static_cast<std::int64_t>(batch.ids.size());
    if (rows > m_sizes.maxBatchedTokens || batch.positions.size() != batch.ids.size() * 3)
        throw OpsError(fmt::format("decoder: {} ids and {} positions in a step for at most {} tokens", rows,
                                   batch.positions.size(), m_sizes.maxBatchedTokens));
    const auto most = static_cast<std::size_t>(m_sizes.maxSequences);
    if (batch.slices.size() > most || batch.logitRows.size() > most)
        throw OpsError(fmt::format("decoder: {} sequences and {} rows to score in a step for at most {}",
                                   batch.slices.size(), batch.logitRows.size(), most));
    std::int64_t covered = 0;
    for (const BatchSlice& slice : batch.slices) {
        const std::int64_t needed = (slice.cached + slice.tokens + m_sizes.kvBlockTokens - 1) / m_sizes.kvBlockTokens;
        if (slice.firstRow != covered || slice.tokens < 1 || slice.cached < 0 || needed > m_sizes.kvBlocks ||
            needed > static_cast<std::int64_t>(slice.blocks.size()))
            throw OpsError(fmt::format("decoder: a slice of {} rows from {} after {} cached with {} blocks; {} rows "
                                       "are covered and {} blocks needed",
                                       slice.tokens, slice.firstRow, slice.cached, slice.blocks.size(), covered,
                                       needed));
        covered += slice.tokens;
    }
    if (covered != rows)
        throw OpsError(fmt::format("decoder: slices cover {} of {} rows", covered, rows));
}

Decoder::Step Decoder::prepare(const Batch& batch)
{
    Step step;
    step.rows = static_cast<std::int64_t>(batch.ids.size());
    const auto sequences = static_cast<std::int64_t>(batch.slices.size());
    auto* slices = m_hostSlices.view().data<std::int32_t>();
    auto* places = m_hostPlaces.view().data<std::int32_t>();
    std::int64_t widest = 0;
    for (std::int64_t i = 0; i < sequences; ++i) {
        const BatchSlice& slice = batch.slices[static_cast<std::size_t>(i)];
        const std::int64_t needed = (slice.cached + slice.tokens + m_sizes.kvBlockTokens - 1) / m_sizes.kvBlockTokens;
        widest = std::max(widest, needed);
        const auto used = slice.blocks.first(static_cast<std::size_t>(needed));
        m_ops.upload(m_blocks.rows(i, 1).reshaped({m_sizes.kvBlocks}).rows(0, needed), viewOf(used));
        for (const std::int64_t value : {slice.firstRow, slice.tokens, slice.cached})
            *slices++ = static_cast<std::int32_t>(value);
        for (std::int64_t at = slice.cached; at < slice.cached + slice.tokens; ++at)
            *places++ = used[static_cast<std::size_t>(at / m_sizes.kvBlockTokens)] * m_sizes.kvBlockTokens +
                        static_cast<std::int32_t>(at % m_sizes.kvBlockTokens);
    }
    m_ops.upload(m_slices.rows(0, sequences), std::as_const(m_hostSlices).view().rows(0, sequences));
    m_ops.upload(m_places.rows(0, step.rows), std::as_const(m_hostPlaces).view().rows(0, step.rows));
    m_ops.upload(m_positions.rows(0, 3 * step.rows), viewOf(batch.positions));
    step.paged = {.slices = m_slices.rows(0, sequences),
                  .blocks = m_blocks.rows(0, sequences).columns(0, widest),
                  .places = m_places.rows(0, step.rows)};

    const TensorView cosines = m_cosines.rows(0, step.rows);
    const TensorView sines = m_sines.rows(0, step.rows);
    m_ops.ropeTables(cosines, sines, m_positions.rows(0, 3 * step.rows).reshaped({3, step.rows}), m_frequencies.view(),
                     m_config.mropeSection);
    step.cosines = cosines;
    step.sines = sines;
    return step;
}

void Decoder::embed(const Batch& batch)
{
    const auto rows = static_cast<std::int64_t>(batch.ids.size());
    m_ops.upload(m_ids.rows(0, rows), viewOf(batch.ids));
    m_ops.gatherRows(m_hidden.rows(0, rows), m_embedding.view(), m_ids.rows(0, rows));
    for (const VisionRows& vision : batch.vision) {
        if (vision.firstRow + vision.embeddings.extent(0) > rows)
            throw OpsError(fmt::format("decoder: vision rows {} + {} in a step of {}", vision.firstRow,
                                       vision.embeddings.extent(0), rows));
        m_ops.upload(m_hidden.rows(vision.firstRow, vision.embeddings.extent(0)), vision.embeddings);
    }
}

void Decoder::runLayer(const Layer& layer, const Step& step)
{
    const std::int64_t head = m_config.headDim();
    const std::int64_t queries = m_config.heads * head;
    const std::int64_t keys = m_config.kvHeads * head;
    const auto epsilon = static_cast<float>(m_config.rmsNormEpsilon);
    const TensorView h = m_hidden.rows(0, step.rows);
    const TensorView x = m_normed.rows(0, step.rows);
    const TensorView qkv = m_qkv.rows(0, step.rows);
    const TensorView q = qkv.columns(0, queries);
    const TensorView k = qkv.columns(queries, keys);
    const TensorView v = qkv.columns(queries + keys, keys);
    const TensorView attention = m_attention.rows(0, step.rows);
    const TensorView gate = m_gate.rows(0, step.rows);
    const TensorView up = m_up.rows(0, step.rows);
    const ops::LayerCache cache{layer.keys.view(), layer.values.view()};

    m_ops.rmsNorm(x, h, layer.inputNorm.view(), epsilon);
    m_ops.project(x, std::array{ops::Projection{.y = q, .weight = layer.q.view(), .bias = layer.qBias.view()},
                                ops::Projection{.y = k, .weight = layer.k.view(), .bias = layer.kBias.view()},
                                ops::Projection{.y = v, .weight = layer.v.view(), .bias = layer.vBias.view()}});
    m_ops.rotate(qkv.columns(0, queries + keys), step.cosines, step.sines); // q and k stand side by side
    m_ops.writeCache(cache, k, v, step.paged);
    m_ops.pagedAttention(attention, q, cache, step.paged, 1.0f / std::sqrt(static_cast<float>(head)));
    m_ops.project(attention, std::array{ops::Projection{.y = h, .weight = layer.o.view(), .accumulate = true}});

    m_ops.rmsNorm(x, h, layer.postNorm.view(), epsilon);
    m_ops.project(x, std::array{ops::Projection{.y = gate, .weight = layer.gate.view()},
                                ops::Projection{.y = up, .weight = layer.up.view()}});
    m_ops.siluMul(gate, gate, up);
    m_ops.project(gate, std::array{ops::Projection{.y = h, .weight = layer.down.view(), .accumulate = true}});
}

ConstTensorView Decoder::score(std::span<const std::int32_t> rows)
{
    const auto count = static_cast<std::int64_t>(rows.size());
    const TensorView picked = m_picked.rows(0, count);
    const TensorView normed = m_pickedNormed.rows(0, count);
    const TensorView logits = m_logits.rows(0, count);
    m_ops.upload(m_logitRows.rows(0, count), viewOf(rows));
    m_ops.gatherRows(picked, m_hidden.view(), m_logitRows.rows(0, count));
    m_ops.rmsNorm(normed, picked, m_norm.view(), static_cast<float>(m_config.rmsNormEpsilon));
    m_ops.project(normed, std::array{ops::Projection{.y = logits, .weight = m_head.view()}});
    m_ops.download(m_hostLogits.view().rows(0, count), logits);
    return std::as_const(m_hostLogits).view().rows(0, count);
}

ConstTensorView Decoder::forward(const Batch& batch)
{
    require(batch);
    const Step step = prepare(batch);
    embed(batch);
    for (const Layer& layer : m_layers)
        runLayer(layer, step);
    return score(batch.logitRows);
}

} // namespace argus::model
