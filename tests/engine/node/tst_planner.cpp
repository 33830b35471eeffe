// The book of asks with the demo model's files, a scripted executor and no thread: every ask ends exactly once,
// whatever happens.

#include "engine/node/planner.h"
#include "tests/engine/node/deployed.h"
#include "tests/engine/node/scripted_port.h"

#include <QtTest>

#include <cstdlib>

using namespace argus;
using namespace argus::node;
using namespace argus::node::testing;

class TstPlanner final : public QObject {
    Q_OBJECT

    std::shared_ptr<const Deployment> m_deployment;
    std::vector<text::TokenId> m_words; ///< ids of an answer

    /// Answers the oldest step: every sequence that samples gets the token.
    bool answerStep(Planner& planner, ScriptedPort& port, std::uint64_t epoch, text::TokenId token)
    {
        const std::optional<wire::NodeToExecutor> step = port.nextStep();
        if (!step)
            return false;
        StepDone done{.epoch = epoch, .result = {}};
        done.result.set_step(step->step().step());
        for (const wire::SequenceSlice& slice : step->step().slices())
            if (slice.sample()) {
                wire::SampledToken& sampled = *done.result.add_tokens();
                sampled.set_sequence(slice.sequence());
                sampled.set_id(token);
            }
        planner.take(std::move(done), now());
        return true;
    }
    /// The executor dies with everything that was sent to it.
    static void lose(Planner& planner, ScriptedPort& port, std::uint64_t epoch, const std::string& how)
    {
        while (port.nextStep()) {
        }
        planner.take(ExecutorLost{.epoch = epoch, .how = how}, now());
    }
    [[nodiscard]] text::TokenId stopId() const { return m_deployment->model->generation.stopIds.front(); }

private slots:
    void initTestCase()
    {
        ::setenv("ARGUS_RESOURCES", ARGUS_SOURCE_DIR "/resources", 1);
        auto read = deployed({}, plan::Device{.gpu = {}, .hostMemoryFree = 4ULL << 30});
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        m_deployment = *read;
        QVERIFY(m_deployment->model->demo);
        m_words =
            m_deployment->model->tokenizer->encode("There are two circles.", text::Tokenizer::AddedTokens::Escape);
        QVERIFY(m_words.size() >= 3);
    }

    void anAskBecomesOneSequenceAndItsIdsBecomeText()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(SubmitAsk(question(1, "How many circles are there?", 50)), now());
        planner.take(DeploymentKnown{m_deployment}, now());
        QVERIFY(port.sent.empty()); // nobody to run it yet
        planner.take(ExecutorReady{1}, now());
        QCOMPARE(port.sent.size(), std::size_t(2)); // the prompt, and the step behind it
        const wire::SequenceSlice first = port.sent.front().step().slices(0);
        QCOMPARE(first.start(), 0U);
        QVERIFY(first.sample());
        QVERIFY(first.has_sampling());
        QCOMPARE(first.positions_size(), 3 * first.ids_size());
        QCOMPARE(port.sent.front().epoch(), 1ULL);
        for (const text::TokenId id : m_words)
            QVERIFY(answerStep(planner, port, 1, id));
        QVERIFY(answerStep(planner, port, 1, stopId()));
        QCOMPARE(port.said(1), std::string("There are two circles."));
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QCOMPARE(port.ends(1)[0].reason, wire::AskFinished::STOP);
        QCOMPARE(port.ends(1)[0].outputIds.size(), m_words.size() + 1);
        QVERIFY(planner.empty());
        QVERIFY(answerStep(planner, port, 1, m_words[0])); // was on its way when the answer stopped
        QVERIFY(!port.nextStep());
        QCOMPARE(port.said(1), std::string("There are two circles."));
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QCOMPARE(port.dropped, std::vector<std::uint64_t>{1});
        QCOMPARE(planner.figures().kvBlocksUsed, 0U);
    }

    void maxTokensEndsWithLength()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Hello", 2), now());
        QVERIFY(answerStep(planner, port, 1, m_words[0]));
        QVERIFY(answerStep(planner, port, 1, m_words[1]));
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QCOMPARE(port.ends(1)[0].reason, wire::AskFinished::LENGTH);
        QVERIFY(!port.nextStep()); // a third token was never planned
    }

    void aStopStringEndsBeforeItself()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        SubmitAsk submit = question(1, "Hello", 50);
        submit.ask.ask.mutable_sampling()->add_stop(" two");
        planner.take(std::move(submit), now());
        for (const text::TokenId id : m_words)
            if (port.ends(1).empty())
                QVERIFY(answerStep(planner, port, 1, id));
        QCOMPARE(port.said(1), std::string("There are"));
        QCOMPARE(port.ends(1)[0].reason, wire::AskFinished::STOP);
    }

    void picturesAreReadFirstAndTravelWithTheFirstSliceOnly()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Compare.", 5, 2), now());
        QCOMPARE(port.wanted.size(), std::size_t(2));
        QVERIFY(port.sent.empty());
        planner.take(MediaRead{.number = 1, .index = 1, .outcome = picture()}, now());
        QVERIFY(port.sent.empty());
        planner.take(MediaRead{.number = 1, .index = 0, .outcome = picture()}, now());
        QCOMPARE(port.descriptorCounts, (std::vector<std::size_t>{2, 0}));
        const wire::SequenceSlice slice = port.nextStep()->step().slices(0);
        QCOMPARE(slice.vision_size(), 2);
        for (const wire::VisionItem& item : slice.vision())
            for (std::uint32_t i = 0; i < 6; ++i) // 4 x 6 patches are 6 tokens
                QCOMPARE(slice.ids(static_cast<int>(item.first_row() + i)), m_deployment->model->config.imageToken);
        QVERIFY(slice.vision(1).first_row() >= slice.vision(0).first_row() + 6);
        QCOMPARE(port.nextStep()->step().slices(0).vision_size(), 0);
    }

    void picturesBeyondTheirRoomWaitOrAreRefused()
    {
        ScriptedPort port;
        Planner planner(port);
        Deployment roomy = *m_deployment; // for more than the device keeps of pictures at a time
        roomy.placement.maxModelLen = 40'000;
        roomy.placement.kvBlocks = 40'000 / roomy.placement.kvBlockTokens;
        planner.take(DeploymentKnown{std::make_shared<const Deployment>(std::move(roomy))}, now());
        planner.take(ExecutorReady{1}, now());
        const auto ask = [&](std::uint64_t number, int rows) { // of 100 tokens each
            planner.take(question(number, "Describe it.", 5, 1), now());
            media::Pixels pixels = picture();
            pixels.gridH = 2 * rows;
            pixels.gridW = 200;
            planner.take(MediaRead{.number = number, .index = 0, .outcome = std::move(pixels)}, now());
        };
        ask(1, 164);
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QCOMPARE(port.ends(1)[0].error->code, ErrorCode::DoesNotFit);
        QVERIFY2(port.ends(1)[0].error->cause.find("take 16400 tokens, there is room for 16384") != std::string::npos,
                 port.ends(1)[0].error->cause.c_str());
        ask(2, 90);
        ask(3, 90);
        bool cached = false;
        while (port.ends(2).empty()) {
            const std::optional<wire::NodeToExecutor> step = port.nextStep();
            QVERIFY(step.has_value());
            for (const wire::SequenceSlice& slice : step->step().slices())
                QVERIFY(slice.sequence() == 2 || cached); // the third waits while pictures of the second are kept
            cached = cached || step->step().slices(0).sample();
            StepDone done{.epoch = 1, .result = {}};
            done.result.set_step(step->step().step());
            if (cached) {
                done.result.add_tokens()->set_sequence(2);
                done.result.mutable_tokens(0)->set_id(stopId());
            }
            planner.take(std::move(done), now());
        }
        QVERIFY(port.ends(3).empty()); // and goes on after it
        QVERIFY(port.nextStep().has_value());
    }

    void aPictureThatCannotBeReadFailsItsAskAlone()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Hello", 5), now());
        planner.take(question(2, "Compare.", 5, 2), now());
        planner.take(MediaRead{.number = 2,
                               .index = 1,
                               .outcome = Error{ErrorCode::Corrupt, "cut in half", "send it whole", {}}},
                     now());
        QCOMPARE(port.ends(2).size(), std::size_t(1));
        QCOMPARE(port.ends(2)[0].error->cause, std::string("attachment 2 of 2: cut in half"));
        planner.take(MediaRead{.number = 2, .index = 0, .outcome = picture()}, now()); // too late, and no harm
        QVERIFY(port.ends(1).empty());
        QVERIFY(answerStep(planner, port, 1, stopId()));
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QVERIFY(!port.ends(1)[0].error);
    }

    void tooManyPicturesAreRefusedWithBothNumbers()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(question(1, "Compare.", 5, 11), now());
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QCOMPARE(port.ends(1)[0].error->code, ErrorCode::TooLarge);
        QCOMPARE(port.ends(1)[0].error->setting, std::string("max_images"));
        QVERIFY(QString::fromStdString(port.ends(1)[0].error->cause).contains("11"));
        QVERIFY(port.wanted.empty());
    }

    void aCancelledAskEndsAtOnceAndItsLateTokenIsDropped()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Hello", 50), now());
        planner.take(question(2, "Hello", 50), now());
        planner.take(CancelAsk{1}, now());
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QCOMPARE(port.ends(1)[0].reason, wire::AskFinished::CANCELLED);
        QVERIFY(answerStep(planner, port, 1, m_words[0])); // two steps were on their way with ask 1 alone
        QVERIFY(answerStep(planner, port, 1, m_words[1]));
        QCOMPARE(port.said(1), std::string());
        QVERIFY(answerStep(planner, port, 1, stopId()));
        QCOMPARE(port.ends(2).size(), std::size_t(1));
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        planner.take(CancelAsk{1}, now());
        planner.take(CancelAsk{99}, now());
        QCOMPARE(port.ends(1).size(), std::size_t(1));
    }

    void afterACrashTheAskIsReplayedFromWhatWasSaid()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Compare.", 50, 1), now());
        planner.take(MediaRead{.number = 1, .index = 0, .outcome = picture()}, now());
        const int prompt = port.sent.front().step().slices(0).ids_size();
        QVERIFY(answerStep(planner, port, 1, m_words[0]));
        QCOMPARE(port.sent.size(), std::size_t(2)); // one runs and one waits when it dies
        lose(planner, port, 1, "was killed by signal 9 (Killed)");
        QVERIFY(!port.nextStep());
        QVERIFY(port.ends(1).empty());
        planner.take(ExecutorReady{2}, now());
        QCOMPARE(port.sent.front().epoch(), 2ULL);
        const wire::SequenceSlice slice = port.sent.front().step().slices(0);
        QCOMPARE(slice.start(), 0U);
        QCOMPARE(slice.ids_size(), prompt + 1);
        QCOMPARE(slice.ids(prompt), m_words[0]);
        QCOMPARE(slice.vision_size(), 1);
        QVERIFY(slice.has_sampling());
        for (std::size_t i = 1; i < m_words.size(); ++i)
            QVERIFY(answerStep(planner, port, 2, m_words[i]));
        QVERIFY(answerStep(planner, port, 2, stopId()));
        QCOMPARE(port.said(1), std::string("There are two circles."));
        QCOMPARE(port.ends(1).size(), std::size_t(1));
    }

    void anAskThatRunsDuringTwoCrashesFailsAndOthersGoOn()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Hello", 50), now());
        lose(planner, port, 1, "exited with status 3"); // one loss, though the ask was in two steps
        QVERIFY(port.ends(1).empty());
        planner.take(ExecutorReady{2}, now());
        planner.take(question(2, "Hello", 50), now()); // not in the steps on their way
        lose(planner, port, 2, "exited with status 3");
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QCOMPARE(port.ends(1)[0].error->code, ErrorCode::Crashed);
        QVERIFY(QString::fromStdString(port.ends(1)[0].error->cause).contains("exited with status 3"));
        QVERIFY(!port.ends(1)[0].error->remedy.empty());
        QVERIFY(port.ends(2).empty());
        planner.take(ExecutorReady{3}, now());
        QVERIFY(answerStep(planner, port, 3, stopId()));
        QVERIFY(!port.ends(2)[0].error);
    }

    void resultsOfAnotherEpochAreDropped()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{2}, now());
        planner.take(question(1, "Hello", 50), now());
        StepDone stale{.epoch = 1, .result = {}};
        stale.result.set_step(1);
        wire::SampledToken& token = *stale.result.add_tokens();
        token.set_sequence(1);
        token.set_id(m_words[0]);
        planner.take(std::move(stale), now());
        QCOMPARE(port.said(1), std::string());
        QVERIFY(!port.givenUp);
        QVERIFY(answerStep(planner, port, 2, m_words[0]));
        QCOMPARE(port.ends(1).size(), std::size_t(0));
    }

    void aSequenceTheExecutorRefusesFailsAlone()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(question(1, "Hello", 50), now());
        planner.take(question(2, "Hello", 50), now());
        planner.take(ExecutorReady{1}, now());
        const auto step = port.nextStep();
        QCOMPARE(step->step().slices_size(), 2);
        StepDone done{.epoch = 1, .result = {}};
        done.result.set_step(step->step().step());
        wire::SequenceFailed& failure = *done.result.add_failures();
        failure.set_sequence(1);
        failure.mutable_error()->set_code("Internal");
        failure.mutable_error()->set_cause("no");
        wire::SampledToken& token = *done.result.add_tokens();
        token.set_sequence(2);
        token.set_id(m_words[0]);
        planner.take(std::move(done), now());
        QCOMPARE(port.ends(1)[0].error->cause, std::string("no"));
        QVERIFY(port.ends(2).empty());
    }

    void aDeploymentThatFailedAnswersEveryAskWithTheReason()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(question(1, "Hello", 5), now());
        planner.take(DeploymentFailed{Error{ErrorCode::NotFound, "no config.json", "name a model folder", "model"}},
                     now());
        planner.take(question(2, "Hello", 5), now());
        for (const AskNumber number : {1, 2}) {
            QCOMPARE(port.ends(number).size(), std::size_t(1));
            QCOMPARE(port.ends(number)[0].error->cause, std::string("no config.json"));
        }
    }

    void aDeploymentThatFailsWhileItRunsHoldsNothing()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Hello", 5), now());
        QVERIFY(planner.figures().kvBlocksUsed > 0);
        planner.take(DeploymentFailed{Error{ErrorCode::Crashed, "it fell five times", "look into the log", {}}}, now());
        QCOMPARE(port.ends(1)[0].error->cause, std::string("it fell five times"));
        QCOMPARE(planner.figures().kvBlocksUsed, 0U);
    }

    void drainingLetsAsksFinishAndTakesNoNewOnes()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Hello", 5), now());
        const Instant start = now();
        planner.take(BeginDrain{start + std::chrono::seconds(30)}, start);
        planner.take(question(2, "Hello", 5), start);
        QCOMPARE(port.ends(2)[0].error->code, ErrorCode::Cancelled);
        QVERIFY(!std::holds_alternative<Drained>(port.events.back()));
        QVERIFY(answerStep(planner, port, 1, stopId()));
        QVERIFY(!port.ends(1)[0].error);
        QVERIFY(std::holds_alternative<Drained>(port.events.back()));
    }

    void theEndOfTheDrainFailsWhatIsLeft()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{1}, now());
        planner.take(question(1, "Hello", 5), now());
        const Instant start = now();
        planner.take(BeginDrain{start + std::chrono::seconds(30)}, start);
        planner.tick(start + std::chrono::seconds(31));
        QCOMPARE(port.ends(1).size(), std::size_t(1));
        QCOMPARE(port.ends(1)[0].error->code, ErrorCode::Cancelled);
        QVERIFY(std::holds_alternative<Drained>(port.events.back()));
    }

    void aStepThatNeverEndsIsGivenUp()
    {
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        planner.take(ExecutorReady{4}, now());
        const Instant start = now();
        planner.take(question(1, "Hello", 5), start);
        planner.tick(start + std::chrono::minutes(14));
        QVERIFY(!port.givenUp);
        planner.tick(start + std::chrono::minutes(16));
        QCOMPARE(port.givenUp.value(), 4ULL);
    }

    void manyAsksAllEndOnceWhateverOrderThingsHappenIn()
    {
        std::uint32_t dice = 12345;
        const auto roll = [&dice](std::uint32_t sides) {
            return (dice = dice * 1664525U + 1013904223U) / 65536U % sides;
        };
        ScriptedPort port;
        Planner planner(port);
        planner.take(DeploymentKnown{m_deployment}, now());
        std::uint64_t epoch = 1;
        planner.take(ExecutorReady{epoch}, now());
        constexpr AskNumber kAsks = 60;
        AskNumber next = 1;
        for (int turn = 0; turn < 20'000 && (next <= kAsks || !planner.empty()); ++turn) {
            const std::uint32_t what = roll(100);
            if (what < 10 && next <= kAsks)
                planner.take(question(next++, "Hello", 1 + roll(20), static_cast<int>(roll(3))), now());
            else if (what < 12)
                planner.take(CancelAsk{1 + roll(kAsks)}, now());
            else if (what == 12) {
                lose(planner, port, epoch, "fell");
                planner.take(ExecutorReady{++epoch}, now());
            } else if (what < 40 && !port.wanted.empty()) {
                const auto [number, index] = port.wanted.back();
                port.wanted.pop_back();
                planner.take(MediaRead{.number = number, .index = index, .outcome = picture()}, now());
            } else {
                answerStep(planner, port, epoch,
                           roll(10) == 0 ? stopId() : m_words[roll(static_cast<std::uint32_t>(m_words.size()))]);
            }
        }
        QVERIFY(planner.empty());
        while (answerStep(planner, port, epoch, m_words[0])) {
        }
        for (AskNumber number = 1; number <= kAsks; ++number)
            QCOMPARE(port.ends(number).size(), std::size_t(1));
        QCOMPARE(planner.figures().kvBlocksUsed, 0U);
    }
};

QTEST_GUILESS_MAIN(TstPlanner)
#include "tst_planner.moc"
