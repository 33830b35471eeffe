#pragma once
// The executor of this machine: a child that is started for an epoch, fed, heard and ended. Heads and workers have one.
//
// Lives on the main thread, which owns the children. Only ExecutorLink is shared: another thread may send through it
// while this one receives.

#include "engine/base/child_process.h"
#include "engine/base/clock.h"
#include "engine/protocol/channel.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace argus::node {

/// The way to the executor of the moment.
class ExecutorLink {
public:
    /// False when that epoch is over or the executor does not take the message. One thread at a time.
    bool send(const wire::NodeToExecutor& message, std::span<const int> descriptors);
    void open(std::uint64_t epoch, std::shared_ptr<protocol::Channel> channel);
    void close();

private:
    std::mutex m_mutex; // guards the two below; never held while sending
    std::mutex m_sending;
    std::shared_ptr<protocol::Channel> m_channel;
    std::uint64_t m_epoch = 0;
};

class ExecutorHost {
public:
    struct Hooks {
        std::function<void(wire::ExecutorToNode)> said;              ///< of the epoch of the moment
        std::function<void(std::uint64_t epoch, Said how)> ended;    ///< "was killed by signal 9 (Killed)"
        std::function<void(std::uint64_t epoch, Error)> cannotStart; ///< it would fail the same way again
        std::function<void(std::string_view lines)> wrote;           ///< to its stderr; whole lines
    };
    /// `programs`: the folder with an executor for each kind of device.
    ExecutorHost(std::filesystem::path programs, std::string logLevel, ExecutorLink& link, Hooks hooks);
    ~ExecutorHost();

    /// Ends what runs, without a word, and starts another one; its load order goes with it.
    void start(std::uint64_t epoch, const std::string& kind, const wire::LoadModel& order);
    /// Ends the executor of this epoch; `why` is then how it ended, unless it had begun to end by itself.
    void end(std::uint64_t epoch, const Said& why);
    /// Asks it to quit, waits until the deadline, then kills it. Says nothing.
    void stop(Deadline deadline);
    /// Reads what came, notices an end, and ends an executor that does not say any more that it is alive.
    void work();

    [[nodiscard]] bool running() const { return m_child.running(); }
    [[nodiscard]] pid_t process() const { return m_child.running() ? m_child.pid() : 0; }
    [[nodiscard]] std::uint64_t epoch() const { return m_epoch; }
    /// Descriptors to poll for input; -1 where there is none.
    [[nodiscard]] std::vector<int> descriptors() const;

private:
    void receive();
    void readLines();
    void watch();
    [[nodiscard]] bool endsByItself() const;
    void ended(const ExitReport& report);

    std::filesystem::path m_programs;
    std::string m_logLevel;
    ExecutorLink& m_link;
    Hooks m_hooks;
    ChildProcess m_child;
    std::shared_ptr<protocol::Channel> m_channel;
    UniqueFd m_lines;       ///< the reading end of its stderr
    std::string m_lastLine; ///< begun and not ended
    std::uint64_t m_epoch = 0;
    bool m_loaded = false;
    std::optional<Instant> m_aliveAt; ///< it has said so last; nothing before the first time
    std::string m_program;
    Said m_endedBecause; ///< said by end(); the exit report says only "killed"
};

} // namespace argus::node
