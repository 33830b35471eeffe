#include "engine/model/checkpoint.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/json_limits.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace argus::model {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxIndexBytes = 16 << 20; // 72B's index has 0.1 MB
constexpr JsonLimits kIndexLimits{.bytes = kMaxIndexBytes, .depth = 8, .values = 250'000};
constexpr std::size_t kMaxShards = 2000;

Error corrupt(Said cause)
{
    return makeError(ErrorCode::Corrupt, std::move(cause), say("do-fetch-checkpoint"));
}

/// Shard names are names beside the index, never paths out of it.
bool isPlainName(const std::string& name)
{
    return !name.empty() && name != "." && name != ".." && name.size() < 256 &&
           name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

bool takesSuffix(std::string_view rest, std::initializer_list<std::string_view> suffixes)
{
    return std::find(suffixes.begin(), suffixes.end(), rest) != suffixes.end();
}

/// Whether Qwen2.5-VL uses a tensor of this first-generation name, at whatever depth.
bool isUsed(std::string_view name)
{
    if (takesSuffix(name, {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
                           "visual.patch_embed.proj.weight", "visual.merger.ln_q.weight", "visual.merger.mlp.0.weight",
                           "visual.merger.mlp.0.bias", "visual.merger.mlp.2.weight", "visual.merger.mlp.2.bias"}))
        return true;
    const bool decoder = name.starts_with("model.layers.");
    if (!decoder && !name.starts_with("visual.blocks."))
        return false;
    std::string_view rest = name.substr(decoder ? 13 : 14);
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (digits == 0 || digits == rest.size() || rest[digits] != '.')
        return false;
    rest.remove_prefix(digits + 1);
    if (takesSuffix(rest, {"mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"}))
        return true;
    if (decoder)
        return takesSuffix(rest,
                           {"input_layernorm.weight", "post_attention_layernorm.weight", "self_attn.q_proj.weight",
                            "self_attn.q_proj.bias", "self_attn.k_proj.weight", "self_attn.k_proj.bias",
                            "self_attn.v_proj.weight", "self_attn.v_proj.bias", "self_attn.o_proj.weight"});
    return takesSuffix(rest, {"norm1.weight", "norm2.weight", "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight",
                              "attn.proj.bias", "mlp.gate_proj.bias", "mlp.up_proj.bias", "mlp.down_proj.bias"});
}

Result<std::map<std::string, std::string>> readIndex(const std::filesystem::path& path)
{
    Result<std::string> text = readFile(path, kMaxIndexBytes);
    if (!text)
        return std::move(text).error();
    Result<Json> document = parseJson(*text, path.string(), kIndexLimits);
    if (!document)
        return std::move(document).error();
    const auto weights = document->is_object() ? document->find("weight_map") : document->end();
    if (weights == document->end() || !weights->is_object())
        return corrupt(say("map-missing", path.string()));
    std::map<std::string, std::string> shardOf;
    for (const auto& [tensor, shard] : weights->items()) {
        if (!shard.is_string() || !isPlainName(shard.get_ref<const std::string&>()))
            return corrupt(
                say("map-no-name", path.string(), tensor.substr(0, 120), shard.dump(-1, ' ', true).substr(0, 120)));
        shardOf.emplace(tensor, shard.get<std::string>());
    }
    return shardOf;
}

} // namespace

std::string normalisedName(std::string_view name)
{
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kRules{
        {{"model.language_model.", "model."},
         {"model.visual.", "visual."},
         {"language_model.model.", "model."},
         {"language_model.lm_head.", "lm_head."}}};
    for (const auto& [prefix, replacement] : kRules)
        if (name.starts_with(prefix))
            return std::string(replacement).append(name.substr(prefix.size()));
    return std::string(name);
}

Result<Done> Checkpoint::place(const std::shared_ptr<const SafetensorsFile>& file, const std::string& storedName)
{
    const auto [at, isNew] = m_places.emplace(normalisedName(storedName), Place{file, storedName});
    if (!isNew)
        return corrupt(say("stored-twice", file->name(), storedName, at->second.storedName, at->second.file->name()));
    return Done{};
}

/// A file of which perhaps not everything is there: the header must be, for without it nothing can be said.
Result<std::shared_ptr<const SafetensorsFile>> Checkpoint::openPart(const std::filesystem::path& file)
{
    Result<std::optional<FileParts>> parts = readParts(file);
    if (!parts)
        return std::move(parts).error();
    const bool whole = !*parts || (*parts)->whole();
    const auto notThere = [&] {
        return makeError(ErrorCode::NotFound, say("not-come-whole", file.string()), say("do-deploy-fetches"), "model");
    };
    if (!whole && !(*parts)->there.contain({0, 1}))
        return notThere();
    Result<std::shared_ptr<const SafetensorsFile>> opened = SafetensorsFile::open(file);
    if (!opened || whole)
        return opened;
    if (!(*parts)->there.contain({0, (*opened)->dataStart()}))
        return notThere();
    m_there.emplace((*opened)->name(), std::move((*parts)->there));
    return opened;
}

Result<std::shared_ptr<const Checkpoint>> Checkpoint::openFile(const std::filesystem::path& file)
{
    auto checkpoint = std::make_shared<Checkpoint>();
    Result<std::shared_ptr<const SafetensorsFile>> opened = checkpoint->openPart(file);
    if (!opened)
        return std::move(opened).error();
    for (const auto& [name, entry] : (*opened)->entries())
        if (Result<Done> placed = checkpoint->place(*opened, name); !placed)
            return std::move(placed).error();
    return std::shared_ptr<const Checkpoint>(std::move(checkpoint));
}

Result<std::shared_ptr<const Checkpoint>> Checkpoint::open(const std::filesystem::path& folder)
{
    const std::filesystem::path index = folder / "model.safetensors.index.json";
    Result<std::map<std::string, std::string>> shardOf = readIndex(index);
    if (!shardOf && shardOf.error().code == ErrorCode::NotFound)
        return openFile(folder / "model.safetensors");
    if (!shardOf)
        return std::move(shardOf).error();

    auto checkpoint = std::make_shared<Checkpoint>();
    std::map<std::string, std::shared_ptr<const SafetensorsFile>> shards;
    for (const auto& [name, shard] : *shardOf) {
        std::shared_ptr<const SafetensorsFile>& file = shards[shard];
        if (shards.size() > kMaxShards)
            return corrupt(say("map-too-long", index.string(), kMaxShards));
        if (!file) {
            Result<std::shared_ptr<const SafetensorsFile>> opened = checkpoint->openPart(folder / shard);
            if (!opened)
                return std::move(opened).error().in(index.string());
            file = *opened;
        }
        if (!file->entries().contains(name))
            return corrupt(say("map-not-held", index.string(), name, file->name()));
        if (Result<Done> placed = checkpoint->place(file, name); !placed)
            return std::move(placed).error();
    }
    return std::shared_ptr<const Checkpoint>(std::move(checkpoint));
}

Result<ConstTensorView> Checkpoint::tensor(std::string_view name, const Shape& expected) const
{
    const auto found = m_places.find(name);
    if (found == m_places.end())
        return makeError(ErrorCode::NotFound,
                         m_places.empty() ? say("no-tensor", name)
                                          : say("no-tensor-with", m_places.begin()->second.file->name(), name),
                         say("do-check-files"));
    const auto& [file, storedName] = found->second;
    Result<ConstTensorView> view = file->tensor(storedName);
    if (view && !(view->shape() == expected))
        return makeError(ErrorCode::Corrupt,
                         say("tensor-shape", file->name(), storedName, view->shape().text(), expected.text()),
                         say("do-check-config"));
    return view;
}

bool Checkpoint::has(std::string_view name) const
{
    return m_places.contains(name);
}

const Checkpoint::Place* Checkpoint::find(std::string_view name) const
{
    const auto found = m_places.find(name);
    return found == m_places.end() ? nullptr : &found->second;
}

std::vector<std::shared_ptr<const SafetensorsFile>> Checkpoint::files() const
{
    std::map<std::string, std::shared_ptr<const SafetensorsFile>> all;
    for (const auto& [name, at] : m_places)
        all.emplace(at.file->name(), at.file);
    std::vector<std::shared_ptr<const SafetensorsFile>> list;
    for (auto& [name, file] : all)
        list.push_back(std::move(file));
    return list;
}

const ByteRanges* Checkpoint::there(const SafetensorsFile& file) const
{
    const auto found = m_there.find(file.name());
    return found == m_there.end() ? nullptr : &found->second;
}

std::uint64_t Checkpoint::totalBytes() const
{
    std::uint64_t total = 0;
    for (const auto& [name, at] : m_places)
        total += at.entry().bytes;
    return total;
}

std::vector<std::string> Checkpoint::names() const
{
    std::vector<std::string> all;
    for (const auto& [name, at] : m_places)
        all.push_back(name);
    return all;
}

std::vector<std::string> Checkpoint::unknownNames() const
{
    std::vector<std::string> unknown;
    for (const auto& [name, at] : m_places)
        if (!isUsed(name) && !name.ends_with("rotary_emb.inv_freq"))
            unknown.push_back(at.storedName);
    return unknown;
}

} // namespace argus::model
