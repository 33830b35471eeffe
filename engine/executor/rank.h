#pragma once
// One thread, one device: load its share of the model, run step plans, sample.

#include "engine/base/clock.h"
#include "engine/base/device_memory.h"
#include "engine/base/result.h"
#include "engine/comm/communicator.h"
#include "engine/comm/meeting_point.h"
#include "engine/executor/command_queue.h"
#include "engine/executor/rank_watch.h"
#include "engine/executor/step_runner.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/ops.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace argus::executor {

struct RankOptions {
    int threads = 0; ///< of all ranks together; 0: as the settings say, there 0: all cores
    /// Opens the device of one rank of a load order. Called on the rank's thread.
    std::function<Result<std::unique_ptr<ops::Ops>>(const wire::LoadModel&, const wire::RankOrder&, int threads)>
        makeOps = {};
    /// Joins one rank with the other ranks of the model, on the device that makeOps() has opened. Called on the rank's
    /// thread, when there are others; by all of them at about the same time.
    std::function<Result<comm::Groups>(const wire::LoadModel&, const wire::RankOrder&, ops::Ops&, comm::MeetingPoint&,
                                       std::uint64_t epoch, Deadline)>
        openGroups = {};
    Milliseconds groupPatience{60'000}; ///< how long ranks wait for each other to be there
};

/// What a rank has around it. Any thread.
class RankHost {
public:
    virtual ~RankHost() = default;
    /// Sends an answer; an error means that the node is gone or stuck, and ends the rank.
    [[nodiscard]] virtual Result<Done> answer(wire::ExecutorToNode& message) = 0;
    /// Tells the node what failed. False: nothing more is expected of the rank.
    [[nodiscard]] virtual bool failed(const Error& error) = 0;
    [[nodiscard]] virtual comm::MeetingPoint& meetingPoint() = 0;
};

/// One rank of one load order. Commands in, answers out, in order. While a step is on the device the next command is
/// taken in. run() is the whole life of the rank's thread.
class Rank {
public:
    /// `order` is a LoadModel that names at least `index` + 1 ranks.
    Rank(const RankOptions& options, std::shared_ptr<const wire::NodeToExecutor> order, int index, RankHost& host);
    ~Rank();
    Rank(const Rank&) = delete;
    Rank& operator=(const Rank&) = delete;

    /// Loads, then serves until abort(), or until it cannot go on. Throws nothing: what fails becomes ExecutorFailed.
    void run();
    [[nodiscard]] const wire::RankOrder& order() const { return m_load.load().ranks(m_index); }
    [[nodiscard]] CommandQueue& commands() { return m_commands; }
    /// Any thread: what it is at. Nothing is expected of a rank that loads: its progress is told.
    [[nodiscard]] const Pulse& pulse() const { return m_pulse; }
    /// Any thread, more than once: takes no more commands, and what waits for other ranks is woken.
    void abort() noexcept;

private:
    template <typename Work>
    void guarded(const Work& work);
    void serveNext();
    [[nodiscard]] std::optional<Command> nextCommand(bool waiting);
    [[nodiscard]] bool joined() const { return m_groups.tensor || m_groups.pipeline; }
    void requireWhole();
    void waitForOldest();
    void watchDevice();
    [[nodiscard]] Milliseconds patienceFor(const StepWork& work) const;
    void handle(const Command& command);
    [[nodiscard]] Result<Done> load();
    [[nodiscard]] Result<Done> join(const wire::LoadModel& plan);
    void reportLoaded(const model::RuntimeSizes& sizes, Instant started);
    void step(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors);
    void report(wire::StepResult result);
    void reportFailures(const wire::StepResult& result);
    void finishReady();
    void reportProgress(std::uint64_t doneBytes, std::uint64_t totalBytes, const std::string& tensor);
    void unload();
    void fail(const Error& error);
    void send(wire::ExecutorToNode& message);

    const RankOptions& m_options;
    std::shared_ptr<const wire::NodeToExecutor> m_keepsLoad;
    const wire::NodeToExecutor& m_load;
    const int m_index;
    RankHost& m_host;
    CommandQueue m_commands;
    Pulse m_pulse;
    std::deque<double> m_openWork; ///< of the steps on the device, oldest first
    bool m_gpu = false;
    bool m_proven = false; ///< has finished a step: kernels are loaded, whatever is prepared at first use is there
    bool m_over = false;
    Instant m_lastProgress{};
    std::unique_ptr<ops::Ops> m_ops;
    std::mutex m_mutex; ///< guards the next two, which other threads may abort
    comm::Groups m_groups;
    bool m_aborted = false;
    std::unique_ptr<model::Qwen25VL> m_model;   ///< uses m_ops and m_groups
    std::unique_ptr<StepRunner> m_runner;       ///< uses m_model
    std::optional<DeviceMemorySealed> m_sealed; ///< from the end of load() until unload()
};

} // namespace argus::executor
