#include "engine/model/weights.h"

#include "engine/ops/awq.h"

#include <fmt/format.h>

namespace argus::model {

namespace {

void addLinear(std::vector<TensorSpec>& specs, const std::string& name, std::int64_t outputs, std::int64_t inputs)
{
    specs.push_back({name + ".weight", {outputs, inputs}});
    specs.push_back({name + ".bias", {outputs}});
}

/// A linear layer of the decoder. Source: design/qwen2_5_vl.md §2.1, §12.2
void addDecoderLinear(std::vector<TensorSpec>& specs, const ModelConfig& config, const std::string& name,
                      std::int64_t outputs, std::int64_t inputs)
{
    if (!config.awq) {
        specs.push_back({name + ".weight", {outputs, inputs}});
        return;
    }
    specs.push_back({name + ".qweight", {inputs, outputs / 8}, DType::I32});
    specs.push_back({name + ".qzeros", {inputs / ops::kAwqGroup, outputs / 8}, DType::I32});
    specs.push_back({name + ".scales", {inputs / ops::kAwqGroup, outputs}, DType::F16});
}

void addDecoder(std::vector<TensorSpec>& specs, const ModelConfig& config)
{
    const std::int64_t hidden = config.hiddenSize;
    const std::int64_t queries = std::int64_t{config.heads} * config.headDim();
    const std::int64_t keys = std::int64_t{config.kvHeads} * config.headDim();
    specs.push_back({"model.embed_tokens.weight", {config.vocabSize, hidden}});
    for (int i = 0; i < config.layers; ++i) {
        const std::string layer = fmt::format("model.layers.{}.", i);
        specs.push_back({layer + "input_layernorm.weight", {hidden}});
        for (const auto& [name, rows] : {std::pair{"q", queries}, std::pair{"k", keys}, std::pair{"v", keys}}) {
            addDecoderLinear(specs, config, fmt::format("{}self_attn.{}_proj", layer, name), rows, hidden);
            specs.push_back({fmt::format("{}self_attn.{}_proj.bias", layer, name), {rows}});
        }
        addDecoderLinear(specs, config, layer + "self_attn.o_proj", hidden, queries);
        specs.push_back({layer + "post_attention_layernorm.weight", {hidden}});
        addDecoderLinear(specs, config, layer + "mlp.gate_proj", config.intermediateSize, hidden);
        addDecoderLinear(specs, config, layer + "mlp.up_proj", config.intermediateSize, hidden);
        addDecoderLinear(specs, config, layer + "mlp.down_proj", hidden, config.intermediateSize);
    }
    specs.push_back({"model.norm.weight", {hidden}});
    if (!config.tieWordEmbeddings)
        specs.push_back({"lm_head.weight", {config.vocabSize, hidden}});
}

void addVision(std::vector<TensorSpec>& specs, const VisionConfig& vision)
{
    const std::int64_t hidden = vision.hiddenSize;
    const std::int64_t merged = hidden * vision.mergeSize * vision.mergeSize;
    specs.push_back({"visual.patch_embed.proj.weight",
                     {hidden, vision.inChannels, vision.temporalPatchSize, vision.patchSize, vision.patchSize}});
    for (int i = 0; i < vision.depth; ++i) {
        const std::string block = fmt::format("visual.blocks.{}.", i);
        specs.push_back({block + "norm1.weight", {hidden}});
        addLinear(specs, block + "attn.qkv", 3 * hidden, hidden);
        addLinear(specs, block + "attn.proj", hidden, hidden);
        specs.push_back({block + "norm2.weight", {hidden}});
        addLinear(specs, block + "mlp.gate_proj", vision.intermediateSize, hidden);
        addLinear(specs, block + "mlp.up_proj", vision.intermediateSize, hidden);
        addLinear(specs, block + "mlp.down_proj", hidden, vision.intermediateSize);
    }
    specs.push_back({"visual.merger.ln_q.weight", {hidden}});
    addLinear(specs, "visual.merger.mlp.0", merged, merged);
    addLinear(specs, "visual.merger.mlp.2", vision.outHiddenSize, merged);
}

} // namespace

std::vector<TensorSpec> tensorsOf(const ModelConfig& config)
{
    std::vector<TensorSpec> specs;
    addVision(specs, config.vision);
    addDecoder(specs, config);
    return specs;
}

Result<std::uint64_t> checkTensors(const ModelConfig& config, const Checkpoint& checkpoint)
{
    std::uint64_t bytes = 0;
    for (const TensorSpec& spec : tensorsOf(config)) {
        auto tensor = checkpoint.tensor(spec.name, spec.shape);
        if (!tensor.ok())
            return std::move(tensor).error();
        const DType type = tensor->dtype();
        if (spec.type && type != *spec.type)
            return Error{
                ErrorCode::Unsupported,
                fmt::format("tensor {} holds {}, AWQ has {} there", spec.name, nameOf(type), nameOf(*spec.type)),
                "use an AWQ checkpoint of version \"gemm\"", ""};
        if (!spec.type && type != DType::F32 && type != DType::F16 && type != DType::BF16)
            return Error{
                ErrorCode::Unsupported,
                fmt::format("tensor {} holds {}; only F32, F16 and BF16 weights can be used", spec.name, nameOf(type)),
                "use the checkpoint's bfloat16 release", ""};
        bytes += static_cast<std::uint64_t>(spec.shape.elements()) * sizeOf(type);
    }
    return bytes;
}

std::uint64_t weightBytesOf(const ModelConfig& config, DType type)
{
    std::uint64_t bytes = 0;
    for (const TensorSpec& spec : tensorsOf(config))
        bytes += static_cast<std::uint64_t>(spec.shape.elements()) * sizeOf(spec.type.value_or(type));
    return bytes;
}

ops::Weight placeFrequencies(ops::Ops& ops, std::vector<float> frequencies, Compatibility compatibility)
{
    if (compatibility.bfloat16Frequencies)
        for (float& each : frequencies)
            each = fromBf16(toBf16(each));
    return ops.placeFloats(frequencies);
}

ConstTensorView WeightReader::take(const std::string& name, const Shape& shape)
{
    ConstTensorView view(nullptr, DType::BF16, shape);
    if (m_checkpoint != nullptr) {
        auto tensor = m_checkpoint->tensor(name, shape);
        if (!tensor.ok())
            throw OpsError(tensor.error().text());
        view = *tensor;
    }
    m_doneBytes += static_cast<std::uint64_t>(shape.elements()) * sizeOf(view.dtype());
    if (m_progress)
        m_progress(m_doneBytes, m_totalBytes, name);
    return view;
}

ops::StoredLinear WeightReader::linear(const std::string& name, std::int64_t outputs, std::int64_t inputs, bool bias,
                                       std::int64_t placedOutputs, std::int64_t placedInputs)
{
    ops::StoredLinear layer{.outputs = placedOutputs > 0 ? placedOutputs : outputs,
                            .inputs = placedInputs > 0 ? placedInputs : inputs};
    layer.weight = take(name + ".weight", {outputs, inputs});
    if (bias)
        layer.bias = take(name + ".bias", {outputs});
    return layer;
}

ops::StoredLinear WeightReader::decoderLinear(const std::string& name, std::int64_t outputs, std::int64_t inputs,
                                              bool bias)
{
    if (!m_awq)
        return linear(name, outputs, inputs, bias);
    ops::StoredLinear layer{.packed = true, .outputs = outputs, .inputs = inputs};
    layer.awq.qweight = take(name + ".qweight", {inputs, outputs / 8});
    layer.awq.qzeros = take(name + ".qzeros", {inputs / ops::kAwqGroup, outputs / 8});
    layer.awq.scales = take(name + ".scales", {inputs / ops::kAwqGroup, outputs});
    if (bias)
        layer.bias = take(name + ".bias", {outputs});
    return layer;
}

ops::StoredLinear WeightReader::flattened(const std::string& name, const Shape& stored)
{
    const Shape flat{stored[0], stored.elements() / stored[0]};
    return {.weight = take(name, stored).reshaped(flat), .outputs = flat[0], .inputs = flat[1]};
}

ops::Weight WeightReader::table(const std::string& name, std::int64_t rows, std::int64_t columns)
{
    return m_ops.placeTable(take(name, {rows, columns}));
}

ops::Weight WeightReader::vector(const std::string& name, std::int64_t length)
{
    return m_ops.placeVector(take(name, {length}));
}

} // namespace argus::model
