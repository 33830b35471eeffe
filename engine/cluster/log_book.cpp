#include "engine/cluster/log_book.h"

#include <algorithm>

namespace argus::cluster {

void LogBook::add(const std::string& node, std::string_view lines)
{
    if (lines.empty())
        return;
    const std::scoped_lock lock(m_mutex);
    if (!m_nodes.contains(node) && m_nodes.size() >= kMostNodes)
        m_nodes.erase(std::min_element(m_nodes.begin(), m_nodes.end(), [](const auto& a, const auto& b) {
            return a.second.lastAdd < b.second.lastAdd;
        }));
    Pages& pages = m_nodes[node];
    pages.lastAdd = ++m_adds;
    constexpr std::size_t kPiece = 16U << 10; // few allocations, and little goes at once
    if (pages.pieces.empty() || pages.pieces.back().size() + lines.size() > kPiece)
        pages.pieces.emplace_back();
    pages.pieces.back().append(lines);
    pages.bytes += lines.size();
    while (pages.bytes > kMostBytes && pages.pieces.size() > 1) {
        pages.bytes -= pages.pieces.front().size();
        pages.pieces.pop_front();
    }
}

std::string LogBook::tail(const std::string& node, std::size_t mostBytes) const
{
    const std::scoped_lock lock(m_mutex);
    const auto found = m_nodes.find(node);
    if (found == m_nodes.end())
        return {};
    std::string text;
    for (auto piece = found->second.pieces.rbegin(); piece != found->second.pieces.rend() && text.size() < mostBytes;
         ++piece)
        text.insert(0, *piece);
    if (text.size() > mostBytes) {
        const std::size_t line = text.find('\n', text.size() - mostBytes);
        text.erase(0, line == text.npos ? text.size() : line + 1);
    }
    return text;
}

bool LogBook::knows(const std::string& node) const
{
    const std::scoped_lock lock(m_mutex);
    return m_nodes.contains(node);
}

} // namespace argus::cluster
