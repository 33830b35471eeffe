#pragma once
// The last lines that every node has written, also of nodes that are gone.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace argus::cluster {

/// Any thread. Bounded: kMostBytes of each node, the oldest lines go first; kMostNodes nodes, the one that has been
/// silent longest goes first.
class LogBook {
public:
    static constexpr std::size_t kMostBytes = 5U << 20;
    static constexpr std::size_t kMostNodes = 64;

    /// Whole lines, each ending with a newline.
    void add(const std::string& node, std::string_view lines);
    /// The last whole lines within `mostBytes`, the newest last; empty for a node that never wrote.
    [[nodiscard]] std::string tail(const std::string& node, std::size_t mostBytes) const;
    [[nodiscard]] bool knows(const std::string& node) const;

private:
    struct Pages {
        std::deque<std::string> pieces; ///< whole lines each
        std::size_t bytes = 0;
        std::uint64_t lastAdd = 0;
    };
    mutable std::mutex m_mutex;
    std::map<std::string, Pages> m_nodes;
    std::uint64_t m_adds = 0;
};

} // namespace argus::cluster
