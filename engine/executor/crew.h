#pragma once
// All ranks of one load order: their threads, where they meet the ranks of other executors, and their common end.

#include "engine/executor/rank.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace argus::executor {

/// Where a model has several ranks, one that cannot go on ends them all: the others could only wait for it. A rank
/// alone in the world goes on after a failure.
class Crew final : public RankHost {
public:
    /// Sends to the node; any thread. The epoch is filled in there.
    using Send = std::function<Result<Done>(wire::ExecutorToNode&)>;

    /// Starts the ranks of a LoadModel whose ranks checkRanks() has passed.
    Crew(const RankOptions& options, std::shared_ptr<const wire::NodeToExecutor> load, Send send);
    /// Waits for what is still being computed.
    ~Crew() override;

    /// Gives a command to every rank. False when the crew is over, or `gaveUp` says so while a queue is full.
    [[nodiscard]] bool push(const Command& command, const std::function<bool()>& gaveUp);
    /// What a rank of another executor has published.
    void arrived(const wire::Exchange& exchange) { m_meetingPoint.arrived(exchange.key(), exchange.value()); }
    /// What is to be said of a rank that hangs, if one does; a crew that hangs is over. Called a few times a second, on
    /// one thread.
    [[nodiscard]] std::optional<Error> stuck(Instant now);
    /// Nothing more will come from these ranks.
    [[nodiscard]] bool over() const { return m_over; }
    /// Any thread: ends all ranks, wherever they wait.
    void end(const std::string& why);
    /// Waits for the ends of all ranks; false when one still computes at the deadline.
    [[nodiscard]] bool ended(Deadline deadline);

private:
    Result<Done> answer(wire::ExecutorToNode& message) override { return m_send(message); }
    [[nodiscard]] bool failed(const Error& error) override;
    comm::MeetingPoint& meetingPoint() override { return m_meetingPoint; }
    void live(Rank& rank);

    RankOptions m_options;
    Send m_send;
    const bool m_alone;
    std::atomic<bool> m_over = false;
    comm::MeetingPoint m_meetingPoint;
    std::vector<std::unique_ptr<Rank>> m_ranks;
    std::optional<RankWatch> m_watch;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::size_t m_living = 0; ///< guarded by m_mutex
    std::vector<std::thread> m_threads;
};

} // namespace argus::executor
