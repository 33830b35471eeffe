#include "engine/model/decoder.h"

#include "engine/base/log.h"
#include "engine/comm/communicator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

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

/// A batch size that steps are recorded for: fine where batches are small, since a padded row costs what a real one
/// does.
std::int64_t recordedRows(std::int64_t rows)
{
    std::int64_t padded = 1;
    while (padded < rows)
        padded += padded < 4 ? padded : padded < 32 ? (padded < 8 ? 4 : 8) : padded < 64 ? 16 : 32;
    return padded;
}

} // namespace

Decoder::Words::Words(const Shape& shape)
{
    const auto take = [this](std::int64_t words) {
        const std::int64_t at = end;
        end += (words + 3) / 4 * 4; // parts begin at multiples of 16 bytes
        return at;
    };
    ids = take(shape.rows);
    slots = take(shape.rows);
    places = take(shape.rows);
    positions = take(3 * shape.rows);
    slices = take(kWordsOfSlice * shape.sequences);
    logitRows = take(shape.scored);
    sampling = take(shape.draws ? kWordsOfSampling * shape.scored : 0);
}

Decoder::Decoder(ops::Ops& ops, const ModelConfig& config, const RuntimeSizes& sizes, Compatibility compatibility,
                 const Rank& rank, WeightReader& weights)
    : m_ops(ops), m_config(config), m_sizes(sizes), m_rank(rank), m_parts(config, rank.shard)
{
    const std::int64_t hidden = config.hiddenSize;
    const Shard& shard = rank.shard;
    if (shard.first() || (shard.last() && config.tieWordEmbeddings))
        m_embedding = weights.table("model.embed_tokens.weight", m_parts.vocabulary, hidden);
    for (std::int64_t i = 0; i < m_parts.layers.count; ++i)
        m_layers.push_back(takeLayer(m_parts.layers.first + i, weights));
    if (shard.last()) {
        m_norm = weights.vector("model.norm.weight", hidden);
        m_head = config.tieWordEmbeddings
                     ? ops.productOf(m_embedding)
                     : ops.placeProduct(std::array{weights.linear("lm_head", m_parts.vocabulary, hidden, false)});
    }
    m_frequencies = placeFrequencies(ops, frequencies(config.headDim(), config.ropeTheta), compatibility);
    allocateTables();
}

Decoder::Layer Decoder::takeLayer(std::int64_t index, WeightReader& weights) const
{
    const std::int64_t hidden = m_config.hiddenSize;
    const std::string name = fmt::format("model.layers.{}.", index);
    const auto linear = [&](const char* which, const Extent& outputs, const Extent& inputs, bool bias) {
        return weights.decoderLinear(name + which, outputs, inputs, bias);
    };
    Layer layer;
    layer.inputNorm = weights.vector(name + "input_layernorm.weight", hidden);
    layer.qkv = m_ops.placeProduct(std::array{linear("self_attn.q_proj", m_parts.queries, hidden, true),
                                              linear("self_attn.k_proj", m_parts.keys, hidden, true),
                                              linear("self_attn.v_proj", m_parts.keys, hidden, true)});
    layer.output = m_ops.placeProduct(std::array{linear("self_attn.o_proj", hidden, m_parts.queries, false)});
    layer.postNorm = weights.vector(name + "post_attention_layernorm.weight", hidden);
    const ops::StoredLinear gate = linear("mlp.gate_proj", m_parts.inner, hidden, false);
    layer.gateUp = m_ops.placeGatedProduct(gate, linear("mlp.up_proj", m_parts.inner, hidden, false));
    layer.down = m_ops.placeProduct(std::array{linear("mlp.down_proj", hidden, m_parts.inner, false)});
    return layer;
}

void Decoder::allocateCache()
{
    const ::argus::Shape shape{m_sizes.kvBlocks, m_parts.kvHeads, m_sizes.kvBlockTokens, m_config.headDim()};
    for (Layer& layer : m_layers) {
        layer.keys = m_ops.allocate(m_ops.computeType(), shape);
        layer.values = m_ops.allocate(m_ops.computeType(), shape);
    }
}

void Decoder::layOut(Workbench& bench)
{
    const DType type = m_ops.computeType();
    const std::int64_t rows = m_sizes.maxBatchedTokens;
    const std::int64_t sequences = m_sizes.maxSequences;
    const std::int64_t inner = m_parts.inner.count;
    const std::int64_t head = m_config.headDim();
    m_hidden = bench.take(m_ops.residualType(), {rows, m_config.hiddenSize});
    m_normed = bench.take(type, {rows, m_config.hiddenSize});
    m_cosines = bench.take(DType::F32, {rows, head / 2});
    m_sines = bench.take(DType::F32, {rows, head / 2});
    if (m_rank.shard.last()) {
        m_picked = bench.take(m_ops.residualType(), {sequences, m_config.hiddenSize});
        m_pickedNormed = bench.take(type, {sequences, m_config.hiddenSize});
    }
    bench.inTurn({[&] {
                      m_qkv = bench.take(type, {rows, m_parts.queries.count + 2 * m_parts.keys.count});
                      m_attention = bench.take(type, {rows, m_parts.queries.count});
                  },
                  [&] {
                      m_gate = bench.take(type, {rows, inner});
                      m_gateScratch = bench.take(type, m_ops.gatedScratch(rows, inner));
                  },
                  [&] {
                      if (m_rank.shard.last())
                          layOutScores(bench);
                  }});
}

/// Scores are not rounded: two that are close would become one, or change places.
void Decoder::layOutScores(Workbench& bench)
{
    const DType type = m_ops.residualType();
    const std::int64_t sequences = m_sizes.maxSequences;
    const ::argus::Shape all{sequences, m_parts.scoreColumns * m_rank.shard.tensorSize};
    m_logits = bench.take(type, all);
    if (m_rank.shard.tensorSize == 1)
        return;
    m_localLogits = bench.take(type, {sequences, m_parts.scoreColumns});
    m_gatherScratch = bench.take(type, all);
}

void Decoder::allocateTables()
{
    const std::int64_t sequences = m_sizes.maxSequences;
    const std::int64_t slots = m_sizes.slots();
    m_drawn = m_ops.allocate(DType::I32, {sequences});
    m_blocks = m_ops.allocate(DType::I32, {slots, m_sizes.blocksOfSlot()});
    m_lastTokens = m_ops.allocate(DType::I32, {slots});
    m_seen = m_ops.allocate(DType::I32, {slots, (m_config.vocabSize + 31) / 32});
    const Words most(
        Shape{.rows = m_sizes.maxBatchedTokens, .sequences = sequences, .scored = sequences, .draws = true});
    m_words = m_ops.allocate(DType::I32, {most.end});
    m_hostWords = HostTensor(DType::I32, {most.end});
    m_toldBlocks.resize(static_cast<std::size_t>(slots));
    for (const ops::DeviceTensor* each : {&m_blocks, &m_lastTokens, &m_seen})
        m_ops.fillZero(each->view());
}

std::uint64_t Decoder::kvBytes() const
{
    return std::uint64_t{2} * m_layers.size() * static_cast<std::uint64_t>(m_sizes.kvBlocks) *
           static_cast<std::uint64_t>(m_sizes.kvBlockTokens) * static_cast<std::uint64_t>(m_parts.keys.count) *
           sizeOf(m_ops.computeType());
}

void Decoder::require(const Batch& batch) const
{
    const Shard& shard = m_rank.shard;
    if ((shard.tensorSize > 1 && m_rank.tensor == nullptr) || (shard.stages > 1 && m_rank.pipeline == nullptr))
        throw OpsError("decoder: a part of a model computes nothing without the others");
    const auto rows = static_cast<std::int64_t>(batch.ids.size());
    if (rows > m_sizes.maxBatchedTokens || batch.positions.size() != batch.ids.size() * 3)
        throw OpsError(fmt::format("decoder: {} ids and {} positions in a step for at most {} tokens", rows,
                                   batch.positions.size(), m_sizes.maxBatchedTokens));
    const auto most = static_cast<std::size_t>(m_sizes.maxSequences);
    if (batch.slices.size() > most || batch.logitRows.size() > most ||
        (!batch.sampling.empty() && batch.sampling.size() != batch.logitRows.size()))
        throw OpsError(
            fmt::format("decoder: {} sequences, {} rows to score and {} to draw from in a step for at most {}",
                        batch.slices.size(), batch.logitRows.size(), batch.sampling.size(), most));
    for (const std::int32_t id : batch.ids)
        if (id >= m_config.vocabSize || id < -m_sizes.slots())
            throw OpsError(fmt::format("decoder: id {} in a vocabulary of {}", id, m_config.vocabSize));
    if (shard.stages > 1 && std::any_of(batch.ids.begin(), batch.ids.end(), [](std::int32_t id) { return id < 0; }))
        throw OpsError("decoder: the first of several stages is told every id: the last one draws them");
    for (const std::int32_t row : batch.logitRows)
        if (row < 0 || row >= rows)
            throw OpsError(fmt::format("decoder: row {} of {} to score", row, rows));
    std::int64_t covered = 0;
    for (const BatchSlice& slice : batch.slices) {
        const std::int64_t needed = (slice.cached + slice.tokens + m_sizes.kvBlockTokens - 1) / m_sizes.kvBlockTokens;
        if (slice.firstRow != covered || slice.tokens < 1 || slice.cached < 0 || needed > m_sizes.blocksOfSlot() ||
            needed > static_cast<std::int64_t>(slice.blocks.size()) || slice.slot < 0 || slice.slot >= m_sizes.slots())
            throw OpsError(
                fmt::format("decoder: a slice of {} rows from {} after {} cached with {} blocks in slot {} of "
                            "{}; {} rows are covered and {} blocks needed",
                            slice.tokens, slice.firstRow, slice.cached, slice.blocks.size(), slice.slot,
                            m_sizes.slots(), covered, needed));
        for (std::int64_t i = 0; i < needed; ++i)
            if (const std::int32_t block = slice.blocks[static_cast<std::size_t>(i)];
                block < 0 || block >= m_sizes.kvBlocks)
                throw OpsError(fmt::format("decoder: block {} of {}", block, m_sizes.kvBlocks));
        covered += slice.tokens;
    }
    if (covered != rows)
        throw OpsError(fmt::format("decoder: slices cover {} of {} rows", covered, rows));
    for (const VisionRows& vision : batch.vision)
        if (vision.firstRow < 0 || vision.firstRow + vision.embeddings.extent(0) > rows)
            throw OpsError(fmt::format("decoder: vision rows {} + {} in a step of {}", vision.firstRow,
                                       vision.embeddings.extent(0), rows));
}

Decoder::Shape Decoder::shapeOf(const Batch& batch) const
{
    Shape shape{.rows = static_cast<std::int64_t>(batch.ids.size()),
                .sequences = static_cast<std::int64_t>(batch.slices.size()),
                .scored = static_cast<std::int64_t>(batch.logitRows.size()),
                .draws = !batch.sampling.empty()};
    for (const BatchSlice& slice : batch.slices) {
        shape.mostRows = std::max(shape.mostRows, static_cast<int>(slice.tokens));
        shape.longest = std::max(shape.longest, static_cast<int>(slice.cached + slice.tokens));
    }
    shape.decodeOnly = shape.mostRows == 1;
    shape.allInOrder = shape.scored == shape.rows;
    for (std::int64_t i = 0; i < shape.scored && shape.allInOrder; ++i)
        shape.allInOrder = batch.logitRows[static_cast<std::size_t>(i)] == i;
    shape.greedy = std::all_of(batch.sampling.begin(), batch.sampling.end(),
                               [](const ops::SamplingRow& row) { return row.temperature <= 0; });
    return shape;
}

bool Decoder::recordable(const Shape& shape, const Batch& batch) const
{
    return m_sizes.recordsSteps && m_ops.records() && shape.decodeOnly && shape.draws && shape.allInOrder &&
           batch.vision.empty();
}

Decoder::Shape Decoder::paddedForRecording(const Shape& shape) const
{
    Shape padded = shape;
    padded.rows = std::min(recordedRows(shape.rows), std::int64_t{m_sizes.maxSequences});
    padded.sequences = padded.rows;
    padded.scored = padded.rows;
    padded.longest =
        m_ops.recordedLongest(padded.sequences, shape.longest, m_sizes.blocksOfSlot() * m_sizes.kvBlockTokens);
    return padded;
}

void Decoder::tellBlocks(const BatchSlice& slice)
{
    std::vector<std::int32_t>& told = m_toldBlocks[static_cast<std::size_t>(slice.slot)];
    const auto blocks =
        slice.blocks.first(std::min(slice.blocks.size(), static_cast<std::size_t>(m_sizes.blocksOfSlot())));
    if (std::equal(told.begin(), told.end(), blocks.begin(), blocks.end()))
        return;
    m_ops.upload(m_blocks.rows(slice.slot, 1)
                     .reshaped({m_sizes.blocksOfSlot()})
                     .rows(0, static_cast<std::int64_t>(blocks.size())),
                 viewOf(blocks));
    told.assign(blocks.begin(), blocks.end());
}

void Decoder::stageSlices(const Batch& batch, const Shape& shape, const Words& words)
{
    auto* const to = m_hostWords.view().data<std::int32_t>();
    std::int32_t* bounds = to + words.slices;
    std::int32_t* slots = to + words.slots;
    std::int32_t* places = to + words.places;
    for (const BatchSlice& slice : batch.slices) {
        tellBlocks(slice);
        if (slice.cached == 0)
            m_ops.fillZero(m_seen.rows(slice.slot, 1));
        for (const std::int64_t value : {slice.firstRow, slice.tokens, slice.cached, std::int64_t{slice.slot}})
            *bounds++ = static_cast<std::int32_t>(value);
        for (std::int64_t at = slice.cached; at < slice.cached + slice.tokens; ++at) {
            *slots++ = slice.slot;
            *places++ = slice.blocks[static_cast<std::size_t>(at / m_sizes.kvBlockTokens)] * m_sizes.kvBlockTokens +
                        static_cast<std::int32_t>(at % m_sizes.kvBlockTokens);
        }
    }
    const auto rows = static_cast<std::int64_t>(batch.ids.size());
    std::copy(batch.ids.begin(), batch.ids.end(), to + words.ids);
    for (std::int64_t axis = 0; axis < 3; ++axis)
        std::copy_n(batch.positions.begin() + axis * rows, rows, to + words.positions + axis * shape.rows);
    std::copy(batch.logitRows.begin(), batch.logitRows.end(), to + words.logitRows);
    if (shape.draws)
        std::memcpy(to + words.sampling, batch.sampling.data(), batch.sampling.size_bytes());
}

/// Rows behind those of the batch: of no slot, written nowhere, never drawn from.
void Decoder::stagePadding(const Batch& batch, const Shape& shape, const Words& words)
{
    auto* const to = m_hostWords.view().data<std::int32_t>();
    const ops::SamplingRow nothing;
    for (auto row = static_cast<std::int64_t>(batch.ids.size()); row < shape.rows; ++row) {
        to[words.ids + row] = 0;
        to[words.slots + row] = -1;
        to[words.places + row] = -1;
        for (std::int64_t axis = 0; axis < 3; ++axis)
            to[words.positions + axis * shape.rows + row] = 0;
        const std::array<std::int32_t, kWordsOfSlice> slice{static_cast<std::int32_t>(row), 0, 0, -1};
        std::copy(slice.begin(), slice.end(), to + words.slices + kWordsOfSlice * row);
        to[words.logitRows + row] = static_cast<std::int32_t>(row);
        std::memcpy(to + words.sampling + kWordsOfSampling * row, &nothing, sizeof nothing);
    }
}

void Decoder::stage(const Batch& batch, const Shape& shape)
{
    const Words words(shape);
    stageSlices(batch, shape, words);
    stagePadding(batch, shape, words);
    m_ops.upload(m_words.rows(0, words.end), std::as_const(m_hostWords).view().rows(0, words.end));
}

ConstTensorView Decoder::words(std::int64_t first, ::argus::Shape shape) const
{
    return m_words.rows(first, shape.elements()).reshaped(shape);
}

void Decoder::run(const Batch& batch)
{
    require(batch);
    m_scored = static_cast<std::int64_t>(batch.logitRows.size());
    const Shape shape = shapeOf(batch);
    if (shape.rows == 0)
        return;
    if (!recordable(shape, batch)) {
        stage(batch, shape);
        compute(shape, batch.vision);
        return;
    }
    const Shape padded = paddedForRecording(shape);
    stage(batch, padded);
    Recorded& recorded = m_recorded[padded];
    if (recorded.uses++ == 0) { // the first of its size at once: recording takes longer than a step
        compute(padded, {});
        return;
    }
    if (!recorded.recording && !record(recorded, padded)) {
        compute(padded, {}); // nothing has run yet, and what the step needs is on the device
        return;
    }
    m_ops.replay(*recorded.recording);
}

/// False where the device refuses; then no more steps are recorded.
bool Decoder::record(Recorded& recorded, const Shape& padded)
{
    try {
        m_ops.beginRecording();
        compute(padded, {});
        recorded.recording = m_ops.endRecording();
        return true;
    } catch (const ops::DeviceLost&) {
        throw;
    } catch (const comm::GroupBroken&) {
        throw;
    } catch (const OpsError& refused) {
        log::warn("steps run unrecorded from here on, which is slower, as with enforce_eager: {}", refused.what());
    }
    m_ops.abandonRecording();
    m_sizes.recordsSteps = false;
    return false;
}

void Decoder::requireLast() const
{
    if (!m_rank.shard.last())
        throw OpsError("decoder: only the last stage has scores and tokens");
}

ops::Fetch Decoder::fetchDrawn()
{
    requireLast();
    return m_ops.fetch(m_drawn.rows(0, m_scored));
}

ConstTensorView Decoder::scores()
{
    requireLast();
    if (m_hostLogits.shape().rank() == 0)
        m_hostLogits = HostTensor(DType::F32, {m_sizes.maxSequences, m_config.vocabSize});
    m_ops.download(m_hostLogits.view().rows(0, m_scored), logits(m_scored));
    return std::as_const(m_hostLogits).view().rows(0, m_scored);
}

} // namespace argus::model
