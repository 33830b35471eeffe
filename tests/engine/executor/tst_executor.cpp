// The executor through its channel: the reference model's answers, crowds, drops, failures, and the end of the process.

#include "engine/base/child_process.h"
#include "engine/base/log.h"
#include "engine/executor/link.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "tests/engine/executor/test_node.h"

#include <QSemaphore>
#include <QtTest>

#include <atomic>
#include <map>
#include <thread>

using namespace argus;
using namespace argus::executor::testing;

namespace {

using MakeOps = decltype(executor::RankOptions::makeOps);

Result<std::unique_ptr<ops::Ops>> processor(const wire::LoadModel&, const wire::RankOrder&, int threads)
{
    return std::unique_ptr<ops::Ops>(std::make_unique<ops::CpuOps>(threads));
}

/// A processor that seems to work on its own, as other devices do: a step is done when the next one is waiting behind
/// it, or after many glances.
class LateOps final : public ops::CpuOps {
public:
    LateOps(int threads, std::atomic<int>& mostOpen) : CpuOps(threads), m_mostOpen(mostOpen) {}
    [[nodiscard]] ops::Fetch fetch(ConstTensorView device) override
    {
        m_glances = 0;
        m_mostOpen = std::max(m_mostOpen.load(), ++m_open);
        return CpuOps::fetch(device);
    }
    [[nodiscard]] bool arrived(ops::Fetch) override { return m_open > 1 || ++m_glances > 200; }
    void take(ops::Fetch fetch, std::span<std::int32_t> host) override
    {
        --m_open;
        CpuOps::take(fetch, host);
    }

private:
    std::atomic<int>& m_mostOpen;
    int m_open = 0;
    int m_glances = 0;
};

/// A Link on a thread of this process, as argus-executor-cpu has it on its main thread.
class InProcess {
public:
    explicit InProcess(schedule::Limits limits = plenty(), MakeOps makeOps = processor)
    {
        auto made = protocol::Channel::pair();
        if (!made)
            qFatal("%s", made.error().text().c_str());
        node = std::make_unique<Node>(std::move(made->first), limits);
        m_thread = std::thread([socket = std::move(made->second), makeOps = std::move(makeOps), this]() mutable {
            executor::Link link(protocol::Channel(std::move(socket)), {.threads = 2, .makeOps = std::move(makeOps)});
            end = link.run();
        });
    }
    ~InProcess() { close(); }
    void close()
    {
        node.reset();
        if (m_thread.joinable())
            m_thread.join();
    }
    std::unique_ptr<Node> node;
    executor::Link::End end = executor::Link::End::Broken;

private:
    std::thread m_thread;
};

struct Child {
    ChildProcess process;
    std::unique_ptr<Node> node;
};
Child startChild()
{
    auto made = protocol::Channel::pair();
    if (!made)
        qFatal("%s", made.error().text().c_str());
    auto process = ChildProcess::start({.program = ARGUS_BINARY_DIR "/bin/argus-executor-cpu",
                                        .arguments = {"--channel-fd", "3", "--threads", "1", "--log-level", "off"},
                                        .descriptors = {{made->second.get(), 3}}});
    if (!process)
        qFatal("%s", process.error().text().c_str());
    return {std::move(*process), std::make_unique<Node>(std::move(made->first), plenty())};
}

} // namespace

class TstExecutor : public QObject {
    Q_OBJECT
private slots:
    void initTestCase()
    {
        log::start("tst_executor", "off");
        m_cases = readCases();
    }
    void loadingReportsWhatItHolds();
    void greedyAnswersMatchTheReference_data();
    void greedyAnswersMatchTheReference();
    void aCrowdAnswersAsEveryoneAlone();
    void promptsInPiecesGiveTheSameAnswers();
    void droppingOneDisturbsNobody();
    void aLostCacheIsRebuilt();
    void aBadPictureFailsAlone();
    void aPictureThatBreaksTheScoresFailsAlone();
    void aBrokenSliceFailsAlone();
    void aBrokenStepIsRefusedWhole();
    void seedsDecideWhatIsDrawn();
    void whatIsReplayedIsDrawnTheSame();
    void stepsAheadGiveTheSameAnswers_data();
    void stepsAheadGiveTheSameAnswers();
    void stepsAheadDrawTheSame();
    void aFailureAheadHurtsNobody();
    void messagesOfAnotherEpochAreDropped();
    void aStepBeforeAModelFails();
    void modelsThatCannotBeLoadedSayWhy();
    void aDeviceThatCannotBeOpenedSaysWhy();
    void aProcessorMakesUpNoWeights();
    void aNodeThatLeavesEndsTheLink();
    void aBusyRankIsNotWaitedFor();
    void quitEndsTheProcess();
    void closingTheChannelEndsTheProcess();
    void closingTheChannelEndsAProcessThatComputes();
    void garbageEndsTheProcessWithAStatus();
    void aProcessWithoutAChannelSaysSo();

private:
    const Case& find(const char* name) { return m_cases.at(name); }
    std::map<std::string, Case> m_cases;
    ModelFolder m_folder;
};

void TstExecutor::loadingReportsWhatItHolds()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    const wire::Loaded& loaded = running.node->loaded();
    QCOMPARE(loaded.device_kind(), std::string("cpu"));
    QCOMPARE(loaded.device_name(), std::string("CPU, 2 threads"));
    QVERIFY(loaded.weights_bytes() > 5'000'000);
    QVERIFY(loaded.runtime_bytes() > 0);
    QCOMPARE(loaded.kv_bytes(),
             std::uint64_t{4 * 2 * 2 * 128 * 4} * 16 * 64); // layers, K and V, heads, width, bytes, tokens, blocks
    const auto& progress = running.node->progress();
    QVERIFY(!progress.empty());
    QCOMPARE(progress.back().done_bytes(), progress.back().total_bytes());
}

void TstExecutor::greedyAnswersMatchTheReference_data()
{
    QTest::addColumn<QString>("name");
    for (const auto& [name, entry] : m_cases)
        QTest::newRow(name.c_str()) << QString::fromStdString(name);
}

void TstExecutor::greedyAnswersMatchTheReference()
{
    QFETCH(QString, name);
    const Case& asked = m_cases.at(name.toStdString());
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, asked);
    running.node->finish();
    QCOMPARE(running.node->answer(1), asked.greedy);
}

void TstExecutor::aCrowdAnswersAsEveryoneAlone()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    schedule::SequenceId id = 1;
    for (const auto& [name, asked] : m_cases)
        running.node->ask(id++, asked);
    running.node->finish();
    id = 1;
    for (const auto& [name, asked] : m_cases)
        QCOMPARE(running.node->answer(id++), asked.greedy);
}

void TstExecutor::promptsInPiecesGiveTheSameAnswers()
{
    schedule::Limits limits = plenty();
    limits.maxBatchedTokens = 7; // pieces that begin and end inside pictures
    limits.maxSequences = 3;     // and some have to wait
    InProcess running(limits);
    QVERIFY(running.node->load(m_folder.path()));
    schedule::SequenceId id = 1;
    for (const auto& [name, asked] : m_cases)
        running.node->ask(id++, asked);
    running.node->finish();
    id = 1;
    for (const auto& [name, asked] : m_cases)
        QCOMPARE(running.node->answer(id++), asked.greedy);
}

void TstExecutor::droppingOneDisturbsNobody()
{
    schedule::Limits limits = plenty();
    limits.kvBlocks = 12; // so that the third takes the blocks of the dropped one
    InProcess running(limits);
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, find("text"));
    running.node->ask(2, find("two_images"));
    running.node->ask(3, find("video"));
    for (int step = 0; step < 5; ++step)
        QVERIFY(running.node->step());
    QVERIFY(running.node->answer(3).empty());
    running.node->drop(2);
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(3), find("video").greedy);
    QCOMPARE(running.node->answer(2).size(), std::size_t{5});
}

void TstExecutor::aLostCacheIsRebuilt()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, find("one_image"));
    for (int step = 0; step < 6; ++step)
        QVERIFY(running.node->step());
    running.node
        ->forget(); // what the node does when an executor was started again: prompt and answer so far, from token 0
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("one_image").greedy);
}

void TstExecutor::aBadPictureFailsAlone()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, find("text"));
    QVERIFY(running.node->step());
    running.node->pixelBytesLess = 4;
    running.node->ask(2, find("one_image"));
    QVERIFY(running.node->step());
    const wire::StepResult& result = running.node->last().result();
    QCOMPARE(result.failures_size(), 1);
    QCOMPARE(result.failures(0).sequence(), std::uint64_t{2});
    QCOMPARE(result.failures(0).error().code(), std::string("Corrupt"));
    QCOMPARE(result.tokens_size(), 1);
    running.node->pixelBytesLess = 0;
    running.node->ask(3, find("one_image"));
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(3), find("one_image").greedy);
}

void TstExecutor::aPictureThatBreaksTheScoresFailsAlone()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    const Case spoilt = poisoned(find("one_image"));
    running.node->ask(1, find("text"));
    running.node->ask(2, spoilt);
    running.node->ask(3, find("two_images"));
    QVERIFY(running.node->step());
    const wire::StepResult& result = running.node->last().result();
    QCOMPARE(result.failures_size(), 1);
    QCOMPARE(result.failures(0).sequence(), std::uint64_t{2});
    QVERIFY(result.failures(0).error().cause().find("not finite") != std::string::npos);
    QCOMPARE(result.tokens_size(), 2);
    running.node->ask(4, find("video")); // in the blocks that the poisoned one has left its numbers in
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(3), find("two_images").greedy);
    QCOMPARE(running.node->answer(4), find("video").greedy);
}

void TstExecutor::aBrokenSliceFailsAlone()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, find("text"));
    running.node->ask(2, find("one_image"));
    QVERIFY(running.node->step());
    running.node->spoil = [](wire::StepPlan& plan) { plan.mutable_slices(1)->set_ids(0, 1024); };
    QVERIFY(running.node->step());
    const wire::StepResult& result = running.node->last().result();
    QCOMPARE(result.failures_size(), 1);
    QCOMPARE(result.failures(0).sequence(), std::uint64_t{2});
    QVERIFY(result.failures(0).error().cause().find("1024") != std::string::npos);
    running.node->spoil = nullptr;
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
}

void TstExecutor::aBrokenStepIsRefusedWhole()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ask(1, find("text"));
    running.node->spoil = [](wire::StepPlan& plan) { *plan.add_slices() = plan.slices(0); };
    QVERIFY(!running.node->step());
    QVERIFY(running.node->last().has_failed());
    QVERIFY(running.node->last().failed().error().cause().find("sequence 1 twice") != std::string::npos);
    running.node->spoil = nullptr;
    running.node->forget(); // the step did not happen
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
}

void TstExecutor::seedsDecideWhatIsDrawn()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    std::uint64_t seed = 0;
    running.node->spoil = [&seed](wire::StepPlan& plan) {
        for (auto& slice : *plan.mutable_slices())
            if (slice.has_sampling()) {
                slice.mutable_sampling()->set_temperature(1.5);
                slice.mutable_sampling()->set_seed(seed);
            }
    };
    std::vector<std::vector<std::int32_t>> answers;
    for (const std::uint64_t each : {11, 11, 12}) {
        seed = each;
        running.node->ask(1, find("text"));
        running.node->finish();
        answers.push_back(running.node->answer(1));
    }
    QCOMPARE(answers[0].size(), std::size_t{24});
    QCOMPARE(answers[0], answers[1]);
    QVERIFY(answers[0] != answers[2]);
    QVERIFY(answers[0] != find("text").greedy);
}

void TstExecutor::whatIsReplayedIsDrawnTheSame()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    running.node->spoil = [](wire::StepPlan& plan) {
        for (auto& slice : *plan.mutable_slices())
            if (slice.has_sampling()) {
                slice.mutable_sampling()->set_temperature(1.5);
                slice.mutable_sampling()->set_repetition_penalty(1.3);
                slice.mutable_sampling()->set_seed(7);
            }
    };
    running.node->ask(1, find("one_image"));
    running.node->finish();
    const std::vector<std::int32_t> undisturbed = running.node->answer(1);
    running.node->ask(1, find("one_image"));
    for (int step = 0; step < 6; ++step)
        QVERIFY(running.node->step());
    running.node->forget(); // the rest after prompt and answer so far in one piece
    running.node->finish();
    QCOMPARE(running.node->answer(1), undisturbed);
}

void TstExecutor::stepsAheadGiveTheSameAnswers_data()
{
    QTest::addColumn<bool>("late");
    QTest::addColumn<int>("tokens");
    QTest::addColumn<int>("sequences");
    QTest::newRow("done at once") << false << 512 << 8;
    QTest::newRow("done later") << true << 512 << 8;
    QTest::newRow("done later, in pieces and queues") << true << 7 << 3;
}

void TstExecutor::stepsAheadGiveTheSameAnswers()
{
    QFETCH(bool, late);
    QFETCH(int, tokens);
    QFETCH(int, sequences);
    schedule::Limits limits = plenty();
    limits.maxBatchedTokens = static_cast<std::uint32_t>(tokens);
    limits.maxSequences = static_cast<std::uint32_t>(sequences);
    std::atomic<int> mostOpen = 0;
    InProcess running(limits,
                      [&](const wire::LoadModel& order, const wire::RankOrder& rank,
                          int threads) -> Result<std::unique_ptr<ops::Ops>> {
                          if (!late)
                              return processor(order, rank, threads);
                          return std::unique_ptr<ops::Ops>(std::make_unique<LateOps>(threads, mostOpen));
                      });
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ahead = schedule::kStepsOnTheirWay;
    int following = 0;
    running.node->spoil = [&following](const wire::StepPlan& plan) {
        for (const auto& slice : plan.slices())
            following += slice.follows() ? 1 : 0;
    };
    schedule::SequenceId id = 1;
    for (const auto& [name, asked] : m_cases)
        running.node->ask(id++, asked);
    running.node->finish();
    id = 1;
    for (const auto& [name, asked] : m_cases)
        QCOMPARE(running.node->answer(id++), asked.greedy);
    QVERIFY(following > 50);
    if (late)
        QCOMPARE(mostOpen.load(), 2);
}

void TstExecutor::stepsAheadDrawTheSame()
{
    std::map<std::size_t, std::vector<std::vector<std::int32_t>>> answers;
    for (const std::size_t ahead : {std::size_t{1}, schedule::kStepsOnTheirWay}) {
        InProcess running;
        QVERIFY(running.node->load(m_folder.path()));
        running.node->ahead = ahead;
        running.node->spoil = [](wire::StepPlan& plan) {
            for (auto& slice : *plan.mutable_slices())
                if (slice.has_sampling()) {
                    slice.mutable_sampling()->set_temperature(slice.sequence() % 2 == 0 ? 1.5 : 0);
                    slice.mutable_sampling()->set_top_k(50);
                    slice.mutable_sampling()->set_repetition_penalty(1.3);
                    slice.mutable_sampling()->set_seed(slice.sequence());
                }
        };
        schedule::SequenceId id = 1;
        for (const auto& [name, asked] : m_cases)
            running.node->ask(id++, asked);
        running.node->finish();
        for (schedule::SequenceId each = 1; each < id; ++each)
            answers[ahead].push_back(running.node->answer(each));
    }
    QCOMPARE(answers[2], answers[1]);
    std::size_t which = 0;
    for (const auto& [name, asked] : m_cases)
        QVERIFY(answers[1][which++] != asked.greedy); // penalty and temperature did something
}

void TstExecutor::aFailureAheadHurtsNobody()
{
    std::atomic<int> mostOpen = 0;
    InProcess running(
        plenty(),
        [&](const wire::LoadModel&, const wire::RankOrder&, int threads) -> Result<std::unique_ptr<ops::Ops>> {
            return std::unique_ptr<ops::Ops>(std::make_unique<LateOps>(threads, mostOpen));
        });
    QVERIFY(running.node->load(m_folder.path()));
    running.node->ahead = schedule::kStepsOnTheirWay;
    const Case spoilt = poisoned(find("one_image"));
    running.node->ask(1, find("text"));
    running.node->ask(2, spoilt);
    running.node->ask(3, find("two_images"));
    QVERIFY(running.node->step());
    QCOMPARE(running.node->last().result().failures_size(), 1);
    QCOMPARE(running.node->last().result().failures(0).sequence(), std::uint64_t{2});
    QCOMPARE(running.node->last().result().tokens_size(), 2);
    running.node->ask(4, find("video")); // while the step that follows the failure is on its way
    running.node->finish();
    QCOMPARE(running.node->answer(1), find("text").greedy);
    QCOMPARE(running.node->answer(3), find("two_images").greedy);
    QCOMPARE(running.node->answer(4), find("video").greedy);
    QVERIFY(running.node->answer(2).empty());
}

void TstExecutor::messagesOfAnotherEpochAreDropped()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    for (const std::uint64_t epoch : {std::uint64_t{0}, kEpoch - 1, kEpoch + 1}) {
        wire::NodeToExecutor stray;
        stray.set_epoch(epoch);
        stray.mutable_step()->set_step(99);
        running.node->send(stray);
    }
    running.node->sendLoad(m_folder.path(), kEpoch); // not newer
    running.node->ask(1, find("text"));
    running.node->finish(); // the first answer is that of the first real step
    QCOMPARE(running.node->answer(1), find("text").greedy);
    running.node->sendLoad(m_folder.path(), kEpoch + 1);
    const auto loaded = running.node->receive();
    QVERIFY(loaded.has_loaded());
    QCOMPARE(loaded.epoch(), kEpoch + 1);
}

void TstExecutor::aStepBeforeAModelFails()
{
    InProcess running;
    wire::NodeToExecutor message; // epoch 0, as before any model
    message.mutable_step()->set_step(1);
    running.node->send(message);
    const auto answer = running.node->receive();
    QVERIFY(answer.has_failed());
    QCOMPARE(answer.failed().error().cause(), std::string("step 1 came before a model was loaded"));
}

void TstExecutor::modelsThatCannotBeLoadedSayWhy()
{
    InProcess running;
    running.node->sendLoad("/nowhere/at/all", 1);
    auto answer = running.node->receive();
    QVERIFY(answer.has_failed());
    QCOMPARE(answer.failed().error().code(), std::string("NotFound"));
    QCOMPARE(answer.epoch(), std::uint64_t{1});
    QVERIFY(running.node->load(m_folder.path())); // and a good one still loads
}

void TstExecutor::aDeviceThatCannotBeOpenedSaysWhy()
{
    bool there = false;
    InProcess running(plenty(),
                      [&](const wire::LoadModel& order, const wire::RankOrder& rank,
                          int threads) -> Result<std::unique_ptr<ops::Ops>> {
                          if (!there)
                              return Error{ErrorCode::NotFound, "the card is gone", "put it back", "devices"};
                          return processor(order, rank, threads);
                      });
    running.node->sendLoad(m_folder.path(), 1);
    const auto answer = running.node->receive();
    QVERIFY(answer.has_failed());
    QCOMPARE(answer.failed().error().cause(), std::string("the card is gone"));
    QCOMPARE(answer.failed().error().remedy(), std::string("put it back"));
    QCOMPARE(answer.failed().error().setting(), std::string("devices"));
    there = true;
    QVERIFY(running.node->load(m_folder.path()));
}

void TstExecutor::aProcessorMakesUpNoWeights()
{
    Child child = startChild();
    child.node->sendLoad(m_folder.path(), 2, "dummy");
    const auto answer = child.node->receive();
    QVERIFY(answer.has_failed());
    QCOMPARE(answer.failed().error().code(), std::string("Unsupported"));
    QCOMPARE(answer.failed().error().setting(), std::string("load_format"));
    QVERIFY(child.node->load(m_folder.path()));
}

void TstExecutor::aNodeThatLeavesEndsTheLink()
{
    InProcess running;
    QVERIFY(running.node->load(m_folder.path()));
    running.close(); // joins the link's thread: this test hangs if it does not end
    QVERIFY(running.end == executor::Link::End::NodeGone);
}

void TstExecutor::aBusyRankIsNotWaitedFor()
{
    auto made = protocol::Channel::pair();
    QVERIFY(made.ok());
    auto node = std::make_unique<Node>(std::move(made->first), plenty());
    QSemaphore busy;
    QSemaphore goOn;
    executor::Link link(
        protocol::Channel(std::move(made->second)),
        {.threads = 1, .makeOps = [&](const wire::LoadModel& order, const wire::RankOrder& rank, int threads) {
             busy.release();
             goOn.acquire();
             return processor(order, rank, threads);
         }});
    std::thread leaving([&] {
        node->sendLoad(m_folder.path());
        busy.acquire();
        node.reset();
    });
    QVERIFY(link.run() == executor::Link::End::NodeGone); // although its rank does not answer
    leaving.join();
    QVERIFY(!link.finish(Deadline::in(Milliseconds(0))));
    goOn.release();
    QVERIFY(link.finish(soon()));
}

void TstExecutor::quitEndsTheProcess()
{
    Child child = startChild();
    QVERIFY(child.node->load(m_folder.path()));
    wire::NodeToExecutor quit;
    quit.mutable_quit();
    child.node->send(quit);
    const auto report = child.process.wait(soon());
    QVERIFY(report.has_value());
    QCOMPARE(report->signal, 0);
    QCOMPARE(report->code, 0);
}

void TstExecutor::closingTheChannelEndsTheProcess()
{
    Child child = startChild();
    QVERIFY(child.node->load(m_folder.path()));
    child.node->ask(1, find("text"));
    QVERIFY(child.node->step());
    child.node.reset();
    const auto report = child.process.wait(soon());
    QVERIFY(report.has_value());
    QCOMPARE(report->signal, 0);
    QCOMPARE(report->code, 0);
}

void TstExecutor::closingTheChannelEndsAProcessThatComputes()
{
    Child child = startChild();
    QVERIFY(child.node->load(m_folder.path()));
    child.node->ask(1, find("image_and_video"));
    child.node->sendStep(child.node->nextPlan());
    child.node.reset(); // before the answer
    const auto report = child.process.wait(soon());
    QVERIFY(report.has_value());
    QCOMPARE(report->signal, 0);
    QCOMPARE(report->code, 0);
}

void TstExecutor::garbageEndsTheProcessWithAStatus()
{
    Child child = startChild();
    const std::string garbage(64, '\xff');
    QCOMPARE(::write(child.node->channel().fd(), garbage.data(), garbage.size()), static_cast<ssize_t>(garbage.size()));
    const auto report = child.process.wait(soon());
    QVERIFY(report.has_value());
    QCOMPARE(report->signal, 0);
    QCOMPARE(report->code, 1);
}

void TstExecutor::aProcessWithoutAChannelSaysSo()
{
    auto process = ChildProcess::start(
        {.program = ARGUS_BINARY_DIR "/bin/argus-executor-cpu", .arguments = {}, .descriptors = {}, .quiet = true});
    QVERIFY(process.ok());
    const auto report = process->wait(soon());
    QVERIFY(report.has_value());
    QCOMPARE(report->code, 2);
}

QTEST_GUILESS_MAIN(TstExecutor)
#include "tst_executor.moc"
