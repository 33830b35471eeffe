// The scheduler without a model, a device or a clock: single decisions, and invariants over a long random walk.

#include "engine/schedule/scheduler.h"

#include <QtTest>

#include <algorithm>
#include <deque>
#include <iterator>
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

Limits inStages(std::uint32_t stages, std::uint32_t sequences)
{
    Limits limits = small();
    limits.maxSequences = sequences;
    limits.stages = stages;
    return limits;
}

std::string text(const StepPlan& plan)
{
    std::string out;
    for (const Slice& slice : plan)
        out += std::to_string(slice.sequence) + ":" + std::to_string(slice.start) + "+" + std::to_string(slice.tokens) +
               (slice.sample ? "s" : "") + (slice.first ? "f" : "") + (slice.follows ? "~" : "") + " ";
    return out;
}

/// Sends the next step; says what is in it.
std::string start(Scheduler& scheduler)
{
    StepPlan plan = scheduler.plan();
    std::string said = text(plan);
    if (!plan.empty())
        scheduler.start(std::move(plan));
    return said;
}

/// One step from plan to result, with nothing else on its way.
void run(Scheduler& scheduler)
{
    scheduler.start(scheduler.plan());
    (void)scheduler.commit();
}

/// A model of what should be true, kept beside the scheduler during the walk.
struct Shadow {
    std::uint32_t prompt = 0;
    std::uint32_t answer = 0;
    std::uint32_t vision = 0;
    std::uint32_t sampled = 0; ///< tokens that came back
    std::uint32_t awaited = 0; ///< tokens on their way
    std::uint32_t sent = 0;    ///< cached once all that is on its way has run
    bool admitted = false;

    [[nodiscard]] std::uint32_t known() const { return prompt + sampled; }
    [[nodiscard]] std::uint32_t length() const { return known() + awaited; }
    [[nodiscard]] bool full() const { return sampled + awaited == answer; }
    [[nodiscard]] bool answers() const { return sent > 0 && length() - sent == 1; }
};

/// What one executor may be writing to: blocks from the first slice of a sequence until it is told to drop it.
using Holders = std::map<SequenceId, std::set<std::uint32_t>>;

/// Where an executor keeps what it saw: the first gap that is large enough, and nothing is moved.
class Room {
public:
    explicit Room(std::uint32_t size) : m_size(size) {}
    [[nodiscard]] bool place(SequenceId id, std::uint32_t size)
    {
        std::uint32_t at = 0;
        for (const auto& [begin, taken] : m_taken) {
            if (begin - at >= size)
                break;
            at = begin + taken.second;
        }
        return m_size - at >= size && m_taken.emplace(at, std::pair(id, size)).second;
    }
    void free(SequenceId id)
    {
        std::erase_if(m_taken, [id](const auto& entry) { return entry.second.first == id; });
    }
    void clear() { m_taken.clear(); }
    [[nodiscard]] bool empty() const { return m_taken.empty(); }

private:
    std::uint32_t m_size;
    std::map<std::uint32_t, std::pair<SequenceId, std::uint32_t>> m_taken; ///< by place: whose, and how much
};

class Walk {
public:
    Walk(std::uint64_t seed, Limits limits, std::uint32_t picturesInHundred)
        : m_random(seed), m_picturesInHundred(picturesInHundred), m_limits(limits), m_scheduler(limits), m_twin(limits),
          m_room(limits.waitingVisionTokens)
    {
    }

    void step()
    {
        switch (pick(0, 13)) {
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
        case 5:
            release();
            break;
        case 6:
        case 7:
        case 8:
        case 9:
            startStep();
            break;
        default:
            finishStep();
        }
        check();
    }

    /// Runs until nothing is left; false when it does not end.
    bool drain()
    {
        for (int step = 0; step < 20'000 && !m_shadows.empty() && !QTest::currentTestFailed(); ++step) {
            release();
            for (std::uint32_t stage = 0; stage < std::max(m_limits.stages, 2U); ++stage)
                startStep();
            finishStep();
            check();
        }
        while (!m_onTheirWay.empty() && !QTest::currentTestFailed())
            finishStep();
        release();
        return m_shadows.empty() && m_holders.empty() && m_scheduler.running() == 0 && m_scheduler.waiting() == 0 &&
               m_scheduler.usedBlocks() == 0;
    }
    [[nodiscard]] int finished() const { return m_finished; }
    [[nodiscard]] int wasted() const { return m_wasted; }
    [[nodiscard]] std::size_t mostOnTheirWay() const { return m_mostOnTheirWay; }
    [[nodiscard]] std::size_t mostAnswering() const { return m_mostAnswering; }
    [[nodiscard]] int waitedForRoom() const { return m_waitedForRoom; }

private:
    std::uint32_t pick(std::uint32_t low, std::uint32_t high)
    {
        return std::uniform_int_distribution<std::uint32_t>(low, high)(m_random);
    }

    void add()
    {
        const SequenceId id = m_next++;
        Shadow shadow{.prompt = pick(1, 45), .answer = pick(1, 25)};
        if (pick(1, 100) <= m_picturesInHundred)
            shadow.vision = pick(0, shadow.prompt - 1); // the last token of a prompt is never a picture's
        const auto added = m_scheduler.add(id, shadow.prompt, shadow.answer, shadow.vision);
        QCOMPARE(m_twin.add(id, shadow.prompt, shadow.answer, shadow.vision).ok(), added.ok());
        const std::uint32_t longest = shadow.prompt + shadow.answer;
        const bool fits = longest <= m_limits.maxModelLen && longest <= m_limits.kvBlocks * m_limits.kvBlockTokens &&
                          shadow.vision <= m_limits.waitingVisionTokens;
        QCOMPARE(added.ok(), fits);
        if (added.ok())
            m_shadows.emplace(id, shadow);
        else
            QCOMPARE(added.error().code, ErrorCode::DoesNotFit);
    }

    void remove(SequenceId id)
    {
        m_scheduler.remove(id);
        m_twin.remove(id);
        m_shadows.erase(id);
        if (m_holders.contains(id))
            m_removed.push_back(id);
    }

    void cancelOne()
    {
        if (m_shadows.empty())
            return;
        auto victim = m_shadows.begin();
        std::advance(victim, pick(0, static_cast<std::uint32_t>(m_shadows.size()) - 1));
        remove(victim->first);
    }

    [[nodiscard]] bool isOnItsWay(SequenceId id) const
    {
        const auto has = [id](const StepPlan& plan) {
            return std::any_of(plan.begin(), plan.end(), [id](const Slice& slice) { return slice.sequence == id; });
        };
        return std::any_of(m_onTheirWay.begin(), m_onTheirWay.end(), has);
    }

    void release()
    {
        std::vector<SequenceId> expected;
        std::copy_if(m_removed.begin(), m_removed.end(), std::back_inserter(expected),
                     [this](SequenceId id) { return !isOnItsWay(id); });
        QCOMPARE(m_scheduler.release(), expected);
        QCOMPARE(m_twin.release(), expected);
        for (const SequenceId id : expected) {
            m_holders.erase(id);
            m_room.free(id);
            std::erase(m_removed, id);
        }
    }

    void forget()
    {
        m_scheduler.forgetCaches();
        m_twin.forgetCaches();
        QCOMPARE(m_scheduler.usedBlocks(), 0U);
        QVERIFY(m_scheduler.onTheirWay().empty());
        m_onTheirWay.clear();
        m_holders.clear();
        m_room.clear();
        m_removed.clear();
        for (auto& [id, shadow] : m_shadows) {
            shadow.awaited = 0;
            shadow.sent = 0;
            shadow.admitted = false;
        }
    }

    /// How many answers a step may go on with, of all whose prompt is cached.
    [[nodiscard]] std::size_t answersInAStep() const
    {
        const auto answering = std::count_if(m_shadows.begin(), m_shadows.end(), [this](const auto& entry) {
            return entry.second.answers() && !m_scheduler.blocksOf(entry.first).empty();
        });
        return (static_cast<std::size_t>(answering) + m_limits.stages - 1) / m_limits.stages;
    }

    void startStep()
    {
        const std::size_t mostAnswers = m_limits.stages > 1 ? answersInAStep() : m_limits.maxSequences;
        bool roomInUse = roomIsInUse();
        const StepPlan plan = m_scheduler.plan();
        QCOMPARE(text(m_scheduler.plan()), text(plan)); // planning again changes nothing
        QCOMPARE(text(m_twin.plan()), text(plan));      // the same history, the same plan
        if (m_onTheirWay.size() == std::max(m_limits.stages, 2U))
            QVERIFY(plan.empty());
        else if (m_onTheirWay.empty() && m_removed.empty())
            QVERIFY(m_shadows.empty() || !plan.empty()); // somebody always moves on
        if (plan.empty())
            return;
        std::uint32_t total = 0;
        std::set<SequenceId> once;
        bool prefilling = false;
        std::size_t answering = 0;
        for (const Slice& slice : plan) {
            QVERIFY(once.insert(slice.sequence).second);
            QVERIFY(m_shadows.contains(slice.sequence)); // what was removed is not planned again
            Shadow& shadow = m_shadows.at(slice.sequence);
            QCOMPARE(slice.start, shadow.sent);
            QVERIFY(slice.tokens > 0 && slice.start + slice.tokens <= shadow.length());
            QVERIFY(!shadow.full()); // no token beyond the longest answer
            QCOMPARE(slice.sample, slice.start + slice.tokens == shadow.length());
            QCOMPARE(slice.first, shadow.sent == 0);
            QCOMPARE(slice.follows, slice.start + slice.tokens > shadow.known());
            QVERIFY(!slice.follows || (slice.tokens == 1 && slice.sample));
            const bool decodes = shadow.answers();
            QVERIFY(!(prefilling && decodes)); // decode slices stand first
            prefilling = prefilling || !decodes;
            answering += decodes ? 1 : 0;
            if (m_limits.stages > 1) // what is on its way here is earlier pieces of the same prompt
                QVERIFY(!slice.follows && shadow.awaited == 0);
            total += slice.tokens;
            touchBlocks(slice);
            if (slice.first && shadow.vision > 0) {
                QVERIFY(m_room.place(slice.sequence, shadow.vision));
                roomInUse = true;
            }
            shadow.sent += slice.tokens;
            shadow.awaited += slice.sample ? 1 : 0;
        }
        QVERIFY(total <= m_limits.maxBatchedTokens);
        QVERIFY(answering <= mostAnswers);
        m_mostAnswering = std::max(m_mostAnswering, answering);
        if (total < m_limits.maxBatchedTokens) // then nobody who could run was left out
            for (const auto& [id, shadow] : m_shadows)
                QVERIFY(once.contains(id) || m_scheduler.blocksOf(id).empty() || shadow.full() ||
                        mayWait(shadow, answering, mostAnswers) || (roomInUse && waitsForRoom(shadow)));
        for (const SequenceId id : once)
            if (const Shadow& shadow = m_shadows.at(id); shadow.sent + 1 >= shadow.prompt)
                m_room.free(id);
        m_scheduler.start(plan);
        m_twin.start(plan);
        m_onTheirWay.push_back(plan);
        m_mostOnTheirWay = std::max(m_mostOnTheirWay, m_onTheirWay.size());
    }

    /// With stages: its token is on its way, or the others of its kind fill the step.
    [[nodiscard]] bool mayWait(const Shadow& shadow, std::size_t answering, std::size_t most) const
    {
        return m_limits.stages > 1 && (shadow.awaited > 0 || (answering == most && shadow.sent > 0));
    }

    /// Somebody's pictures are not in the cache yet, or belong to one that ended early and was not dropped.
    [[nodiscard]] bool roomIsInUse() const
    {
        return !m_room.empty() || std::any_of(m_shadows.begin(), m_shadows.end(), [](const auto& entry) {
            return entry.second.vision > 0 && entry.second.sent > 0 && !entry.second.answers();
        });
    }
    [[nodiscard]] bool waitsForRoom(const Shadow& shadow)
    {
        const bool waits = shadow.sent == 0 && shadow.vision > 0;
        m_waitedForRoom += waits ? 1 : 0;
        return waits;
    }

    void touchBlocks(const Slice& slice)
    {
        const auto blocks = m_scheduler.blocksOf(slice.sequence);
        QVERIFY(slice.start + slice.tokens <= blocks.size() * m_limits.kvBlockTokens);
        m_holders[slice.sequence] = {blocks.begin(), blocks.end()};
        for (const auto& [id, held] : m_holders)
            if (id != slice.sequence)
                for (const std::uint32_t block : blocks)
                    QVERIFY(!held.contains(block)); // what the executor has not dropped is nobody else's
        QVERIFY(m_holders.size() <= m_limits.maxSequences);
    }

    void finishStep()
    {
        const std::string expected = m_onTheirWay.empty() ? "" : text(m_onTheirWay.front());
        const StepPlan plan = m_scheduler.commit();
        QCOMPARE(text(plan), expected);
        QCOMPARE(text(m_twin.commit()), expected);
        if (!m_onTheirWay.empty())
            m_onTheirWay.pop_front();
        std::vector<SequenceId> done;
        for (const Slice& slice : plan) {
            const auto found = m_shadows.find(slice.sequence);
            if (found == m_shadows.end()) {
                ++m_wasted;
                continue;
            }
            Shadow& shadow = found->second;
            shadow.sampled += slice.sample ? 1 : 0;
            shadow.awaited -= slice.sample ? 1 : 0;
            // Some end early, as at a stop id; all end at their limit.
            if (shadow.sampled == shadow.answer || (slice.sample && pick(0, 15) == 0))
                done.push_back(slice.sequence);
        }
        for (const SequenceId id : done) {
            ++m_finished;
            remove(id);
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
        for (const SequenceId id : m_removed)
            for (const std::uint32_t block : m_holders.at(id))
                QVERIFY(blocks.insert(block).second); // nor has one that a step on its way may write to
        QCOMPARE(m_scheduler.usedBlocks(), static_cast<std::uint32_t>(blocks.size())); // used + free = all
        QCOMPARE(m_scheduler.running(), admitted);
        QCOMPARE(m_scheduler.waiting(), waiting);
        QVERIFY(admitted + m_removed.size() <= m_limits.maxSequences);
    }

    std::mt19937_64 m_random;
    std::uint32_t m_picturesInHundred;
    Limits m_limits;
    Scheduler m_scheduler;
    Scheduler m_twin; ///< gets the same calls
    std::map<SequenceId, Shadow> m_shadows;
    std::deque<StepPlan> m_onTheirWay;
    Holders m_holders;
    Room m_room;
    std::vector<SequenceId> m_removed; ///< not dropped yet
    SequenceId m_next = 1;
    int m_finished = 0;
    int m_waitedForRoom = 0;
    int m_wasted = 0; ///< slices whose sequence had ended
    std::size_t m_mostOnTheirWay = 0;
    std::size_t m_mostAnswering = 0; ///< in one step
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
    void theNextStepFollowsTheOneOnItsWay();
    void noMoreThanTwoStepsAreOnTheirWay();
    void piecesOfAPromptFollowEachOther();
    void answersFollowWhileAPromptComesInPieces();
    void anAnswerAtItsLimitIsNotPlanned();
    void anAnswerIsNotPlannedBeyondItsLimit();
    void removeFreesAtOnceWhatNobodySaw();
    void whatWasSeenIsFreeOnlyAfterItsReleaseInOrder();
    void blocksOfARemovedSequenceWaitForItsSteps();
    void aRemovedSequenceKeepsItsPlaceToo();
    void aBeginningOfThePlanMayBeStarted();
    void commitOfNothingIsHarmless();
    void forgetCachesStartsOverInOrder();
    void forgetCachesForgetsStepsOnTheirWay();
    void picturesWaitUntilTheirRoomIsEmpty();
    void oneThatWaitsForRoomIsNotOvertakenByPictures();
    void morePicturesThanTheRoomAreRefused();
    void whatCannotFitIsRefusedWithARemedy();
    void theRemedyWorks();
    void aStepAStageIsOnItsWay();
    void answersAreSpreadEvenlyOverTheStages();
    void oneAnswerGoesThroughTheStagesAlone();
    void piecesOfAPromptFollowEachOtherThroughTheStages();
    void aNewAnswerJoinsTheSmallestStep();
    void whatIsOnItsWayThroughTheStagesIsKeptUntilItIsBack();
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

void TstScheduler::theNextStepFollowsTheOneOnItsWay()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 5, 4).ok());
    QCOMPARE(start(scheduler), std::string("1:0+5sf "));
    QVERIFY(scheduler.add(2, 2, 4).ok()); // joins the answer that goes on
    QCOMPARE(start(scheduler), std::string("1:5+1s~ 2:0+2sf "));
    QCOMPARE(text(scheduler.commit()), std::string("1:0+5sf "));
    QCOMPARE(start(scheduler), std::string("1:6+1s~ 2:2+1s~ "));
    QCOMPARE(text(scheduler.commit()), std::string("1:5+1s~ 2:0+2sf "));
    QCOMPARE(text(scheduler.commit()), std::string("1:6+1s~ 2:2+1s~ "));
    // Nothing on its way: the token is known.
    QCOMPARE(text(scheduler.plan()), std::string("1:7+1s 2:3+1s "));
}

void TstScheduler::noMoreThanTwoStepsAreOnTheirWay()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 2, 9).ok());
    for (std::size_t step = 0; step < kStepsOnTheirWay; ++step)
        QVERIFY(!start(scheduler).empty());
    QCOMPARE(scheduler.onTheirWay().size(), kStepsOnTheirWay);
    QVERIFY(scheduler.add(2, 2, 9).ok());
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.waiting(), 1U);
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:3+1s~ 2:0+2sf "));
}

void TstScheduler::piecesOfAPromptFollowEachOther()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 23, 2).ok());
    QCOMPARE(start(scheduler), std::string("1:0+10f "));
    QCOMPARE(start(scheduler), std::string("1:10+10 ")); // first is said once
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:20+3s "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:23+1s~ "));
}

void TstScheduler::answersFollowWhileAPromptComesInPieces()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 2, 9).ok());
    QVERIFY(scheduler.add(2, 25, 2).ok());
    QCOMPARE(start(scheduler), std::string("1:0+2sf 2:0+8f "));
    QCOMPARE(start(scheduler), std::string("1:2+1s~ 2:8+9 "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:3+1s~ 2:17+8s "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:4+1s~ 2:25+1s~ "));
}

void TstScheduler::anAnswerAtItsLimitIsNotPlanned()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 3, 1).ok());
    run(scheduler);
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.usedBlocks(), 1U);
}

void TstScheduler::anAnswerIsNotPlannedBeyondItsLimit()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 4, 1).ok());
    QVERIFY(scheduler.add(2, 4, 2).ok());
    QCOMPARE(start(scheduler), std::string("1:0+4sf 2:0+4sf "));
    QCOMPARE(start(scheduler), std::string("2:4+1s~ ")); // the one token of 1 is on its way
    (void)scheduler.commit();
    QVERIFY(scheduler.plan().empty()); // and so is the second of 2
}

void TstScheduler::removeFreesAtOnceWhatNobodySaw()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 8, 8).ok());
    QVERIFY(!scheduler.plan().empty()); // admitted, not started
    QCOMPARE(scheduler.usedBlocks(), 4U);
    scheduler.remove(1);
    QCOMPARE(scheduler.usedBlocks(), 0U);
    QVERIFY(scheduler.blocksOf(1).empty());
    QVERIFY(scheduler.release().empty());
    scheduler.remove(1); // twice, and of strangers: nothing
    scheduler.remove(99);
    QVERIFY(scheduler.plan().empty());
}

void TstScheduler::whatWasSeenIsFreeOnlyAfterItsReleaseInOrder()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 3; ++id)
        QVERIFY(scheduler.add(id, 3, 5).ok());
    run(scheduler);
    scheduler.remove(3);
    scheduler.remove(1);
    scheduler.remove(1);
    QCOMPARE(scheduler.running(), 1U);
    QCOMPARE(scheduler.usedBlocks(), 6U);
    QCOMPARE(scheduler.release(), (std::vector<SequenceId>{3, 1}));
    QCOMPARE(scheduler.usedBlocks(), 2U);
    QVERIFY(scheduler.release().empty());
}

void TstScheduler::blocksOfARemovedSequenceWaitForItsSteps()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 4, 56).ok()); // all blocks
    QVERIFY(scheduler.add(2, 3, 5).ok());
    (void)start(scheduler);
    QCOMPARE(start(scheduler), std::string("1:4+1s~ "));
    (void)scheduler.commit();
    scheduler.remove(1); // its first token was the last, and the next is on its way
    QVERIFY(scheduler.release().empty());
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(text(scheduler.commit()), std::string("1:4+1s~ "));
    QVERIFY(scheduler.plan().empty()); // not before the executor can be told
    QCOMPARE(scheduler.release(), std::vector<SequenceId>{1});
    QCOMPARE(text(scheduler.plan()), std::string("2:0+3sf "));
    QCOMPARE(scheduler.usedBlocks(), 2U);
}

void TstScheduler::aRemovedSequenceKeepsItsPlaceToo()
{
    Limits alone = small();
    alone.maxSequences = 1;
    Scheduler scheduler(alone);
    QVERIFY(scheduler.add(1, 4, 4).ok());
    QVERIFY(scheduler.add(2, 4, 4).ok()); // blocks enough, but one sequence at a time
    (void)start(scheduler);
    scheduler.remove(1);
    QVERIFY(scheduler.plan().empty());
    QCOMPARE(scheduler.running(), 0U);
    QCOMPARE(scheduler.waiting(), 1U);
    (void)scheduler.commit();
    (void)scheduler.release();
    QCOMPARE(start(scheduler), std::string("2:0+4sf "));
}

void TstScheduler::aBeginningOfThePlanMayBeStarted()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.add(1, 3, 5).ok());
    QVERIFY(scheduler.add(2, 3, 5).ok());
    StepPlan plan = scheduler.plan();
    plan.resize(1);
    scheduler.start(plan);
    QCOMPARE(text(scheduler.plan()), std::string("1:3+1s~ 2:0+3sf "));
}

void TstScheduler::commitOfNothingIsHarmless()
{
    Scheduler scheduler(small());
    QVERIFY(scheduler.commit().empty());
    QVERIFY(scheduler.add(1, 3, 5).ok());
    QVERIFY(scheduler.commit().empty());
    QCOMPARE(text(scheduler.plan()), std::string("1:0+3sf "));
}

void TstScheduler::forgetCachesStartsOverInOrder()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 4; ++id)
        QVERIFY(scheduler.add(id, 3, 5).ok());
    run(scheduler);
    QCOMPARE(text(scheduler.plan()), std::string("1:3+1s 2:3+1s 3:3+1s "));
    scheduler.forgetCaches();
    QCOMPARE(scheduler.usedBlocks(), 0U);
    QCOMPARE(scheduler.waiting(), 4U);
    // The token sampled before the loss is part of what has to be cached again.
    QCOMPARE(text(scheduler.plan()), std::string("1:0+4sf 2:0+4sf 3:0+2f "));
}

void TstScheduler::forgetCachesForgetsStepsOnTheirWay()
{
    Scheduler scheduler(small());
    for (SequenceId id = 1; id <= 3; ++id)
        QVERIFY(scheduler.add(id, 3, 5).ok());
    run(scheduler);
    (void)start(scheduler);
    (void)start(scheduler);
    scheduler.remove(2); // while it is on its way
    scheduler.forgetCaches();
    QVERIFY(scheduler.onTheirWay().empty());
    QVERIFY(scheduler.commit().empty());  // a late answer of the lost executor
    QVERIFY(scheduler.release().empty()); // the new executor never knew 2
    QCOMPARE(scheduler.usedBlocks(), 0U);
    QCOMPARE(scheduler.waiting(), 2U);
    // Of the tokens that were on their way none counts.
    QCOMPARE(start(scheduler), std::string("1:0+4sf 3:0+4sf "));
    QCOMPARE(start(scheduler), std::string("1:4+1s~ 3:4+1s~ "));
}

void TstScheduler::picturesWaitUntilTheirRoomIsEmpty()
{
    Limits limits = small();
    limits.waitingVisionTokens = 12;
    Scheduler scheduler(limits);
    QVERIFY(scheduler.add(1, 14, 4, 8).ok());
    QVERIFY(scheduler.add(2, 6, 4, 5).ok());
    QCOMPARE(start(scheduler), std::string("1:0+10f "));
    // The step in which the first one's pictures are cached begins while they are still kept.
    QCOMPARE(start(scheduler), std::string("1:10+4s "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:14+1s~ 2:0+6sf "));
}

void TstScheduler::oneThatWaitsForRoomIsNotOvertakenByPictures()
{
    Limits limits = small();
    limits.waitingVisionTokens = 12;
    limits.maxBatchedTokens = 20;
    limits.maxSequences = 4;
    Scheduler scheduler(limits);
    QVERIFY(scheduler.add(1, 9, 2, 8).ok());
    QVERIFY(scheduler.add(2, 6, 2, 5).ok());
    QVERIFY(scheduler.add(3, 3, 2, 1).ok()); // would fit
    QVERIFY(scheduler.add(4, 3, 2).ok());    // has none
    QCOMPARE(start(scheduler), std::string("1:0+9sf 4:0+3sf "));
    QCOMPARE(start(scheduler), std::string("1:9+1s~ 4:3+1s~ 2:0+6sf 3:0+3sf "));
}

void TstScheduler::morePicturesThanTheRoomAreRefused()
{
    Limits limits = small();
    limits.waitingVisionTokens = 12;
    Scheduler scheduler(limits);
    QVERIFY(scheduler.add(1, 20, 2, 12).ok());
    const auto refused = scheduler.add(2, 20, 2, 13);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QVERIFY(refused.error().cause.find("13 tokens, there is room for 12") != std::string::npos);
    QCOMPARE(scheduler.waiting(), 1U);
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

void TstScheduler::aStepAStageIsOnItsWay()
{
    Scheduler scheduler(inStages(3, 6));
    QCOMPARE(scheduler.mostOnTheirWay(), std::size_t{3});
    for (SequenceId id = 1; id <= 5; ++id)
        QVERIFY(scheduler.add(id, 2, 6).ok());
    QCOMPARE(start(scheduler), std::string("1:0+2sf 2:0+2sf 3:0+2sf 4:0+2sf 5:0+2sf "));
    QVERIFY(scheduler.plan().empty()); // all of them wait for their tokens
    QVERIFY(scheduler.add(6, 1, 6).ok());
    QCOMPARE(start(scheduler), std::string("6:0+1sf "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:2+1s 2:2+1s "));
    QCOMPARE(start(scheduler), std::string("3:2+1s 4:2+1s "));
    QCOMPARE(scheduler.onTheirWay().size(), std::size_t{3});
    QVERIFY(scheduler.plan().empty()); // although 5 could go on
}

void TstScheduler::answersAreSpreadEvenlyOverTheStages()
{
    Scheduler scheduler(inStages(2, 5));
    for (SequenceId id = 1; id <= 5; ++id)
        QVERIFY(scheduler.add(id, 2, 6).ok());
    run(scheduler);
    QCOMPARE(start(scheduler), std::string("1:2+1s 2:2+1s 3:2+1s "));
    QCOMPARE(start(scheduler), std::string("4:2+1s 5:2+1s "));
    (void)scheduler.commit();
    scheduler.remove(1);
    (void)scheduler.release();
    QCOMPARE(start(scheduler), std::string("2:3+1s 3:3+1s ")); // four are left
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("4:3+1s 5:3+1s "));
}

void TstScheduler::oneAnswerGoesThroughTheStagesAlone()
{
    Scheduler scheduler(inStages(4, 5));
    QVERIFY(scheduler.add(1, 2, 3).ok());
    for (const char* step : {"1:0+2sf ", "1:2+1s ", "1:3+1s "}) {
        QCOMPARE(start(scheduler), std::string(step));
        QVERIFY(scheduler.plan().empty());
        (void)scheduler.commit();
    }
    QVERIFY(scheduler.plan().empty()); // it has its three tokens
}

void TstScheduler::piecesOfAPromptFollowEachOtherThroughTheStages()
{
    Scheduler scheduler(inStages(3, 5));
    QVERIFY(scheduler.add(1, 43, 2).ok());
    QCOMPARE(start(scheduler), std::string("1:0+10f "));
    QCOMPARE(start(scheduler), std::string("1:10+10 "));
    QCOMPARE(start(scheduler), std::string("1:20+10 "));
    QVERIFY(scheduler.plan().empty());
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:30+10 "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:40+3s "));
    (void)scheduler.commit();
    QVERIFY(scheduler.plan().empty()); // what comes next needs a token
    (void)scheduler.commit();
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:43+1s "));
}

void TstScheduler::aNewAnswerJoinsTheSmallestStep()
{
    Scheduler scheduler(inStages(2, 5));
    for (SequenceId id = 1; id <= 3; ++id)
        QVERIFY(scheduler.add(id, 2, 9).ok());
    run(scheduler);
    QCOMPARE(start(scheduler), std::string("1:2+1s 2:2+1s "));
    QVERIFY(scheduler.add(4, 2, 9).ok());
    QCOMPARE(start(scheduler), std::string("3:2+1s 4:0+2sf "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("1:3+1s 2:3+1s "));
    (void)scheduler.commit();
    QCOMPARE(start(scheduler), std::string("3:3+1s 4:2+1s "));
}

void TstScheduler::whatIsOnItsWayThroughTheStagesIsKeptUntilItIsBack()
{
    Scheduler scheduler(inStages(2, 5));
    QVERIFY(scheduler.add(1, 12, 6).ok());
    (void)start(scheduler);
    QCOMPARE(start(scheduler), std::string("1:10+2s "));
    scheduler.remove(1);
    (void)scheduler.commit();
    QVERIFY(scheduler.release().empty()); // its second piece may still be written
    (void)scheduler.commit();
    QCOMPARE(scheduler.release(), std::vector<SequenceId>{1});
    QCOMPARE(scheduler.usedBlocks(), 0U);
}

void TstScheduler::invariantsHoldOnARandomWalk_data()
{
    QTest::addColumn<int>("seed");
    QTest::addColumn<int>("budget");
    QTest::addColumn<int>("sequences");
    QTest::addColumn<int>("stages");
    QTest::addColumn<int>("pictures");
    QTest::newRow("tiny budget, below the number of sequences") << 1 << 2 << 5 << 1 << 30;
    QTest::newRow("small budget") << 2 << 7 << 5 << 1 << 30;
    QTest::newRow("large budget") << 3 << 64 << 5 << 1 << 30;
    QTest::newRow("one sequence at a time") << 12 << 16 << 1 << 1 << 30;
    QTest::newRow("as many sequences as there are blocks for") << 13 << 16 << 64 << 1 << 30;
    for (int seed = 4; seed < 12; ++seed)
        QTest::addRow("seed %d", seed) << seed << 16 << 5 << 1 << 30;
    QTest::newRow("two stages, tiny budget") << 20 << 2 << 5 << 2 << 30;
    QTest::newRow("two stages, large budget") << 21 << 64 << 5 << 2 << 30;
    QTest::newRow("four stages, one sequence at a time") << 22 << 16 << 1 << 4 << 30;
    QTest::newRow("four stages, many sequences") << 23 << 16 << 64 << 4 << 30;
    for (int stages = 2; stages < 6; ++stages)
        QTest::addRow("%d stages", stages) << 30 + stages << 16 << 9 << stages << 30;
    for (int stages = 1; stages < 4; ++stages)
        QTest::addRow("many pictures, %d stages", stages) << 40 + stages << 64 << 9 << stages << 90;
}

void TstScheduler::invariantsHoldOnARandomWalk()
{
    QFETCH(int, seed);
    QFETCH(int, budget);
    QFETCH(int, sequences);
    QFETCH(int, stages);
    QFETCH(int, pictures);
    Limits limits{.kvBlocks = 37,
                  .kvBlockTokens = 4,
                  .maxBatchedTokens = static_cast<std::uint32_t>(budget),
                  .maxSequences = static_cast<std::uint32_t>(sequences),
                  .maxModelLen = 64,
                  .waitingVisionTokens = 30,
                  .stages = static_cast<std::uint32_t>(stages)};
    Walk walk(static_cast<std::uint64_t>(seed), limits, static_cast<std::uint32_t>(pictures));
    for (int step = 0; step < 3'000 && !QTest::currentTestFailed(); ++step)
        walk.step();
    QVERIFY(walk.drain());
    QVERIFY(walk.finished() > 20);
    if (stages == 1)
        QVERIFY(walk.wasted() > 5); // ends met steps on their way
    if (pictures > 50)
        QVERIFY2(walk.waitedForRoom() > 5, std::to_string(walk.waitedForRoom()).c_str());
    if (sequences == 1)
        return; // one sequence fills no more stages than its prompt has pieces
    QCOMPARE(walk.mostOnTheirWay(), static_cast<std::size_t>(std::max(stages, 2)));
    QVERIFY(walk.mostAnswering() > 1);
}

QTEST_GUILESS_MAIN(TstScheduler)
#include "tst_scheduler.moc"
