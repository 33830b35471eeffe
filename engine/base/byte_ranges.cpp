#include "engine/base/byte_ranges.h"

#include <algorithm>

namespace argus {

void ByteRanges::add(ByteRange range)
{
    if (range.begin >= range.end)
        return;
    const auto first = std::lower_bound(m_list.begin(), m_list.end(), range.begin,
                                        [](const ByteRange& each, std::uint64_t at) { return each.end < at; });
    auto last = first;
    for (; last != m_list.end() && last->begin <= range.end; ++last) {
        range.begin = std::min(range.begin, last->begin);
        range.end = std::max(range.end, last->end);
    }
    m_list.insert(m_list.erase(first, last), range);
}

void ByteRanges::add(const ByteRanges& others)
{
    for (const ByteRange& each : others.m_list)
        add(each);
}

bool ByteRanges::contain(ByteRange range) const
{
    if (range.begin >= range.end)
        return true;
    const auto found = std::lower_bound(m_list.begin(), m_list.end(), range.end,
                                        [](const ByteRange& each, std::uint64_t at) { return each.end < at; });
    return found != m_list.end() && found->begin <= range.begin;
}

ByteRanges ByteRanges::without(const ByteRanges& others) const
{
    ByteRanges rest;
    auto other = others.m_list.begin();
    for (ByteRange each : m_list) {
        while (other != others.m_list.end() && other->end <= each.begin)
            ++other;
        for (auto at = other; at != others.m_list.end() && at->begin < each.end; ++at) {
            if (at->begin > each.begin)
                rest.m_list.push_back({each.begin, at->begin});
            each.begin = std::min(at->end, each.end);
        }
        if (each.begin < each.end)
            rest.m_list.push_back(each);
    }
    return rest;
}

ByteRanges ByteRanges::inBlocks(std::uint64_t block, std::uint64_t size) const
{
    ByteRanges wide;
    for (const ByteRange& each : m_list)
        wide.add({each.begin / block * block, std::min((each.end + block - 1) / block * block, size)});
    return wide;
}

std::uint64_t ByteRanges::bytes() const
{
    std::uint64_t all = 0;
    for (const ByteRange& each : m_list)
        all += each.size();
    return all;
}

} // namespace argus
