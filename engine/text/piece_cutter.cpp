#include "engine/text/piece_cutter.h"

namespace argus::text {
namespace {

bool isNewline(char32_t value)
{
    return value == '\r' || value == '\n';
}

} // namespace

PieceCutter::Char PieceCutter::at(std::size_t position) const
{
    if (position >= m_text.size())
        return {};
    const CodePoint point = decodeValid(m_text, position);
    return {m_classes.classOf(point.value), point.value, point.bytes};
}

/// The end of the run of one class that starts at `position`.
std::size_t PieceCutter::skip(std::size_t position, CharClass kind) const
{
    for (Char c = at(position); c.bytes != 0 && c.kind == kind; c = at(position))
        position += c.bytes;
    return position;
}

std::size_t PieceCutter::skipNewlines(std::size_t position) const
{
    while (position < m_text.size() && isNewline(static_cast<unsigned char>(m_text[position])))
        ++position;
    return position;
}

/// End of (?i:'s|'t|'re|'ve|'m|'ll|'d) at an apostrophe, or 0. U+017F folds to s, as in the reference; no other letter
/// here has such a relative.
std::size_t PieceCutter::contraction() const
{
    const std::size_t start = m_at + 1;
    const Char first = at(start);
    const auto lower = [](char32_t value) { return value < 0x80 ? value | 0x20 : value; };
    switch (lower(first.value)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
        return start + 1;
    case 0x17f:
        return start + first.bytes;
    case 'r':
    case 'v':
        return lower(at(start + 1).value) == 'e' ? start + 2 : 0;
    case 'l':
        return lower(at(start + 1).value) == 'l' ? start + 2 : 0;
    default:
        return 0;
    }
}

/// End of \s*[\r\n]+|\s+(?!\S)|\s+ where a blank stands: through the last newline of the run; else the run, but for the
/// last blank when a word follows it; else that blank alone.
std::size_t PieceCutter::blanks() const
{
    std::size_t end = m_at;
    std::size_t lastStart = m_at;
    std::size_t afterNewline = 0;
    for (Char c = at(end); c.bytes != 0 && c.kind == CharClass::Space; c = at(end)) {
        lastStart = end;
        end += c.bytes;
        if (isNewline(c.value))
            afterNewline = end;
    }
    if (afterNewline != 0)
        return afterNewline;
    return end == m_text.size() || lastStart == m_at ? end : lastStart;
}

std::size_t PieceCutter::pieceEnd() const
{
    const Char first = at(m_at);
    const std::size_t second = m_at + first.bytes;
    if (first.value == '\'')
        if (const std::size_t end = contraction(); end != 0)
            return end;
    if (first.kind == CharClass::Letter)
        return skip(second, CharClass::Letter);
    if (first.kind == CharClass::Number)
        return second;
    const CharClass following = second < m_text.size() ? at(second).kind : CharClass::Space;
    if (following == CharClass::Letter && !isNewline(first.value))
        return skip(second, CharClass::Letter);
    if (first.kind == CharClass::Other || (first.value == ' ' && following == CharClass::Other))
        return skipNewlines(skip(second, CharClass::Other));
    return blanks();
}

std::string_view PieceCutter::next()
{
    if (m_at >= m_text.size())
        return {};
    const std::size_t start = m_at;
    m_at = pieceEnd();
    return m_text.substr(start, m_at - start);
}

} // namespace argus::text
