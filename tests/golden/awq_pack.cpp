#include "tests/golden/awq_pack.h"

#include "engine/base/files.h"
#include "engine/model/weights.h"
#include "engine/ops/awq.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "tests/golden/reference_cases.h"
#include "tests/golden/safetensors_writer.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>
#include <stdexcept>

namespace argus::golden {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uint64_t kMostBytes = 64 << 20; // of texts
constexpr int kLargestCode = 15;
constexpr std::array<int, 8> kColumnOfNibble{0, 2, 4, 6, 1, 3, 5, 7};

template <typename T>
T orThrow(Result<T> result)
{
    if (!result.ok())
        throw std::runtime_error(result.error().text());
    return std::move(result).value();
}

fs::path fileOf(fs::path prefix, const char* ending)
{
    return prefix += ending;
}
fs::path wideOf(fs::path prefix)
{
    return prefix += "-wide";
}

float widened(const ConstTensorView& view, std::int64_t index)
{
    if (view.dtype() == DType::F32)
        return view.data<const float>()[index];
    const std::uint16_t bits = view.data<const std::uint16_t>()[index];
    return view.dtype() == DType::BF16 ? fromBf16(bits) : fromF16(bits);
}

HostTensor halves(ConstTensorView view)
{
    HostTensor tensor(DType::F16, view.shape());
    for (std::int64_t i = 0; i < view.shape().elements(); ++i)
        tensor.view().data<std::uint16_t>()[i] = toF16(widened(view, i));
    return tensor;
}

/// One group of one output: codes, and what they are multiplied with.
struct Group {
    std::uint16_t scale = 0; ///< float16
    int zero = 0;
    std::array<int, ops::kAwqGroup> codes{};

    /// weight: the first of the group's inputs, one after another.
    Group(const ConstTensorView& weight, std::int64_t first)
    {
        float low = 0;
        float high = 0;
        for (std::int64_t i = 0; i < ops::kAwqGroup; ++i) {
            low = std::min(low, widened(weight, first + i));
            high = std::max(high, widened(weight, first + i));
        }
        scale = toF16((high - low) / kLargestCode);
        if (fromF16(scale) == 0)
            scale = toF16(1); // nothing but zeros
        const auto coded = [&](float value) { return static_cast<int>(std::lround(value / fromF16(scale))); };
        zero = std::clamp(coded(-low), 0, kLargestCode);
        for (std::int64_t i = 0; i < ops::kAwqGroup; ++i)
            codes[static_cast<std::size_t>(i)] = std::clamp(coded(widened(weight, first + i)) + zero, 0, kLargestCode);
    }
};

/// Puts a code into its nibble of [row, column / 8].
void place(HostTensor& words, std::int64_t row, std::int64_t column, int code)
{
    const auto nibble = std::find(kColumnOfNibble.begin(), kColumnOfNibble.end(), static_cast<int>(column % 8)) -
                        kColumnOfNibble.begin();
    std::int32_t& word = words.view().data<std::int32_t>()[row * words.shape()[1] + column / 8];
    word =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(word) | static_cast<std::uint32_t>(code) << (4 * nibble));
}

HostTensor zeroWords(std::int64_t rows, std::int64_t columns)
{
    HostTensor words(DType::I32, {rows, columns / 8});
    std::fill_n(words.view().data<std::int32_t>(), words.shape().elements(), 0);
    return words;
}

std::vector<SafetensorsWriter::Entry> entriesOf(const model::ModelConfig& config)
{
    std::vector<SafetensorsWriter::Entry> entries;
    for (const model::TensorSpec& spec : model::tensorsOf(config))
        entries.push_back({.name = spec.name, .type = spec.type.value_or(DType::F16), .shape = spec.shape});
    return entries;
}

void writeText(const fs::path& file, const Json& json)
{
    std::ofstream out(file, std::ios::trunc);
    out << json.dump(1) << '\n';
    out.close();
    if (!out)
        throw std::runtime_error(file.string() + " cannot be written");
}

/// Where the numbers of a checkpoint are read, and what they are.
struct Source {
    Json json;
    model::ModelConfig config;
    std::shared_ptr<const model::Checkpoint> checkpoint;
};

Source open(const fs::path& from)
{
    const bool folder = fs::is_directory(from);
    const fs::path file = folder ? from / "config.json" : fileOf(from, ".config.json");
    const std::string text = orThrow(readFile(file, kMostBytes));
    return {Json::parse(text), orThrow(model::parseConfig(text, file)),
            orThrow(folder ? model::Checkpoint::open(from)
                           : model::Checkpoint::openFile(fileOf(from, ".model.safetensors")))};
}

/// Greedy ids, scores of every token of the prompt, and embeddings, as a model says them.
struct Answered {
    std::vector<std::int32_t> ids;
    HostTensor scores, imageEmbeds, videoEmbeds;
};

HostTensor copyOf(ConstTensorView view)
{
    HostTensor copy(view.dtype(), view.shape());
    std::memcpy(copy.view().bytes(), view.bytes(),
                static_cast<std::size_t>(view.shape().elements()) * sizeOf(view.dtype()));
    return copy;
}

Answered answer(ReferenceModel& twin, const ReferenceCase& each, model::PositionVariant variant)
{
    std::vector<std::int32_t> blocks(kKvBlocks);
    std::iota(blocks.begin(), blocks.end(), 0);
    Conversation conversation = begin(twin, each, variant, std::move(blocks));
    Conversation* one = &conversation;
    Answered answered;
    if (!each.imageGrids.empty())
        answered.imageEmbeds = twin.model->onHost(conversation.imageEmbeds);
    if (!each.videoGrids.empty())
        answered.videoEmbeds = twin.model->onHost(conversation.videoEmbeds);
    Outcome outcome = step(twin, {&one, 1}, kMostRows, true);
    answered.scores = copyOf(outcome.scores);
    takeDrawn({&one, 1}, outcome.drawn);
    while (conversation.answer.size() < each.greedy.size())
        takeDrawn({&one, 1}, step(twin, {&one, 1}, kMostRows).drawn);
    answered.ids = std::move(conversation.answer);
    return answered;
}

/// The tensors of a case, by what they are.
std::vector<std::pair<std::string, ConstTensorView>> tensorsOf(const ReferenceModel& twin, const ReferenceCase& each,
                                                               const Answered& answered)
{
    std::vector<std::pair<std::string, ConstTensorView>> tensors{{"logits", answered.scores.view()},
                                                                 {"position_ids", twin.tensor(each, "position_ids")}};
    if (!each.imageGrids.empty()) {
        tensors.emplace_back("pixel_values", twin.tensor(each, "pixel_values"));
        tensors.emplace_back("image_embeds", answered.imageEmbeds.view());
    }
    if (!each.videoGrids.empty()) {
        tensors.emplace_back("pixel_values_videos", twin.tensor(each, "pixel_values_videos"));
        tensors.emplace_back("video_embeds", answered.videoEmbeds.view());
    }
    return tensors;
}

double share(ConstTensorView got, ConstTensorView expected)
{
    double differences = 0;
    double total = 0;
    for (std::int64_t i = 0; i < expected.shape().elements(); ++i) {
        const double wanted = expected.data<const float>()[i];
        differences += std::pow(got.data<const float>()[i] - wanted, 2);
        total += wanted * wanted;
    }
    return std::sqrt(differences / total);
}

} // namespace

PackedLayer packLayer(ConstTensorView weight)
{
    const std::int64_t outputs = weight.extent(0);
    const std::int64_t inputs = weight.extent(1);
    const std::int64_t groups = inputs / ops::kAwqGroup;
    if (outputs % 8 != 0 || inputs % ops::kAwqGroup != 0)
        throw std::runtime_error("a layer " + weight.shape().text() + " does not divide into words and groups");
    PackedLayer layer{.qweight = zeroWords(inputs, outputs),
                      .qzeros = zeroWords(groups, outputs),
                      .scales = HostTensor(DType::F16, {groups, outputs}),
                      .wide = HostTensor(DType::F16, {outputs, inputs})};
    for (std::int64_t n = 0; n < outputs; ++n)
        for (std::int64_t g = 0; g < groups; ++g) {
            const std::int64_t first = g * ops::kAwqGroup;
            const Group group(weight, n * inputs + first);
            layer.scales.view().data<std::uint16_t>()[g * outputs + n] = group.scale;
            place(layer.qzeros, g, n, group.zero);
            for (std::int64_t i = 0; i < ops::kAwqGroup; ++i) {
                const int code = group.codes[static_cast<std::size_t>(i)];
                place(layer.qweight, first + i, n, code);
                layer.wide.view().data<std::uint16_t>()[n * inputs + first + i] =
                    toF16(static_cast<float>(code - group.zero) * fromF16(group.scale));
            }
        }
    return layer;
}

void packCheckpoint(const fs::path& from, const fs::path& to)
{
    Source source = open(from);
    source.json["torch_dtype"] = "float16";
    writeText(fileOf(wideOf(to), ".config.json"), source.json);
    source.json["quantization_config"] = {{"quant_method", "awq"}, {"bits", 4},
                                          {"group_size", 128},     {"zero_point", true},
                                          {"version", "gemm"},     {"modules_to_not_convert", {"visual"}}};
    writeText(fileOf(to, ".config.json"), source.json);

    model::ModelConfig packedConfig = source.config;
    packedConfig.awq = true;
    std::set<std::string> packedNames;
    for (const model::TensorSpec& spec : model::tensorsOf(packedConfig))
        packedNames.insert(spec.name);
    SafetensorsWriter packed(fileOf(to, ".model.safetensors"), entriesOf(packedConfig));
    SafetensorsWriter wide(fileOf(wideOf(to), ".model.safetensors"), entriesOf(source.config));
    for (const model::TensorSpec& spec : model::tensorsOf(source.config)) {
        const ConstTensorView tensor = orThrow(source.checkpoint->tensor(spec.name, spec.shape));
        if (packedNames.contains(spec.name)) {
            const HostTensor half = halves(tensor);
            packed.append(half.view());
            wide.append(half.view());
            continue;
        }
        const PackedLayer layer = packLayer(tensor);
        packed.append(layer.qweight.view());
        packed.append(layer.qzeros.view());
        packed.append(layer.scales.view());
        wide.append(layer.wide.view());
    }
    packed.close();
    wide.close();
}

double answerCases(const fs::path& from, const fs::path& to, model::PositionVariant variant)
{
    ReferenceModel twin = ReferenceModel::load(wideOf(to), from, [] { return std::make_unique<ops::CpuOps>(0); }, {});
    Json json = Json::parse(orThrow(readFile(fileOf(from, ".cases.json"), kMostBytes)));
    std::vector<Answered> answers;
    double apart = 0;
    for (const ReferenceCase& each : twin.cases) {
        const Answered& answered = answers.emplace_back(answer(twin, each, variant));
        json[each.name]["greedy"] = answered.ids;
        json[each.name].erase("top2_gap_last");
        apart = std::max(apart, share(answered.scores.view(), twin.tensor(each, "logits")));
    }
    std::vector<SafetensorsWriter::Entry> entries;
    std::vector<ConstTensorView> tensors;
    for (std::size_t i = 0; i < answers.size(); ++i)
        for (const auto& [what, tensor] : tensorsOf(twin, twin.cases[i], answers[i])) {
            entries.push_back(
                {.name = twin.cases[i].name + '.' + what, .type = tensor.dtype(), .shape = tensor.shape()});
            tensors.push_back(tensor);
        }
    for (const fs::path& prefix : {to, wideOf(to)}) {
        writeText(fileOf(prefix, ".cases.json"), json);
        SafetensorsWriter file(fileOf(prefix, ".cases.safetensors"), entries);
        for (const ConstTensorView& tensor : tensors)
            file.append(tensor);
        file.close();
    }
    return apart;
}

} // namespace argus::golden
