// The scheduler without a model, a device or a clock: single decisions, and invariants over a long random walk.

#include "engine/schedule/scheduler.h"

#include <QtTest>

#include <map>
#include <random>
#include <set>

using namespace argus;
using namespace argus::schedule;

namespace {

Limits small()
{
    return {.kvBlocks = 16, .kvBlockTokens = 4, .maxBatchedTokens = 10, .maxSequences = 3, .maxModelLen = 60};
}

std::string text(const StepPlan& plan)
{
    std::string out;
    for (const Slice& slice : plan)
        out += std::to_string(slice.sequence) + ":" + std::to_string(slice.start) + "+" + std::to_string(slice.tokens) +
               (slice.sample ? "s" : "") + (slice.first ? "f" : "") + " ";
    return out;
}

void run(Scheduler& scheduler)
{
    scheduler.commit(scheduler.plan());
}

/// A model of what should be true, kept beside the scheduler during the walk.
struct Shadow {
    std::uint32_t prompt = 0;
    std::uint32_t answer = 0;
    std::uint32_t cached = 0;
    std::uint32_t sampled = 0;
    bool admitted = false;
};

class Walk {
public:
    Walk(std::uint64_t seed, Limits limits) : m_random(seed), m_limits(limits), m_scheduler(limits), m_twin(limits) {}

    void step()
    {
        switch (pick(0, 9)) {
        case 0:
        case 1:
        case 2:
            add();
            break;
        case 3:
            cancelOne();
            break;
        case 4:
            if (pick(0, 30) == 0)
                forget();
            break;
        default:
            runStep();
        }
        check();
    }

    /// Runs until nothing is left; false when it does not end.
    bool drain()
    {
        for (int step = 0; step < 20'000 && !m_shadows.empty() && !QTest::currentTestFailed(); ++step) {
            runStep();
            check();
        }
        return m_shadows.empty() && m_scheduler.running() == 0 && m_scheduler.waiting() == 0 &&
               m_scheduler.usedBlocks() == 0;
    }
    [[nodiscard]] int finished() const { return m_finished; }

private:
    std::uint32_t pick(std::uint32_t low, std::uint32_t high)
    {
        return std::uniform_int_distribution<std::uint32_t>(low, high)(m_random);
    }

    void add()
    {
        const SequenceId id = m_next++;
        const Shadow shadow{.prompt = pick(1, 45), .answer = pick(1, 25)};
        const auto added = m_scheduler.add(id, shadow.prompt, shadow.answer);
        QCOMPARE(m_twin.add(id, shadow.prompt, shadow.answer).ok(), added.ok());
        const std::uint32_t longest = shadow.prompt + shadow.answer;
        const bool fits = longest <= m_limits.maxModelLen && longest <= m_limits.kvBlocks * m_limits.kvBlockTokens;
        QCOMPARE(added.ok(), fits);
        if (added.ok())
            m_shadows.emplace(id, shadow);
        else
            QCOMPARE(added.error().code, ErrorCode::DoesNotFit);
    }

    void drop(SequenceId id)
    {
        m_scheduler.remove(id);
        m_twin.remove(id);
        m_shadows.erase(id);
    }

    void cancelOne()
    {
        if (m_shadows.empty())
            return;
        auto victim = m_shadows.begin();
        std::advance(victim, pick(0, static_cast<std::uint32_t>(m_shadows.size()) - 1));
        drop(victim->first);
    }

    void forget()
    {
        m_scheduler.forgetCaches();
        m_twin.forgetCaches();
        QCOMPARE(m_scheduler.usedBlocks(), 0U);
        for (auto& [id, shadow] : m_shadows) {
            shadow.cached = 0;
            shadow.admitted = false;
        }
    }

    void runStep()
    {
        const StepPlan plan = m_scheduler.plan();
        QCOMPARE(text(m_scheduler.plan()), text(plan)); // planning again changes nothing
        QCOMPARE(text(m_twin.plan()), text(plan));      // the same history, the same plan
        QVERIFY(m_shadows.empty() || !plan.empty());    // somebody always moves on
        std::uint32_t total = 0;
        std::set<SequenceId> once;
        bool prefilling = false;
        for (const Slice& slice : plan) {
            QVERIFY(once.insert(slice.sequence).second);
            QVERIFY(m_shadows.contains(slice.sequence));
            const Shadow& shadow = m_shadows.at(slice.sequence);
            const std::uint32_t known = shadow.prompt + shadow.sampled;
            QCOMPARE(slice.start, shadow.cached);
            QVERIFY(slice.tokens > 0 && slice.start + slice.tokens <= known);
            QCOMPARE(slice.sample, slice.start + slice.tokens == known);
            QCOMPARE(slice.first, shadow.cached == 0);
            QVERIFY(slice.start + slice.tokens <= m_scheduler.blocksOf(slice.sequence).size() * m_limits.kvBlockTokens);
            const bool decodes = slice.start > 0 && known - slice.start == 1;
            QVERIFY(!(prefilling && decodes)); // decode slices stand first
            prefilling = prefilling || !decodes;
            total += slice.tokens;
        }
        QVERIFY(total <= m_limits.maxBatchedTokens);
        m_scheduler.commit(plan);
        m_twin.commit(plan);
        std::vector<SequenceId> done;
        for (const Slice& slice : plan) {
            Shadow& shadow = m_shadows.at(slice.sequence);
            shadow.cached += slice.tokens;
            shadow.sampled += slice.sample ? 1 : 0;
            // Some end early, as at a stop id; all end at their limit.
            if (shadow.sampled == shadow.answer || (slice.sample && pick(0, 15) == 0))
                done.push_back(slice.sequence);
        }
        for (const SequenceId id : done) {
            ++m_finished;
            drop(id);
        }
    }

    void check()
    {
        std::set<std::uint32_t> blocks;
        std::uint32_t admitted = 0;
        std::uint32_t waiting = 0;
        for (auto& [id, shadow] : m_shadows) { // ids rise with arrival
            const auto mine = m_scheduler.blocksOf(id);
            if (mine.empty()) {
                QVERIFY(!shadow.admitted); // nobody is preempted
                ++waiting;
                continue;
            }
            QCOMPARE(waiting, 0U); // first come, first served: nobody is admitted before an older one
            shadow.admitted = true;
            ++admitted;
            QCOMPARE(mine.size(), std::size_t{(shadow.prompt + shadow.answer + m_limits.kvBlockTokens - 1) /
                                              m_limits.kvBlockTokens});
            for (const std::uint32_t block : mine) {
                QVERIFY(block < m_limits.kvBlocks);
                QVERIFY(blocks.insert(block).second); // no block has two owners
            }
        }
        QCOMPARE(m_scheduler.usedBlocks(), static_cast<std::uint32_t>(blocks.size())); // used + free = all
        QCOMPARE(m_scheduler.running(), admitted);
        QCOMPARE(m_scheduler.waiting(), waiting);
        QVERIFY(admitted <= m_limits.maxSequences);
    }

    std::mt19937_64 m_random;
    Limits m_limits;
    Scheduler m_scheduler;
    Scheduler m_twin; ///< gets the same calls
    std::map<SequenceId, Shadow> m_shadows;
    SequenceId m_next = 1;
    int m_finished = 0;
};

} // namespace

class TstScheduler : public QObject {
    Q_OBJECT
private slots:
    void nothingToDoIsAnEmptyPlan();
    void aPromptIsSampledAtItsEnd();
    void longPromptsRunInPieces();
    void decodingComesBeforePrompts();
    void theSecondWaitsForBlocks();
    void aShortOneDoesNotOvertake();
    void noMoreSequencesThanAllowed();
    void removeFreesAtOnce();
    void anAnswerAtItsLimitIsNotPlanned();
    void commitOfARemovedSequenceIsHarmless();
    void forgetCachesStartsOverInOrder();
    void whatCannotFitIsRefusedWithARemedy();
    void theRemedyWorks();
    void invariantsHoldOnARandomWalk_data();
    void invariantsHoldOnARandomWalk();
};

void TstScheduler::nothingToDoIsAnEmptyPlan()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.usedBlocks(), 0U);
}

void TstScheduler::aPromptIsSampledAtItsEnd()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 5, 4).ok());
    QCOMPARE(text(scheduler.plan()), std::string("1:0+5sf "));
    QCOMPARE(scheduler.usedBlocks(), 3U);
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:5+1s "));
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:6+1s "));
}

void TstScheduler::longPromptsRunInPieces()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 23, 1).ok());
    QCOMPARE(text(scheduler.plan()), std::string("1:0+10f "));
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:10+10 "));
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:20+3s "));
}

void TstScheduler::decodingComesBeforePrompts()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 20, 2).ok());
    QVERIFY(scheduler.add(2, 2, 8).ok());
    run(scheduler);                                             // 1:0+10
    QCOMPARE(text(scheduler.plan()), std::string("1:10+10s ")); // no budget left for 2
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:20+1s 2:0+2sf "));
    run(scheduler);
    QVERIFY(scheduler.add(3, 15, 2).ok());
    QCOMPARE(text(scheduler.plan()), std::string("2:2+1s 3:0+9f ")); // 1 has both of its tokens
}

void TstScheduler::theSecondWaitsForBlocks()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 4, 36).ok()); // 10 of 16 blocks
    QVERIFY(scheduler.add(2, 4, 24).ok()); // 7
    QCOMPARE(text(scheduler.plan()), std::string("1:0+4sf "));
    QCOMPARE(scheduler.waiting(), 1U);
    scheduler.remove(1);
    QCOMPARE(text(scheduler.plan()), std::string("2:0+4sf "));
}

void TstScheduler::aShortOneDoesNotOvertake()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 4, 36).ok());
    QVERIFY(scheduler.add(2, 4, 36).ok());
    QVERIFY(scheduler.add(3, 1, 1).ok()); // its one block is free, but 2 was here before
    QCOMPARE(text(scheduler.plan()), std::string("1:0+4sf "));
    QCOMPARE(scheduler.waiting(), 2U);
}

void TstScheduler::noMoreSequencesThanAllowed()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 5; ++id)
        QVERIFY(scheduler.add(id, 1, 4).ok());
    QCOMPARE(scheduler.plan().size(), std::size_t{3});
    QCOMPARE(scheduler.running(), 3U);
    QCOMPARE(scheduler.waiting(), 2U);
}

void TstScheduler::removeFreesAtOnce()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 8, 8).ok());
    run(scheduler);
    QCOMPARE(scheduler.usedBlocks(), 4U);
    scheduler.remove(1);
    QCOMPARE(scheduler.usedBlocks(), 0U);
    QVERIFY(scheduler.blocksOf(1).empty());
    scheduler.remove(1); // twice, and of strangers: nothing
    scheduler.remove(99);
    QVERIFY(scheduler.plan().empty());
}

void TstScheduler::anAnswerAtItsLimitIsNotPlanned()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 3, 1).ok());
    run(scheduler);
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.usedBlocks(), 1U);
}

void TstScheduler::commitOfARemovedSequenceIsHarmless()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 3, 5).ok());
    QVERIFY(scheduler.add(2, 3, 5).ok());
    const StepPlan plan = scheduler.plan();
    scheduler.remove(1);
    scheduler.commit(plan);
    QCOMPARE(text(scheduler.plan()), std::string("2:3+1s "));
}

void TstScheduler::forgetCachesStartsOverInOrder()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 4; ++id)
        QVERIFY(scheduler.add(id, 3, 5).ok());
    const StepPlan lost = scheduler.plan();
    scheduler.commit(lost);
    QCOMPARE(text(scheduler.plan()), std::string("1:3+1s 2:3+1s 3:3+1s "));
    scheduler.forgetCaches();
    QCOMPARE(scheduler.usedBlocks(), 0U);
    QCOMPARE(scheduler.waiting(), 4U);
    scheduler.commit(lost); // a late answer of the lost executor
    // The token sampled before the loss is part of what has to be cached again.
    QCOMPARE(text(scheduler.plan()), std::string("1:0+4sf 2:0+4sf 3:0+2f "));
}

void TstScheduler::whatCannotFitIsRefusedWithARemedy()
{
    Scheduler scheduler(small());
    auto refused = scheduler.add(1, 50, 20);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(refused.error().setting, std::string("max_model_len"));
    QCOMPARE(refused.error().cause,
             std::string("a question of 50 tokens and an answer of up to 20 make 70, more than max_model_len 60"));
    QCOMPARE(refused.error().remedy, std::string("ask for at most 10 new tokens (max_tokens), or raise max_model_len"));
    refused = scheduler.add(1, 60, 1);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().remedy,
             std::string("shorten the question or its pictures to less than 60 tokens, or raise max_model_len"));
    refused = scheduler.add(1, 0xffffffffU, 0xffffffffU); // no overflow on the way
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);

    Limits narrow = small();
    narrow.kvBlocks = 5;
    Scheduler cramped(narrow);
    refused = cramped.add(1, 15, 6);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(refused.error().cause,
             std::string("a question of 15 tokens and an answer of up to 6 need 6 KV blocks of 4 tokens, there are 5"));

    QCOMPARE(scheduler.add(1, 0, 5).error().code, ErrorCode::BadRequest);
    QCOMPARE(scheduler.add(1, 5, 0).error().code, ErrorCode::BadRequest);
    QVERIFY(scheduler.add(1, 5, 5).ok());
    QCOMPARE(scheduler.add(1, 5, 5).error().code, ErrorCode::Internal);
}

void TstScheduler::theRemedyWorks()
{
    Scheduler scheduler(small());
    QVERIFY(!scheduler.add(1, 50, 20).ok());
    QVERIFY(!scheduler.add(1, 50, 11).ok());
    QVERIFY(scheduler.add(1, 50, 10).ok());
    QVERIFY(scheduler.add(2, 59, 1).ok());
}

void TstScheduler::invariantsHoldOnARandomWalk_data()
{
    QTest::addColumn<int>("seed");
    QTest::addColumn<int>("budget");
    QTest::newRow("tiny budget, below the number of sequences") << 1 << 2;
    QTest::newRow("small budget") << 2 << 7;
    QTest::newRow("large budget") << 3 << 64;
    for (int seed = 4; seed < 12; ++seed)
        QTest::addRow("seed %d", seed) << seed << 16;
}

void TstScheduler::invariantsHoldOnARandomWalk()
{
    QFETCH(int, seed);
    QFETCH(int, budget);
    Limits limits{.kvBlocks = 37,
                  .kvBlockTokens = 4,
                  .maxBatchedTokens = static_cast<std::uint32_t>(budget),
                  .maxSequences = 5,
                  .maxModelLen = 64};
    Walk walk(static_cast<std::uint64_t>(seed), limits);
    for (int step = 0; step < 3'000 && !QTest::currentTestFailed(); ++step)
        walk.step();
    QVERIFY(walk.drain());
    QVERIFY(walk.finished() > 20);
}

QTEST_GUILESS_MAIN(TstScheduler)
#include "tst_scheduler.moc"
