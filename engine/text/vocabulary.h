#pragma once
// Tokens as bytes, and byte-pair merges between them.

#include "engine/base/result.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace argus::text {

using TokenId = std::int32_t;

/// A vocabulary as its files spell it: every byte of a token as one printable character. Source: design/qwen2_5_vl.md
/// §9.2
struct SpelledVocabulary {
    std::vector<std::pair<std::string, TokenId>> tokens;
    std::vector<std::pair<std::string, std::string>> merges; ///< best first
};

/// Immutable once built; used by several threads.
class Vocabulary {
public:
    /// Errors: Corrupt, with cause: ids twice or out of range, a byte without a token, merges missing, doubled, or of
    /// pieces that are no tokens.
    [[nodiscard]] static Result<Vocabulary> build(const SpelledVocabulary& spelled);

    /// Appends the ids of one piece of text: merges by rank, leftmost first. Time n log n.
    void encode(std::string_view piece, std::vector<TokenId>& ids) const;
    /// The bytes of a token; empty for an id without one.
    [[nodiscard]] std::string_view bytesOf(TokenId id) const;
    [[nodiscard]] std::size_t size() const { return m_starts.size() - 1; } ///< one more than the largest id

private:
    struct Merge {
        std::uint64_t pair = kNoPair;
        std::uint64_t result = 0; ///< rank in the upper half, merged id in the lower: the smaller, the sooner
    };
    static constexpr std::uint64_t kNoPair = ~std::uint64_t{0};
    static constexpr std::uint64_t kNoMerge = ~std::uint64_t{0};
    /// Whether a token is what the merges make of its own bytes. Found out when it is first met; every thread finds the
    /// same.
    enum class Reached : std::uint8_t { Unknown, Yes, No };

    [[nodiscard]] Result<Done> placeTokens(const SpelledVocabulary& spelled);
    [[nodiscard]] Result<Done> placeMerges(const SpelledVocabulary& spelled);
    void placePiece(TokenId id);
    [[nodiscard]] TokenId tokenOf(std::string_view bytes) const; ///< -1 when there is none
    [[nodiscard]] std::uint64_t mergeOf(TokenId left, TokenId right) const;
    void mergeShort(std::string_view piece, std::vector<TokenId>& ids) const;
    void mergeLong(std::string_view piece, std::vector<TokenId>& ids) const;
    void mergePiece(std::string_view piece, std::vector<TokenId>& ids) const;

    std::string m_bytes;                 ///< of all tokens, one after the other
    std::vector<std::uint32_t> m_starts; ///< size() + 1 offsets into m_bytes
    std::vector<TokenId> m_pieces;       ///< open addressing: token by bytes; -1 is free
    std::size_t m_longest = 0;           ///< bytes of the longest token
    std::vector<Merge> m_merges;         ///< open addressing: merge by pair of ids
    TokenId m_byteIds[256] = {};
    std::unique_ptr<std::atomic<Reached>[]> m_reached;
};

} // namespace argus::text
