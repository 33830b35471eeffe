#pragma once
// Which bytes of a file are meant: those that are there, those that a rank reads, those that are to be fetched.

#include <cstdint>
#include <vector>

namespace argus {

struct ByteRange {
    std::uint64_t begin = 0;
    std::uint64_t end = 0; ///< the first byte after it
    [[nodiscard]] std::uint64_t size() const { return end - begin; }
    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// In order, none empty, none touching another.
class ByteRanges {
public:
    ByteRanges() = default;
    explicit ByteRanges(ByteRange only) { add(only); }

    /// An empty one changes nothing.
    void add(ByteRange range);
    void add(const ByteRanges& others);
    [[nodiscard]] bool contain(ByteRange range) const;
    [[nodiscard]] ByteRanges without(const ByteRanges& others) const;
    /// Widened to whole blocks of a file of `size` bytes, whose last block may be shorter.
    [[nodiscard]] ByteRanges inBlocks(std::uint64_t block, std::uint64_t size) const;

    [[nodiscard]] bool empty() const { return m_list.empty(); }
    [[nodiscard]] std::uint64_t bytes() const; ///< of all of them
    [[nodiscard]] const std::vector<ByteRange>& list() const { return m_list; }
    friend bool operator==(const ByteRanges&, const ByteRanges&) = default;

private:
    std::vector<ByteRange> m_list;
};

} // namespace argus
