// The half of a step that is enqueued on the device.

#include "engine/model/decoder.h"

#include <cmath>

namespace argus::model {

void Decoder::compute(const Shape& shape, std::span<const VisionRows> vision)
{
    const Words at(shape);
    const ops::PagedBatch paged{.slices = words(at.slices, {shape.sequences, kWordsOfSlice}),
                                .blocks = m_blocks.view(),
                                .places = words(at.places, {shape.rows}),
                                .mostRows = shape.mostRows,
                                .longest = shape.longest,
                                .decodeOnly = shape.decodeOnly};
    m_ops.ropeTables(m_cosines.rows(0, shape.rows), m_sines.rows(0, shape.rows), words(at.positions, {3, shape.rows}),
                     m_frequencies.view(), m_config.mropeSection, true);
    if (m_rank.shard.first())
        embed(shape, at, vision);
    else
        receive(shape, at);
    for (const Layer& layer : m_layers) {
        runLayer(layer, shape, at, paged);
        if (m_layerDone)
            m_layerDone();
    }
    if (!m_rank.shard.last())
        send(shape);
    else if (shape.scored > 0)
        score(shape, at);
}

void Decoder::embed(const Shape& shape, const Words& at, std::span<const VisionRows> vision)
{
    const TensorView h = m_hidden.rows(0, shape.rows);
    m_ops.embed(h, m_embedding.view(), words(at.ids, {shape.rows}), words(at.slots, {shape.rows}),
                {.last = m_lastTokens.view(), .seen = m_seen.view()},
                {.firstId = m_parts.vocabulary.first, .vocabulary = m_config.vocabSize});
    if (m_rank.tensor != nullptr)
        m_rank.tensor->sum(h); // one rank has the row, the others zeros
    for (const VisionRows& rows : vision)
        m_ops.copyRows(m_hidden.rows(rows.firstRow, rows.embeddings.extent(0)), rows.embeddings);
}

/// Hidden rows of the stage before. Ids are only looked at to know what was seen.
void Decoder::receive(const Shape& shape, const Words& at)
{
    const TensorView h = m_hidden.rows(0, shape.rows);
    const bool asItIs = h.dtype() == travelType(m_ops);
    const TensorView received = asItIs ? h : m_normed.rows(0, shape.rows);
    m_rank.pipeline->receive(received, m_rank.shard.stage - 1);
    if (!asItIs)
        m_ops.copyRows(h, received);
    if (m_rank.shard.last())
        m_ops.markSeen(words(at.ids, {shape.rows}), words(at.slots, {shape.rows}), m_config.vocabSize,
                       {.last = m_lastTokens.view(), .seen = m_seen.view()});
}

void Decoder::send(const Shape& shape)
{
    const TensorView h = m_hidden.rows(0, shape.rows);
    const bool asItIs = h.dtype() == travelType(m_ops);
    const TensorView sent = asItIs ? h : m_normed.rows(0, shape.rows);
    if (!asItIs)
        m_ops.copyRows(sent, h);
    m_rank.pipeline->send(sent, m_rank.shard.stage + 1);
}

void Decoder::runLayer(const Layer& layer, const Shape& shape, const Words& at, const ops::PagedBatch& paged)
{
    const auto epsilon = static_cast<float>(m_config.rmsNormEpsilon);
    TensorView h = m_hidden.rows(0, shape.rows);
    TensorView normed = m_normed.rows(0, shape.rows);
    const TensorView qkv = m_qkv.rows(0, shape.rows);
    TensorView attention = m_attention.rows(0, shape.rows);
    const ops::LayerCache cache{layer.keys.view(), layer.values.view()};

    m_ops.projectIntoCache(cache, qkv, h, *layer.qkv,
                           {.gain = layer.inputNorm.view(), .epsilon = epsilon, .scratch = normed},
                           m_cosines.rows(0, shape.rows), m_sines.rows(0, shape.rows), paged);
    const bool picks = picksRows(shape) && &layer == &m_layers.back();
    if (picks && shape.scored == 0)
        return;
    m_ops.pagedAttention(attention, qkv.columns(0, m_parts.queries.count), cache, paged,
                         1.0f / std::sqrt(static_cast<float>(m_config.headDim())));
    if (picks) {
        // What the queries lay in is free now.
        const TensorView attended = m_qkv.rows(0, shape.scored).columns(0, m_parts.queries.count);
        m_ops.gatherRows(attended, attention, words(at.logitRows, {shape.scored}));
        m_ops.gatherRows(m_picked.rows(0, shape.scored), h, words(at.logitRows, {shape.scored}));
        attention = attended;
        h = m_picked.rows(0, shape.scored);
        normed = m_normed.rows(0, shape.scored);
    }
    addProduct(m_ops, m_rank.tensor, h, attention, *layer.output, normed);

    const TensorView gate = m_gate.rows(0, h.extent(0));
    m_ops.gatedProject(gate, m_gateScratch.view(), h, *layer.gateUp,
                       {.gain = layer.postNorm.view(), .epsilon = epsilon, .scratch = normed});
    addProduct(m_ops, m_rank.tensor, h, gate, *layer.down, normed);
}

/// Whether the last layer takes the rows that are scored from all others as soon as keys and values of all are in the
/// cache: of the others nothing is wanted any more.
bool Decoder::picksRows(const Shape& shape) const
{
    return m_rank.shard.last() && shape.scored < shape.rows;
}

void Decoder::score(const Shape& shape, const Words& at)
{
    const TensorView picked = (shape.allInOrder ? m_hidden : m_picked).rows(0, shape.scored);
    const TensorView own = (m_rank.tensor != nullptr ? m_localLogits : m_logits).rows(0, shape.scored);
    if (!picksRows(shape) && !shape.allInOrder)
        m_ops.gatherRows(picked, m_hidden.view(), words(at.logitRows, {shape.scored}));
    m_ops.project(own.columns(0, m_parts.vocabulary.count), picked, *m_head,
                  {.gain = m_norm.view(),
                   .epsilon = static_cast<float>(m_config.rmsNormEpsilon),
                   .scratch = m_pickedNormed.rows(0, shape.scored)},
                  false);
    if (m_rank.tensor != nullptr)
        m_rank.tensor->gatherColumns(m_logits.rows(0, shape.scored), own, m_gatherScratch.rows(0, shape.scored));
    if (shape.draws)
        m_ops.sample(m_drawn.rows(0, shape.scored), logits(shape.scored),
                     words(at.sampling, {shape.scored, kWordsOfSampling}),
                     {.last = m_lastTokens.view(), .seen = m_seen.view()}, shape.greedy);
}

} // namespace argus::model
