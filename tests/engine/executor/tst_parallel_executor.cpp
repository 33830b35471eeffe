// Executors with several ranks: stages and shares of layers, in one process and in two, give the answers of one rank;
// what fails in one of them ends them all, and says why.

#include "engine/base/child_process.h"
#include "engine/base/log.h"
#include "engine/comm/gloo/open.h"
#include "engine/executor/link.h"
#include "engine/executor/load_order.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "tests/engine/executor/test_node.h"

#include <QtTest>

#include <signal.h>

#include <atomic>
#include <map>
#include <thread>

using namespace argus;
using namespace argus::executor::testing;

namespace {

executor::RankOptions overLoopback()
{
    return {.threads = 1,
            .makeOps =
                [](const wire::LoadModel&, const wire::RankOrder&, int threads) {
                    return Result(std::unique_ptr<ops::Ops>(std::make_unique<ops::CpuOps>(threads)));
                },
            .openGroups =
                [](const wire::LoadModel& order, const wire::RankOrder& rank, ops::Ops&, comm::MeetingPoint& meeting,
                   std::uint64_t epoch, Deadline forming) {
                    return comm::openGloo({.world = executor::worldOf(order, rank, epoch),
                                           .address = "127.0.0.1",
                                           .interface = {},
                                           .forming = forming.left(),
                                           .operation = Milliseconds(60'000)},
                                          meeting);
                }};
}

/// Ranks whose devices have no memory left while `full`.
executor::RankOptions withMemoryThatEnds(std::atomic<bool>& full)
{
    class Ending final : public ops::CpuOps {
    public:
        Ending(int threads, std::atomic<bool>& full) : CpuOps(threads), m_full(full) {}
        ops::DeviceTensor allocate(DType type, const Shape& shape) override
        {
            if (m_full)
                throw OpsError("allocate: the memory is spoken for");
            return CpuOps::allocate(type, shape);
        }

    private:
        std::atomic<bool>& m_full;
    };
    executor::RankOptions options = overLoopback();
    options.makeOps = [&full](const wire::LoadModel&, const wire::RankOrder&, int threads) {
        return Result(std::unique_ptr<ops::Ops>(std::make_unique<Ending>(threads, full)));
    };
    return options;
}

schedule::Limits limitsOf(const Layout& layout, schedule::Limits limits = plenty())
{
    limits.stages = static_cast<std::uint32_t>(layout.stages);
    return limits;
}

const Layout kOne{};
const Layout kTwoShares{.tensorRanks = 2, .stages = 1, .executors = {{0, 1}}};
const Layout kTwoStages{.tensorRanks = 1, .stages = 2, .executors = {{0, 1}}};
const Layout kFourStages{.tensorRanks = 1, .stages = 4, .executors = {{0, 1, 2, 3}}};
const Layout kTwoByTwo{.tensorRanks = 2, .stages = 2, .executors = {{0, 1, 2, 3}}};
const Layout kSharesOnTwoMachines{.tensorRanks = 2, .stages = 1, .executors = {{0}, {1}}};
const Layout kStagesOnTwoMachines{.tensorRanks = 1, .stages = 2, .executors = {{0}, {1}}};
const Layout kTwoByTwoOnTwoMachines{.tensorRanks = 2, .stages = 2, .executors = {{0, 1}, {2, 3}}};
const Layout kMixedOnTwoMachines{.tensorRanks = 2, .stages = 2, .executors = {{0, 3}, {1, 2}}};

std::vector<std::pair<const char*, Layout>> layouts()
{
    return {{"one rank", kOne},
            {"two shares", kTwoShares},
            {"two stages", kTwoStages},
            {"four stages", kFourStages},
            {"two stages of two shares", kTwoByTwo},
            {"two shares on two machines", kSharesOnTwoMachines},
            {"two stages on two machines", kStagesOnTwoMachines},
            {"a stage of two shares on each of two machines", kTwoByTwoOnTwoMachines},
            {"stages and shares across two machines", kMixedOnTwoMachines}};
}

/// A Link a machine, each on a thread of this process as argus-executor-cpu has it on its main thread.
class InProcess {
public:
    explicit InProcess(const Layout& layout, schedule::Limits limits = plenty(),
                       const executor::RankOptions& options = overLoopback())
    {
        std::vector<protocol::Channel> channels;
        ends.resize(layout.executors.size(), executor::Link::End::Broken);
        for (std::size_t machine = 0; machine < layout.executors.size(); ++machine) {
            auto made = protocol::Channel::pair();
            if (!made)
                qFatal("%s", made.error().text().c_str());
            channels.push_back(std::move(made->first));
            m_threads.emplace_back([socket = std::move(made->second), options, machine, this]() mutable {
                executor::Link link(protocol::Channel(std::move(socket)), options);
                ends[machine] = link.run();
                if (!link.finish(soon()))
                    qFatal("a rank did not end");
            });
        }
        node = std::make_unique<Node>(std::move(channels), limitsOf(layout, limits), layout);
    }
    ~InProcess() { close(); }
    void close()
    {
        node.reset();
        for (std::thread& thread : m_threads)
            if (thread.joinable())
                thread.join();
    }
    std::unique_ptr<Node> node;
    std::vector<executor::Link::End> ends;

private:
    std::vector<std::thread> m_threads;
};

/// The real program a machine.
struct Children {
    explicit Children(const Layout& layout)
    {
        std::vector<protocol::Channel> channels;
        for (std::size_t machine = 0; machine < layout.executors.size(); ++machine) {
            auto made = protocol::Channel::pair();
            if (!made)
                qFatal("%s", made.error().text().c_str());
            auto process =
                ChildProcess::start({.program = ARGUS_BINARY_DIR "/bin/argus-executor-cpu",
                                     .arguments = {"--channel-fd", "3", "--threads", "1", "--log-level", "off"},
                                     .descriptors = {{made->second.get(), 3}}});
            if (!process)
                qFatal("%s", process.error().text().c_str());
            processes.push_back(std::move(*process));
            channels.push_back(std::move(made->first));
        }
        node = std::make_unique<Node>(std::move(channels), limitsOf(layout), layout);
    }
    std::vector<ChildProcess> processes;
    std::unique_ptr<Node> node;
};

void verifyExit(ChildProcess& process, int code)
{
    const auto report = process.wait(soon());
    QVERIFY(report.has_value());
    QCOMPARE(report->signal, 0);
    QCOMPARE(report->code, code);
}

} // namespace

class TstParallelExecutor : public QObject {
    Q_OBJECT
private slots:
    void initTestCase()
    {
        log::start("tst_parallel_executor", "off");
        m_cases = readCases();
    }
    void everyRankLoadsItsShare();
    void answersAreThoseOfOneRank_data() { addLayouts(); }
    void answersAreThoseOfOneRank();
    void promptsInPiecesAndQueuesToo_data() { addFewLayouts(); }
    void promptsInPiecesAndQueuesToo();
    void whatIsDrawnIsWhatOneRankDraws_data() { addFewLayouts(); }
    void whatIsDrawnIsWhatOneRankDraws();
    void stagesWorkOnDifferentSteps();
    void aBadPictureFailsAlone_data() { addFewLayouts(); }
    void aBadPictureFailsAlone();
    void aPictureThatFindsNoMemoryFailsAlone_data() { addFewLayouts(); }
    void aPictureThatFindsNoMemoryFailsAlone();
    void aPictureThatOneRankCannotReadIsTold();
    void scoresThatAreNotFiniteFailAlone_data() { addFewLayouts(); }
    void scoresThatAreNotFiniteFailAlone();
    void aBrokenSliceFailsAlone_data() { addFewLayouts(); }
    void aBrokenSliceFailsAlone();
    void anotherModelCanBeLoaded();
    void anExchangeMayComeBeforeTheOrder();
    void ranksThatCannotBeAreRefused();
    void oneRankThatCannotLoadEndsThemAll();
    void aMachineThatNeverComesIsNamed();
    void aNodeThatLeavesEndsRanksThatMeet();
    void aMachineThatLeavesEndsTheOther();
    void aKilledProcessEndsTheOther_data();
    void aKilledProcessEndsTheOther();
    void quitEndsProcessesOfSeveralRanks();

private:
    static void addLayouts()
    {
        QTest::addColumn<int>("layout");
        int index = 0;
        for (const auto& [name, layout] : layouts())
            QTest::newRow(name) << index++;
    }
    /// One of each kind: what is between the ranks has been looked at.
    static void addFewLayouts()
    {
        QTest::addColumn<int>("layout");
        for (const int index : {1, 3, 8})
            QTest::newRow(layouts()[static_cast<std::size_t>(index)].first) << index;
    }
    static Layout fetched()
    {
        QFETCH(int, layout);
        return layouts()[static_cast<std::size_t>(layout)].second;
    }
    void askAll(Node& node)
    {
        schedule::SequenceId id = 1;
        for (const auto& [name, asked] : m_cases)
            node.ask(id++, asked);
    }
    const Case& find(const char* name) { return m_cases.at(name); }
    std::map<std::string, Case> m_cases;
    ModelFolder m_folder;
};

void TstParallelExecutor::everyRankLoadsItsShare()
{
    InProcess alone(kOne);
    QVERIFY(alone.node->load(m_folder.path()));
    InProcess running(kTwoByTwo);
    QVERIFY(running.node->load(m_folder.path()));
    std::set<std::uint32_t> progressed;
    for (const wire::LoadProgress& progress : running.node->progress())
        progressed.insert(progress.rank());
    QCOMPARE(progressed.size(), std::size_t{4});
    std::uint64_t weights = 0;
    for (std::size_t rank = 0; rank < 4; ++rank) {
        const wire::Loaded& loaded = running.node->loaded(rank);
        QCOMPARE(loaded.rank(), static_cast<std::uint32_t>(rank));
        QCOMPARE(loaded.device_name(), std::string("CPU, 1 thread"));
        QCOMPARE(loaded.kv_bytes() * 4, alone.node->loaded().kv_bytes());
        QVERIFY(loaded.weights_bytes() < alone.node->loaded().weights_bytes() / 2);
        weights += loaded.weights_bytes();
    }
    QVERIFY(weights > alone.node->loaded().weights_bytes() * 9 / 10);
    QVERIFY(weights < alone.node->loaded().weights_bytes() * 13 / 10);
}

void TstParallelExecutor::answersAreThoseOfOneRank()
{
    InProcess running(fetched());
    QVERIFY(running.node->load(m_folder.path()));
    askAll(*running.node);
    running.node->finish();
    schedule::SequenceId id = 1;
    for (const auto& [name, asked] : m_cases)
        QCOMPARE(running.node->answer(id++), asked.greedy);
    QVERIFY(running.node->failed.empty());
}

void TstParallelExecutor::promptsInPiecesAndQueuesToo()
{
    schedule::Limits limits = plenty();
    limits.maxBatchedTokens = 7; // pieces that begin and end inside pictures
    limits.maxSequences = 3;     // and some have to wait
    InProcess running(fetched(), limits);
    running.node->ahead = std::max<std::size_t>(fetched().stages, 2);
    QVERIFY(running.node->load(m_folder.path()));
    askAll(*running.node);
    running.node->finish();
    schedule::SequenceId id = 1;
    for (const auto& [name, asked] : m_cases)
        QCOMPARE(running.node->answer(id++), asked.greedy);
    QCOMPARE(running.node->mostOnTheirWay, running.node->ahead);
}

void TstParallelExecutor::whatIsDrawnIsWhatOneRankDraws()
{
    std::vector<std::vector<std::vector<std::int32_t>>> answers;
    for (const Layout& layout : {kOne, fetched()}) {
        InProcess running(layout);
        QVERIFY(running.node->load(m_folder.path()));
        running.node->ahead = std::max<std::size_t>(layout.stages, 2);
        running.node->spoil = [](wire::StepPlan& plan) {
            for (auto& slice : *plan.mutable_slices())
                if (slice.has_sampling()) {
                    slice.mutable_sampling()->set_temperature(slice.sequence() % 2 == 0 ? 0.7 : 0);
                    slice.mutable_sampling()->set_top_k(50);
                    slice.mutable_sampling()->set_repetition_penalty(1.3);
                    slice.mutable_sampling()->set_seed(slice.sequence());
                }
        };
        askAll(*running.node);
        running.node->finish();
        auto& all = answers.emplace_back();
        for (schedule::SequenceId id = 1; id <= m_cases.size(); ++id)
            all.push_back(running.node->answer(id));
    }
    QCOMPARE(answers[1], answers[0]);
    QVERIFY(answers[0][0] != m_cases.begin()->second.greedy); // the penalty did something
}

void TstParallelExecutor::stagesWorkOnDifferentSteps()
{
    InProcess running(kFourStages);
    QVERIFY(running.node->load(m_folder.path()));
    std::size_t largest = 0;
    running.node->spoil = [&](const wire::StepPlan& plan) {
        for (const wire::SequenceSlice& slice : plan.slices())
            QVERIFY(!slice.follows());
        if (plan.slices(0).start() > 0)
            largest = std::max(largest, static_cast<std::size_t>(plan.slices_size()));
    };
    askAll(*running.node);
    running.node->finish();
    QCOMPARE(largest, (m_cases.size() + 3) / 4);
    QCOMPARE(running.node->mostOnTheirWay, (m_cases.size() + largest - 1) / largest);
}

void TstParallelExecutor::aBadPictureFailsAlone()
{
    const Layout layout = fetched();
    InProcess running(layout);
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, find("text"));
    QVERIFY(running.node->step());
    running.node->pixelBytesLess = 4;
    running.node->ask(2, find("one_image"));
    running.node->ahead = 1;
    std::vector<wire::SequenceFailed> failures;
    while (running.node->answer(1).size() < 3) {
        QVERIFY(running.node->step());
        const wire::StepResult& result = running.node->last().result();
        failures.insert(failures.end(), result.failures().begin(), result.failures().end());
    }
    for (const wire::SequencesFailed& told : running.node->failed)
        failures.insert(failures.end(), told.failures().begin(), told.failures().end());
    // Every rank of the first stage found out by itself.
    QCOMPARE(failures.size(), static_cast<std::size_t>(layout.tensorRanks));
    for (const wire::SequenceFailed& failure : failures) {
        QCOMPARE(failure.sequence(), std::uint64_t{2});
        QCOMPARE(failure.error().code(), std::string("Corrupt"));
    }
    running.node->drop(2);
    running.node->pixelBytesLess = 0;
    running.node->ask(3, find("one_image"));
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(3), find("one_image").greedy);
}

void TstParallelExecutor::aPictureThatFindsNoMemoryFailsAlone()
{
    const Layout layout = fetched();
    std::atomic<bool> full = false;
    InProcess running(layout, plenty(), withMemoryThatEnds(full));
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, find("text"));
    QVERIFY(running.node->step());
    running.node->ask(2, find("one_image"));
    running.node->ahead = 1;
    full = true;
    std::size_t failures = 0;
    while (running.node->answer(1).size() < 3) {
        QVERIFY(running.node->step());
        for (const wire::SequenceFailed& failure : running.node->last().result().failures()) {
            QCOMPARE(failure.sequence(), std::uint64_t{2});
            ++failures;
        }
    }
    for (const wire::SequencesFailed& told : running.node->failed)
        failures += static_cast<std::size_t>(told.failures_size());
    QCOMPARE(failures, static_cast<std::size_t>(layout.tensorRanks));
    full = false;
    running.node->drop(2);
    running.node->ask(3, find("one_image"));
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(3), find("one_image").greedy);
}

void TstParallelExecutor::aPictureThatOneRankCannotReadIsTold()
{
    // The second machine gets no descriptors, as if they had been lost on the way to it.
    Layout layout = kSharesOnTwoMachines;
    InProcess running(layout);
    QVERIFY(running.node->load(m_folder.path()));
    running.node->losesPixels = 1;
    running.node->ask(1, find("text"));
    running.node->ask(2, find("one_image"));
    QVERIFY(running.node->step());
    running.node->losesPixels = -1;
    QVERIFY(running.node->step()); // sequence 2 still runs in both
    QCOMPARE(running.node->failed.size(), std::size_t{1});
    QCOMPARE(running.node->failed[0].step(), std::uint64_t{1});
    QCOMPARE(running.node->failed[0].failures(0).sequence(), std::uint64_t{2});
    running.node->drop(2);
    running.node->ask(3, find("one_image"));
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(3), find("one_image").greedy);
}

void TstParallelExecutor::scoresThatAreNotFiniteFailAlone()
{
    InProcess running(fetched());
    running.node->ahead = std::max<std::size_t>(fetched().stages, 2);
    QVERIFY(running.node->load(m_folder.path()));
    const Case spoilt = poisoned(find("one_image"));
    running.node->ask(1, find("text"));
    running.node->ask(2, spoilt);
    running.node->ask(3, find("two_images"));
    QVERIFY(running.node->step());
    QCOMPARE(running.node->last().result().failures_size(), 1);
    QCOMPARE(running.node->last().result().failures(0).sequence(), std::uint64_t{2});
    running.node->ask(4, find("video"));
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(3), find("two_images").greedy);
    QCOMPARE(running.node->answer(4), find("video").greedy);
    QVERIFY(running.node->answer(2).empty());
}

void TstParallelExecutor::aBrokenSliceFailsAlone()
{
    InProcess running(fetched());
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, find("text"));
    running.node->ask(2, find("one_image"));
    QVERIFY(running.node->step());
    int broken = 0;
    running.node->spoil = [&broken](wire::StepPlan& plan) {
        for (wire::SequenceSlice& slice : *plan.mutable_slices())
            if (slice.sequence() == 2 && broken++ == 0)
                slice.set_ids(0, 1024);
    };
    int failures = 0;
    while (running.node->step())
        failures += running.node->last().result().failures_size();
    QVERIFY(failures >= 1);
    QVERIFY(running.node->failed.empty()); // every rank knows, one tells
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(2).size(), std::size_t{1});
}

void TstParallelExecutor::anotherModelCanBeLoaded()
{
    InProcess running(kTwoByTwoOnTwoMachines);
    QVERIFY(running.node->load(m_folder.path()));
    running.node->sendLoad(m_folder.path(), kEpoch + 1);
    for (int rank = 0; rank < 4; ++rank) {
        const wire::ExecutorToNode message = running.node->receive();
        QVERIFY(message.has_loaded());
        QCOMPARE(message.epoch(), kEpoch + 1);
    }
}

void TstParallelExecutor::anExchangeMayComeBeforeTheOrder()
{
    InProcess running(kSharesOnTwoMachines);
    running.node->holdsBackOrders = 1; // until the first machine has published where it is
    QVERIFY(running.node->load(m_folder.path()));
    QVERIFY(running.node->exchangesBeforeOrder > 0);
}

void TstParallelExecutor::ranksThatCannotBeAreRefused()
{
    const std::vector<std::pair<std::function<void(wire::LoadModel&)>, const char*>> cases{
        {[](wire::LoadModel& load) { load.clear_ranks(); }, "no rank"},
        {[](wire::LoadModel& load) { *load.mutable_ranks(1) = load.ranks(0); }, "rank 0 twice"},
        {[](wire::LoadModel& load) { load.mutable_ranks(1)->set_stage(7); }, "rank 1 cannot be"},
        {[](wire::LoadModel& load) { load.mutable_ranks(1)->set_rank(0xffffffff); }, "rank 4294967295 cannot be"},
        {[](wire::LoadModel& load) { load.mutable_ranks(1)->set_first_layer(9); }, "layers 9 to 4"},
        {[](wire::LoadModel& load) { load.mutable_settings()->set_tensor_parallel_size(0xffffffff); }, "more than"}};
    InProcess running(kTwoStages);
    std::uint64_t epoch = 1;
    for (const auto& [spoil, sentence] : cases) {
        running.node->spoilLoad = spoil;
        running.node->sendLoad(m_folder.path(), epoch);
        const wire::ExecutorToNode answer = running.node->receive();
        QCOMPARE(answer.epoch(), epoch++);
        QVERIFY2(answer.failed().error().cause().find(sentence) != std::string::npos,
                 answer.failed().error().cause().c_str());
    }
}

void TstParallelExecutor::oneRankThatCannotLoadEndsThemAll()
{
    executor::RankOptions options = overLoopback();
    options.makeOps = [make = options.makeOps](const wire::LoadModel& order, const wire::RankOrder& rank,
                                               int threads) -> Result<std::unique_ptr<ops::Ops>> {
        if (rank.rank() == 1)
            return Error{ErrorCode::NotFound, "the card is gone", "put it back", "devices"};
        return make(order, rank, threads);
    };
    InProcess running(kTwoByTwo, plenty(), options);
    running.node->sendLoad(m_folder.path());
    const wire::ExecutorToNode answer = running.node->receive();
    QCOMPARE(answer.failed().error().cause(), std::string("the card is gone"));
    // Nothing else is told: the link ends, though three ranks waited for the fourth.
    QCOMPARE(running.node->receive().body_case(), wire::ExecutorToNode::BODY_NOT_SET);
    running.close();
    QVERIFY(running.ends[0] == executor::Link::End::RanksGone);
}

void TstParallelExecutor::aMachineThatNeverComesIsNamed()
{
    executor::RankOptions options = overLoopback();
    options.groupPatience = Milliseconds(300);
    InProcess running(kSharesOnTwoMachines, plenty(), options);
    running.node->holdsBackOrders = 1;
    running.node->neverSendsOrders = true;
    running.node->sendLoad(m_folder.path());
    const wire::ExecutorToNode answer = running.node->receive();
    QCOMPARE(answer.failed().error().code(), std::string("Timeout"));
    QVERIFY2(answer.failed().error().cause().find("did not come in time") != std::string::npos,
             answer.failed().error().cause().c_str());
}

void TstParallelExecutor::aNodeThatLeavesEndsRanksThatMeet()
{
    InProcess running(kSharesOnTwoMachines); // with 60 s of patience
    running.node->holdsBackOrders = 1;
    running.node->neverSendsOrders = true;
    running.node->sendLoad(m_folder.path());
    QTest::qWait(50); // the rank is on its way to the meeting point, or there
    running.close();
    QVERIFY(running.ends[0] == executor::Link::End::NodeGone);
}

void TstParallelExecutor::aMachineThatLeavesEndsTheOther()
{
    InProcess running(kMixedOnTwoMachines);
    QVERIFY(running.node->load(m_folder.path()));
    askAll(*running.node);
    QVERIFY(running.node->step());
    wire::NodeToExecutor quit;
    quit.mutable_quit();
    QVERIFY(running.node->channel(1).send(quit, {}, soon()).ok());
    running.node->listensTo = 0;
    running.node->stepTo(0);
    const wire::ExecutorToNode told = running.node->receive();
    QVERIFY2(told.failed().error().cause().find("has lost rank ") != std::string::npos,
             told.failed().error().cause().c_str());
    // As data, too: a window says it in its own language.
    QCOMPARE(told.failed().error().cause_said().id(), std::string("rank-lost"));
    QCOMPARE(told.failed().error().remedy_said().id(), std::string("do-look-at-machines"));
    QCOMPARE(running.node->receive().body_case(), wire::ExecutorToNode::BODY_NOT_SET); // the link has ended
    running.close();
    QVERIFY(running.ends[0] == executor::Link::End::RanksGone);
    QVERIFY(running.ends[1] == executor::Link::End::Quit);
}

void TstParallelExecutor::aKilledProcessEndsTheOther_data()
{
    QTest::addColumn<bool>("stages");
    QTest::addColumn<int>("victim");
    QTest::newRow("of two shares the first") << false << 0;
    QTest::newRow("of two shares the second") << false << 1;
    QTest::newRow("of two stages the first") << true << 0;
    QTest::newRow("of two stages the second") << true << 1;
}

void TstParallelExecutor::aKilledProcessEndsTheOther()
{
    QFETCH(bool, stages);
    QFETCH(int, victim);
    const auto other = static_cast<std::size_t>(1 - victim);
    Children running(stages ? kStagesOnTwoMachines : kSharesOnTwoMachines);
    QVERIFY(running.node->load(m_folder.path()));
    askAll(*running.node);
    QVERIFY(running.node->step());
    running.processes[static_cast<std::size_t>(victim)].kill();
    running.node->listensTo = static_cast<int>(other);
    wire::ExecutorToNode told;
    // A stage that only sends notices with one of its next steps.
    for (int more = 0; more < 100 && !told.has_failed(); ++more) {
        running.node->forget();
        running.node->stepTo(other);
        told = running.node->receive(Deadline::in(Milliseconds(500)));
    }
    QVERIFY(told.has_failed());
    const std::string& cause = told.failed().error().cause();
    QVERIFY2(cause.find("has lost rank " + std::to_string(victim) + ":") != std::string::npos, cause.c_str());
    verifyExit(running.processes[other], 1);
}

void TstParallelExecutor::quitEndsProcessesOfSeveralRanks()
{
    Children running(kTwoByTwoOnTwoMachines);
    QVERIFY(running.node->load(m_folder.path()));
    askAll(*running.node);
    QVERIFY(running.node->step());
    wire::NodeToExecutor quit;
    quit.mutable_quit();
    running.node->send(quit);
    for (ChildProcess& process : running.processes) {
        const auto report = process.wait(soon());
        QVERIFY(report.has_value());
        QCOMPARE(report->signal, 0);
    }
}

QTEST_GUILESS_MAIN(TstParallelExecutor)
#include "tst_parallel_executor.moc"
