#pragma once
// The executor's side of the channel to its node.

#include "engine/executor/command_queue.h"
#include "engine/executor/rank.h"
#include "engine/protocol/channel.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace argus::executor {

/// Receives on the thread that calls run(), answers from the rank's. The process has nothing to live for once run()
/// returned.
class Link {
public:
    Link(protocol::Channel channel, RankOptions options);
    /// Waits for a step that is still being computed; the program leaves by _Exit instead when finish() says so.
    ~Link();

    enum class End { Quit, NodeGone, Broken };
    /// Starts the rank and serves it until the node says quit, is gone, or cannot be understood.
    [[nodiscard]] End run();
    /// Asks the rank to end. False when it still computes at the deadline.
    [[nodiscard]] bool finish(Deadline deadline);

private:
    [[nodiscard]] bool rankEnded();
    [[nodiscard]] bool handOver(Command& command);

    protocol::Channel m_channel;
    CommandQueue m_commands;
    Rank m_rank;
    std::mutex m_mutex;
    std::condition_variable m_ended;
    bool m_rankEnded = false;
    std::thread m_thread;
};

} // namespace argus::executor
