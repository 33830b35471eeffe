// When executors are started again, after which pause, and when that is given up: with a clock that is made.

#include "engine/node/supervisor.h"

#include <QtTest>

#include <algorithm>

using namespace argus;
using namespace argus::node;
using std::chrono::seconds;

namespace {

/// Two machines, a rank on each.
std::shared_ptr<const Deployment> onTwoMachines(std::uint64_t number)
{
    auto deployment = std::make_shared<Deployment>();
    deployment->number = number;
    for (const char* node : {"alpha", "beta"}) {
        Seat& seat = deployment->seats.emplace_back();
        seat.node = node;
        seat.kind = "cpu";
        seat.order.add_ranks();
    }
    return deployment;
}

/// A cluster where every order to end an executor is carried out when the test says so.
struct Cluster final : Executors {
    void start(std::uint64_t epoch, const Seat& seat) override { started.emplace_back(epoch, seat.node); }
    void end(std::uint64_t epoch, const Seat& seat, const std::string& why) override
    {
        toEnd.push_back({epoch, seat.node, why});
    }
    void send(const Seat&, const wire::NodeToExecutor&) override {}
    [[nodiscard]] bool present(const std::string&) const override { return true; }

    Supervisor supervisor{*this,
                          {.ready = [this](std::uint64_t) { ++ready; },
                           .result = [](std::uint64_t, const wire::StepResult&) {},
                           .sequencesFailed = [](std::uint64_t, const wire::SequencesFailed&) {},
                           .lost = [this](std::uint64_t, const Said&) { ++lost; },
                           .failed =
                               [this](const Error& error, bool wasReady) {
                                   failures.push_back(error);
                                   hadBeenReady = wasReady;
                               },
                           .changed = [](const ExecutorFigures&) {},
                           .replan = [] {}}};
    Instant at{std::chrono::hours(5)};

    [[nodiscard]] std::uint64_t epoch() const { return supervisor.figures().epoch; }
    [[nodiscard]] ExecutorState state() const { return supervisor.figures().state; }
    /// Starts of both machines.
    [[nodiscard]] std::size_t starts() const { return started.size() / 2; }

    void say(const std::string& node, wire::ExecutorToNode message)
    {
        message.set_epoch(epoch());
        supervisor.said(node, std::move(message), at);
    }
    void load()
    {
        for (std::uint32_t rank = 0; rank < 2; ++rank) {
            wire::ExecutorToNode message;
            message.mutable_loaded()->set_rank(rank);
            say(rank == 0 ? "alpha" : "beta", message);
        }
    }
    void answerSteps(int count)
    {
        for (int i = 0; i < count; ++i) {
            wire::ExecutorToNode message;
            message.mutable_result()->set_step(static_cast<std::uint64_t>(i));
            say("alpha", message);
        }
    }
    /// Executors that were told to end have ended.
    void settle()
    {
        for (std::size_t i = 0; i < toEnd.size(); ++i) { // an end may ask for others
            const Ending each = toEnd[i];
            supervisor.ended(each.node, each.epoch, Said(each.why), at);
        }
        toEnd.clear();
    }
    /// The line from beta to alpha is broken, as beta's rank says.
    void breakLine()
    {
        wire::ExecutorToNode message;
        wire::Error& error = *message.mutable_failed()->mutable_error();
        error.set_code("Unreachable");
        error.set_cause("there is no way from beta to alpha");
        error.set_setting("interface");
        say("beta", message);
        settle();
    }
    void crash()
    {
        supervisor.ended("beta", epoch(), Said("was killed by signal 11 (Segmentation fault)"), at);
        settle();
    }
    /// How long nothing is started after that; the clock stands where it was started again.
    seconds pause()
    {
        const std::size_t before = started.size();
        for (seconds waited{0}; waited <= seconds(60); ++waited, at += seconds(1)) {
            supervisor.work(at);
            if (started.size() > before)
                return waited;
        }
        return seconds::max();
    }

    struct Ending {
        std::uint64_t epoch = 0;
        std::string node;
        std::string why;
    };
    std::vector<std::pair<std::uint64_t, std::string>> started;
    std::vector<Ending> toEnd;
    std::vector<Error> failures;
    bool hadBeenReady = false;
    int ready = 0;
    int lost = 0;
};

const std::vector<seconds> kPauses{seconds(0), seconds(1), seconds(5), seconds(15)};

} // namespace

class TstSupervisor final : public QObject {
    Q_OBJECT

private slots:
    void aLineThatNeverWorkedFailsAfterFiveStarts()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(2), cluster.at);
        for (const seconds pause : kPauses) {
            cluster.breakLine();
            QCOMPARE(cluster.state(), ExecutorState::Restarting);
            QCOMPARE(cluster.pause(), pause);
        }
        QCOMPARE(cluster.starts(), std::size_t{5});
        QVERIFY(cluster.failures.empty());
        cluster.breakLine();
        QCOMPARE(cluster.failures.size(), std::size_t{1});
        QVERIFY(!cluster.hadBeenReady); // which is what the deployment before comes back for
        const Error& error = cluster.failures.front();
        QCOMPARE(error.code, ErrorCode::Unreachable);
        QCOMPARE(error.setting, std::string("interface"));
        QVERIFY2(error.cause.find("no way from beta to alpha") != std::string::npos, error.cause.c_str());
        QVERIFY2(error.cause.find('5') != std::string::npos, error.cause.c_str());
        QVERIFY(!error.remedy.empty());
        QCOMPARE(cluster.state(), ExecutorState::Failed);
        QVERIFY(cluster.supervisor.idle());
        QCOMPARE(cluster.pause(), seconds::max()); // never again by itself
        QCOMPARE(cluster.starts(), std::size_t{5});
    }
    void theDeploymentBeforeComesBackWithoutItsCounts()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(2), cluster.at);
        for (std::size_t i = 0; i < 5; ++i) {
            cluster.breakLine();
            (void)cluster.pause();
        }
        QCOMPARE(cluster.failures.size(), std::size_t{1});
        cluster.supervisor.deploy(onTwoMachines(3), cluster.at);
        QCOMPARE(cluster.state(), ExecutorState::Loading);
        cluster.breakLine();
        QCOMPARE(cluster.pause(), seconds(0)); // its first
        cluster.load();
        QCOMPARE(cluster.state(), ExecutorState::Ready);
        QCOMPARE(cluster.failures.size(), std::size_t{1});
    }
    void aLineThatHasWorkedIsTriedForEver()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        cluster.load();
        QCOMPARE(cluster.ready, 1);
        for (std::size_t i = 0; i < 50; ++i) {
            cluster.breakLine();
            QCOMPARE(cluster.state(), ExecutorState::Restarting);
            QCOMPARE(cluster.pause(), kPauses[std::min(i, kPauses.size() - 1)]);
        }
        QVERIFY(cluster.failures.empty());
        cluster.load();
        QCOMPARE(cluster.state(), ExecutorState::Ready);
    }
    void aDeploymentThatWorkedSaysSoForAnotherThatHasNotYet()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        cluster.load();
        cluster.supervisor.deploy(onTwoMachines(2), cluster.at); // on another line, say
        cluster.settle();
        for (std::size_t i = 0; i < 5; ++i) {
            cluster.breakLine();
            (void)cluster.pause();
        }
        QCOMPARE(cluster.failures.size(), std::size_t{1});
        QVERIFY(!cluster.hadBeenReady);
    }
    void executorsThatCrashFailAfterFiveStartsAlsoWhenTheyWereReady()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        for (const seconds pause : kPauses) {
            cluster.load();
            cluster.crash();
            QCOMPARE(cluster.pause(), pause);
        }
        cluster.load();
        cluster.crash();
        QCOMPARE(cluster.failures.size(), std::size_t{1});
        QCOMPARE(cluster.failures.front().code, ErrorCode::Crashed);
        QVERIFY(cluster.hadBeenReady);
        QVERIFY(cluster.failures.front().cause.find("signal 11") != std::string::npos);
    }
    void brokenLinesAndCrashesAreCountedApart()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        for (const seconds pause : kPauses) {
            cluster.breakLine();
            QCOMPARE(cluster.pause(), pause);
            cluster.crash();
            QCOMPARE(cluster.pause(), pause);
        }
        QVERIFY(cluster.failures.empty());
    }
    void aMachineThatIsAwayIsNobodysFault()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        for (int i = 0; i < 20; ++i) {
            cluster.supervisor.nodeGone("beta", Said("it is silent"), cluster.at);
            cluster.settle();
            QCOMPARE(cluster.pause(), seconds(0));
        }
        QVERIFY(cluster.failures.empty());
        cluster.crash();
        QCOMPARE(cluster.pause(), seconds(0)); // the first crash
    }
    void whatHasWorkedForAMinuteBeginsToCountAnew()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        for (int i = 0; i < 20; ++i) {
            cluster.load();
            cluster.at += seconds(61);
            cluster.supervisor.work(cluster.at);
            cluster.crash();
            QCOMPARE(cluster.pause(), seconds(0));
        }
        QVERIFY(cluster.failures.empty());
    }
    void soDoesWhatHasRunSomeSteps()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        for (int i = 0; i < 3; ++i) {
            cluster.load();
            cluster.answerSteps(8);
            cluster.crash();
            QCOMPARE(cluster.pause(), seconds(0));
        }
        cluster.load();
        cluster.answerSteps(7); // one too few
        cluster.crash();
        QCOMPARE(cluster.pause(), seconds(1));
    }
    void executorsThatDoNotReportTheirEndAreNotWaitedForForEver()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        cluster.supervisor.ended("beta", cluster.epoch(), Said("was killed by signal 9 (Killed)"), cluster.at);
        QCOMPARE(cluster.toEnd.size(), std::size_t{1}); // alpha's, which says nothing
        QVERIFY(cluster.pause() == seconds(10));
        QCOMPARE(cluster.starts(), std::size_t{2});
    }
    /// Also when it has failed: the clock that ends the waiting is the one that is passed in.
    void afterAFailureEither()
    {
        Cluster cluster;
        cluster.supervisor.deploy(onTwoMachines(1), cluster.at);
        cluster.supervisor.cannotStart("beta", cluster.epoch(), {ErrorCode::NotFound, "no program", "install it", {}},
                                       cluster.at);
        QCOMPARE(cluster.failures.size(), std::size_t{1});
        QVERIFY(!cluster.supervisor.idle());
        cluster.supervisor.work(cluster.at + seconds(9));
        QVERIFY(!cluster.supervisor.idle());
        cluster.supervisor.work(cluster.at + seconds(10));
        QVERIFY(cluster.supervisor.idle());
    }
};

QTEST_GUILESS_MAIN(TstSupervisor)
#include "tst_supervisor.moc"
