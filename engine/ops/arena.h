#pragma once
// Places in one piece of memory, handed out and taken back: offsets only, no memory, no device.

#include <cstdint>
#include <map>
#include <optional>

namespace argus::ops {

/// First fit over free ranges, neighbours joined again. Every place begins at a multiple of kAlignment.
class Arena {
public:
    static constexpr std::uint64_t kAlignment = 256;
    [[nodiscard]] static constexpr std::uint64_t aligned(std::uint64_t bytes)
    {
        return (bytes + kAlignment - 1) / kAlignment * kAlignment;
    }

    explicit Arena(std::uint64_t bytes);

    /// Nothing when no free range is large enough. Zero bytes take one place too.
    [[nodiscard]] std::optional<std::uint64_t> take(std::uint64_t bytes);
    /// `offset` came from take().
    void giveBack(std::uint64_t offset);

    [[nodiscard]] std::uint64_t bytes() const { return m_bytes; }
    [[nodiscard]] std::uint64_t used() const { return m_used; }
    [[nodiscard]] std::uint64_t most() const { return m_most; } ///< used at once, ever
    [[nodiscard]] std::uint64_t largestFree() const;

private:
    std::uint64_t m_bytes = 0;
    std::uint64_t m_used = 0;
    std::uint64_t m_most = 0;
    std::map<std::uint64_t, std::uint64_t> m_free;  ///< offset to length
    std::map<std::uint64_t, std::uint64_t> m_taken; ///< offset to length
};

} // namespace argus::ops
