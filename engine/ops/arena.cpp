#include "engine/ops/arena.h"

#include <algorithm>

namespace argus::ops {

Arena::Arena(std::uint64_t bytes) : m_bytes(bytes / kAlignment * kAlignment)
{
    if (m_bytes > 0)
        m_free.emplace(0, m_bytes);
}

std::optional<std::uint64_t> Arena::take(std::uint64_t bytes)
{
    const std::uint64_t length = aligned(std::max<std::uint64_t>(bytes, 1));
    const auto place =
        std::find_if(m_free.begin(), m_free.end(), [length](const auto& range) { return range.second >= length; });
    if (place == m_free.end())
        return std::nullopt;
    const auto [offset, room] = *place;
    m_free.erase(place);
    if (room > length)
        m_free.emplace(offset + length, room - length);
    m_taken.emplace(offset, length);
    m_used += length;
    m_most = std::max(m_most, m_used);
    return offset;
}

void Arena::giveBack(std::uint64_t offset)
{
    const auto taken = m_taken.find(offset);
    if (taken == m_taken.end())
        return;
    auto [start, length] = *taken;
    m_taken.erase(taken);
    m_used -= length;
    const auto behind = m_free.lower_bound(start);
    if (behind != m_free.end() && start + length == behind->first) {
        length += behind->second;
        m_free.erase(behind);
    }
    const auto after = m_free.lower_bound(start);
    if (after != m_free.begin())
        if (const auto before = std::prev(after); before->first + before->second == start) {
            before->second += length;
            return;
        }
    m_free.emplace(start, length);
}

std::uint64_t Arena::largestFree() const
{
    std::uint64_t most = 0;
    for (const auto& [offset, length] : m_free)
        most = std::max(most, length);
    return most;
}

} // namespace argus::ops
