#pragma once
// Commands on their way from the link to a rank: bounded, closed once, nothing lost that was taken in. Every rank has a
// queue of its own; all of them get the same commands.

#include "engine/base/clock.h"
#include "engine/base/unique_fd.h"
#include "engine/protocol/executor.pb.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace argus::executor {

/// A message of the node with the descriptors that came with it, shared by all ranks.
struct Command {
    std::shared_ptr<const wire::NodeToExecutor> message;
    std::shared_ptr<const std::vector<UniqueFd>> descriptors;
};

/// Any thread may push, one pops.
class CommandQueue {
public:
    /// A node keeps a step for each stage on its way, or two; the rest are drops. More than this means that nobody
    /// counts.
    static constexpr std::size_t kCapacity = 64;

    /// False when the queue stayed full until the deadline, or is closed; the command is untouched then.
    [[nodiscard]] bool push(Command& command, Deadline deadline)
    {
        std::unique_lock lock(m_mutex);
        if (!m_changed.wait_until(lock, deadline.at(), [this] { return m_closed || m_commands.size() < kCapacity; }) ||
            m_closed)
            return false;
        m_commands.push_back(std::move(command));
        m_changed.notify_all();
        return true;
    }

    /// The oldest command; nothing once the queue is closed. A closed queue hands out no more: whoever asked for them
    /// is gone.
    [[nodiscard]] std::optional<Command> pop()
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [this] { return m_closed || !m_commands.empty(); });
        if (m_closed)
            return std::nullopt;
        std::optional<Command> command(std::move(m_commands.front()));
        m_commands.pop_front();
        m_changed.notify_all();
        return command;
    }

    /// As pop(), but nothing also when none came until the deadline.
    [[nodiscard]] std::optional<Command> popUntil(Deadline deadline)
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait_until(lock, deadline.at(), [this] { return m_closed || !m_commands.empty(); });
        if (m_closed || m_commands.empty())
            return std::nullopt;
        std::optional<Command> command(std::move(m_commands.front()));
        m_commands.pop_front();
        m_changed.notify_all();
        return command;
    }

    [[nodiscard]] bool closed()
    {
        const std::lock_guard lock(m_mutex);
        return m_closed;
    }

    void close()
    {
        const std::lock_guard lock(m_mutex);
        m_closed = true;
        m_commands.clear();
        m_changed.notify_all();
    }

private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<Command> m_commands;
    bool m_closed = false;
};

} // namespace argus::executor
