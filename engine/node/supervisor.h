#pragma once
// Keeps one executor alive: starts it, has it load, hears it, and starts another one when it dies.
//
// Lives on the main thread, which owns the children. Only ExecutorLink is shared: the planner sends through it while
// this thread receives.

#include "engine/base/child_process.h"
#include "engine/node/deployment.h"
#include "engine/protocol/channel.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace argus::node {

/// The way to the executor of the moment. send() belongs to one thread at a time: to the supervisor until it said
/// ExecutorReady, to the planner after.
class ExecutorLink {
public:
    /// False when that epoch is over or the executor does not take the message.
    bool send(const wire::NodeToExecutor& message, std::span<const int> descriptors);
    void open(std::uint64_t epoch, std::shared_ptr<protocol::Channel> channel);
    void close();

private:
    std::mutex m_mutex; // guards the two below; never held while sending
    std::shared_ptr<protocol::Channel> m_channel;
    std::uint64_t m_epoch = 0;
};

enum class ExecutorState { Stopped, Loading, Ready, Restarting, Failed };
[[nodiscard]] const char* executorStateName(ExecutorState state);

/// What status shows of the executor.
struct ExecutorFigures {
    ExecutorState state = ExecutorState::Loading;
    pid_t process = 0; ///< of the last one that was started
    std::uint64_t epoch = 0;
    std::uint32_t restarts = 0;
    std::uint64_t loadDone = 0;
    std::uint64_t loadTotal = 0;
    std::optional<wire::Loaded> loaded;
    std::optional<Error> error; ///< why it is not ready
};

class Supervisor {
public:
    struct Hooks {
        std::function<void(std::uint64_t epoch)> ready;
        std::function<void(std::uint64_t epoch, wire::StepResult)> result;
        std::function<void(std::uint64_t epoch, std::string how)> lost;
        std::function<void(Error)> failed; ///< it will not be started again
        std::function<void(const ExecutorFigures&)> changed;
    };
    /// `programs`: the folder with an executor for each kind of device.
    Supervisor(std::filesystem::path programs, std::string logLevel, ExecutorLink& link, Hooks hooks);
    ~Supervisor();

    /// Starts the first executor. Its load order goes with it.
    void deploy(std::shared_ptr<const Deployment> deployment, Instant now);
    /// Descriptors to poll for input; -1 where there is none.
    [[nodiscard]] int channelFd() const { return m_channel ? m_channel->fd() : -1; }
    [[nodiscard]] int childFd() const { return m_child.running() ? m_child.pidFd() : -1; }
    /// When work() has to be called even if nothing is readable.
    [[nodiscard]] Instant nextDeadline(Instant now) const;
    /// Reads what came, notices an end, restarts when its time has come.
    void work(Instant now);
    /// Ends the executor of this epoch, which then restarts as after a crash.
    void giveUpOn(std::uint64_t epoch, const std::string& why, Instant now);
    /// Asks it to quit, waits until the deadline, then kills it.
    void stop(Deadline deadline);

private:
    void startChild(Instant now);
    void receive(Instant now);
    void handle(wire::ExecutorToNode message, Instant now);
    void ended(const ExitReport& report, Instant now);
    void giveUp(Error error);
    [[nodiscard]] std::string programName() const;
    void tell() { m_hooks.changed(m_figures); }

    std::filesystem::path m_programs;
    std::string m_logLevel;
    ExecutorLink& m_link;
    Hooks m_hooks;
    std::shared_ptr<const Deployment> m_deployment;
    ChildProcess m_child;
    std::shared_ptr<protocol::Channel> m_channel;
    ExecutorFigures m_figures;
    std::uint32_t m_quickCrashes = 0;
    std::optional<Instant> m_readySince;
    std::optional<Instant> m_restartAt;
    Instant m_lastHeard{};      ///< while it loads
    std::string m_endedBecause; ///< said by giveUpOn(); the exit report says only "killed"
};

} // namespace argus::node
