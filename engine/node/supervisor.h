#pragma once
// Keeps one deployment alive: starts its executors on every machine it has a seat on, has them load, hears them, and
// starts all of them again when one is lost.
//
// Lives on the main thread. An epoch is one start of all executors: ranks that have lost one of theirs cannot go on, so
// an epoch begins and ends as a whole.

#include "engine/base/clock.h"
#include "engine/node/deployment.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace argus::node {

enum class ExecutorState { Stopped, Loading, Ready, Restarting, Failed };
[[nodiscard]] const char* executorStateName(ExecutorState state);

/// What status shows of one rank.
struct RankFigures {
    std::uint64_t loadDone = 0;
    std::uint64_t loadTotal = 0;
    std::optional<wire::Loaded> loaded;
};
/// What status shows of the deployment's executors.
struct ExecutorFigures {
    ExecutorState state = ExecutorState::Loading;
    std::uint64_t epoch = 0;
    std::uint32_t restarts = 0;
    std::map<std::uint32_t, RankFigures> ranks;
    std::optional<Error> error; ///< why it is not ready

    [[nodiscard]] std::uint64_t loadDone() const;
    [[nodiscard]] std::uint64_t loadTotal() const;
};

/// The executors as the supervisor reaches them: this machine's, and those of workers.
class Executors {
public:
    virtual ~Executors() = default;
    virtual void start(std::uint64_t epoch, const Seat& seat) = 0;
    /// Its end comes as ended(); of a machine that is gone as nodeGone().
    virtual void end(std::uint64_t epoch, const Seat& seat, const std::string& why) = 0;
    virtual void send(const Seat& seat, const wire::NodeToExecutor& message) = 0;
    /// Whether the machine of that name answers.
    [[nodiscard]] virtual bool present(const std::string& node) const = 0;
};

class Supervisor {
public:
    struct Hooks {
        std::function<void(std::uint64_t epoch)> ready;
        std::function<void(std::uint64_t epoch, wire::StepResult)> result;
        std::function<void(std::uint64_t epoch, wire::SequencesFailed)> sequencesFailed;
        std::function<void(std::uint64_t epoch, Said how)> lost;
        /// It will not be started again. `wasReady`: it has served; else it never got there.
        std::function<void(Error, bool wasReady)> failed;
        std::function<void(const ExecutorFigures&)> changed;
        std::function<void()> replan; ///< a machine is missing: deploy() something that can run, or the same again
    };
    Supervisor(Executors& executors, Hooks hooks) : m_executors(executors), m_hooks(std::move(hooks)) {}

    /// Starts the executors of this deployment; those of another one are ended first.
    void deploy(std::shared_ptr<const Deployment> deployment, Instant now);
    /// Ends everything; deploy() begins anew.
    void retire(const std::string& why, Instant now);
    /// When work() has to be called even if nothing has happened.
    [[nodiscard]] Instant nextDeadline(Instant now) const;
    /// Deadlines: starts again when its time has come.
    void work(Instant now);

    // ---- what happens ----

    void said(const std::string& node, wire::ExecutorToNode message, Instant now);
    void ended(const std::string& node, std::uint64_t epoch, const Said& how, Instant now);
    void cannotStart(const std::string& node, std::uint64_t epoch, Error error, Instant now);
    void nodeGone(const std::string& node, const Said& why, Instant now);
    void nodeJoined(Instant now);
    /// Ends the executors of this epoch, which then restart as after a crash.
    void giveUpOn(std::uint64_t epoch, const Said& why);

    [[nodiscard]] const ExecutorFigures& figures() const { return m_figures; }
    /// No executor runs, as far as anybody knows.
    [[nodiscard]] bool idle() const { return !anyRunning(); }
    [[nodiscard]] bool waitsToRestart() const { return m_restartAt.has_value(); }

private:
    struct SeatState {
        const Seat* seat = nullptr;
        bool running = false;
        std::size_t loaded = 0; ///< ranks
        Said lastWords = {};    ///< why it gave up, as it said itself
        Said remedy = {};       ///< what it said is to be done about it
        bool noWay = false;     ///< the line from its machine to another one is broken, it has said
    };
    /// How an executor was lost: its own end says something about the model, the end of a machine or a line does not.
    enum class Lost { Crashed, Away, NoWay };
    void begin(Instant now);
    void endAll(const std::string& why);
    void lose(const std::string& node, const Said& how, Instant now, Lost by, const Said& remedy = {});
    [[nodiscard]] std::chrono::seconds pauseAfter(Lost by);
    void afterEnd(Instant now);
    void giveUp(Error error, Instant now);
    void loaded(SeatState& seat, const wire::Loaded& report, Instant now);
    [[nodiscard]] SeatState* seatOf(const std::string& node);
    [[nodiscard]] bool anyRunning() const;
    [[nodiscard]] std::string missing() const;
    [[nodiscard]] Said named(const std::string& node, const Said& how) const;
    void tell() { m_hooks.changed(m_figures); }

    Executors& m_executors;
    Hooks m_hooks;
    std::shared_ptr<const Deployment> m_deployment;
    std::vector<SeatState> m_seats;
    ExecutorFigures m_figures;
    std::uint32_t m_quickCrashes = 0;
    std::uint32_t m_brokenLines = 0; ///< in a row
    std::optional<Instant> m_readySince;
    std::optional<Instant> m_restartAt;
    Said m_remedy;                            ///< of what was lost; what the head does about it itself is said after it
    std::optional<Instant> m_endBy;           ///< executors that were told to end have until then
    std::shared_ptr<const Deployment> m_next; ///< waits for the last one's executors to end
    Instant m_lastHeard{};                    ///< while it loads
    bool m_wasReady = false;                  ///< this deployment
    std::uint64_t m_results = 0;              ///< of this epoch
    bool m_asked = false;                     ///< replan() has been called for this restart
};

} // namespace argus::node
