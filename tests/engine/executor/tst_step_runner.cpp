// Steps put to the device before the tokens of the last are known: the same tokens as one step at a time, whatever
// fails, ends or begins meanwhile.

#include "engine/executor/step_runner.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "tests/engine/executor/asked_cases.h"

#include <QtTest>

#include <functional>
#include <map>

using namespace argus;
using namespace argus::executor;
using namespace argus::executor::testing;

namespace {

constexpr int kKvBlocks = 64;
constexpr int kMaxSequences = 8;

/// A processor whose sampling can be made to break.
class BreakableOps final : public ops::CpuOps {
public:
    using CpuOps::CpuOps;
    void sample(TensorView drawn, ConstTensorView scores, ConstTensorView sampling, const ops::TokenBook& book,
                bool greedy) override
    {
        if (broken)
            throw OpsError("sample: the device tripped");
        if (recording && !keepsRecordings)
            throw OpsError("sample: cannot be recorded");
        CpuOps::sample(drawn, scores, sampling, book, greedy);
    }
    /// Zeros: what a step that is not computed leaves out of the cache is a number all the same.
    [[nodiscard]] ops::DeviceTensor allocate(DType type, const Shape& shape) override
    {
        ops::DeviceTensor tensor = CpuOps::allocate(type, shape);
        fillZero(tensor.view());
        return tensor;
    }
    // As a device that says it records steps and then refuses one, or keeps them: not what they compute, but that they
    // were made. One serves until sequences are longer than `shortLength`.
    [[nodiscard]] bool records() const override { return saysItRecords; }
    void beginRecording() override
    {
        recording = true;
        ++recordingsBegun;
    }
    void abandonRecording() override { recording = false; }
    [[nodiscard]] std::unique_ptr<ops::Recording> endRecording() override
    {
        recording = false;
        return std::make_unique<ops::Recording>();
    }
    void replay(const ops::Recording&) override { ++replays; }
    [[nodiscard]] int recordedLongest(std::int64_t, int longest, int most) const override
    {
        return longest <= shortLength ? shortLength : most;
    }

    bool broken = false;
    bool saysItRecords = false;
    bool recording = false;
    bool keepsRecordings = false;
    int recordingsBegun = 0;
    int replays = 0;
    int shortLength = 0;
};

/// A question on its way through the runner.
struct Talk {
    const Case* asked = nullptr;
    SequenceId id = 0;
    std::uint32_t firstBlock = 0;
    std::size_t piece = 512; ///< tokens of the prompt in one step
    double temperature = 0;
    double penalty = 1;
    std::size_t start = 0;   ///< tokens put into steps so far
    std::size_t awaited = 0; ///< tokens that steps under way draw
    std::vector<std::int32_t> answer = {};
    std::vector<std::string> failures = {};

    [[nodiscard]] std::size_t drawn() const { return answer.size() + awaited; }
    [[nodiscard]] bool wantsMore() const { return failures.empty() && drawn() < asked->greedy.size(); }

    [[nodiscard]] wire::SequenceSlice next(std::vector<UniqueFd>& files)
    {
        wire::SequenceSlice slice;
        slice.set_sequence(id);
        slice.set_start(static_cast<std::uint32_t>(start));
        if (start == 0)
            begin(slice, files);
        const std::size_t prompt = asked->ids.size();
        const std::size_t tokens = start < prompt ? std::min(piece, prompt - start) : 1;
        for (std::size_t index = start; index < start + tokens && index < prompt; ++index)
            slice.add_ids(asked->ids[index]);
        if (start >= prompt && awaited > 0)
            slice.set_follows(true);
        else if (start >= prompt)
            slice.add_ids(answer.back());
        for (int axis = 0; axis < 3; ++axis)
            for (std::size_t index = start; index < start + tokens; ++index)
                slice.add_positions(asked->position(axis, index));
        for (std::size_t block = 0; block * 16 < prompt + asked->greedy.size(); ++block)
            slice.add_blocks(firstBlock + static_cast<std::uint32_t>(block));
        start += tokens;
        slice.set_sample(start >= prompt);
        awaited += start >= prompt ? 1 : 0;
        return slice;
    }

private:
    void begin(wire::SequenceSlice& slice, std::vector<UniqueFd>& files) const
    {
        wire::SamplingPlan& sampling = *slice.mutable_sampling();
        sampling.set_temperature(temperature);
        sampling.set_top_p(0.95);
        sampling.set_repetition_penalty(penalty);
        sampling.set_seed(id);
        addItems(slice, *asked, files);
    }
};

} // namespace

class TstStepRunner : public QObject {
    Q_OBJECT
private slots:
    void initTestCase();
    void init();
    void twoStepsOpenGiveTheTokensOfOne_data();
    void twoStepsOpenGiveTheTokensOfOne();
    void aThirdStepIsRefused();
    void aStepThatReadsIsReadyAtOnce();
    void aSliceThatFailsAheadHurtsNobody();
    void scoresThatAreNotFiniteAheadHurtNobody();
    void whatIsDroppedAheadDisturbsNobody();
    void slotsAreUsedAgain();
    void aNewSequenceInAnOldSlotHasSeenNothing();
    void aStepThatBreaksTakesItsSequencesAlong();
    void stepsThatCannotBeRecordedRunAtOnce();
    void aRecordedStepServesNoLongerSequences();
    void aPictureLargerThanItsRoomFailsAlone();

private:
    [[nodiscard]] const Case& find(const char* name) const { return m_cases.at(name); }
    /// Every case of the reference, each in blocks of its own.
    [[nodiscard]] std::vector<Talk> everybody() const;
    void load(int maxVisionPatches);
    using Spoil = std::function<void(wire::StepPlan&)>;
    void begin(std::vector<Talk*> talks, const Spoil& spoil = {});
    void finish(std::vector<Talk>& talks);
    /// To the end, with so many steps open at a time.
    void run(std::vector<Talk>& talks, std::size_t open);
    void drop(SequenceId id);
    /// What a question is answered with when nothing else happens; nothing else may be running.
    [[nodiscard]] std::vector<std::int32_t> alone(Talk talk);

    std::map<std::string, Case> m_cases;
    ModelFolder m_folder;
    std::uint64_t m_steps = 0;
    model::RuntimeSizes m_sizes;
    std::unique_ptr<BreakableOps> m_ops;
    std::unique_ptr<model::Qwen25VL> m_model;
    std::unique_ptr<StepRunner> m_runner;
};

void TstStepRunner::initTestCase()
{
    m_cases = readCases();
}

void TstStepRunner::init()
{
    load(0);
}

void TstStepRunner::load(int maxVisionPatches)
{
    const std::string prefix(kReference);
    m_runner.reset();
    m_model.reset();
    m_ops = std::make_unique<BreakableOps>(2);
    m_sizes = {.kvBlocks = kKvBlocks,
               .kvBlockTokens = 16,
               .maxBatchedTokens = 512,
               .maxSequences = kMaxSequences,
               .maxModelLen = 128,
               .maxVisionPatches = maxVisionPatches};
    m_model =
        model::Qwen25VL::load(*m_ops, model::parseConfig(*readFile(prefix + ".config.json", 1 << 20), "tiny").value(),
                              model::Checkpoint::open(m_folder.path()).value(), m_sizes, {})
            .value();
    m_runner = std::make_unique<StepRunner>(*m_ops, *m_model, m_sizes, pixelScale());
}

std::vector<Talk> TstStepRunner::everybody() const
{
    std::vector<Talk> talks;
    for (const auto& [name, asked] : m_cases)
        talks.push_back(
            {.asked = &asked, .id = talks.size() + 1, .firstBlock = static_cast<std::uint32_t>(8 * talks.size())});
    return talks;
}

void TstStepRunner::begin(std::vector<Talk*> talks, const Spoil& spoil)
{
    wire::StepPlan plan;
    plan.set_step(++m_steps);
    std::vector<UniqueFd> files;
    for (Talk* talk : talks)
        *plan.add_slices() = talk->next(files);
    if (spoil)
        spoil(plan);
    const auto begun = m_runner->begin(plan, files);
    QVERIFY2(begun.ok(), begun.ok() ? "" : begun.error().text().c_str());
}

void TstStepRunner::finish(std::vector<Talk>& talks)
{
    QVERIFY(m_runner->open() > 0 && m_runner->ready());
    const wire::StepResult result = m_runner->finish();
    const auto of = [&](SequenceId id) {
        return std::find_if(talks.begin(), talks.end(), [&](const Talk& talk) { return talk.id == id; });
    };
    for (const auto& failure : result.failures())
        if (const auto talk = of(failure.sequence()); talk != talks.end())
            talk->failures.push_back(failure.error().cause());
    for (const auto& token : result.tokens())
        if (const auto talk = of(token.sequence()); talk != talks.end() && talk->failures.empty()) {
            talk->answer.push_back(token.id());
            --talk->awaited;
        }
}

void TstStepRunner::run(std::vector<Talk>& talks, std::size_t open)
{
    for (;;) {
        std::vector<Talk*> more;
        for (Talk& talk : talks)
            if (talk.wantsMore())
                more.push_back(&talk);
        if (m_runner->open() < open && !more.empty())
            begin(more);
        else if (m_runner->open() > 0)
            finish(talks);
        else
            return;
    }
}

void TstStepRunner::drop(SequenceId id)
{
    wire::DropSequences drops;
    drops.add_sequences(id);
    m_runner->drop(drops);
}

std::vector<std::int32_t> TstStepRunner::alone(Talk talk)
{
    std::vector<Talk> talks{std::move(talk)};
    run(talks, 1);
    drop(talks[0].id);
    return talks[0].answer;
}

void TstStepRunner::twoStepsOpenGiveTheTokensOfOne_data()
{
    QTest::addColumn<bool>("pieces");
    QTest::addColumn<bool>("drawn");
    QTest::addColumn<int>("patches");
    QTest::newRow("greedy") << false << false << 0;
    QTest::newRow("prompts in pieces") << true << false << 0;
    QTest::newRow("drawn with seeds and a penalty") << false << true << 0;
    QTest::newRow("drawn, prompts in pieces") << true << true << 0;
    QTest::newRow("activations in one place") << true << false << 240;
}

void TstStepRunner::twoStepsOpenGiveTheTokensOfOne()
{
    QFETCH(bool, pieces);
    QFETCH(bool, drawn);
    QFETCH(int, patches);
    load(patches);
    std::vector<Talk> talks = everybody();
    for (Talk& talk : talks) {
        talk.piece = pieces ? 5 + 4 * talk.id : 512;
        talk.temperature = drawn ? 1.2 : 0;
        talk.penalty = drawn ? 1.3 : 1;
    }
    std::vector<Talk> ahead = talks;
    run(talks, 1);
    for (const Talk& talk : talks)
        drop(talk.id);
    run(ahead, m_runner->mostOpen());
    for (std::size_t i = 0; i < talks.size(); ++i) {
        QVERIFY(talks[i].failures.empty() && ahead[i].failures.empty());
        QCOMPARE(ahead[i].answer, talks[i].answer);
        QCOMPARE(talks[i].answer == talks[i].asked->greedy, !drawn);
    }
}

void TstStepRunner::aThirdStepIsRefused()
{
    std::vector<Talk> talks{everybody()[0], everybody()[1]};
    begin({&talks[0]});
    begin({&talks[0]});
    Talk late = talks[1];
    wire::StepPlan plan;
    std::vector<UniqueFd> files;
    *plan.add_slices() = late.next(files);
    const auto begun = m_runner->begin(plan, files);
    QVERIFY(!begun.ok());
    QCOMPARE(begun.error().cause, std::string("a step came while 2 were under way"));
    QCOMPARE(m_runner->sequences(), std::size_t{1});
    run(talks, m_runner->mostOpen());
    QCOMPARE(talks[0].answer, talks[0].asked->greedy);
    QCOMPARE(talks[1].answer, talks[1].asked->greedy);
}

void TstStepRunner::aStepThatReadsIsReadyAtOnce()
{
    Talk talk = everybody()[0];
    talk.piece = 8;
    begin({&talk});
    QCOMPARE(m_runner->open(), std::size_t{1});
    QVERIFY(m_runner->ready());
    const wire::StepResult result = m_runner->finish();
    QCOMPARE(result.tokens_size() + result.failures_size(), 0);
    QVERIFY(!m_runner->ready()); // there is none
}

void TstStepRunner::aSliceThatFailsAheadHurtsNobody()
{
    std::vector<Talk> talks = everybody();
    talks.resize(3);
    begin({&talks[0], &talks[1], &talks[2]});
    begin({&talks[0], &talks[1], &talks[2]},
          [](wire::StepPlan& plan) { plan.mutable_slices(1)->set_positions(0, -1); });
    finish(talks);
    QVERIFY(talks[1].failures.empty());
    begin({&talks[0], &talks[1], &talks[2]}); // before the failure was told
    finish(talks);
    QCOMPARE(talks[1].failures.size(), std::size_t{1});
    QVERIFY(talks[1].failures[0].find("position -1") != std::string::npos);
    run(talks, m_runner->mostOpen());
    QCOMPARE(talks[0].answer, talks[0].asked->greedy);
    QCOMPARE(talks[2].answer, talks[2].asked->greedy);
    QCOMPARE(talks[1].answer.size(), std::size_t{1});
    QCOMPARE(talks[1].failures.size(), std::size_t{2});
    QVERIFY(talks[1].failures[1].find("never began here") != std::string::npos);
}

void TstStepRunner::scoresThatAreNotFiniteAheadHurtNobody()
{
    const Case spoilt = poisoned(find("one_image"));
    std::vector<Talk> talks = everybody();
    talks.resize(3);
    talks[1].asked = &spoilt;
    begin({&talks[0], &talks[1], &talks[2]});
    begin({&talks[0], &talks[1], &talks[2]}); // the second one follows a token that there is not
    finish(talks);
    QCOMPARE(talks[1].failures.size(), std::size_t{1});
    QVERIFY(talks[1].failures[0].find("not finite") != std::string::npos);
    finish(talks); // the second step, which is the last of the poisoned one: only then may it be dropped
    drop(talks[1].id);
    talks.push_back(everybody()[3]);
    talks[3].firstBlock = talks[1].firstBlock; // where the poisoned one has left its numbers
    run(talks, m_runner->mostOpen());
    for (const std::size_t healthy : {0, 2, 3})
        QCOMPARE(talks[healthy].answer, talks[healthy].asked->greedy);
    QVERIFY(talks[1].answer.empty());
}

void TstStepRunner::whatIsDroppedAheadDisturbsNobody()
{
    std::vector<Talk> talks = everybody();
    talks.resize(3);
    for (Talk& talk : talks) {
        talk.temperature = 1.2;
        talk.penalty = 1.3;
    }
    talks[2].firstBlock = talks[1].firstBlock;
    const std::vector<std::int32_t> first = alone(talks[0]);
    const std::vector<std::int32_t> third = alone(talks[2]);
    begin({&talks[0], &talks[1]});
    begin({&talks[0], &talks[1]});
    drop(talks[1].id);
    QCOMPARE(m_runner->sequences(), std::size_t{1});
    finish(talks);
    begin({&talks[0], &talks[2]}); // in blocks and slot of the dropped one, whose last step is still under way
    finish(talks);
    talks[1].failures.emplace_back("dropped");
    run(talks, m_runner->mostOpen());
    QCOMPARE(talks[0].answer, first);
    QCOMPARE(talks[2].answer, third);
}

void TstStepRunner::slotsAreUsedAgain()
{
    Case brief = find("text");
    brief.greedy.resize(3);
    for (SequenceId id = 1; id <= 5 * kMaxSequences; ++id) {
        std::vector<Talk> talks{{.asked = &brief, .id = id}};
        run(talks, m_runner->mostOpen());
        QVERIFY2(talks[0].failures.empty(), talks[0].failures.empty() ? "" : talks[0].failures[0].c_str());
        QCOMPARE(talks[0].answer, brief.greedy);
        drop(id);
    }
    QCOMPARE(m_runner->sequences(), std::size_t{0});
}

void TstStepRunner::aNewSequenceInAnOldSlotHasSeenNothing()
{
    Talk talk = everybody()[0];
    talk.penalty = 1.3;
    const std::vector<std::int32_t> fresh = alone(talk);
    Talk other = everybody()[1];
    other.penalty = 1.3;
    QVERIFY(alone(other) != fresh);
    QCOMPARE(alone(talk), fresh);
}

void TstStepRunner::aStepThatBreaksTakesItsSequencesAlong()
{
    std::vector<Talk> talks = everybody();
    talks.resize(2);
    begin({&talks[0]});
    m_ops->broken = true;
    QVERIFY_THROWS_EXCEPTION(OpsError, begin({&talks[0], &talks[1]}));
    m_ops->broken = false;
    QCOMPARE(m_runner->sequences(), std::size_t{0});
    QCOMPARE(m_runner->open(), std::size_t{1});
    talks[0].awaited = 1;
    finish(talks); // what was under way is not lost
    QCOMPARE(talks[0].answer.size(), std::size_t{1});
    std::vector<Talk> again = everybody();
    run(again, m_runner->mostOpen());
    for (const Talk& talk : again)
        QCOMPARE(talk.answer, talk.asked->greedy);
}

void TstStepRunner::stepsThatCannotBeRecordedRunAtOnce()
{
    m_ops->saysItRecords = true;
    std::vector<Talk> talks{{.asked = &find("text"), .id = 1}}; // a step of one row is recorded without padding
    run(talks, m_runner->mostOpen());
    QCOMPARE(talks[0].answer, talks[0].asked->greedy);
    QCOMPARE(m_ops->recordingsBegun, 1); // and not tried again
    QVERIFY(!m_ops->recording);
}

/// What is said is of no use here: nothing is computed again when a step is replayed.
void TstStepRunner::aRecordedStepServesNoLongerSequences()
{
    const Case& asked = find("text");
    const auto steps = static_cast<int>(asked.greedy.size()) - 1; // the prompt's draws the first token
    constexpr int kShortSteps = 4;
    QVERIFY(steps > kShortSteps + 2);
    m_ops->saysItRecords = true;
    m_ops->keepsRecordings = true;
    m_ops->shortLength = static_cast<int>(asked.ids.size()) + kShortSteps;
    (void)alone({.asked = &asked, .id = 1});
    QCOMPARE(m_ops->recordingsBegun, 2);
    QCOMPARE(m_ops->replays, steps - 2); // the first of each length runs unrecorded
    (void)alone({.asked = &asked, .id = 2});
    QCOMPARE(m_ops->recordingsBegun, 2);
    QCOMPARE(m_ops->replays, 2 * steps - 2);
    (void)alone({.asked = &asked, .id = 3, .temperature = 0.7}); // more is launched to draw
    QCOMPARE(m_ops->recordingsBegun, 4);
}

void TstStepRunner::aPictureLargerThanItsRoomFailsAlone()
{
    load(100);
    std::vector<Talk> talks{{.asked = &find("text"), .id = 1}, {.asked = &find("one_image"), .id = 2, .firstBlock = 8}};
    run(talks, m_runner->mostOpen());
    QCOMPARE(talks[0].answer, talks[0].asked->greedy);
    QVERIFY(talks[1].answer.empty());
    QVERIFY(!talks[1].failures.empty());
    QVERIFY2(talks[1].failures[0].find("120 patches, this device has room for 100") != std::string::npos,
             talks[1].failures[0].c_str());
}

QTEST_GUILESS_MAIN(TstStepRunner)
#include "tst_step_runner.moc"
