#include "engine/model/config.h"

#include "engine/base/catalogue.h"
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

/// Of a value that is not as it should be: enough to recognise it.
std::string shown(const Json& value)
{
    return fmt::format("{:.60}", value.dump());
}
std::string quoted(const std::string& text)
{
    return fmt::format("\"{:.40}\"", text);
}

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
        fail(say("config-whole", path, least, most, shown(*value)));
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
        fail(say("config-number", path, fmt::format("{}", least), fmt::format("{}", most), shown(*value)));
        return fallback;
    }
    bool flag(const std::string& key, bool fallback)
    {
        const auto [value, path] = locate(key);
        if (!value)
            return fallback;
        if (value->is_boolean())
            return value->get<bool>();
        fail(say("config-flag", path, shown(*value)));
        return fallback;
    }
    std::string text(const std::string& key, const std::string& fallback)
    {
        const auto [value, path] = locate(key);
        if (!value)
            return fallback;
        if (value->is_string())
            return value->get<std::string>();
        fail(say("config-text", path, shown(*value)));
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
                fail(say("config-numbers", path, longest, least, most, shown(*value)));
                return fallback;
            }
            result.push_back(item.get<int>());
        }
        return result;
    }

    void fail(Said cause, ErrorCode code = ErrorCode::Corrupt, Said remedy = say("do-compare-config"))
    {
        if (m_fault.cause.empty())
            m_fault = makeError(code, say("in", m_name, std::move(cause)), std::move(remedy));
    }
    void require(bool condition, Said cause) { condition ? void() : fail(std::move(cause)); }
    void refuse(bool condition, Said cause, Said remedy)
    {
        if (condition)
            fail(std::move(cause), ErrorCode::Unsupported, std::move(remedy));
    }
    /// Unsupported unless the key is absent or has the one value this build computes with.
    void only(const std::string& key, int supported)
    {
        const int value = integer(key, supported, 0, 1 << 20);
        refuse(value != supported, say("config-only", locate(key).second, value, supported), say("do-published"));
    }
    void only(const std::string& key, const std::string& supported)
    {
        const std::string value = text(key, supported);
        refuse(value != supported, say("config-only", locate(key).second, quoted(value), quoted(supported)),
               say("do-published"));
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
    const Said remedy = say("do-qwen-folder");
    const Json* type = keys.find("model_type");
    keys.refuse(!type, say("config-missing", "model_type"), remedy);
    if (type && type->is_string())
        keys.refuse(*type != "qwen2_5_vl",
                    say("config-only", "model_type", quoted(type->get_ref<const std::string&>()), "\"qwen2_5_vl\""),
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
    const Said remedy = say("do-awq-or-plain");
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
    keys.refuse(method != "awq", method.empty() ? say("quantised-unnamed") : say("quantised-by", method.substr(0, 40)),
                remedy);
    const std::int64_t bits = number("bits", "w_bit");
    const std::int64_t group = number("group_size", "q_group_size");
    keys.refuse(bits != 4 || group != ops::kAwqGroup, say("quantised-groups", bits, group), remedy);
    const Json* const zeroPoint =
        quantised->is_object() && quantised->contains("zero_point") ? &(*quantised)["zero_point"] : nullptr;
    keys.refuse(zeroPoint != nullptr && *zeroPoint != true, say("quantised-no-zero"), remedy);
    const std::string version = text("version");
    keys.refuse(!version.empty() && version != "gemm" && version != "GEMM",
                say("quantised-version", version.substr(0, 40)), remedy);
    return true;
}

void refuseWindows(Keys& keys)
{
    const Said remedy = say("do-no-window");
    keys.refuse(keys.flag("use_sliding_window", false), say("sliding-window"), remedy);
    const Json* types = keys.find("layer_types");
    if (!types)
        return;
    keys.require(types->is_array(), "layer_types should be a list");
    for (const Json& type : *types)
        keys.refuse(type != "full_attention", say("config-holds", "layer_types", shown(type), "\"full_attention\""),
                    remedy);
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
        return keys.fail(say("config-object", key));
    Keys rope(name, {{key + ".", object}});
    for (const char* spelling : {"rope_type", "type"}) {
        const std::string type = rope.text(spelling, "default");
        const std::string path = fmt::format("{}.{}", key, spelling);
        rope.refuse(type == "yarn", say("rope-yarn", path),
                    say("do-mrope", "{\"type\":\"mrope\",\"mrope_section\":[16,24,24]}"));
        rope.refuse(type != "default" && type != "mrope",
                    say("config-only-two", path, quoted(type), "\"mrope\"", "\"default\""), say("do-published"));
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
        say("do-published"));
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
                say("config-dtype", config.dtype.substr(0, 40)), say("do-saved-dtype"));
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
        return makeError(ErrorCode::Corrupt, say("in", name, say("config-no-object")), say("do-compare-file"));
    return document;
}

const Json* objectAt(Keys& keys, const Json& top, const char* key)
{
    const auto found = top.find(key);
    if (found == top.end() || found->is_null())
        return nullptr;
    keys.require(found->is_object(), say("config-object", key));
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
    top.require(visionObject != nullptr, say("config-missing", "vision_config"));
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
        return makeError(ErrorCode::Corrupt,
                         say("in", name,
                             fmt::format("vision_config.out_hidden_size {} differs from hidden_size {}",
                                         config.vision.outHiddenSize, config.hiddenSize)),
                         say("do-compare-config"));
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
