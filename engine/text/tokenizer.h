#pragma once
// Qwen2's byte-level BPE: text to ids and back.

#include "engine/base/result.h"
#include "engine/text/vocabulary.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace argus::text {

struct TokenizerFiles;

/// Immutable once loaded; encode and decode may be called from several threads.
class Tokenizer {
public:
    /// Reads tokenizer.json, or vocab.json + merges.txt + tokenizer_config.json, from a model folder.
    /// Errors: NotFound, Corrupt naming file and cause (no merges, a merge of unknown pieces, duplicate ids, nesting or
    /// size beyond bounds),
    ///         Unsupported for another kind of tokenizer than Qwen2's.
    [[nodiscard]] static Result<std::shared_ptr<const Tokenizer>> load(const std::filesystem::path& folder);
    /// tokenizer.json as bytes (tests, fuzzing).
    [[nodiscard]] static Result<std::shared_ptr<const Tokenizer>> parse(std::string_view tokenizerJson);
    ~Tokenizer();

    enum class AddedTokens {
        Recognise, ///< "<|im_end|>" in the text becomes its id: for templates and test vectors
        Escape,    ///< every byte is plain text, whatever it spells: for what people type
    };
    /// Appends the ids of `utf8` to `ids`. Invalid UTF-8 is read as U+FFFD. Source: design/qwen2_5_vl.md §9.1
    void encode(std::string_view utf8, AddedTokens mode, std::vector<TokenId>& ids) const;
    [[nodiscard]] std::vector<TokenId> encode(std::string_view utf8, AddedTokens mode) const;

    /// Bytes that the id stands for; an added token's own text; empty for ids without a token. `special` tokens
    /// included.
    [[nodiscard]] std::string_view bytesOf(TokenId id) const;
    [[nodiscard]] bool isSpecial(TokenId id) const;
    /// The id of an added token by its text ("<|im_end|>").
    [[nodiscard]] std::optional<TokenId> addedToken(std::string_view content) const;
    /// All ids' bytes joined; invalid UTF-8 replaced as in a stream.
    [[nodiscard]] std::string decode(const std::vector<TokenId>& ids, bool skipSpecial) const;
    [[nodiscard]] std::size_t size() const; ///< one more than the largest id

    struct Impl;

private:
    [[nodiscard]] static Result<std::shared_ptr<const Tokenizer>> build(TokenizerFiles files);
    explicit Tokenizer(std::unique_ptr<const Impl> impl);
    std::unique_ptr<const Impl> m_impl;
};

} // namespace argus::text
