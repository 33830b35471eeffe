// The executor through its channel: the reference model's answers, crowds, drops, failures, and the end of the process.

#include "engine/base/child_process.h"
#include "engine/base/log.h"
#include "engine/executor/link.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "engine/protocol/channel.h"
#include "engine/schedule/scheduler.h"
#include "tests/engine/executor/asked_cases.h"

#include <QSemaphore>
#include <QtTest>

#include <unistd.h>

#include <atomic>
#include <limits>
#include <map>
#include <thread>

using namespace argus;
using namespace argus::executor::testing;

namespace {

constexpr std::uint64_t kEpoch = 3;

Deadline soon()
{
    return Deadline::in(Milliseconds(60'000));
}

/// The node's part, played by the test: a channel, a scheduler, and the ids of every sequence.
class Node {
public:
    Node(protocol::Channel channel, schedule::Limits limits)
        : m_channel(std::move(channel)), m_limits(limits), m_scheduler(limits)
    {
    }

    void send(const wire::NodeToExecutor& message, std::span<const int> descriptors = {})
    {
        const auto sent = m_channel.send(message, descriptors, soon());
        QVERIFY2(sent.ok(), sent.ok() ? "" : sent.error().text().c_str());
    }
    void sendLoad(const std::string& folder, std::uint64_t epoch = kEpoch, const std::string& format = "auto")
    {
        wire::NodeToExecutor message;
        message.set_epoch(epoch);
        wire::LoadModel& load = *message.mutable_load();
        load.mutable_settings()->set_model(folder);
        load.mutable_settings()->set_load_format(format);
        load.set_kv_blocks(m_limits.kvBlocks);
        load.add_ranks();
        load.set_kv_block_tokens(m_limits.kvBlockTokens);
        load.set_max_batched_tokens(m_limits.maxBatchedTokens);
        load.set_max_num_seqs(m_limits.maxSequences);
        send(message);
    }
    /// The next message that is no progress; an empty one when none came.
    wire::ExecutorToNode receive()
    {
        for (;;) {
            auto frame = m_channel.receive(soon());
            wire::ExecutorToNode message;
            if (!frame || !frame->has_value() || !message.ParseFromString((*frame)->body))
                return {};
            if (message.body_case() != wire::ExecutorToNode::kProgress)
                return message;
            m_progress.push_back(message.progress());
        }
    }
    bool load(const std::string& folder)
    {
        sendLoad(folder);
        m_loaded = receive();
        return m_loaded.has_loaded() && m_loaded.epoch() == kEpoch;
    }

    void ask(schedule::SequenceId id, const Case& asked)
    {
        const auto added = m_scheduler.add(id, static_cast<std::uint32_t>(asked.ids.size()),
                                           static_cast<std::uint32_t>(asked.greedy.size()));
        QVERIFY2(added.ok(), added.ok() ? "" : added.error().text().c_str());
        m_asked[id] = &asked;
        m_answers[id] = {};
    }
    void drop(schedule::SequenceId id)
    {
        m_scheduler.remove(id);
        m_asked.erase(id);
        sendDrops();
    }

    /// Plans and sends as far ahead as it may, reads the result of the oldest step and commits it. False when there was
    /// nothing to do or the executor did not answer with a result.
    bool step()
    {
        while (m_scheduler.onTheirWay().size() < ahead) {
            schedule::StepPlan plan = m_scheduler.plan();
            if (plan.empty())
                break;
            sendStep(plan);
            m_scheduler.start(std::move(plan));
        }
        if (m_scheduler.onTheirWay().empty())
            return false;
        m_last = receive();
        if (!m_last.has_result())
            return false;
        (void)m_scheduler.commit();
        for (const auto& failure : m_last.result().failures())
            drop(failure.sequence());
        for (const auto& token : m_last.result().tokens())
            take(token);
        sendDrops();
        return true;
    }
    void finish()
    {
        while (step()) {
        }
    }

    void sendStep(const schedule::StepPlan& plan)
    {
        wire::NodeToExecutor message;
        message.set_epoch(kEpoch);
        message.mutable_step()->set_step(++m_steps);
        std::vector<UniqueFd> files;
        for (const schedule::Slice& slice : plan)
            fill(*message.mutable_step()->add_slices(), slice, files);
        std::vector<int> numbers;
        for (const UniqueFd& file : files)
            numbers.push_back(file.get());
        if (spoil)
            spoil(*message.mutable_step());
        send(message, numbers);
    }

    [[nodiscard]] std::vector<std::int32_t> answer(schedule::SequenceId id) const { return m_answers.at(id); }
    [[nodiscard]] const wire::ExecutorToNode& last() const { return m_last; }
    [[nodiscard]] const wire::Loaded& loaded() const { return m_loaded.loaded(); }
    [[nodiscard]] const std::vector<wire::LoadProgress>& progress() const { return m_progress; }
    [[nodiscard]] schedule::StepPlan nextPlan() { return m_scheduler.plan(); }
    protocol::Channel& channel() { return m_channel; }
    void forget() { m_scheduler.forgetCaches(); }

    std::size_t ahead = 1;                      ///< steps on their way at a time
    std::function<void(wire::StepPlan&)> spoil; ///< changes a step on its way
    std::size_t pixelBytesLess = 0;             ///< shortens every file of pixels

private:
    void take(const wire::SampledToken& token)
    {
        const auto asked = m_asked.find(token.sequence());
        if (asked == m_asked.end())
            return; // of a step that was on its way when the sequence ended
        auto& answer = m_answers.at(token.sequence());
        answer.push_back(token.id());
        if (answer.size() == asked->second->greedy.size())
            drop(token.sequence());
    }
    void sendDrops()
    {
        wire::NodeToExecutor message;
        message.set_epoch(kEpoch);
        for (const schedule::SequenceId id : m_scheduler.release())
            message.mutable_drop()->add_sequences(id);
        if (message.has_drop())
            send(message);
    }
    void fill(wire::SequenceSlice& out, const schedule::Slice& slice, std::vector<UniqueFd>& files)
    {
        const Case& asked = *m_asked.at(slice.sequence);
        const auto& answer = m_answers.at(slice.sequence);
        out.set_sequence(slice.sequence);
        out.set_start(slice.start);
        out.set_sample(slice.sample);
        out.set_follows(slice.follows);
        for (std::size_t index = slice.start; index < slice.start + slice.tokens && !slice.follows; ++index)
            out.add_ids(index < asked.ids.size() ? asked.ids[index] : answer[index - asked.ids.size()]);
        for (int axis = 0; axis < 3; ++axis)
            for (std::size_t index = slice.start; index < slice.start + slice.tokens; ++index)
                out.add_positions(asked.position(axis, index));
        for (const std::uint32_t block : m_scheduler.blocksOf(slice.sequence))
            out.add_blocks(block);
        if (!slice.first)
            return;
        out.mutable_sampling()->set_top_p(1);
        out.mutable_sampling()->set_repetition_penalty(1);
        addItems(out, asked, files, pixelBytesLess);
    }

    protocol::Channel m_channel;
    schedule::Limits m_limits;
    schedule::Scheduler m_scheduler;
    std::map<schedule::SequenceId, const Case*> m_asked;
    std::map<schedule::SequenceId, std::vector<std::int32_t>> m_answers;
    std::uint64_t m_steps = 0;
    wire::ExecutorToNode m_last;
    wire::ExecutorToNode m_loaded;
    std::vector<wire::LoadProgress> m_progress;
};

schedule::Limits plenty()
{
    return {.kvBlocks = 64, .kvBlockTokens = 16, .maxBatchedTokens = 512, .maxSequences = 8, .maxModelLen = 512};
}

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
    Case poisoned = find("one_image");
    poisoned.items[0].pixels[1000] = std::numeric_limits<float>::quiet_NaN();
    running.node->ask(1, find("text"));
    running.node->ask(2, poisoned);
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
    Case poisoned = find("one_image");
    poisoned.items[0].pixels[1000] = std::numeric_limits<float>::quiet_NaN();
    running.node->ask(1, find("text"));
    running.node->ask(2, poisoned);
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
