#include "engine/text/vocabulary.h"

#include "engine/base/catalogue.h"
#include "engine/text/utf8.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <queue>

namespace argus::text {
namespace {

constexpr TokenId kMaxId = (1 << 21) - 1;      // the largest published vocabulary has 152,064
constexpr std::size_t kShortPiece = 96;        // bytes; above, a heap beats scanning for the best pair
constexpr char32_t kFirstStandIn = 0x100;      // bytes that are not printable are spelled U+0100, U+0101, ... in order
constexpr std::size_t kSpellings = 0x100 + 68; // one more than the last stand-in

Error corrupt(Said cause)
{
    return makeError(ErrorCode::Corrupt, std::move(cause), say("do-fetch-tokenizer"));
}

constexpr bool spelledAsItself(int byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

/// Byte by its spelling, -1 for characters that spell none.
constexpr std::array<int, kSpellings> byteBySpelling()
{
    std::array<int, kSpellings> table{};
    for (int& byte : table)
        byte = -1;
    std::size_t standIn = kFirstStandIn;
    for (int byte = 0; byte < 256; ++byte)
        table[spelledAsItself(byte) ? static_cast<std::size_t>(byte) : standIn++] = byte;
    return table;
}
constexpr std::array<int, kSpellings> kByteBySpelling = byteBySpelling();
static_assert(kByteBySpelling[0x120] == 0x20 && kByteBySpelling[0x10a] == 0x0a && kByteBySpelling[0x143] == 0xad);

/// The bytes a spelled token stands for; nothing when a character of it spells no byte.
std::optional<std::string> unspelled(std::string_view spelling)
{
    std::string bytes;
    for (std::size_t at = 0; at < spelling.size();) {
        const CodePoint point = decodeValid(spelling, at);
        if (point.value >= kSpellings || kByteBySpelling[point.value] < 0)
            return std::nullopt;
        bytes += static_cast<char>(kByteBySpelling[point.value]);
        at += point.bytes;
    }
    return bytes;
}

std::uint64_t mixed(std::uint64_t value)
{
    value *= 0x9e3779b97f4a7c15u;
    return value ^ value >> 32;
}

std::uint64_t hashOf(std::string_view bytes)
{
    std::uint64_t hash = bytes.size();
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, bytes.data(), 8);
        hash = mixed(hash ^ eight);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, bytes.data(), bytes.size());
    return mixed(mixed(hash ^ rest));
}

std::uint64_t pairKey(TokenId left, TokenId right)
{
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

std::size_t tableSize(std::size_t entries)
{
    return std::bit_ceil(std::max<std::size_t>(2 * entries, 16));
}

std::string shown(std::string_view text)
{
    std::string out(text.substr(0, 60));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return out;
}

} // namespace

Result<Vocabulary> Vocabulary::build(const SpelledVocabulary& spelled)
{
    Vocabulary vocabulary;
    if (spelled.tokens.empty())
        return corrupt(say("vocabulary-empty"));
    if (spelled.merges.empty())
        return corrupt(say("merges-none"));
    if (Result<Done> placed = vocabulary.placeTokens(spelled); !placed)
        return std::move(placed).error();
    if (Result<Done> placed = vocabulary.placeMerges(spelled); !placed)
        return std::move(placed).error();
    return vocabulary;
}

Result<Done> Vocabulary::placeTokens(const SpelledVocabulary& spelled)
{
    TokenId largest = 0;
    for (const auto& [spelling, id] : spelled.tokens) {
        if (id < 0 || id > kMaxId)
            return corrupt(say("token-id-range", shown(spelling), id, kMaxId));
        largest = std::max(largest, id);
    }
    std::vector<const std::string*> byId(static_cast<std::size_t>(largest) + 1, nullptr);
    for (const auto& [spelling, id] : spelled.tokens) {
        const std::string*& place = byId[static_cast<std::size_t>(id)];
        if (place)
            return corrupt(say("token-id-twice", id, shown(*place), shown(spelling)));
        if (spelling.empty())
            return corrupt(say("token-empty", id));
        place = &spelling;
    }
    m_pieces.assign(tableSize(spelled.tokens.size()), -1);
    m_starts.reserve(byId.size() + 1);
    std::vector<TokenId> spelledOut; // ids whose bytes the pre-tokenizer can produce
    for (std::size_t id = 0; id < byId.size(); ++id) {
        m_starts.push_back(static_cast<std::uint32_t>(m_bytes.size()));
        if (!byId[id])
            continue;
        const std::optional<std::string> bytes = unspelled(*byId[id]);
        m_bytes += bytes ? *bytes : *byId[id]; // an odd token can still be decoded, as itself
        if (bytes)
            spelledOut.push_back(static_cast<TokenId>(id));
    }
    m_starts.push_back(static_cast<std::uint32_t>(m_bytes.size()));
    m_reached = std::make_unique<std::atomic<Reached>[]>(byId.size());
    for (const TokenId id : spelledOut)
        placePiece(id);
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        m_byteIds[byte] = tokenOf({&c, 1});
        if (m_byteIds[byte] < 0)
            return corrupt(say("byte-without-token", fmt::format("0x{:02x}", byte)));
    }
    return Done{};
}

void Vocabulary::placePiece(TokenId id)
{
    const std::string_view bytes = bytesOf(id);
    m_longest = std::max(m_longest, bytes.size());
    const std::size_t mask = m_pieces.size() - 1;
    std::size_t slot = hashOf(bytes) & mask;
    while (m_pieces[slot] >= 0)
        slot = (slot + 1) & mask;
    m_pieces[slot] = id;
}

Result<Done> Vocabulary::placeMerges(const SpelledVocabulary& spelled)
{
    m_merges.assign(tableSize(spelled.merges.size()), Merge{});
    const std::size_t mask = m_merges.size() - 1;
    for (std::size_t rank = 0; rank < spelled.merges.size(); ++rank) {
        const auto& [left, right] = spelled.merges[rank];
        const std::optional<std::string> first = unspelled(left);
        const std::optional<std::string> second = unspelled(right);
        const TokenId leftId = first ? tokenOf(*first) : -1;
        const TokenId rightId = second ? tokenOf(*second) : -1;
        const TokenId mergedId = leftId >= 0 && rightId >= 0 ? tokenOf(*first + *second) : -1;
        if (mergedId < 0)
            return corrupt(say("merge-unknown", rank, shown(left), shown(right),
                               leftId < 0    ? say("merge-left")
                               : rightId < 0 ? say("merge-right")
                                             : say("merge-result")));
        const std::uint64_t key = pairKey(leftId, rightId);
        std::size_t slot = mixed(key) & mask;
        for (; m_merges[slot].pair != kNoPair; slot = (slot + 1) & mask)
            if (m_merges[slot].pair == key)
                return corrupt(say("merge-twice", rank, shown(left), shown(right), m_merges[slot].result >> 32));
        m_merges[slot] = {key, static_cast<std::uint64_t>(rank) << 32 | static_cast<std::uint32_t>(mergedId)};
    }
    return Done{};
}

std::string_view Vocabulary::bytesOf(TokenId id) const
{
    if (id < 0 || static_cast<std::size_t>(id) >= size())
        return {};
    const std::uint32_t start = m_starts[static_cast<std::size_t>(id)];
    return std::string_view(m_bytes).substr(start, m_starts[static_cast<std::size_t>(id) + 1] - start);
}

TokenId Vocabulary::tokenOf(std::string_view bytes) const
{
    const std::size_t mask = m_pieces.size() - 1;
    std::size_t slot = hashOf(bytes) & mask;
    while (m_pieces[slot] >= 0 && bytesOf(m_pieces[slot]) != bytes)
        slot = (slot + 1) & mask;
    return m_pieces[slot];
}

std::uint64_t Vocabulary::mergeOf(TokenId left, TokenId right) const
{
    const std::uint64_t key = pairKey(left, right);
    const std::size_t mask = m_merges.size() - 1;
    std::size_t slot = mixed(key) & mask;
    while (m_merges[slot].pair != key) {
        if (m_merges[slot].pair == kNoPair)
            return kNoMerge;
        slot = (slot + 1) & mask;
    }
    return m_merges[slot].result;
}

void Vocabulary::encode(std::string_view piece, std::vector<TokenId>& ids) const
{
    // Most words are tokens. Where the merges lead to that token, which is so for all of Qwen's but need not be for
    // others, nothing is left to do.
    const TokenId whole = piece.size() <= m_longest ? tokenOf(piece) : -1;
    if (whole < 0)
        return mergePiece(piece, ids);
    std::atomic<Reached>& reached = m_reached[static_cast<std::size_t>(whole)];
    const Reached known = reached.load(std::memory_order_relaxed);
    if (known == Reached::Yes)
        return ids.push_back(whole);
    const std::size_t before = ids.size();
    mergePiece(piece, ids);
    if (known == Reached::Unknown)
        reached.store(ids.size() == before + 1 && ids.back() == whole ? Reached::Yes : Reached::No,
                      std::memory_order_relaxed);
}

void Vocabulary::mergePiece(std::string_view piece, std::vector<TokenId>& ids) const
{
    piece.size() <= kShortPiece ? mergeShort(piece, ids) : mergeLong(piece, ids);
}

/// Scans for the best pair each time: quadratic, and the fastest for the length of words.
void Vocabulary::mergeShort(std::string_view piece, std::vector<TokenId>& ids) const
{
    TokenId symbols[kShortPiece];
    std::uint64_t merges[kShortPiece]; // merges[i] joins symbols i and i + 1
    std::size_t count = piece.size();
    for (std::size_t i = 0; i < count; ++i)
        symbols[i] = m_byteIds[static_cast<unsigned char>(piece[i])];
    for (std::size_t i = 0; i + 1 < count; ++i)
        merges[i] = mergeOf(symbols[i], symbols[i + 1]);
    while (count > 1) {
        std::size_t best = 0;
        for (std::size_t i = 1; i + 1 < count; ++i)
            best = merges[i] < merges[best] ? i : best;
        if (merges[best] == kNoMerge)
            break;
        symbols[best] = static_cast<TokenId>(merges[best] & 0xffffffffu);
        std::copy(symbols + best + 2, symbols + count, symbols + best + 1);
        std::copy(merges + best + 1, merges + count - 1, merges + best);
        --count;
        if (best > 0)
            merges[best - 1] = mergeOf(symbols[best - 1], symbols[best]);
        if (best + 1 < count)
            merges[best] = mergeOf(symbols[best], symbols[best + 1]);
    }
    ids.insert(ids.end(), symbols, symbols + count);
}

/// Keeps candidate pairs in a heap and symbols in a list, so that a megabyte without a blank takes no longer a byte
/// than a word.
void Vocabulary::mergeLong(std::string_view piece, std::vector<TokenId>& ids) const
{
    struct Symbol {
        TokenId id = 0;
        std::uint32_t previous = 0;
        std::uint32_t next = 0;
        std::uint64_t merge = kNoMerge; ///< with the next one, as last computed
    };
    struct Candidate {
        std::uint64_t merge;
        std::uint32_t at;
        bool operator>(const Candidate& other) const
        {
            return merge != other.merge ? merge > other.merge : at > other.at;
        }
    };
    const auto end = static_cast<std::uint32_t>(piece.size());
    std::vector<Symbol> symbols(piece.size());
    std::vector<Candidate> initial;
    for (std::uint32_t i = 0; i < end; ++i)
        symbols[i] = {m_byteIds[static_cast<unsigned char>(piece[i])], i - 1, i + 1,
                      kNoMerge}; // the first one's `previous` wraps and is never used
    for (std::uint32_t i = 0; i + 1 < end; ++i)
        if (symbols[i].merge = mergeOf(symbols[i].id, symbols[i + 1].id); symbols[i].merge != kNoMerge)
            initial.push_back({symbols[i].merge, i});
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates(std::greater<>{},
                                                                                      std::move(initial));
    const auto renew = [&](std::uint32_t at) {
        Symbol& symbol = symbols[at];
        symbol.merge = symbol.next == end ? kNoMerge : mergeOf(symbol.id, symbols[symbol.next].id);
        if (symbol.merge != kNoMerge)
            candidates.push({symbol.merge, at});
    };
    while (!candidates.empty()) {
        const Candidate best = candidates.top();
        candidates.pop();
        Symbol& left = symbols[best.at];
        if (left.merge != best.merge) // overtaken by another merge
            continue;
        Symbol& right = symbols[left.next];
        left.id = static_cast<TokenId>(best.merge & 0xffffffffu);
        left.next = right.next;
        right.merge = kNoMerge; // gone: no candidate of it counts any more
        if (left.next != end)
            symbols[left.next].previous = best.at;
        renew(best.at);
        if (best.at != 0)
            renew(left.previous);
    }
    for (std::uint32_t at = 0; at != end; at = symbols[at].next)
        ids.push_back(symbols[at].id);
}

} // namespace argus::text
