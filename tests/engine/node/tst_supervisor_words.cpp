// What is said of a deployment whose executors are lost: what happened, what people can do, what the head does itself.

#include "engine/node/supervisor.h" // before Qt, whose `slots` is a name there

#include "engine/base/catalogue.h"
#include "engine/protocol/validate.h"

#include <QtTest>

#include <string>
#include <vector>

using namespace argus;
using namespace argus::node;

namespace {

/// Executors that exist in the books alone.
class PaperExecutors final : public Executors {
public:
    void start(std::uint64_t epoch, const Seat&) override { started = epoch; }
    void end(std::uint64_t epoch, const Seat& seat, const std::string&) override
    {
        told.emplace_back(epoch, seat.node);
    }
    void send(const Seat&, const wire::NodeToExecutor&) override {}
    [[nodiscard]] bool present(const std::string& node) const override { return node != away; }

    std::uint64_t started = 0;
    std::vector<std::pair<std::uint64_t, std::string>> told; ///< to end
    std::string away;
};

/// A deployment of one rank on each of two workers.
struct Rig {
    Rig()
        : supervisor(executors, {.ready = [](std::uint64_t) {},
                                 .result = [](std::uint64_t, wire::StepResult) {},
                                 .sequencesFailed = [](std::uint64_t, wire::SequencesFailed) {},
                                 .lost = [](std::uint64_t, Said) {},
                                 .failed = [](Error, bool) {},
                                 .changed = [](const ExecutorFigures&) {},
                                 .replan = [] {}})
    {
        auto deployment = std::make_shared<Deployment>();
        deployment->number = 1;
        for (const char* node : {"beta", "gamma"}) {
            Seat seat{.node = node, .kind = "cpu", .order = {}};
            seat.order.add_ranks()->set_rank(static_cast<std::uint32_t>(deployment->seats.size()));
            deployment->seats.push_back(std::move(seat));
        }
        supervisor.deploy(std::move(deployment), time);
    }
    void say(const std::string& node, wire::ExecutorToNode message)
    {
        message.set_epoch(executors.started);
        supervisor.said(node, std::move(message), time);
    }
    void load()
    {
        for (const std::uint32_t rank : {0U, 1U}) {
            wire::ExecutorToNode message;
            message.mutable_loaded()->set_rank(rank);
            say(rank == 0 ? "beta" : "gamma", std::move(message));
        }
    }
    void fail(const std::string& node, const Error& error)
    {
        wire::ExecutorToNode message;
        *message.mutable_failed()->mutable_error() = protocol::toWire(error);
        say(node, std::move(message));
    }
    /// Both executors of the epoch end, one of them first.
    void endBoth(const Said& how = Said("was killed"), const std::string& first = "beta")
    {
        const std::uint64_t epoch = executors.started;
        supervisor.ended(first, epoch, how, time);
        supervisor.ended(first == "beta" ? "gamma" : "beta", epoch, how, time);
    }
    /// Until the next start.
    void startAgain()
    {
        time += std::chrono::seconds(20);
        supervisor.work(time);
    }
    [[nodiscard]] const Error& error() const { return *supervisor.figures().error; }

    Instant time = now();
    PaperExecutors executors;
    Supervisor supervisor;
};

/// As rank.cpp says it.
Error lostLine()
{
    return makeError(ErrorCode::Unreachable,
                     say("rank-lost", 0, std::vector<Said>{"1"},
                         say("rank-lost-another", 0, "1/pipeline0", "Connection timed out [10.78.0.3]:4711")),
                     say("do-look-at-line"), "interface");
}

} // namespace

class TstSupervisorWords : public QObject {
    Q_OBJECT
private slots:
    void theRemedyOfABrokenLineIsTold();
    void theRemedyStaysWhileAMachineIsAway();
    void aLineThatNeverWasIsGivenUpWithItsRemedy();
    void aCrashHasNoRemedyOfItsOwn();
    void whatTheHeadSaysItselfTravelsAsData();
};

void TstSupervisorWords::theRemedyOfABrokenLineIsTold()
{
    Rig rig;
    rig.load();
    QVERIFY(rig.supervisor.figures().state == ExecutorState::Ready);
    rig.fail("beta", lostLine());
    rig.endBoth();
    QVERIFY(rig.supervisor.figures().state == ExecutorState::Restarting);
    QCOMPARE(rig.error().cause,
             std::string("the executor on beta gave up: rank 0 has lost rank 1: rank 0 of 1/pipeline0 lost another "
                         "rank: Connection timed out [10.78.0.3]:4711"));
    QCOMPARE(rig.error().remedy, std::string("look at the network between those machines: cable, switch, firewall, "
                                             "interface; it is starting again"));
    QCOMPARE(rig.error().remedySaid, say("then", say("do-look-at-line"), say("starts-again")));
    rig.startAgain();
    rig.fail("gamma", lostLine());
    rig.endBoth("was killed", "gamma");
    QCOMPARE(rig.error().remedySaid, say("then", say("do-look-at-line"), say("starts-again-in", 1)));
    // Nothing in them is words of no catalogue but those of the network.
    QCOMPARE(rig.error().causeSaid.id, std::string("executor-ended-on"));
    const Error told = protocol::fromWire(protocol::toWire(rig.error()));
    QCOMPARE(told.causeSaid, rig.error().causeSaid); // it is not too deep to travel
    QCOMPARE(told.remedySaid, rig.error().remedySaid);
}

void TstSupervisorWords::theRemedyStaysWhileAMachineIsAway()
{
    Rig rig;
    rig.load();
    rig.fail("beta", lostLine());
    rig.executors.away = "gamma";
    rig.endBoth();
    QCOMPARE(rig.error().remedySaid, say("then", say("do-look-at-line"), say("starts-when-back", "gamma")));
}

void TstSupervisorWords::aLineThatNeverWasIsGivenUpWithItsRemedy()
{
    Rig rig;
    for (int i = 0; i < 5; ++i) {
        rig.fail("beta", lostLine());
        rig.endBoth();
        rig.startAgain();
    }
    QVERIFY(rig.supervisor.figures().state == ExecutorState::Failed);
    QCOMPARE(rig.error().remedySaid, say("then", say("do-look-at-line"), say("do-see-log")));
}

void TstSupervisorWords::aCrashHasNoRemedyOfItsOwn()
{
    Rig rig;
    rig.load();
    rig.endBoth(say("how-signal", 9, "Killed"));
    QCOMPARE(rig.error().cause, std::string("the executor on beta was killed by signal 9 (Killed)"));
    QCOMPARE(rig.error().remedySaid, say("starts-again"));
    // Nor does one that follows have that of the last.
    rig.startAgain();
    rig.fail("beta", lostLine());
    rig.endBoth();
    rig.startAgain();
    rig.endBoth(say("how-status", 1));
    QCOMPARE(rig.error().remedySaid.id, std::string("starts-again-in"));
}

void TstSupervisorWords::whatTheHeadSaysItselfTravelsAsData()
{
    Rig rig;
    rig.load();
    rig.supervisor.giveUpOn(rig.executors.started, say("how-step-late", 5));
    rig.endBoth("did not finish a step within 5 minutes"); // a worker knows but the English
    QCOMPARE(rig.error().causeSaid, say("executor-ended-on", "beta", say("how-step-late", 5)));
}

QTEST_GUILESS_MAIN(TstSupervisorWords)
#include "tst_supervisor_words.moc"
