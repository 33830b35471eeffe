// Two steps on their way: what the planner sends before it knows the last tokens, and that no answer shows it.

#include "engine/node/planner.h"
#include "tests/engine/node/planner_rig.h"

#include <QtTest>

#include <cstdlib>
#include <memory>

using namespace argus;
using namespace argus::node;
using namespace argus::node::testing;

namespace {

using Ids = PretendExecutor::Ids;

struct Books {
    std::uint32_t sequences = 8;
    std::uint32_t batchedTokens = 2048;
    std::uint32_t blocks = 64;
};

} // namespace

class TstStepsAhead final : public QObject {
    Q_OBJECT

    std::shared_ptr<const Deployment> m_deployment;
    Ids m_words; ///< what answers are made of, characters of several tokens among them

    [[nodiscard]] std::shared_ptr<const Deployment> deployment(Books books) const
    {
        auto changed = std::make_shared<Deployment>(*m_deployment);
        changed->settings.set_max_num_seqs(books.sequences);
        changed->settings.set_max_batched_tokens(books.batchedTokens);
        changed->placement.kvBlocks = books.blocks;
        return changed;
    }
    [[nodiscard]] text::TokenId stopId() const { return m_deployment->model->generation.stopIds.front(); }

    /// Every answer is these tokens, then the first of them again and again.
    [[nodiscard]] Rig scripted(const Ids& answer, Books books = {}) const
    {
        return Rig(deployment(books), [answer](const Ids&, std::size_t drawn) {
            return drawn < answer.size() ? answer[drawn] : answer.front();
        });
    }
    /// Tokens of the prompt of question(…, text, …).
    [[nodiscard]] std::uint32_t promptTokens(const std::string& text) const
    {
        Rig rig = scripted({stopId()});
        rig.planner.take(question(1, text, 1), now());
        return static_cast<std::uint32_t>(rig.promptOf(1).size());
    }

    /// A model that cannot be guessed without every id before.
    [[nodiscard]] text::TokenId hashed(const Ids& ids) const
    {
        std::uint64_t hash = 14695981039346656037ULL;
        for (const text::TokenId id : ids)
            hash = (hash ^ static_cast<std::uint64_t>(id)) * 1099511628211ULL;
        hash >>= 20U;
        return hash % 25 == 0 ? stopId() : m_words[hash / 25 % m_words.size()];
    }
    [[nodiscard]] Ids aloneWithoutStops(Ids ids, std::uint32_t maxTokens) const
    {
        Ids answer;
        while (answer.size() < maxTokens && (answer.empty() || answer.back() != stopId())) {
            answer.push_back(hashed(ids));
            ids.push_back(answer.back());
        }
        return answer;
    }
    struct Answer {
        Ids ids;
        std::string text;
        wire::AskFinished::Reason reason = wire::AskFinished::LENGTH;
    };
    /// Ids as they are read one after the other, without any step ahead; `ids` may be longer than the answer.
    [[nodiscard]] Answer read(const Ids& ids, const std::vector<std::string>& stops) const
    {
        Answer answer;
        text::Detokenizer detokenizer(m_deployment->model->tokenizer, stops);
        for (const text::TokenId id : ids) {
            answer.ids.push_back(id);
            if (id == stopId()) {
                answer.reason = wire::AskFinished::STOP;
                break;
            }
            const text::Detokenizer::Piece piece = detokenizer.add(id);
            answer.text += piece.text;
            if (piece.stopped) {
                answer.reason = wire::AskFinished::STOP;
                return answer;
            }
        }
        answer.text += detokenizer.finish();
        return answer;
    }
    [[nodiscard]] static Ids idsOf(const AskEnded& ended) { return {ended.outputIds.begin(), ended.outputIds.end()}; }

private slots:
    void initTestCase()
    {
        ::setenv("ARGUS_RESOURCES", ARGUS_SOURCE_DIR "/resources", 1);
        auto read = deployed({}, plan::Device{.gpu = {}, .hostMemoryFree = 4ULL << 30});
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        m_deployment = *read;
        m_words = m_deployment->model->tokenizer->encode("There are two circles. 你好 🙂",
                                                         text::Tokenizer::AddedTokens::Escape);
        QVERIFY(m_words.size() >= 8);
    }

    void theNextStepIsSentBeforeTheLastCameBack()
    {
        Rig rig = scripted({m_words[0], m_words[1], m_words[2]});
        rig.planner.take(question(1, "Hello", 50), now());
        QCOMPARE(rig.port.sent.size(), std::size_t(2));
        QVERIFY(rig.compute());
        QVERIFY(rig.compute());
        QVERIFY(rig.port.sent.empty()); // no third one before the first is back
        QVERIFY(rig.deliver());
        QCOMPARE(rig.port.sent.size(), std::size_t(1));
        QCOMPARE(rig.port.sent.front().step().step(), 3ULL);
        QVERIFY(rig.deliver());
        QCOMPARE(rig.port.sent.size(), std::size_t(2));
        QCOMPARE(rig.complaints(), std::string());
    }

    void aSliceThatFollowsHasItsPlaceAndNoId()
    {
        Rig rig = scripted({m_words[0], m_words[1]});
        rig.planner.take(question(1, "Hello", 50), now());
        const wire::SequenceSlice first = rig.port.sent[0].step().slices(0);
        const wire::SequenceSlice second = rig.port.sent[1].step().slices(0);
        QVERIFY(!first.follows());
        QVERIFY(second.follows());
        QCOMPARE(second.ids_size(), 0);
        QVERIFY(second.sample());
        QVERIFY(!second.has_sampling());
        QCOMPARE(second.start(), static_cast<std::uint32_t>(first.ids_size()));
        QCOMPARE(second.positions_size(), 3);
        for (const std::int32_t position : second.positions()) // text only: position is index
            QCOMPARE(position, first.ids_size());
        QVERIFY(
            std::equal(first.blocks().begin(), first.blocks().end(), second.blocks().begin(), second.blocks().end()));
    }

    void positionsOfFollowingSlicesGoOnBehindAPicture()
    {
        Rig rig = scripted({m_words[0]});
        rig.planner.take(question(1, "Compare.", 50, 1), now());
        rig.planner.take(MediaRead{.number = 1, .index = 0, .outcome = picture()}, now());
        const wire::SequenceSlice first = rig.port.sent[0].step().slices(0);
        const wire::SequenceSlice second = rig.port.sent[1].step().slices(0);
        QCOMPARE(second.vision_size(), 0);
        QVERIFY(second.positions(0) < first.ids_size()); // a picture takes fewer positions than tokens
        for (const std::int32_t position : second.positions())
            QCOMPARE(position, first.positions(first.ids_size() - 1) + 1);
    }

    void aPromptInPiecesIsSentAheadWhileOthersDecode()
    {
        const std::string text = "How many circles are there in this picture, and how many of them are red?";
        const std::uint32_t shortPrompt = promptTokens("Hi");
        const std::uint32_t longPrompt = promptTokens(text);
        QVERIFY(longPrompt > shortPrompt + 4);
        Rig rig = scripted(m_words, {.batchedTokens = shortPrompt + 1});
        rig.planner.take(question(1, "Hi", 30), now());
        QVERIFY(rig.step());
        rig.planner.take(question(2, text, 30), now());
        QVERIFY(rig.step()); // makes place for the steps that are looked at
        QVERIFY(rig.compute());
        QCOMPARE(rig.port.sent.size(), std::size_t(1));
        QVERIFY(rig.deliver());
        QCOMPARE(rig.port.sent.size(), std::size_t(2));
        const wire::StepPlan first = rig.port.sent[0].step();
        const wire::StepPlan second = rig.port.sent[1].step();
        for (const wire::StepPlan& plan : {first, second}) {
            QCOMPARE(plan.slices_size(), 2);
            QVERIFY(plan.slices(0).follows()); // the answer flows on
            QCOMPARE(plan.slices(0).sequence(), 1ULL);
            QVERIFY(!plan.slices(1).follows());
        }
        QCOMPARE(first.slices(1).start(), 0U);
        QVERIFY(!first.slices(1).sample());
        QCOMPARE(first.slices(1).ids_size(), static_cast<int>(shortPrompt));
        QCOMPARE(second.slices(1).start(), shortPrompt);
        rig.settle();
        QCOMPARE(rig.promptOf(2).size(), std::size_t{longPrompt});
        for (const AskNumber number : {1, 2})
            QCOMPARE(rig.port.said(number), read(idsOf(rig.endOf(number)), {}).text);
        QCOMPARE(rig.complaints(), std::string());
    }

    void anAnswerThatStopsIsNotTouchedByTheStepOnItsWay()
    {
        Rig rig = scripted({m_words[0], m_words[1], stopId(), m_words[3]});
        rig.planner.take(question(1, "Hello", 50), now());
        QVERIFY(rig.step());
        QVERIFY(rig.step());
        QVERIFY(rig.compute()); // samples the stop id
        QVERIFY(rig.compute()); // and one more behind it
        QVERIFY(rig.deliver());
        const AskEnded ended = rig.endOf(1);
        QCOMPARE(ended.reason, wire::AskFinished::STOP);
        QCOMPARE(idsOf(ended), (Ids{m_words[0], m_words[1], stopId()}));
        const std::size_t told = rig.port.events.size();
        QVERIFY(rig.port.sent.empty()); // no drop yet: a step with it is on its way
        QVERIFY(rig.planner.figures().kvBlocksUsed > 0);
        QCOMPARE(rig.planner.figures().running, 0U);
        QVERIFY(rig.deliver());
        QCOMPARE(rig.port.events.size(), told); // nobody hears of the token behind the end
        QCOMPARE(rig.port.sent.size(), std::size_t(1));
        QCOMPARE(rig.port.sent[0].drop().sequences(0), 1ULL);
        QCOMPARE(rig.planner.figures().kvBlocksUsed, 0U);
        QCOMPARE(rig.complaints(), std::string());
    }

    void aStopStringEndsBeforeItselfWithAStepOnItsWay()
    {
        Rig rig = scripted(m_words);
        SubmitAsk submit = question(1, "Hello", 50);
        submit.ask.ask.mutable_sampling()->add_stop(" two");
        rig.planner.take(std::move(submit), now());
        rig.settle();
        QCOMPARE(rig.port.said(1), std::string("There are"));
        QCOMPARE(rig.endOf(1).reason, wire::AskFinished::STOP);
        QCOMPARE(idsOf(rig.endOf(1)), read(m_words, {" two"}).ids);
        QCOMPARE(rig.complaints(), std::string());
    }

    void blocksChangeHandsOnlyAfterTheStepOnItsWayAndTheDrop()
    {
        const std::uint32_t blocks = (promptTokens("Hello") + 40 + 15) / 16; // for one ask
        Rig rig = scripted({stopId()}, {.blocks = blocks});
        rig.planner.take(question(1, "Hello", 40), now());
        rig.planner.take(question(2, "Hello", 40), now());
        QVERIFY(rig.step()); // 1 stops
        QCOMPARE(rig.endOf(1).reason, wire::AskFinished::STOP);
        QCOMPARE(rig.port.sent.size(), std::size_t(1)); // its second step
        QCOMPARE(rig.port.sent[0].step().step(), 2ULL);
        QVERIFY(rig.step());
        QCOMPARE(rig.port.sent.size(), std::size_t(3));
        QCOMPARE(rig.port.sent[0].drop().sequences(0), 1ULL);
        QCOMPARE(rig.port.sent[1].step().slices(0).sequence(), 2ULL);
        QCOMPARE(rig.port.sent[1].step().slices(0).start(), 0U);
        rig.settle();
        QCOMPARE(rig.endOf(2).reason, wire::AskFinished::STOP);
        QCOMPARE(rig.complaints(), std::string());
    }

    void maxTokensIsReachedExactlyAndNotOneStepLater_data()
    {
        QTest::addColumn<int>("tokens");
        for (const int tokens : {1, 2, 3, 7})
            QTest::addRow("%d", tokens) << tokens;
    }
    void maxTokensIsReachedExactlyAndNotOneStepLater()
    {
        QFETCH(int, tokens);
        Rig rig = scripted(m_words);
        rig.planner.take(question(1, "Hello", static_cast<std::uint32_t>(tokens)), now());
        int steps = 0;
        while (rig.step())
            ++steps;
        QCOMPARE(steps, tokens);
        QCOMPARE(rig.endOf(1).reason, wire::AskFinished::LENGTH);
        QCOMPARE(idsOf(rig.endOf(1)), Ids(m_words.begin(), m_words.begin() + tokens));
        QCOMPARE(rig.dropped, std::vector<std::uint64_t>{1});
        QCOMPARE(rig.complaints(), std::string());
    }

    void aFailureIsHeardOnceThoughTheNextStepFailsToo()
    {
        Rig rig = scripted(m_words);
        rig.planner.take(question(1, "Hello", 4), now());
        rig.planner.take(question(2, "Hello", 4), now());
        QVERIFY(rig.step());
        QVERIFY(rig.step());
        rig.executor->fail(1);
        QVERIFY(rig.compute());
        QVERIFY(rig.compute());
        QCOMPARE(rig.results[0].failures_size(), 1);
        QCOMPARE(rig.results[1].failures_size(), 1);
        QVERIFY(rig.deliver());
        QCOMPARE(rig.endOf(1).error->cause, std::string("the pretended failure"));
        rig.settle();
        QCOMPARE(rig.port.ends(1).size(), std::size_t(1));
        QVERIFY(!rig.endOf(2).error);
        QCOMPARE(idsOf(rig.endOf(2)), Ids(m_words.begin(), m_words.begin() + 4));
        QCOMPARE(rig.planner.figures().kvBlocksUsed, 0U);
        QCOMPARE(rig.complaints(), std::string());
    }

    void aMissingTokenFailsItsAskAndNoOther()
    {
        Rig rig = scripted(m_words);
        rig.planner.take(question(1, "Hello", 50), now());
        QVERIFY(rig.compute());
        QVERIFY(rig.compute());
        for (wire::StepResult& result : rig.results)
            result.clear_tokens();
        QVERIFY(rig.deliver());
        QCOMPARE(rig.endOf(1).error->code, ErrorCode::Internal);
        QVERIFY(rig.deliver()); // the second has nobody to miss
        QCOMPARE(rig.port.ends(1).size(), std::size_t(1));
        QVERIFY(!rig.port.givenUp);
    }

    void afterALossWithTwoStepsOnTheirWayTheAnswerIsTheSame_data()
    {
        QTest::addColumn<int>("delivered"); // steps before the loss
        QTest::addColumn<int>("computed");  // of the two on their way
        for (const int delivered : {0, 1, 4})
            for (const int computed : {0, 1, 2})
                QTest::addRow("%d delivered, %d computed", delivered, computed) << delivered << computed;
    }
    void afterALossWithTwoStepsOnTheirWayTheAnswerIsTheSame()
    {
        QFETCH(int, delivered);
        QFETCH(int, computed);
        Rig rig(deployment({}), [this](const Ids& ids, std::size_t) { return hashed(ids); });
        rig.planner.take(question(1, "How many circles are there?", 40), now());
        for (int step = 0; step < delivered; ++step)
            QVERIFY(rig.step());
        for (int step = 0; step < computed; ++step)
            QVERIFY(rig.compute());
        QVERIFY(!rig.planner.empty());
        rig.crash();
        QVERIFY(rig.port.ends(1).empty());
        QCOMPARE(rig.planner.figures().kvBlocksUsed, 0U);
        rig.ready();
        const wire::SequenceSlice replay = rig.port.sent[0].step().slices(0);
        QCOMPARE(replay.start(), 0U);
        QVERIFY(replay.has_sampling());
        QCOMPARE(replay.ids_size(), static_cast<int>(rig.promptOf(1).size()) + delivered);
        rig.settle();
        const Answer alone = read(aloneWithoutStops(rig.promptOf(1), 40), {});
        QVERIFY(alone.ids.size() > 6);
        QCOMPARE(idsOf(rig.endOf(1)), alone.ids);
        QCOMPARE(rig.port.said(1), alone.text);
        QCOMPARE(rig.complaints(), std::string());
    }

    void whoIsInAnyStepOnItsWayIsHitByALoss()
    {
        Rig rig = scripted(m_words);
        rig.planner.take(question(1, "Hello", 50), now());
        QVERIFY(rig.step());
        rig.planner.take(question(2, "Hello", 50), now());
        QVERIFY(rig.step()); // the step of 1 alone is the oldest, behind it the first of 2
        rig.crash();
        rig.ready();
        rig.crash();
        for (const AskNumber number : {1, 2})
            QCOMPARE(rig.endOf(number).error->code, ErrorCode::Crashed);
    }

    void aCancelWithTwoStepsOnTheirWayEndsAtOnce()
    {
        Rig rig = scripted(m_words);
        rig.planner.take(question(1, "Hello", 50), now());
        rig.planner.take(question(2, "Hello", 6), now());
        for (int step = 0; step < 3; ++step)
            QVERIFY(rig.step());
        QVERIFY(rig.compute());
        rig.planner.take(CancelAsk{1}, now());
        QCOMPARE(rig.endOf(1).reason, wire::AskFinished::CANCELLED);
        QCOMPARE(idsOf(rig.endOf(1)), (Ids{m_words[0], m_words[1], m_words[2]}));
        const std::string said = rig.port.said(1);
        rig.settle();
        QCOMPARE(rig.port.said(1), said);
        QCOMPARE(rig.port.ends(1).size(), std::size_t(1));
        QCOMPARE(idsOf(rig.endOf(2)), Ids(m_words.begin(), m_words.begin() + 6));
        QCOMPARE(rig.complaints(), std::string());
    }

    void aCancelBeforeTheFirstSliceNeedsNoDrop()
    {
        Rig rig = scripted(m_words);
        rig.planner.take(question(1, "Hello", 3), now());
        rig.planner.take(question(2, "Hello", 3), now()); // waits for the two steps on their way
        rig.planner.take(CancelAsk{2}, now());
        rig.settle();
        QCOMPARE(rig.endOf(2).reason, wire::AskFinished::CANCELLED);
        QVERIFY(rig.promptOf(2).empty());
        QCOMPARE(rig.dropped, std::vector<std::uint64_t>{1});
        QCOMPARE(rig.complaints(), std::string());
    }

    void aResultOutOfOrderEndsTheExecutor()
    {
        Rig rig = scripted({m_words[0]});
        rig.planner.take(question(1, "Hello", 50), now());
        QVERIFY(rig.compute());
        QVERIFY(rig.compute());
        std::swap(rig.results[0], rig.results[1]);
        QVERIFY(rig.deliver());
        QCOMPARE(rig.port.said(1), std::string());
        QCOMPARE(rig.port.givenUp.value(), 1ULL);
        QCOMPARE(rig.port.givenUpWhy, std::string("sent the result of step 2, which is not the one that is due"));
        QVERIFY(rig.port.sent.empty()); // nothing more for this one
        rig.crash();
        rig.ready();
        rig.planner.take(CancelAsk{1}, now());
        QCOMPARE(rig.port.ends(1).size(), std::size_t(1));
    }

    void aResultThatNobodyWaitsForEndsTheExecutor()
    {
        Rig rig = scripted({stopId()});
        StepDone done{.epoch = 1, .result = {}};
        done.result.set_step(1);
        rig.planner.take(std::move(done), now());
        QCOMPARE(rig.port.givenUp.value(), 1ULL);
    }

    void theClockOfAStepStartsWhenTheOneBeforeItIsBack()
    {
        Rig rig = scripted({m_words[0]});
        const Instant start = now();
        rig.planner.take(question(1, "Hello", 2), start);
        QVERIFY(rig.compute());
        StepDone first{.epoch = 1, .result = rig.results.front()};
        rig.planner.take(std::move(first), start + std::chrono::minutes(14));
        rig.planner.tick(start + std::chrono::minutes(28));
        QVERIFY(!rig.port.givenUp);
        rig.planner.tick(start + std::chrono::minutes(30));
        QCOMPARE(rig.port.givenUp.value(), 1ULL);
    }

    void aDrainEndsWithTheLastAskAndNotWithTheStepBehindIt()
    {
        Rig rig = scripted({m_words[0], stopId()});
        rig.planner.take(question(1, "Hello", 50), now());
        rig.planner.take(BeginDrain{now() + std::chrono::seconds(30)}, now());
        QVERIFY(rig.step());
        QVERIFY(rig.step());
        QVERIFY(std::holds_alternative<Drained>(rig.port.events.back()));
        const std::size_t told = rig.port.events.size();
        rig.settle();
        QCOMPARE(rig.port.events.size(), told);
    }

    void whatExceedsTheDescriptorsOfOneFrameComesWithTheNextStep()
    {
        Rig rig = scripted({stopId()}, {.sequences = 8, .batchedTokens = 65536, .blocks = 4096});
        constexpr int kPictures = 10; // of seven asks: more than the 64 of one frame
        for (AskNumber number = 1; number <= 7; ++number)
            rig.planner.take(question(number, "Compare.", 5, kPictures), now());
        rig.crash();
        QCOMPARE(rig.port.wanted.size(), std::size_t(70));
        for (const auto& [number, index] : rig.port.wanted)
            rig.planner.take(MediaRead{.number = number, .index = index, .outcome = picture()}, now());
        rig.ready();
        QCOMPARE(rig.port.sent[0].step().slices_size(), 6);
        QCOMPARE(rig.port.sent[1].step().slices_size(), 7);
        QCOMPARE(rig.port.descriptorCounts, (std::vector<std::size_t>{60, 10}));
        rig.settle();
        QCOMPARE(rig.complaints(), std::string());
        QVERIFY(rig.planner.empty());
    }

    void everyAnswerIsWhatItWouldBeAlone_data()
    {
        QTest::addColumn<int>("seed");
        QTest::addColumn<int>("sequences");
        QTest::addColumn<int>("batchedTokens");
        QTest::addColumn<int>("blocks");
        QTest::newRow("one sequence at a time") << 1 << 1 << 2048 << 64;
        QTest::newRow("many sequences") << 2 << 32 << 2048 << 512;
        QTest::newRow("many sequences, prompts in pieces") << 3 << 32 << 40 << 512;
        QTest::newRow("fewer tokens in a step than sequences") << 4 << 8 << 3 << 256;
        QTest::newRow("hardly any blocks") << 5 << 8 << 2048 << 7;
        for (int seed = 6; seed < 16; ++seed)
            QTest::addRow("seed %d", seed) << seed << 1 + seed % 6 << 16 + 3 * seed << 8 + 2 * seed;
    }
    void everyAnswerIsWhatItWouldBeAlone()
    {
        QFETCH(int, seed);
        QFETCH(int, sequences);
        QFETCH(int, batchedTokens);
        QFETCH(int, blocks);
        const Books books{.sequences = static_cast<std::uint32_t>(sequences),
                          .batchedTokens = static_cast<std::uint32_t>(batchedTokens),
                          .blocks = static_cast<std::uint32_t>(blocks)};
        const std::string sent = walk(static_cast<std::uint32_t>(seed), books);
        if (QTest::currentTestFailed())
            return;
        QVERIFY(sent == walk(static_cast<std::uint32_t>(seed), books)); // the same events, the same messages
    }

private:
    struct Asked {
        std::uint32_t maxTokens = 0;
        std::vector<std::string> stops;
    };

    /// Asks come, are cancelled, fail; executors are slow, fast and die. What was sent, when everything held.
    std::string walk(std::uint32_t dice, Books books)
    {
        const auto roll = [&dice](std::uint32_t sides) {
            return (dice = dice * 1664525U + 1013904223U) / 65536U % sides;
        };
        constexpr AskNumber kAsks = 150;
        Rig rig(deployment(books), [this](const Ids& ids, std::size_t) { return hashed(ids); });
        std::map<AskNumber, Asked> asked;
        for (int turn = 0; turn < 20'000 && (asked.size() < kAsks || !rig.planner.empty()); ++turn) {
            const std::uint32_t what = roll(200);
            if (what < 40 && asked.size() < kAsks) {
                const AskNumber number = asked.size() + 1;
                SubmitAsk submit = question(number, std::string(1 + roll(40), 'a'), 1 + roll(40));
                Asked& one = asked[number];
                one.maxTokens = submit.ask.ask.sampling().max_tokens();
                if (roll(3) == 0)
                    one.stops.emplace_back(" two");
                for (const std::string& stop : one.stops)
                    submit.ask.ask.mutable_sampling()->add_stop(stop);
                rig.planner.take(std::move(submit), now());
            } else if (what < 42) {
                rig.planner.take(CancelAsk{1 + roll(kAsks)}, now());
            } else if (what == 42) {
                rig.executor->fail(1 + roll(kAsks));
            } else if (what == 43 && roll(4) == 0) {
                rig.crash();
                rig.ready();
            } else if (what < 120) {
                rig.compute();
            } else {
                rig.deliver();
            }
        }
        rig.settle();
        check(rig, asked, books);
        return rig.everythingSent;
    }

    void check(Rig& rig, const std::map<AskNumber, Asked>& asked, Books books)
    {
        QCOMPARE(rig.complaints(), std::string());
        QVERIFY(rig.planner.empty());
        QCOMPARE(rig.planner.figures().kvBlocksUsed, 0U);
        QVERIFY(!rig.port.givenUp);
        QVERIFY(rig.following > 200);
        int whole = 0;
        for (const auto& [number, one] : asked) {
            QCOMPARE(rig.port.ends(number).size(), std::size_t(1));
            const AskEnded ended = rig.endOf(number);
            const Ids ids = idsOf(ended);
            const Answer heard = read(ids, one.stops);
            QCOMPARE(heard.ids, ids);
            QCOMPARE(rig.port.said(number), heard.text);
            if (rig.promptOf(number).empty())
                continue; // cancelled before it ran
            const Answer alone = read(aloneWithoutStops(rig.promptOf(number), one.maxTokens), one.stops);
            QVERIFY(ids.size() <= alone.ids.size());
            QVERIFY(std::equal(ids.begin(), ids.end(), alone.ids.begin()));
            if (ended.error || ended.reason == wire::AskFinished::CANCELLED)
                continue;
            ++whole;
            QCOMPARE(ids, alone.ids);
            QCOMPARE(rig.port.said(number), alone.text);
            QCOMPARE(ended.reason, alone.reason);
        }
        QVERIFY(whole > 20);
        QVERIFY(rig.crowd >= (books.sequences > 1 ? 2 : 1));
    }
};

QTEST_GUILESS_MAIN(TstStepsAhead)
#include "tst_steps_ahead.moc"
