#pragma once
// The pre-tokenizer: cuts text into the pieces that byte-pair merges may not cross.

#include "engine/text/unicode_classes.h"
#include "engine/text/utf8.h"

#include <cstddef>
#include <string_view>

namespace argus::text {

/// The regular expression this file implements, as tokenizer.json spells it.
inline constexpr std::string_view kPiecePattern = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                                                  "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/// Walks valid UTF-8 piece by piece; the pieces joined are the text. Written by hand: the pattern is fixed, every
/// alternative is decided by the class of one or two characters, and this is some ten times faster than a regex engine
/// and knows newer characters than it. Source  design/qwen2_5_vl.md §9.1
class PieceCutter {
public:
    PieceCutter(const UnicodeClasses& classes, std::string_view text) : m_classes(classes), m_text(text) {}
    /// The next piece; empty at the end.
    [[nodiscard]] std::string_view next();

private:
    struct Char {
        CharClass kind = CharClass::Other;
        char32_t value = 0;
        std::size_t bytes = 0; ///< 0 at the end of the text
    };
    [[nodiscard]] Char at(std::size_t position) const;
    [[nodiscard]] std::size_t skip(std::size_t position, CharClass kind) const;
    [[nodiscard]] std::size_t skipNewlines(std::size_t position) const;
    [[nodiscard]] std::size_t contraction() const;
    [[nodiscard]] std::size_t blanks() const;
    [[nodiscard]] std::size_t pieceEnd() const;

    const UnicodeClasses& m_classes;
    std::string_view m_text;
    std::size_t m_at = 0;
};

} // namespace argus::text
