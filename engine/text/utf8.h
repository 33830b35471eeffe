#pragma once
// UTF-8: decoding text known to be valid, and telling valid from broken, WHATWG's way.

#include <cstddef>
#include <string>
#include <string_view>

namespace argus::text {

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd"; // U+FFFD

struct CodePoint {
    char32_t value = 0;
    std::size_t bytes = 0;
};

/// The code point that starts at `at`. `text` must be valid UTF-8 and `at` the start of a code point in it.
[[nodiscard]] inline CodePoint decodeValid(std::string_view text, std::size_t at)
{
    const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
    const char32_t lead = byte(0);
    if (lead < 0x80)
        return {lead, 1};
    if (lead < 0xe0)
        return {(lead & 0x1f) << 6 | (byte(1) & 0x3f), 2};
    if (lead < 0xf0)
        return {(lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), 3};
    return {(lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f), 4};
}

/// What stands at the start of a byte string.
struct Utf8Step {
    enum class Kind { Whole, Incomplete, Broken } kind = Kind::Broken;
    std::size_t bytes =
        0; ///< of the code point; of the valid start that ends with the text; of the part that one U+FFFD replaces
};
/// Looks at the first bytes of `text`, which must not be empty.
/// Incomplete: the text ends inside a sequence that is valid so far. Broken: the longest start that could never become
/// valid (at least one byte).
[[nodiscard]] Utf8Step stepUtf8(std::string_view text);

/// Bytes of the longest valid start of `text`.
[[nodiscard]] std::size_t validPrefix(std::string_view text);

/// `text` with every broken or incomplete sequence replaced by one U+FFFD.
[[nodiscard]] std::string repairedUtf8(std::string_view text);

/// Appends one code point (not a surrogate, at most U+10FFFF).
void appendUtf8(std::string& out, char32_t value);

} // namespace argus::text
