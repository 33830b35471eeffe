#include "engine/text/tokenizer.h"

#include "engine/base/catalogue.h"
#include "engine/text/piece_cutter.h"
#include "engine/text/tokenizer_files.h"
#include "engine/text/unicode_classes.h"
#include "engine/text/utf8.h"

#include <fmt/format.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>

namespace argus::text {
namespace {

/// Added tokens by their first byte, longest first: the first that matches is the longest.
class AddedTokenFinder {
public:
    void add(const AddedToken& token)
    {
        m_byFirst[static_cast<unsigned char>(token.content.front())].push_back(&token);
    }
    void sort()
    {
        for (auto& list : m_byFirst)
            std::sort(list.begin(), list.end(),
                      [](const AddedToken* a, const AddedToken* b) { return a->content.size() > b->content.size(); });
    }
    /// The first place at or after `from` where an added token stands, and which one; null when there is none.
    [[nodiscard]] std::pair<std::size_t, const AddedToken*> find(std::string_view text, std::size_t from) const
    {
        for (std::size_t at = from; at < text.size(); ++at)
            for (const AddedToken* token : m_byFirst[static_cast<unsigned char>(text[at])])
                if (text.substr(at).starts_with(token->content))
                    return {at, token};
        return {text.size(), nullptr};
    }

private:
    std::array<std::vector<const AddedToken*>, 256> m_byFirst;
};

} // namespace

struct Tokenizer::Impl {
    Impl(Vocabulary built, std::vector<AddedToken> tokens, bool nfc)
        : vocabulary(std::move(built)), added(std::move(tokens)), normalise(nfc)
    {
    }

    Vocabulary vocabulary;
    std::vector<AddedToken> added;
    std::unordered_map<TokenId, const AddedToken*> addedById;
    std::map<std::string_view, TokenId> addedByContent;
    AddedTokenFinder finder;
    UnicodeClasses classes;
    bool normalise;
    std::size_t size = 0;

    [[nodiscard]] Result<Done> indexAdded();
    [[nodiscard]] bool isInert(std::string_view text) const;
    void encodePlain(std::string_view text, std::vector<TokenId>& ids) const;
    void encodePieces(std::string_view text, std::vector<TokenId>& ids) const;
};

Result<Done> Tokenizer::Impl::indexAdded()
{
    const auto corrupt = [](Said cause) {
        return makeError(ErrorCode::Corrupt, std::move(cause), say("do-fetch-tokenizer"));
    };
    const auto cut = [](const std::string& content) { return fmt::format("{:.60}", content); };
    size = vocabulary.size();
    for (const AddedToken& token : added) {
        const std::string_view base = vocabulary.bytesOf(token.id);
        const auto [sameId, freshId] = addedById.emplace(token.id, &token);
        if (!freshId || (!base.empty() && base != token.content))
            return corrupt(say("added-token-clash", token.id, cut(token.content),
                               cut(freshId ? repairedUtf8(base) : sameId->second->content)));
        if (!addedByContent.emplace(token.content, token.id).second)
            return corrupt(say("added-token-two-ids", cut(token.content)));
        if (token.id > (1 << 21))
            return corrupt(say("added-token-range", cut(token.content), token.id, 1 << 21));
        size = std::max(size, static_cast<std::size_t>(token.id) + 1);
        finder.add(token);
    }
    finder.sort();
    return Done{};
}

/// Whether NFC would leave the text as it is, decided character by character; false means "ask ICU".
bool Tokenizer::Impl::isInert(std::string_view text) const
{
    for (std::size_t at = 0; at < text.size();) {
        const CodePoint point = decodeValid(text, at);
        if (point.value >= 0x80 && !classes.isNfcInert(point.value))
            return false;
        at += point.bytes;
    }
    return true;
}

void Tokenizer::Impl::encodePieces(std::string_view text, std::vector<TokenId>& ids) const
{
    PieceCutter cutter(classes, text);
    for (std::string_view piece = cutter.next(); !piece.empty(); piece = cutter.next())
        vocabulary.encode(piece, ids);
}

void Tokenizer::Impl::encodePlain(std::string_view text, std::vector<TokenId>& ids) const
{
    if (!normalise || isInert(text))
        return encodePieces(text, ids);
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
    std::string normalised;
    // ICU counts in int32; text that long is cut off far above by the limits on a request, and passes through unchanged
    // here.
    if (U_SUCCESS(status) && text.size() <= static_cast<std::size_t>(INT32_MAX)) {
        icu::StringByteSink<std::string> sink(&normalised, static_cast<int32_t>(text.size()));
        nfc->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, nullptr, status);
    }
    encodePieces(U_SUCCESS(status) && !normalised.empty() ? std::string_view(normalised) : text, ids);
}

namespace {

Result<std::shared_ptr<const Tokenizer>> withName(Result<std::shared_ptr<const Tokenizer>> built,
                                                  const std::string& name)
{
    return built ? std::move(built) : Result<std::shared_ptr<const Tokenizer>>(std::move(built).error().in(name));
}

} // namespace

Result<std::shared_ptr<const Tokenizer>> Tokenizer::build(TokenizerFiles files)
{
    Result<Vocabulary> vocabulary = Vocabulary::build(files.vocabulary);
    if (!vocabulary)
        return std::move(vocabulary).error();
    auto impl = std::make_unique<Impl>(std::move(*vocabulary), std::move(files.added), files.normalise);
    if (Result<Done> indexed = impl->indexAdded(); !indexed)
        return std::move(indexed).error();
    return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(impl)));
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::load(const std::filesystem::path& folder)
{
    Result<TokenizerFiles> files = readTokenizerFolder(folder);
    return files ? withName(build(std::move(*files)), folder.string()) : std::move(files).error();
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::parse(std::string_view tokenizerJson)
{
    Result<TokenizerFiles> files = readTokenizerJson(tokenizerJson, "tokenizer.json");
    return files ? withName(build(std::move(*files)), "tokenizer.json") : std::move(files).error();
}

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : m_impl(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

void Tokenizer::encode(std::string_view utf8, AddedTokens mode, std::vector<TokenId>& ids) const
{
    std::string repaired;
    if (validPrefix(utf8) != utf8.size()) {
        repaired = repairedUtf8(utf8);
        utf8 = repaired;
    }
    if (mode == AddedTokens::Escape)
        return m_impl->encodePlain(utf8, ids);
    for (std::size_t at = 0; at < utf8.size();) {
        const auto [found, token] = m_impl->finder.find(utf8, at);
        m_impl->encodePlain(utf8.substr(at, found - at), ids);
        at = found;
        if (token) {
            ids.push_back(token->id);
            at += token->content.size();
        }
    }
}

std::vector<TokenId> Tokenizer::encode(std::string_view utf8, AddedTokens mode) const
{
    std::vector<TokenId> ids;
    encode(utf8, mode, ids);
    return ids;
}

std::string_view Tokenizer::bytesOf(TokenId id) const
{
    const auto added = m_impl->addedById.find(id);
    return added != m_impl->addedById.end() ? std::string_view(added->second->content) : m_impl->vocabulary.bytesOf(id);
}

bool Tokenizer::isSpecial(TokenId id) const
{
    const auto added = m_impl->addedById.find(id);
    return added != m_impl->addedById.end() && added->second->special;
}

std::optional<TokenId> Tokenizer::addedToken(std::string_view content) const
{
    const auto found = m_impl->addedByContent.find(content);
    return found == m_impl->addedByContent.end() ? std::nullopt : std::optional(found->second);
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool skipSpecial) const
{
    std::string bytes;
    for (const TokenId id : ids)
        if (!skipSpecial || !isSpecial(id))
            bytes += bytesOf(id);
    return repairedUtf8(bytes);
}

std::size_t Tokenizer::size() const
{
    return m_impl->size;
}

} // namespace argus::text
