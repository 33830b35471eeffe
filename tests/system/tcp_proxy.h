#pragma once
// A poor line between two programs on this computer: late, narrow, stalled, cut. Whoever connects here talks to another
// address.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace argus::tests {

/// What a line does to each direction of every connection. TCP loses nothing and keeps the order: a lost packet is a
/// pause, and too many are a cut.
struct Line {
    std::chrono::milliseconds delay{0};
    std::chrono::milliseconds jitter{0}; ///< more or less than the delay, at most
    double bytesPerSecond = 0;           ///< 0: as many as come
};

class TcpProxy {
public:
    /// Listens on `from` and connects to `to`: IPv4 addresses, one port on both. ok() says whether that could be.
    TcpProxy(const std::string& from, const std::string& to, std::uint16_t port);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    [[nodiscard]] static bool canListen(const std::string& host, std::uint16_t port);
    [[nodiscard]] bool ok() const { return m_listener >= 0; }
    /// Any thread, any time.
    void become(const Line& line);
    /// Nothing goes through for so long; connections stay.
    void stall(std::chrono::milliseconds time);
    /// Every connection ends; new ones are taken.
    void cut() { m_cut = true; }
    [[nodiscard]] int connections() const { return m_connections; } ///< so far
    [[nodiscard]] std::uint64_t bytes() const { return m_bytes; }   ///< so far, both ways

private:
    struct Pair;
    using Clock = std::chrono::steady_clock;
    void run();
    void accept();
    void read(Pair& pair, int way);
    void write(Pair& pair, int way);

    std::string m_to;
    std::uint16_t m_port = 0;
    int m_listener = -1;
    std::mutex m_mutex; // guards the next two
    Line m_line;
    Clock::time_point m_stalledUntil{};
    std::atomic<bool> m_cut{false};
    std::atomic<bool> m_stop{false};
    std::atomic<int> m_connections{0};
    std::atomic<std::uint64_t> m_bytes{0};
    std::vector<std::unique_ptr<Pair>> m_pairs;
    std::mt19937 m_random{1};
    std::thread m_thread; ///< owns the pairs
};

} // namespace argus::tests
