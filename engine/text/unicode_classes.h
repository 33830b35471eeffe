#pragma once
// What the pre-tokenizer and the normaliser ask of a character, in one table lookup.

#include <cstdint>
#include <memory>

namespace argus::text {

enum class CharClass : std::uint8_t {
    Other = 0,  ///< marks, punctuation, symbols, unassigned
    Letter = 1, ///< \p{L}
    Number = 2, ///< \p{N}
    Space = 3,  ///< White_Space
};

/// One byte for each of the 1,114,112 code points, from ICU's data and, for characters younger than ICU's Unicode
/// version, from a list of our own: vocabularies are trained and checked with newer tables than a distribution may
/// carry.
class UnicodeClasses {
public:
    UnicodeClasses();
    [[nodiscard]] CharClass classOf(char32_t value) const
    {
        return static_cast<CharClass>(m_table[value] & kClassBits);
    }
    /// The character neither changes under NFC nor composes with what stands before it.
    [[nodiscard]] bool isNfcInert(char32_t value) const { return (m_table[value] & kInertBit) != 0; }

private:
    static constexpr std::uint8_t kClassBits = 3;
    static constexpr std::uint8_t kInertBit = 4;
    void mark(char32_t first, char32_t last, CharClass value);
    void markUnassigned(char32_t first, char32_t last, CharClass value);
    void takeInertness();
    std::unique_ptr<std::uint8_t[]> m_table;
};

} // namespace argus::text
