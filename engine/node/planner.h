#pragma once
// The book of accepted asks and what happens to them next: media, prompt, steps, ids, text, end.
//
// Pure bookkeeping on one thread: messages come in with the time they came, and everything that touches the world goes
// out through PlannerPort.

#include "engine/node/ask.h"
#include "engine/node/conversation.h"
#include "engine/node/deployment.h"
#include "engine/node/sampling_defaults.h"
#include "engine/protocol/executor.pb.h"
#include "engine/schedule/scheduler.h"
#include "engine/text/detokenizer.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace argus::node {

// ---- what the planner is told ----

struct SubmitAsk {
    AcceptedAsk ask;
};
struct CancelAsk {
    AskNumber number = 0;
};
struct MediaRead {
    AskNumber number = 0;
    std::size_t index = 0;
    Result<media::Pixels> outcome;
};
/// What is served from now on; its executors are starting.
struct DeploymentKnown {
    std::shared_ptr<const Deployment> deployment;
};
/// No answer will ever come from this deployment: the model cannot be read or loaded, or its executor keeps dying.
struct DeploymentFailed {
    Error error;
};
/// The executor of this epoch has loaded the model.
struct ExecutorReady {
    std::uint64_t epoch = 0;
};
struct StepDone {
    std::uint64_t epoch = 0;
    wire::StepResult result;
};
/// These asks fail although their steps go on: ranks that report no steps could not do their part.
struct SequencesFailed {
    std::uint64_t epoch = 0;
    std::vector<wire::SequenceFailed> failures;
};
/// It is gone and so is its cache; another one is on its way.
struct ExecutorLost {
    std::uint64_t epoch = 0;
    Said how; ///< "was killed by signal 9 (Killed)"
};
/// No new asks; those that run may finish until the deadline.
struct BeginDrain {
    Instant until;
};
using PlannerMessage = std::variant<SubmitAsk, CancelAsk, MediaRead, DeploymentKnown, DeploymentFailed, ExecutorReady,
                                    StepDone, SequencesFailed, ExecutorLost, BeginDrain>;

/// The planner's hands. Called on the planner's thread; no method waits long.
class PlannerPort {
public:
    virtual ~PlannerPort() = default;
    /// False: the executor does not take it; its end will be told by ExecutorLost.
    virtual bool send(const wire::NodeToExecutor& message, std::span<const int> descriptors) = 0;
    virtual void readMedia(AskNumber number, std::size_t index, const std::filesystem::path& file) = 0;
    virtual void tell(NodeEvent event) = 0;
    /// The executor of this epoch does not answer, or not sensibly: end it.
    virtual void giveUpOn(std::uint64_t epoch, const Said& why) = 0;
};

struct PlannerFigures {
    std::uint32_t running = 0;
    std::uint32_t waiting = 0;
    std::uint32_t kvBlocksUsed = 0;
    std::uint64_t replayed = 0; ///< asks that went on after a loss
};

/// Lives on one thread.
class Planner {
public:
    explicit Planner(PlannerPort& port) : m_port(port) {}

    /// Takes one message and does everything that has become possible.
    void take(PlannerMessage message, Instant now);
    /// Deadlines. Call at least once a second.
    void tick(Instant now);
    [[nodiscard]] PlannerFigures figures() const;
    [[nodiscard]] bool empty() const { return m_asks.empty(); }

private:
    enum class Stage { Waiting, ReadingMedia, Scheduled };
    struct Running {
        AcceptedAsk accepted;
        Stage stage = Stage::Waiting;
        SamplingChoice sampling;
        std::vector<Attachment> attachments;
        std::vector<media::Pixels> pixels; ///< kept to the end: a replay needs them again
        std::size_t mediaLeft = 0;
        Prompt prompt;
        std::vector<text::TokenId> known; ///< prompt and answer
        std::uint32_t room = 0;           ///< tokens the answer may have
        std::optional<text::Detokenizer> detokenizer;
        std::vector<std::uint32_t> outputIds;
        std::size_t textBytes = 0;
        int crashes = 0;               ///< of the executor, while a step with this ask ran
        int crashesInVain = 0;         ///< the last ones, without a token in between
        std::size_t tokensAtCrash = 0; ///< that it had when the last one came
        double secondsMedia = 0;
        std::optional<Instant> firstToken;
    };
    using Book = std::map<AskNumber, Running>;

    void on(SubmitAsk message, Instant now);
    void on(CancelAsk message, Instant now);
    void on(MediaRead message, Instant now);
    void on(DeploymentKnown message, Instant now);
    void on(DeploymentFailed message, Instant now);
    void on(ExecutorReady message, Instant now);
    void on(StepDone message, Instant now);
    void on(SequencesFailed message, Instant now);
    void on(ExecutorLost message, Instant now);
    void on(BeginDrain message, Instant now);

    void prepareWaiting(Instant now);
    [[nodiscard]] Result<Done> prepare(Running& ask);
    [[nodiscard]] Result<Done> schedule(Running& ask, Instant now);
    [[nodiscard]] Result<Done> move(Running& ask, bool sameModel, Instant now);
    [[nodiscard]] static bool hitBy(Running& ask);
    [[nodiscard]] std::size_t stepsOnTheirWay() const { return m_scheduler ? m_scheduler->onTheirWay().size() : 0; }
    void runSteps(Instant now);
    void send(schedule::StepPlan plan);
    void addSlice(wire::StepPlan& plan, const schedule::Slice& slice, std::vector<int>& descriptors);
    void takeShare(const schedule::Slice& slice, std::optional<text::TokenId> token, Instant now);
    void takeToken(AskNumber number, text::TokenId id, Instant now);
    void speak(Running& ask, std::string text);
    void fail(Book::iterator ask, Error error, Instant now);
    void finish(Book::iterator ask, wire::AskFinished::Reason reason, Instant now);
    void end(Book::iterator ask, AskEnded ended, Instant now);
    template <typename Failures>
    void failThose(const Failures& failures, Instant now);
    void failAll(const Error& error, Instant now);
    void dropEnded();
    void giveUpOnExecutor(const Said& why);

    PlannerPort& m_port;
    Book m_asks;
    std::shared_ptr<const Deployment> m_deployment;
    std::optional<Error> m_failed; ///< why nothing can be answered any more
    std::optional<schedule::Scheduler> m_scheduler;
    std::uint64_t m_epoch = 0;
    bool m_ready = false;
    std::uint64_t m_steps = 0; ///< sent; the last ones are the scheduler's steps on their way
    Instant m_oldestSince{};   ///< when the oldest step on its way became the oldest: those behind it wait for it
    std::optional<Instant> m_drainUntil;
    bool m_drainedTold = false;
    std::uint64_t m_replayed = 0;
};

} // namespace argus::node
