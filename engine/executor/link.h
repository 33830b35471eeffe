#pragma once
// The executor's side of the channel to its node.

#include "engine/executor/command_queue.h"
#include "engine/executor/crew.h"
#include "engine/protocol/channel.h"

#include <deque>
#include <memory>
#include <mutex>

namespace argus::executor {

/// Receives on the thread that calls run(); answers come from the ranks' threads. The process has nothing to live for
/// once run() returned. A message of another epoch than that of the last LoadModel is dropped; a LoadModel must be
/// newer than the last.
class Link {
public:
    Link(protocol::Channel channel, RankOptions options);
    /// Waits for steps that are still being computed; the program leaves by _Exit instead when finish() says so.
    ~Link();

    enum class End { Quit, NodeGone, Broken, RanksGone };
    /// Serves the node until it says quit, is gone, or cannot be understood, or until the ranks cannot go on.
    [[nodiscard]] End run();
    /// Asks the ranks to end. False when one still computes at the deadline.
    [[nodiscard]] bool finish(Deadline deadline);

private:
    [[nodiscard]] std::optional<End> take(Command command);
    [[nodiscard]] std::optional<End> load(std::shared_ptr<const wire::NodeToExecutor> order);
    [[nodiscard]] std::optional<End> handOver(const Command& command);
    void takeExchange(const wire::NodeToExecutor& message);
    /// Says that this process is not stuck, and looks whether one of its ranks is. Often.
    void giveSign();
    void fail(const Error& error);
    [[nodiscard]] Result<Done> send(wire::ExecutorToNode& message, std::uint64_t epoch);

    protocol::Channel m_channel;
    std::mutex m_sending; ///< one of the ranks at a time
    RankOptions m_options;
    std::uint64_t m_epoch = 0;
    Instant m_sign{};                         ///< the last one
    std::deque<wire::NodeToExecutor> m_early; ///< exchanges of epochs that have not begun here
    std::unique_ptr<Crew> m_crew;             ///< sends through this link
};

} // namespace argus::executor
