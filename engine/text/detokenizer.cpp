#include "engine/text/detokenizer.h"

#include "engine/text/utf8.h"

#include <algorithm>
#include <utility>

namespace argus::text {

Detokenizer::Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, std::vector<std::string> stopStrings,
                         bool skipSpecial)
    : m_tokenizer(std::move(tokenizer)), m_stops(std::move(stopStrings)), m_skipSpecial(skipSpecial)
{
    std::erase(m_stops, std::string()); // an empty stop string would stop everything
}

Detokenizer::Piece Detokenizer::add(TokenId id)
{
    if (m_stopped)
        return {{}, true};
    if (m_skipSpecial && m_tokenizer->isSpecial(id))
        return {};
    m_bytes += m_tokenizer->bytesOf(id);
    takeWhole(false);
    return release(false);
}

std::string Detokenizer::finish()
{
    if (m_stopped)
        return {};
    takeWhole(true);
    return release(true).text;
}

/// Moves whole characters from m_bytes to m_pending, with U+FFFD for what can never become one; an open tail stays
/// unless it is the last.
void Detokenizer::takeWhole(bool last)
{
    std::string_view rest = m_bytes;
    while (!rest.empty()) {
        const std::size_t valid = validPrefix(rest);
        m_pending += rest.substr(0, valid);
        rest.remove_prefix(valid);
        if (rest.empty())
            break;
        const Utf8Step step = stepUtf8(rest);
        if (step.kind == Utf8Step::Kind::Incomplete && !last)
            break;
        m_pending += kReplacement;
        rest.remove_prefix(step.bytes);
    }
    m_bytes.erase(0, m_bytes.size() - rest.size());
}

/// Hands out m_pending up to the first stop string, or up to where one may have begun.
Detokenizer::Piece Detokenizer::release(bool last)
{
    std::size_t stop = std::string::npos;
    for (const std::string& candidate : m_stops)
        stop = std::min(stop, m_pending.find(candidate));
    if (stop != std::string::npos) {
        m_stopped = true;
        m_pending.resize(stop);
        m_bytes.clear();
        return {std::exchange(m_pending, {}), true};
    }
    std::size_t keep = 0;
    for (const std::string& candidate : m_stops)
        for (std::size_t length = std::min(candidate.size() - 1, m_pending.size()); !last && length > keep; --length)
            if (std::string_view(m_pending).ends_with(std::string_view(candidate).substr(0, length)))
                keep = length;
    // Stop strings are whole characters unless someone sends half of one; what is handed out stays whole either way.
    while (keep < m_pending.size() && keep > 0 &&
           (static_cast<unsigned char>(m_pending[m_pending.size() - keep]) & 0xc0) == 0x80)
        ++keep;
    Piece piece{m_pending.substr(0, m_pending.size() - keep), false};
    m_pending.erase(0, m_pending.size() - keep);
    return piece;
}

} // namespace argus::text
