#pragma once
// What the files of a tokenizer say, before it is built: tokenizer.json, or vocab.json with merges.txt and
// tokenizer_config.json.

#include "engine/base/result.h"
#include "engine/text/vocabulary.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace argus::text {

struct AddedToken {
    TokenId id = 0;
    std::string content;
    bool special = false; ///< left out of answers
};

struct TokenizerFiles {
    SpelledVocabulary vocabulary;
    std::vector<AddedToken> added;
    bool normalise = true; ///< to NFC
};

/// Source  design/qwen2_5_vl.md §9.4
/// Errors  Corrupt naming file and place; Unsupported for another kind of tokenizer than Qwen2's, naming the field
[[nodiscard]] Result<TokenizerFiles> readTokenizerJson(std::string_view json, const std::string& name);
/// tokenizer.json where there is one, else the other three. Errors: also NotFound.
[[nodiscard]] Result<TokenizerFiles> readTokenizerFolder(const std::filesystem::path& folder);

} // namespace argus::text
