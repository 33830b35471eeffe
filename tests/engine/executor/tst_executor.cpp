// The executor through its channel: the reference model's answers, crowds, drops, failures, and the end of the process.

#include "engine/base/child_process.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/executor/link.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "engine/protocol/channel.h"
#include "engine/schedule/scheduler.h"
#include "engine/tensor/safetensors.h"

#include <QSemaphore>
#include <QTemporaryDir>
#include <QtTest>

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <filesystem>
#include <limits>
#include <map>
#include <thread>

using namespace argus;

namespace {

constexpr const char* kReference = ARGUS_SOURCE_DIR "/tests/data/reference/tiny";
constexpr int kPatchElements = 1176;
constexpr std::uint64_t kEpoch = 3;

Deadline soon()
{
    return Deadline::in(Milliseconds(60'000));
}

/// A question of the reference file, and what Hugging Face answers.
struct Case {
    std::string name;
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> positions; ///< [3, ids]
    std::int32_t delta = 0;
    std::vector<std::int32_t> greedy;
    struct Item {
        model::Grid grid;
        bool video = false;
        std::uint32_t firstRow = 0;
        std::vector<float> pixels;
    };
    std::vector<Item> items;

    [[nodiscard]] std::int32_t position(int axis, std::size_t index) const
    {
        return index < ids.size() ? positions[static_cast<std::size_t>(axis) * ids.size() + index]
                                  : static_cast<std::int32_t>(index) + delta;
    }
};

void readItems(Case& made, const nlohmann::json& grids, bool video, int pad, const SafetensorsFile& tensors)
{
    if (grids.empty())
        return;
    const auto pixels = tensors.tensor(made.name + (video ? ".pixel_values_videos" : ".pixel_values"));
    if (!pixels)
        qFatal("%s", pixels.error().text().c_str());
    std::int64_t patch = 0;
    std::size_t row = 0;
    for (const auto& grid : grids) {
        Case::Item item{
            .grid = {.t = grid[0], .h = grid[1], .w = grid[2]}, .video = video, .firstRow = 0, .pixels = {}};
        while (made.ids[row] != pad)
            ++row;
        item.firstRow = static_cast<std::uint32_t>(row);
        row += static_cast<std::size_t>(item.grid.tokens());
        item.pixels.resize(static_cast<std::size_t>(item.grid.patches()) * kPatchElements);
        std::memcpy(item.pixels.data(), pixels->bytes() + patch * kPatchElements * 4, item.pixels.size() * 4);
        patch += item.grid.patches();
        made.items.push_back(std::move(item));
    }
}

std::map<std::string, Case> readCases()
{
    const auto text = readFile(std::string(kReference) + ".cases.json", 1 << 20);
    const auto tensors = SafetensorsFile::open(std::string(kReference) + ".cases.safetensors");
    if (!text || !tensors)
        qFatal("the reference data cannot be read");
    std::map<std::string, Case> cases;
    const auto json = nlohmann::json::parse(*text);
    for (const auto& [name, entry] : json.items()) {
        Case made{.name = name,
                  .ids = entry["input_ids"],
                  .positions = {},
                  .delta = entry["rope_delta"],
                  .greedy = entry["greedy"],
                  .items = {}};
        const auto positions = (*tensors)->tensor(name + ".position_ids");
        made.positions.resize(3 * made.ids.size());
        std::memcpy(made.positions.data(), positions->bytes(), made.positions.size() * 4);
        readItems(made, entry["image_grid_thw"], false, 1019, **tensors);
        readItems(made, entry["video_grid_thw"], true, 1020, **tensors);
        std::sort(made.items.begin(), made.items.end(),
                  [](const auto& a, const auto& b) { return a.firstRow < b.firstRow; });
        cases.emplace(name, std::move(made));
    }
    return cases;
}

/// A folder laid out like a checkpoint.
class ModelFolder {
public:
    ModelFolder()
    {
        std::filesystem::create_symlink(std::string(kReference) + ".config.json", path() + "/config.json");
        std::filesystem::create_symlink(std::string(kReference) + ".model.safetensors", path() + "/model.safetensors");
    }
    [[nodiscard]] std::string path() const { return m_folder.path().toStdString(); }

private:
    QTemporaryDir m_folder;
};

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
        wire::NodeToExecutor message;
        message.set_epoch(kEpoch);
        message.mutable_drop()->add_sequences(id);
        send(message);
        m_scheduler.remove(id);
        m_asked.erase(id);
    }

    /// Plans, sends, reads the result and commits. False when there was nothing to do or the executor did not answer
    /// with a result.
    bool step()
    {
        const schedule::StepPlan plan = m_scheduler.plan();
        if (plan.empty())
            return false;
        sendStep(plan);
        m_last = receive();
        if (!m_last.has_result())
            return false;
        m_scheduler.commit(plan);
        for (const auto& failure : m_last.result().failures()) {
            m_scheduler.remove(failure.sequence());
            m_asked.erase(failure.sequence());
        }
        for (const auto& token : m_last.result().tokens()) {
            auto& answer = m_answers.at(token.sequence());
            answer.push_back(token.id());
            if (answer.size() == m_asked.at(token.sequence())->greedy.size())
                drop(token.sequence());
        }
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

    std::function<void(wire::StepPlan&)> spoil; ///< changes a step on its way
    std::size_t pixelBytesLess = 0;             ///< shortens every file of pixels

private:
    void fill(wire::SequenceSlice& out, const schedule::Slice& slice, std::vector<UniqueFd>& files)
    {
        const Case& asked = *m_asked.at(slice.sequence);
        const auto& answer = m_answers.at(slice.sequence);
        out.set_sequence(slice.sequence);
        out.set_start(slice.start);
        out.set_sample(slice.sample);
        for (std::size_t index = slice.start; index < slice.start + slice.tokens; ++index)
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
        for (const Case::Item& item : asked.items) {
            wire::VisionItem& vision = *out.add_vision();
            vision.set_pixels_descriptor(static_cast<std::uint32_t>(files.size()));
            vision.set_grid_t(static_cast<std::uint32_t>(item.grid.t));
            vision.set_grid_h(static_cast<std::uint32_t>(item.grid.h));
            vision.set_grid_w(static_cast<std::uint32_t>(item.grid.w));
            vision.set_video(item.video);
            vision.set_first_row(item.firstRow);
            const std::size_t bytes = item.pixels.size() * sizeof(float) - pixelBytesLess;
            auto file = memoryFile("pixels", bytes);
            QVERIFY(file.ok());
            QCOMPARE(::pwrite(file->get(), item.pixels.data(), bytes, 0), static_cast<ssize_t>(bytes));
            files.push_back(std::move(*file));
        }
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

/// A Link on a thread of this process, as argus-executor-cpu has it on its main thread.
class InProcess {
public:
    explicit InProcess(schedule::Limits limits = plenty())
    {
        auto made = protocol::Channel::pair();
        if (!made)
            qFatal("%s", made.error().text().c_str());
        node = std::make_unique<Node>(std::move(made->first), limits);
        m_thread = std::thread([socket = std::move(made->second), this]() mutable {
            executor::Link link(protocol::Channel(std::move(socket)),
                                {.threads = 2, .deviceKind = "cpu", .makeOps = [](int threads) {
                                     return std::make_unique<ops::CpuOps>(threads);
                                 }});
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
    void messagesOfAnotherEpochAreDropped();
    void aStepBeforeAModelFails();
    void modelsThatCannotBeLoadedSayWhy();
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
    running.node->sendLoad(m_folder.path(), 2, "dummy");
    answer = running.node->receive();
    QVERIFY(answer.has_failed());
    QCOMPARE(answer.failed().error().code(), std::string("Unsupported"));
    QCOMPARE(answer.failed().error().setting(), std::string("load_format"));
    QVERIFY(running.node->load(m_folder.path())); // and a good one still loads
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
    executor::Link link(protocol::Channel(std::move(made->second)),
                        {.threads = 1, .deviceKind = "cpu", .makeOps = [&](int threads) {
                             busy.release();
                             goOn.acquire();
                             return std::make_unique<ops::CpuOps>(threads);
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
