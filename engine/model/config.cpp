#include "engine/model/config.h"

#include "engine/base/files.h"
#include "engine/base/json_limits.h"
#include "engine/ops/awq.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <utility>

namespace argus::model {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxFileBytes = 1 << 20;
constexpr JsonLimits kLimits{.bytes = kMaxFileBytes, .depth = 16, .values = 50'000};

/// Reads keys from the innermost object that has them (text_config before the top level, for nested files). A null
/// counts as absent. The first fault is kept and every later read answers its default, so that a list of reads needs
/// one check at the end.
class Keys {
public:
    Keys(std::string name, std::vector<std::pair<std::string, const Json*>> objects)
        : m_name(std::move(name)), m_objects(std::move(objects))
    {
    }

    [[nodiscard]] const Json* find(const std::string& key) const { return locate(key).first; }

    std::int64_t whole(const std::string& key, std::int64_t fallback, std::int64_t least, std::int64_t most)
    {
        const auto [value, path] = locate(key);
        if (!value)
            return fallback;
        const bool fits = value->is_number_integer() &&
                          !(value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{INT64_MAX});
        if (fits && value->get<std::int64_t>() >= least && value->get<std::int64_t>() <= most)
            return value->get<std::int64_t>();
        fail(fmt::format("{} should be a whole number from {} to {}, is {:.60}", path, least, most, value->dump()));
        return fallback;
    }
    int integer(const std::string& key, int fallback, int least, int most)
    {
        return static_cast<int>(whole(key, fallback, least, most));
    }
    double number(const std::string& key, double fallback, double least, double most)
    {
        const auto [value, path] = locate(key);
        if (!value)
            return fallback;
        if (value->is_number() && value->get<double>() >= least && value->get<double>() <= most)
            return value->get<double>();
        fail(fmt::format("{} should be a number from {} to {}, is {:.60}", path, least, most, value->dump()));
        return fallback;
    }
    bool flag(const std::string& key, bool fallback)
    {
        const auto [value, path] = locate(key);
        if (!value)
            return fallback;
        if (value->is_boolean())
            return value->get<bool>();
        fail(fmt::format("{} should be true or false, is {:.60}", path, value->dump()));
        return fallback;
    }
    std::string text(const std::string& key, const std::string& fallback)
    {
        const auto [value, path] = locate(key);
        if (!value)
            return fallback;
        if (value->is_string())
            return value->get<std::string>();
        fail(fmt::format("{} should be text, is {:.60}", path, value->dump()));
        return fallback;
    }
    /// One whole number or a list of at most `longest`.
    std::vector<int> integers(const std::string& key, std::vector<int> fallback, std::size_t longest, int least,
                              int most)
    {
        const auto [value, path] = locate(key);
        if (!value)
            return fallback;
        const Json list = value->is_array() ? *value : Json::array({*value});
        std::vector<int> result;
        for (const Json& item : list) {
            if (list.size() > longest || !item.is_number_integer() || item < least || item > most) {
                fail(fmt::format("{} should be at most {} whole numbers from {} to {}, is {:.60}", path, longest, least,
                                 most, value->dump()));
                return fallback;
            }
            result.push_back(item.get<int>());
        }
        return result;
    }

    void fail(const std::string& cause, ErrorCode code = ErrorCode::Corrupt,
              const std::string& remedy = "compare it with the published config.json")
    {
        if (m_fault.cause.empty())
            m_fault = {code, m_name + ": " + cause, remedy, {}};
    }
    void require(bool condition, const std::string& cause) { condition ? void() : fail(cause); }
    void refuse(bool condition, const std::string& cause, const std::string& remedy)
    {
        if (condition)
            fail(cause, ErrorCode::Unsupported, remedy);
    }
    /// Unsupported unless the key is absent or has the one value this build computes with.
    void only(const std::string& key, int supported)
    {
        const int value = integer(key, supported, 0, 1 << 20);
        refuse(value != supported, fmt::format("{} is {}, only {} is supported", locate(key).second, value, supported),
               "use a published Qwen2.5-VL checkpoint or a fine-tune of one");
    }
    void only(const std::string& key, const std::string& supported)
    {
        const std::string value = text(key, supported);
        refuse(value != supported,
               fmt::format("{} is \"{:.40}\", only \"{}\" is supported", locate(key).second, value, supported),
               "use a published Qwen2.5-VL checkpoint or a fine-tune of one");
    }
    [[nodiscard]] bool failed() const { return !m_fault.cause.empty(); }
    [[nodiscard]] const Error& fault() const { return m_fault; }
    void adopt(const Keys& other) { other.failed() && !failed() ? void(m_fault = other.m_fault) : void(); }

private:
    [[nodiscard]] std::pair<const Json*, std::string> locate(const std::string& key) const
    {
        for (const auto& [prefix, object] : m_objects) {
            const auto found = object->find(key);
            if (found != object->end() && !found->is_null())
                return {&*found, prefix + key};
        }
        return {nullptr, key};
    }

    std::string m_name;
    std::vector<std::pair<std::string, const Json*>> m_objects; ///< path prefix and object, innermost first
    Error m_fault;
};

// Bounds on what a config may ask for: far above the largest Qwen2.5-VL (72B), and small enough that no product of them
// overflows 64 bits.
constexpr int kMaxLayers = 1000;
constexpr int kMaxWidth = 1 << 16;
constexpr int kMaxIntermediate = 1 << 20;
constexpr int kMaxVocab = 1 << 21;
constexpr int kMaxContext = 1 << 24;

void refuseOtherArchitectures(Keys& keys)
{
    const std::string remedy = "name a folder with a Qwen2.5-VL checkpoint";
    const Json* type = keys.find("model_type");
    keys.refuse(!type, "model_type is missing", remedy);
    if (type && type->is_string())
        keys.refuse(*type != "qwen2_5_vl",
                    fmt::format("model_type is \"{:.40}\", only \"qwen2_5_vl\" is supported",
                                type->get_ref<const std::string&>()),
                    remedy);
    else
        keys.require(!type, "model_type should be text");
}

/// AWQ as it is published (four bits, groups of 128, zero points, version gemm) is read; everything else is refused.
/// Source: design/qwen2_5_vl.md §12.1
bool readAwq(Keys& keys)
{
    const Json* quantised = keys.find("quantization_config");
    if (!quantised)
        return false;
    const std::string remedy =
        "use an AWQ checkpoint (four bits, group_size 128, version \"gemm\") or an unquantised one "
        "(bfloat16, float16 or float32)";
    const auto text = [&](const char* key) -> std::string {
        const bool there = quantised->is_object() && quantised->contains(key) && (*quantised)[key].is_string();
        return there ? (*quantised)[key].get<std::string>() : std::string();
    };
    const auto number = [&](const char* key, const char* alias) -> std::int64_t {
        for (const char* each : {key, alias})
            if (quantised->is_object() && quantised->contains(each) && (*quantised)[each].is_number_integer())
                return (*quantised)[each].get<std::int64_t>();
        return 0;
    };
    const std::string method = text("quant_method");
    keys.refuse(method != "awq",
                method.empty()
                    ? std::string("quantization_config: the weights are quantised by an unnamed method")
                    : fmt::format("quantization_config: the weights are quantised by \"{:.40}\", only awq is "
                                  "supported",
                                  method),
                remedy);
    const std::int64_t bits = number("bits", "w_bit");
    const std::int64_t group = number("group_size", "q_group_size");
    keys.refuse(bits != 4 || group != ops::kAwqGroup,
                fmt::format("quantization_config: AWQ with {} bits in groups of {}, only 4 bits in groups of 128 are "
                            "supported",
                            bits, group),
                remedy);
    const Json* const zeroPoint =
        quantised->is_object() && quantised->contains("zero_point") ? &(*quantised)["zero_point"] : nullptr;
    keys.refuse(zeroPoint != nullptr && *zeroPoint != true,
                "quantization_config: AWQ without zero points, only zero_point true is supported", remedy);
    const std::string version = text("version");
    keys.refuse(!version.empty() && version != "gemm" && version != "GEMM",
                fmt::format("quantization_config: AWQ version \"{:.40}\", only \"gemm\" is supported", version),
                remedy);
    return true;
}

void refuseWindows(Keys& keys)
{
    const std::string remedy = "set use_sliding_window to false if the model was trained so, or use another checkpoint";
    keys.refuse(keys.flag("use_sliding_window", false),
                "use_sliding_window is true; attention over a sliding window is not supported", remedy);
    const Json* types = keys.find("layer_types");
    if (!types)
        return;
    keys.require(types->is_array(), "layer_types should be a list");
    for (const Json& type : *types)
        keys.refuse(type != "full_attention",
                    fmt::format("layer_types holds {:.40}, only \"full_attention\" is supported", type.dump()), remedy);
}

/// rope_parameters of new files, else rope_scaling and rope_theta of old ones. Source: design/qwen2_5_vl.md §1.3
void readRope(Keys& keys, const std::string& name, ModelConfig& config)
{
    config.ropeTheta = keys.number("rope_theta", config.ropeTheta, 1, 1e12);
    const bool isNew = keys.find("rope_parameters") != nullptr;
    const std::string key = isNew ? "rope_parameters" : "rope_scaling";
    const Json* object = keys.find(key);
    if (!object)
        return;
    if (!object->is_object())
        return keys.fail(key + " should be an object");
    Keys rope(name, {{key + ".", object}});
    for (const char* spelling : {"rope_type", "type"}) {
        const std::string type = rope.text(spelling, "default");
        rope.refuse(type == "yarn",
                    fmt::format("{}.{} is \"yarn\"; a context stretched by YaRN is not supported", key, spelling),
                    "set it to {\"type\":\"mrope\",\"mrope_section\":[16,24,24]} and use contexts up to "
                    "max_position_embeddings");
        rope.refuse(
            type != "default" && type != "mrope",
            fmt::format("{}.{} is \"{:.40}\", only \"mrope\" and \"default\" are supported", key, spelling, type),
            "use a published Qwen2.5-VL checkpoint or a fine-tune of one");
    }
    config.ropeTheta = rope.number("rope_theta", config.ropeTheta, 1, 1e12);
    const std::vector<int> section = rope.integers("mrope_section", {16, 24, 24}, 3, 1, 1024);
    rope.require(section.size() == 3, key + ".mrope_section should have 3 numbers");
    if (section.size() == 3)
        config.mropeSection = {section[0], section[1], section[2]};
    keys.adopt(rope);
}

VisionConfig readVision(Keys& keys)
{
    VisionConfig vision;
    vision.depth = keys.integer("depth", 32, 1, kMaxLayers);
    vision.hiddenSize =
        keys.integer("hidden_size", 3584, 1, kMaxWidth); // the class default; no published file omits it
    vision.heads = keys.integer("num_heads", 16, 1, 1024);
    vision.intermediateSize = keys.integer("intermediate_size", 3420, 1, kMaxIntermediate);
    vision.outHiddenSize = keys.integer("out_hidden_size", 3584, 1, kMaxWidth);
    vision.windowSize = keys.integer("window_size", 112, 1, 1 << 16);
    vision.tokensPerSecond = keys.number("tokens_per_second", 4, 1e-3, 1e3);
    vision.fullAttentionBlocks = keys.integers("fullatt_block_indexes", {7, 15, 23, 31}, kMaxLayers, 0, kMaxLayers);
    keys.only("patch_size", vision.patchSize);
    keys.only("temporal_patch_size", vision.temporalPatchSize);
    keys.only("spatial_merge_size", vision.mergeSize);
    keys.only(keys.find("in_channels") ? "in_channels" : "in_chans", vision.inChannels);
    keys.only("hidden_act", "silu");

    keys.require(
        vision.hiddenSize % vision.heads == 0,
        fmt::format("vision_config.hidden_size {} cannot be shared by num_heads {}", vision.hiddenSize, vision.heads));
    keys.require(vision.hiddenSize % vision.heads != 0 || vision.headDim() % 4 == 0,
                 fmt::format("vision_config: {} channels a head are not a multiple of 4", vision.headDim()));
    const int cell = vision.mergeSize * vision.patchSize;
    keys.require(vision.windowSize % cell == 0,
                 fmt::format("vision_config.window_size {} is not a multiple of {}", vision.windowSize, cell));
    for (const int block : vision.fullAttentionBlocks)
        keys.require(
            block < vision.depth,
            fmt::format("vision_config.fullatt_block_indexes names block {}, depth is {}", block, vision.depth));
    return vision;
}

void checkText(Keys& keys, const ModelConfig& config)
{
    keys.require(
        config.hiddenSize % config.heads == 0,
        fmt::format("hidden_size {} cannot be shared by num_attention_heads {}", config.hiddenSize, config.heads));
    keys.require(
        config.heads % config.kvHeads == 0,
        fmt::format("num_attention_heads {} cannot be shared by num_key_value_heads {}", config.heads, config.kvHeads));
    keys.refuse(
        config.headDim() != 128,
        fmt::format("hidden_size {} over num_attention_heads {} gives {} channels a head, only 128 are supported",
                    config.hiddenSize, config.heads, config.headDim()),
        "use a published Qwen2.5-VL checkpoint or a fine-tune of one");
    keys.refuse(config.awq && config.intermediateSize % ops::kAwqGroup != 0,
                fmt::format("intermediate_size {} is not a multiple of {}, the groups of AWQ", config.intermediateSize,
                            ops::kAwqGroup),
                "use a checkpoint whose layers were padded before they were quantised");
    const int section = config.mropeSection[0] + config.mropeSection[1] + config.mropeSection[2];
    keys.require(2 * section == config.headDim(),
                 fmt::format("mrope_section sums to {}, half of the {} channels a head", section, config.headDim()));
    for (const auto& [key, id] :
         {std::pair{"image_token_id", config.imageToken}, std::pair{"video_token_id", config.videoToken},
          std::pair{"vision_start_token_id", config.visionStartToken},
          std::pair{"vision_end_token_id", config.visionEndToken}})
        keys.require(id < config.vocabSize,
                     fmt::format("{} {} is outside the vocabulary of {}", key, id, config.vocabSize));
    keys.require(config.imageToken != config.videoToken,
                 fmt::format("image_token_id and video_token_id are both {}", config.imageToken));
}

ModelConfig readText(Keys& keys, const std::string& name)
{
    ModelConfig config;
    config.hiddenSize = keys.integer("hidden_size", config.hiddenSize, 1, kMaxWidth);
    config.layers = keys.integer("num_hidden_layers", config.layers, 1, kMaxLayers);
    config.heads = keys.integer("num_attention_heads", config.heads, 1, 1024);
    config.kvHeads = keys.integer("num_key_value_heads", config.kvHeads, 1, 1024);
    config.intermediateSize = keys.integer("intermediate_size", config.intermediateSize, 1, kMaxIntermediate);
    config.vocabSize = keys.integer("vocab_size", config.vocabSize, 1, kMaxVocab);
    config.maxPositions = keys.integer("max_position_embeddings", config.maxPositions, 1, kMaxContext);
    config.rmsNormEpsilon = keys.number("rms_norm_eps", config.rmsNormEpsilon, 0, 1);
    config.imageToken = keys.integer("image_token_id", config.imageToken, 0, kMaxVocab);
    config.videoToken = keys.integer("video_token_id", config.videoToken, 0, kMaxVocab);
    config.visionStartToken = keys.integer("vision_start_token_id", config.visionStartToken, 0, kMaxVocab);
    config.visionEndToken = keys.integer("vision_end_token_id", config.visionEndToken, 0, kMaxVocab);
    config.dtype = keys.text(keys.find("dtype") ? "dtype" : "torch_dtype", config.dtype);
    keys.refuse(config.dtype != "bfloat16" && config.dtype != "float16" && config.dtype != "float32",
                fmt::format("dtype is \"{:.40}\", only bfloat16, float16 and float32 are supported", config.dtype),
                "use a checkpoint saved in one of these");
    keys.only("hidden_act", "silu");
    refuseWindows(keys);
    readRope(keys, name, config);
    return config;
}

/// The file as a document that is an object; `missing` tells "not there" from "broken".
Result<Json> readObject(std::string_view text, const std::string& name)
{
    Result<Json> document = parseJson(text, name, kLimits);
    if (document && !document->is_object())
        return Error{
            ErrorCode::Corrupt, name + ": the document is not an object", "compare it with the published file", {}};
    return document;
}

const Json* objectAt(Keys& keys, const Json& top, const char* key)
{
    const auto found = top.find(key);
    if (found == top.end() || found->is_null())
        return nullptr;
    keys.require(found->is_object(), fmt::format("{} should be an object", key));
    return found->is_object() ? &*found : nullptr;
}

} // namespace

Result<ModelConfig> parseConfig(std::string_view json, const std::string& name)
{
    Result<Json> document = readObject(json, name);
    if (!document)
        return std::move(document).error();
    Keys top(name, {{"", &*document}});
    refuseOtherArchitectures(top);
    const bool awqAbove = readAwq(top);
    const Json* textObject = objectAt(top, *document, "text_config");
    const Json* visionObject = objectAt(top, *document, "vision_config");
    top.require(visionObject != nullptr, "vision_config is missing");
    if (top.failed())
        return top.fault();

    Keys text(name, {{"", &*document}});
    if (textObject)
        text = Keys(name, {{"text_config.", textObject}, {"", &*document}});
    const bool awqWithin = readAwq(text);
    ModelConfig config = readText(text, name);
    config.awq = awqAbove || awqWithin;
    Keys vision(name, {{"vision_config.", visionObject}});
    config.vision = readVision(vision);
    // Either level may say it; files that say both mean the top one.
    config.tieWordEmbeddings = top.find("tie_word_embeddings") ? top.flag("tie_word_embeddings", false)
                                                               : text.flag("tie_word_embeddings", false);
    if (!text.failed())
        checkText(text, config);
    for (const Keys* part : {&std::as_const(text), &std::as_const(vision), &std::as_const(top)})
        if (part->failed())
            return part->fault();
    if (config.vision.outHiddenSize != config.hiddenSize)
        return Error{ErrorCode::Corrupt,
                     fmt::format("{}: vision_config.out_hidden_size {} differs from hidden_size {}", name,
                                 config.vision.outHiddenSize, config.hiddenSize),
                     "compare it with the published config.json",
                     {}};
    return config;
}

Result<ModelConfig> loadConfig(const std::filesystem::path& folder)
{
    const std::filesystem::path path = folder / "config.json";
    Result<std::string> text = readFile(path, kMaxFileBytes);
    if (!text)
        return std::move(text).error();
    return parseConfig(*text, path.string());
}

namespace {

std::vector<std::int32_t> readStopIds(Keys& keys)
{
    const std::vector<int> ids = keys.integers("eos_token_id", {}, 64, 0, kMaxVocab);
    return {ids.begin(), ids.end()};
}

/// eos_token_id of config.json, wherever it stands.
Result<std::vector<std::int32_t>> configStopIds(const std::filesystem::path& folder)
{
    const std::filesystem::path path = folder / "config.json";
    Result<std::string> text = readFile(path, kMaxFileBytes);
    if (!text)
        return std::move(text).error();
    Result<Json> document = readObject(*text, path.string());
    if (!document)
        return std::move(document).error();
    Keys top(path.string(), {{"", &*document}});
    const Json* nested = objectAt(top, *document, "text_config");
    Keys keys(path.string(), {{"", &*document}, {"text_config.", nested ? nested : &*document}});
    std::vector<std::int32_t> ids = readStopIds(keys);
    keys.adopt(top);
    if (keys.failed())
        return keys.fault();
    return ids;
}

template <typename T, typename Read>
std::optional<T> ifPresent(const Keys& keys, const char* key, Read read)
{
    return keys.find(key) ? std::optional<T>(read()) : std::nullopt;
}

Result<GenerationConfig> parseGenerationConfig(std::string_view text, const std::string& name)
{
    Result<Json> document = readObject(text, name);
    if (!document)
        return std::move(document).error();
    Keys keys(name, {{"", &*document}});
    GenerationConfig config;
    config.stopIds = readStopIds(keys);
    config.doSample = ifPresent<bool>(keys, "do_sample", [&] { return keys.flag("do_sample", false); });
    config.temperature = ifPresent<double>(keys, "temperature", [&] { return keys.number("temperature", 1, 0, 1e3); });
    config.topP = ifPresent<double>(keys, "top_p", [&] { return keys.number("top_p", 1, 0, 1); });
    config.topK = ifPresent<int>(keys, "top_k", [&] { return keys.integer("top_k", 50, 0, kMaxVocab); });
    config.repetitionPenalty =
        ifPresent<double>(keys, "repetition_penalty", [&] { return keys.number("repetition_penalty", 1, 1e-3, 1e3); });
    config.maxNewTokens =
        ifPresent<int>(keys, "max_new_tokens", [&] { return keys.integer("max_new_tokens", 512, 1, kMaxContext); });
    if (keys.failed())
        return keys.fault();
    return config;
}

} // namespace

Result<GenerationConfig> loadGenerationConfig(const std::filesystem::path& folder)
{
    const std::filesystem::path path = folder / "generation_config.json";
    GenerationConfig config;
    Result<std::string> text = readFile(path, kMaxFileBytes);
    if (text) {
        Result<GenerationConfig> parsed = parseGenerationConfig(*text, path.string());
        if (!parsed)
            return parsed;
        config = std::move(*parsed);
    } else if (text.error().code != ErrorCode::NotFound) {
        return std::move(text).error();
    }
    if (config.stopIds.empty()) {
        Result<std::vector<std::int32_t>> ids = configStopIds(folder);
        if (!ids)
            return std::move(ids).error();
        config.stopIds = std::move(*ids);
    }
    return config;
}

} // namespace argus::model
