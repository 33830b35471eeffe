#pragma once
// Checks of programs that meet threads: plain, since ThreadSanitizer sees nothing clearly below a QtTest slot.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string_view>
#include <thread>
#include <vector>

namespace argus::threads {

/// Any thread.
class Checks {
public:
    void that(bool holds, std::string_view what)
    {
        ++(holds ? m_passed : m_failed);
        if (!holds)
            fmt::print(stderr, "FAILED: {}\n", what);
    }
    /// What main() returns.
    [[nodiscard]] int end() const
    {
        fmt::print("{} passed, {} failed\n", m_passed.load(), m_failed.load());
        return m_failed == 0 && m_passed > 0 ? 0 : 1;
    }

private:
    std::atomic<int> m_passed = 0;
    std::atomic<int> m_failed = 0;
};

/// Runs task(0) … task(count - 1), each on a thread of its own; all begin at about the same time.
inline void together(int count, const std::function<void(int)>& task)
{
    std::atomic<int> waiting = count;
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i)
        threads.emplace_back([&, i] {
            --waiting;
            while (waiting > 0)
                std::this_thread::yield();
            task(i);
        });
}

} // namespace argus::threads
