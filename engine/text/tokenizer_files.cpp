#include "engine/text/tokenizer_files.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/json_limits.h"
#include "engine/text/piece_cutter.h"
#include "engine/text/utf8.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace argus::text {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxFileBytes = 64 << 20; // Qwen's tokenizer.json has 7 MB, 11 MB with merges as lists
constexpr JsonLimits kLimits{.bytes = kMaxFileBytes, .depth = 16, .values = 2'000'000};
constexpr std::size_t kMaxAddedTokens = 4096;

Error corrupt(Said cause)
{
    return makeError(ErrorCode::Corrupt, std::move(cause), say("do-fetch-tokenizer"));
}
Error unsupported(Said cause)
{
    return makeError(ErrorCode::Unsupported, std::move(cause), say("do-published-tokenizer"));
}

const Json* member(const Json& object, const char* key)
{
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

/// Whether a field is absent, null, or has the value this tokenizer works with.
bool isAbsentOr(const Json& object, const char* key, const Json& value)
{
    const Json* found = member(object, key);
    return !found || *found == value;
}

Result<SpelledVocabulary> readVocabulary(const Json& vocabulary)
{
    SpelledVocabulary spelled;
    if (!vocabulary.is_object())
        return corrupt(say("vocabulary-no-object"));
    spelled.tokens.reserve(vocabulary.size());
    for (const auto& [spelling, id] : vocabulary.items()) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() > std::uint64_t{INT32_MAX})
            return corrupt(say("token-id-odd", fmt::format("{:.60}", spelling)));
        spelled.tokens.emplace_back(spelling, id.get<TokenId>());
    }
    return spelled;
}

/// "a b" as two pieces; empty ones when there is not exactly one blank inside.
std::pair<std::string, std::string> splitMerge(std::string_view line)
{
    const std::size_t blank = line.find(' ');
    if (blank == line.npos || line.find(' ', blank + 1) != line.npos)
        return {};
    return {std::string(line.substr(0, blank)), std::string(line.substr(blank + 1))};
}

/// Entries are "a b" in older files, ["a","b"] in newer ones.
Result<Done> readMergeList(const Json* list, SpelledVocabulary& spelled)
{
    if (!list || !list->is_array() || list->empty())
        return corrupt(say("merges-missing"));
    for (const Json& entry : *list) {
        std::pair<std::string, std::string> merge;
        if (entry.is_string())
            merge = splitMerge(entry.get_ref<const std::string&>());
        else if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string())
            merge = {entry[0].get<std::string>(), entry[1].get<std::string>()};
        if (merge.first.empty() || merge.second.empty())
            return corrupt(say("merge-no-pair", spelled.merges.size()));
        spelled.merges.push_back(std::move(merge));
    }
    return Done{};
}

Result<AddedToken> readAddedToken(const Json& object, const Json* id)
{
    const Json* content = member(object, "content");
    if (!id || !id->is_number_unsigned() || id->get<std::uint64_t>() > std::uint64_t{INT32_MAX} || !content ||
        !content->is_string() || content->get_ref<const std::string&>().empty() ||
        !(isAbsentOr(object, "special", true) || isAbsentOr(object, "special", false)))
        return corrupt(say("added-token-lacks"));
    // `normalized` is not asked for: it matters only for contents that NFC changes, and no released token is such.
    for (const char* flag : {"single_word", "lstrip", "rstrip"})
        if (!isAbsentOr(object, flag, false))
            return unsupported(
                say("added-token-sets", fmt::format("{:.60}", content->get_ref<const std::string&>()), flag));
    return AddedToken{id->get<TokenId>(), content->get<std::string>(),
                      member(object, "special") != nullptr && *member(object, "special") == true};
}

Result<Done> checkNormalizer(const Json& document, TokenizerFiles& files)
{
    const Json* normalizer = member(document, "normalizer");
    files.normalise = normalizer != nullptr;
    if (normalizer && !(member(*normalizer, "type") && *member(*normalizer, "type") == "NFC"))
        return unsupported(say("normalizer-other", fmt::format("{:.200}", normalizer->dump())));
    return Done{};
}

/// Only Qwen2's: its expression is built into PieceCutter.
Result<Done> checkPreTokenizer(const Json& document)
{
    const Json* sequence = member(document, "pre_tokenizer");
    const Json* steps =
        sequence && isAbsentOr(*sequence, "type", "Sequence") ? member(*sequence, "pretokenizers") : nullptr;
    if (!steps || !steps->is_array() || steps->size() != 2)
        return unsupported(say("pre-tokenizer-other"));
    const Json& split = (*steps)[0];
    const Json& byteLevel = (*steps)[1];
    const Json* pattern = member(split, "pattern");
    const Json* expression = pattern ? member(*pattern, "Regex") : nullptr;
    if (!expression || *expression != std::string(kPiecePattern))
        return unsupported(say("pre-tokenizer-pattern", fmt::format("{:.300}", pattern ? pattern->dump() : "null")));
    if (!isAbsentOr(split, "type", "Split") || !isAbsentOr(split, "behavior", "Isolated") ||
        !isAbsentOr(split, "invert", false) || !isAbsentOr(byteLevel, "type", "ByteLevel") ||
        !isAbsentOr(byteLevel, "add_prefix_space", false) || !isAbsentOr(byteLevel, "use_regex", false))
        return unsupported(say("pre-tokenizer-flags"));
    return Done{};
}

Result<Done> checkModel(const Json& model)
{
    if (!isAbsentOr(model, "type", "BPE"))
        return unsupported(say("bpe-other", fmt::format("{:.60}", model["type"].dump())));
    if (!isAbsentOr(model, "dropout", 0) || !isAbsentOr(model, "continuing_subword_prefix", "") ||
        !isAbsentOr(model, "end_of_word_suffix", "") || !isAbsentOr(model, "byte_fallback", false) ||
        !isAbsentOr(model, "ignore_merges", false))
        return unsupported(say("bpe-sets"));
    return Done{};
}

Result<Json> parseObject(std::string_view text, const std::string& name)
{
    Result<Json> document = parseJson(text, name, kLimits);
    if (document && !document->is_object())
        return corrupt(say("in", name, say("config-no-object")));
    return document;
}

Result<TokenizerFiles> readDocument(const Json& document)
{
    TokenizerFiles files;
    const Json* model = member(document, "model");
    if (!model || !model->is_object() || !model->contains("vocab"))
        return corrupt(say("config-missing", "model.vocab"));
    for (Result<Done> checked : {checkModel(*model), checkNormalizer(document, files), checkPreTokenizer(document)})
        if (!checked)
            return std::move(checked).error();
    Result<SpelledVocabulary> vocabulary = readVocabulary((*model)["vocab"]);
    if (!vocabulary)
        return std::move(vocabulary).error();
    files.vocabulary = std::move(*vocabulary);
    if (Result<Done> read = readMergeList(member(*model, "merges"), files.vocabulary); !read)
        return std::move(read).error();
    const Json* added = member(document, "added_tokens");
    if (added && (!added->is_array() || added->size() > kMaxAddedTokens))
        return corrupt(say("added-tokens-no-list", kMaxAddedTokens));
    for (std::size_t i = 0; added && i < added->size(); ++i) {
        Result<AddedToken> token = readAddedToken((*added)[i], member((*added)[i], "id"));
        if (!token)
            return std::move(token).error().in(fmt::format("added_tokens[{}]", i));
        files.added.push_back(std::move(*token));
    }
    return files;
}

/// One merge a line; the first line may say "#version: 0.2".
Result<Done> readMergesText(std::string_view text, SpelledVocabulary& spelled)
{
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view content = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (content.ends_with('\r'))
            content.remove_suffix(1);
        if (content.empty() || (line == 1 && content.starts_with("#version")))
            continue;
        std::pair<std::string, std::string> merge = splitMerge(content);
        if (merge.first.empty() || merge.second.empty() || validPrefix(content) != content.size())
            return corrupt(say("merge-line-odd", line));
        spelled.merges.push_back(std::move(merge));
    }
    return spelled.merges.empty() ? Result<Done>(corrupt(say("merges-none-here"))) : Done{};
}

Result<Done> readAddedDecoder(const Json& config, std::vector<AddedToken>& added)
{
    const Json* decoder = member(config, "added_tokens_decoder");
    if (!decoder || !decoder->is_object() || decoder->size() > kMaxAddedTokens)
        return corrupt(say("added-tokens-no-object", kMaxAddedTokens));
    for (const auto& [key, object] : decoder->items()) {
        unsigned id = 0;
        const auto [end, problem] = std::from_chars(key.data(), key.data() + key.size(), id);
        const Json number = problem == std::errc() && end == key.data() + key.size() ? Json(id) : Json();
        Result<AddedToken> token = readAddedToken(object, &number);
        if (!token)
            return std::move(token).error().in(fmt::format("added_tokens_decoder[\"{:.40}\"]", key));
        added.push_back(std::move(*token));
    }
    return Done{};
}

Result<TokenizerFiles> readThreeFiles(const std::filesystem::path& folder)
{
    TokenizerFiles files;
    const std::string vocabName = (folder / "vocab.json").string();
    const std::string mergesName = (folder / "merges.txt").string();
    const std::string configName = (folder / "tokenizer_config.json").string();
    Result<std::string> vocabText = readFile(vocabName, kMaxFileBytes);
    Result<std::string> mergesText = readFile(mergesName, kMaxFileBytes);
    Result<std::string> configText = readFile(configName, kMaxFileBytes);
    for (Result<std::string>* text : {&vocabText, &mergesText, &configText})
        if (!*text)
            return makeError(text->error().code, say("no-tokenizer-json", text->error().saidCause()),
                             say("do-fetch-tokenizer-there"));

    Result<Json> vocab = parseObject(*vocabText, vocabName);
    if (!vocab)
        return std::move(vocab).error();
    Result<SpelledVocabulary> vocabulary = readVocabulary(*vocab);
    if (!vocabulary)
        return std::move(vocabulary).error().in(vocabName);
    files.vocabulary = std::move(*vocabulary);
    if (Result<Done> read = readMergesText(*mergesText, files.vocabulary); !read)
        return std::move(read).error().in(mergesName);
    Result<Json> config = parseObject(*configText, configName);
    if (!config)
        return std::move(config).error();
    if (Result<Done> read = readAddedDecoder(*config, files.added); !read)
        return std::move(read).error().in(configName);
    return files;
}

} // namespace

Result<TokenizerFiles> readTokenizerJson(std::string_view json, const std::string& name)
{
    Result<Json> document = parseObject(json, name);
    if (!document)
        return std::move(document).error();
    Result<TokenizerFiles> files = readDocument(*document);
    return files ? std::move(files) : Result<TokenizerFiles>(std::move(files).error().in(name));
}

Result<TokenizerFiles> readTokenizerFolder(const std::filesystem::path& folder)
{
    const std::filesystem::path path = folder / "tokenizer.json";
    Result<std::string> text = readFile(path, kMaxFileBytes);
    if (text)
        return readTokenizerJson(*text, path.string());
    if (text.error().code != ErrorCode::NotFound)
        return std::move(text).error();
    return readThreeFiles(folder);
}

} // namespace argus::text
