#pragma once
// One thread, one device: load, run step plans, sample.

#include "engine/base/result.h"
#include "engine/executor/command_queue.h"
#include "engine/executor/step_runner.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/ops.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace argus::executor {

struct RankOptions {
    int threads = 0; ///< 0: as the settings say, there 0: all cores
    /// Opens the device of one rank of a load order. Called on the rank's thread.
    std::function<Result<std::unique_ptr<ops::Ops>>(const wire::LoadModel&, const wire::RankOrder&, int threads)> makeOps = {};
};

/// Commands in, answers out, in order. A message of another epoch than that of the last LoadModel is dropped; a
/// LoadModel must be newer than the last. While a step is on the device the next command is taken in. run() is the
/// whole life of the rank's thread.
class Rank {
public:
    /// Sends an answer; an error means that the node is gone or stuck, and ends the rank.
    using Answer = std::function<Result<Done>(const wire::ExecutorToNode&)>;

    Rank(RankOptions options, CommandQueue& commands, Answer answer);
    ~Rank();
    Rank(const Rank&) = delete;
    Rank& operator=(const Rank&) = delete;

    /// Until the queue is closed or an answer could not be sent. Throws nothing: what fails becomes ExecutorFailed.
    void run();

private:
    void handle(const Command& command);
    [[nodiscard]] Result<Done> load(const wire::LoadModel& plan);
    void step(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors);
    void finishReady();
    void reportProgress(std::uint64_t doneBytes, std::uint64_t totalBytes, const std::string& tensor);
    void unload();
    void fail(const Error& error);
    void send(wire::ExecutorToNode& message);

    RankOptions m_options;
    CommandQueue& m_commands;
    Answer m_answer;
    std::uint64_t m_epoch = 0;
    bool m_deaf = false; ///< the node does not take answers any more
    Instant m_lastProgress{};
    std::unique_ptr<ops::Ops> m_ops;
    std::unique_ptr<model::Qwen25VL> m_model; ///< uses m_ops
    std::unique_ptr<StepRunner> m_runner;     ///< uses m_model
};

} // namespace argus::executor
