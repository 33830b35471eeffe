#pragma once
// A bounded queue with an end, between one owner thread and everybody else.

#include "engine/base/clock.h"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace argus {

template <typename T>
class Inbox {
public:
    explicit Inbox(std::size_t bound) : m_bound(bound) {}

    /// False when the queue is full or closed; the value is gone then.
    bool push(T value)
    {
        {
            const std::scoped_lock lock(m_mutex);
            if (m_closed || m_queue.size() >= m_bound)
                return false;
            m_queue.push_back(std::move(value));
        }
        m_arrived.notify_one();
        return true;
    }
    /// The next value, or nothing at the deadline or at the end of a closed queue.
    [[nodiscard]] std::optional<T> pop(Deadline deadline)
    {
        std::unique_lock lock(m_mutex);
        m_arrived.wait_until(lock, deadline.at(), [this] { return m_closed || !m_queue.empty(); });
        if (m_queue.empty())
            return std::nullopt;
        T value = std::move(m_queue.front());
        m_queue.pop_front();
        return value;
    }
    /// No more pushes; what is queued is still handed out.
    void close()
    {
        {
            const std::scoped_lock lock(m_mutex);
            m_closed = true;
        }
        m_arrived.notify_all();
    }
    /// Closed and empty.
    [[nodiscard]] bool ended() const
    {
        const std::scoped_lock lock(m_mutex);
        return m_closed && m_queue.empty();
    }

private:
    const std::size_t m_bound;
    mutable std::mutex m_mutex;
    std::condition_variable m_arrived;
    std::deque<T> m_queue;
    bool m_closed = false;
};

} // namespace argus
