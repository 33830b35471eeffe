#pragma once
// Monotonic time and deadlines: no wait in Argus is without one. Pure code takes an Instant as an argument.

#include <algorithm>
#include <chrono>

namespace argus {

using Instant = std::chrono::steady_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

[[nodiscard]] inline Instant now()
{
    return std::chrono::steady_clock::now();
}

class Deadline {
public:
    [[nodiscard]] static Deadline in(Milliseconds patience) { return Deadline(now() + patience); }
    explicit Deadline(Instant at) : m_at(at) {}

    [[nodiscard]] Instant at() const { return m_at; }
    [[nodiscard]] bool passed() const { return now() >= m_at; }
    /// Time left, never negative; rounded up, so that a poll() with it does not spin.
    [[nodiscard]] Milliseconds left() const
    {
        return std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(m_at - now()));
    }

private:
    Instant m_at;
};

} // namespace argus
