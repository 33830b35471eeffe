#include "engine/model/weights.h"

#include "engine/base/catalogue.h"
#include "engine/ops/awq.h"

#include <fmt/format.h>

#include <utility>

namespace argus::model {

namespace {

constexpr std::int64_t kCodesOfWord = 8; ///< AWQ packs eight outputs

class SpecList {
public:
    SpecList(const ModelConfig& config, const Shard& shard) : m_config(config), m_shard(shard), m_parts(config, shard)
    {
    }

    void addVision();
    void addDecoder();
    [[nodiscard]] std::vector<TensorSpec> take() { return std::move(m_specs); }

private:
    void add(const std::string& name, const Extent& length)
    {
        m_specs.push_back({.name = name, .shape = {length.stored}, .taken = length.count});
    }
    void add(const std::string& name, const Extent& rows, const Extent& columns, std::optional<DType> type = {})
    {
        m_specs.push_back(
            {.name = name, .shape = {rows.stored, columns.stored}, .type = type, .taken = rows.count * columns.count});
    }
    void addLinear(const std::string& name, const Extent& outputs, const Extent& inputs);
    void addDecoderLinear(const std::string& name, const Extent& outputs, const Extent& inputs);
    void addLayer(std::int64_t index);

    const ModelConfig& m_config;
    const Shard& m_shard;
    Parts m_parts;
    std::vector<TensorSpec> m_specs;
};

/// A linear layer of the vision tower. Of ranks that add their results up one has the bias.
void SpecList::addLinear(const std::string& name, const Extent& outputs, const Extent& inputs)
{
    add(name + ".weight", outputs, inputs);
    if (inputs.first == 0)
        add(name + ".bias", outputs);
}

/// A linear layer of the decoder. Source: design/qwen2_5_vl.md §2.1, §12.2
void SpecList::addDecoderLinear(const std::string& name, const Extent& outputs, const Extent& inputs)
{
    if (!m_config.awq) {
        add(name + ".weight", outputs, inputs);
        return;
    }
    const Extent words = outputs.inPiecesOf(kCodesOfWord);
    const Extent groups = inputs.inPiecesOf(ops::kAwqGroup);
    add(name + ".qweight", inputs, words, DType::I32);
    add(name + ".qzeros", groups, words, DType::I32);
    add(name + ".scales", groups, outputs, DType::F16);
}

void SpecList::addLayer(std::int64_t index)
{
    const std::int64_t hidden = m_config.hiddenSize;
    const std::string layer = fmt::format("model.layers.{}.", index);
    add(layer + "input_layernorm.weight", hidden);
    for (const auto& [name, rows] :
         {std::pair{"q", m_parts.queries}, std::pair{"k", m_parts.keys}, std::pair{"v", m_parts.keys}}) {
        addDecoderLinear(fmt::format("{}self_attn.{}_proj", layer, name), rows, hidden);
        add(fmt::format("{}self_attn.{}_proj.bias", layer, name), rows);
    }
    addDecoderLinear(layer + "self_attn.o_proj", hidden, m_parts.queries);
    add(layer + "post_attention_layernorm.weight", hidden);
    addDecoderLinear(layer + "mlp.gate_proj", m_parts.inner, hidden);
    addDecoderLinear(layer + "mlp.up_proj", m_parts.inner, hidden);
    addDecoderLinear(layer + "mlp.down_proj", hidden, m_parts.inner);
}

void SpecList::addDecoder()
{
    const std::int64_t hidden = m_config.hiddenSize;
    if (m_shard.first() || (m_shard.last() && m_config.tieWordEmbeddings))
        add("model.embed_tokens.weight", m_parts.vocabulary, hidden);
    for (std::int64_t i = 0; i < m_parts.layers.count; ++i)
        addLayer(m_parts.layers.first + i);
    if (!m_shard.last())
        return;
    add("model.norm.weight", hidden);
    if (!m_config.tieWordEmbeddings)
        add("lm_head.weight", m_parts.vocabulary, hidden);
}

void SpecList::addVision()
{
    if (!m_shard.first())
        return;
    const VisionConfig& vision = m_config.vision;
    const std::int64_t hidden = vision.hiddenSize;
    const Extent heads = m_parts.visionHidden;
    const Extent inner = m_parts.visionInner;
    const Shape filters{hidden, vision.inChannels, vision.temporalPatchSize, vision.patchSize, vision.patchSize};
    m_specs.push_back({.name = "visual.patch_embed.proj.weight", .shape = filters, .taken = filters.elements()});
    for (int i = 0; i < vision.depth; ++i) {
        const std::string block = fmt::format("visual.blocks.{}.", i);
        add(block + "norm1.weight", hidden);
        addLinear(block + "attn.qkv", Extent{3 * hidden, heads.first, 3 * heads.count}, hidden);
        addLinear(block + "attn.proj", hidden, heads);
        add(block + "norm2.weight", hidden);
        addLinear(block + "mlp.gate_proj", inner, hidden);
        addLinear(block + "mlp.up_proj", inner, hidden);
        addLinear(block + "mlp.down_proj", hidden, inner);
    }
    add("visual.merger.ln_q.weight", hidden);
    addLinear("visual.merger.mlp.0", m_parts.merged, m_parts.merged.stored);
    addLinear("visual.merger.mlp.2", vision.outHiddenSize, m_parts.merged);
}

} // namespace

std::vector<TensorSpec> tensorsOf(const ModelConfig& config, const Shard& shard)
{
    SpecList specs(config, shard);
    specs.addVision();
    specs.addDecoder();
    return specs.take();
}

Result<std::uint64_t> checkTensors(const ModelConfig& config, const Checkpoint& checkpoint, const Shard& shard)
{
    std::uint64_t bytes = 0;
    for (const TensorSpec& spec : tensorsOf(config, shard)) {
        auto tensor = checkpoint.tensor(spec.name, spec.shape);
        if (!tensor.ok())
            return std::move(tensor).error();
        const DType type = tensor->dtype();
        if (spec.type && type != *spec.type)
            return makeError(ErrorCode::Unsupported, say("tensor-not-awq", spec.name, nameOf(type), nameOf(*spec.type)),
                             say("do-awq-gemm"));
        if (!spec.type && type != DType::F32 && type != DType::F16 && type != DType::BF16)
            return makeError(ErrorCode::Unsupported, say("tensor-no-float", spec.name, nameOf(type)),
                             say("do-bfloat16-release"));
        bytes += static_cast<std::uint64_t>(spec.taken) * sizeOf(type);
    }
    return bytes;
}

std::uint64_t weightBytesOf(const ModelConfig& config, DType type, const Shard& shard)
{
    std::uint64_t bytes = 0;
    for (const TensorSpec& spec : tensorsOf(config, shard))
        bytes += static_cast<std::uint64_t>(spec.taken) * sizeOf(spec.type.value_or(type));
    return bytes;
}

ops::Weight placeFrequencies(ops::Ops& ops, std::vector<float> frequencies, Compatibility compatibility)
{
    if (compatibility.bfloat16Frequencies)
        for (float& each : frequencies)
            each = fromBf16(toBf16(each));
    return ops.placeFloats(frequencies);
}

/// The tensor as it stands in the file; without data when there is no file.
ConstTensorView WeightReader::stored(const std::string& name, const Shape& shape)
{
    if (m_checkpoint == nullptr)
        return {nullptr, DType::BF16, shape};
    auto tensor = m_checkpoint->tensor(name, shape);
    if (!tensor.ok())
        throw OpsError(tensor.error().remedy.empty()
                           ? tensor.error().saidCause()
                           : say("then", tensor.error().saidCause(), tensor.error().saidRemedy()));
    return *tensor;
}

void WeightReader::report(const std::string& name, const ConstTensorView& taken, const Extent& rows,
                          const Extent& columns)
{
    if (m_taken != nullptr)
        m_taken->push_back({.name = name, .rows = rows, .columns = columns});
    m_doneBytes += static_cast<std::uint64_t>(taken.shape().elements()) * sizeOf(taken.dtype());
    if (m_progress)
        m_progress(m_doneBytes, m_totalBytes, name);
}

ConstTensorView WeightReader::takeRows(const std::string& name, const Extent& rows)
{
    const ConstTensorView whole = stored(name, {rows.stored});
    const ConstTensorView part = whole.bytes() != nullptr ? whole.rows(rows.first, rows.count)
                                                          : ConstTensorView(nullptr, whole.dtype(), {rows.count});
    report(name, part, rows, 1);
    return part;
}

ConstTensorView WeightReader::takePart(const std::string& name, const Extent& rows, const Extent& columns)
{
    const ConstTensorView whole = stored(name, {rows.stored, columns.stored});
    const ConstTensorView part =
        whole.bytes() != nullptr
            ? whole.rows(rows.first, rows.count).columns(columns.first, columns.count)
            : ConstTensorView(nullptr, whole.dtype(), {rows.count, columns.count}); // no memory, nowhere in it
    report(name, part, rows, columns);
    return part;
}

ops::StoredLinear WeightReader::linear(const std::string& name, const Extent& outputs, const Extent& inputs, bool bias,
                                       std::int64_t placedOutputs, std::int64_t placedInputs)
{
    ops::StoredLinear layer{.outputs = placedOutputs > 0 ? placedOutputs : outputs.count,
                            .inputs = placedInputs > 0 ? placedInputs : inputs.count};
    layer.weight = takePart(name + ".weight", outputs, inputs);
    if (bias)
        layer.bias = takeRows(name + ".bias", outputs);
    return layer;
}

ops::StoredLinear WeightReader::decoderLinear(const std::string& name, const Extent& outputs, const Extent& inputs,
                                              bool bias)
{
    if (!m_awq)
        return linear(name, outputs, inputs, bias);
    const Extent words = outputs.inPiecesOf(kCodesOfWord);
    const Extent groups = inputs.inPiecesOf(ops::kAwqGroup);
    ops::StoredLinear layer{.packed = true, .outputs = outputs.count, .inputs = inputs.count};
    layer.awq.qweight = takePart(name + ".qweight", inputs, words);
    layer.awq.qzeros = takePart(name + ".qzeros", groups, words);
    layer.awq.scales = takePart(name + ".scales", groups, outputs);
    if (bias)
        layer.bias = takeRows(name + ".bias", outputs);
    return layer;
}

std::vector<ops::StoredLinear> WeightReader::fused(const std::string& name, const Extent& part, std::int64_t inputs)
{
    const std::int64_t size = part.stored;
    if (part.count == size) // in one piece, as it is stored
        return {linear(name, 3 * size, inputs, true)};
    const ConstTensorView weight = stored(name + ".weight", {3 * size, inputs});
    const ConstTensorView bias = stored(name + ".bias", {3 * size});
    const bool exists = weight.bytes() != nullptr;
    std::vector<ops::StoredLinear> layers;
    for (std::int64_t first = part.first; first < 3 * size; first += size) {
        ops::StoredLinear& layer = layers.emplace_back();
        layer.outputs = part.count;
        layer.inputs = inputs;
        layer.weight =
            exists ? weight.rows(first, part.count) : ConstTensorView(nullptr, weight.dtype(), {part.count, inputs});
        layer.bias = exists ? bias.rows(first, part.count) : ConstTensorView(nullptr, bias.dtype(), {part.count});
        const Extent rows{3 * size, first, part.count};
        report(name + ".weight", layer.weight, rows, inputs);
        report(name + ".bias", layer.bias, rows, 1);
    }
    return layers;
}

ops::StoredLinear WeightReader::flattened(const std::string& name, const Shape& shape)
{
    const Shape flat{shape[0], shape.elements() / shape[0]};
    const ConstTensorView whole = stored(name, shape).reshaped(flat);
    report(name, whole, flat[0], flat[1]);
    return {.weight = whole, .outputs = flat[0], .inputs = flat[1]};
}

ops::Weight WeightReader::table(const std::string& name, const Extent& rows, std::int64_t columns)
{
    return m_ops.placeTable(takePart(name, rows, columns));
}

ops::Weight WeightReader::vector(const std::string& name, std::int64_t length)
{
    return m_ops.placeVector(takeRows(name, length));
}

} // namespace argus::model
