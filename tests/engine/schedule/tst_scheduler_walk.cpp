// What always holds of the scheduler, over long random walks: a model of it is kept beside it, and a twin gets the same
// calls.

#include "engine/schedule/scheduler.h"
#include "tests/engine/schedule/plan_text.h"

#include <QtTest>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <random>
#include <set>

using namespace argus;
using namespace argus::schedule;
using argus::schedule::testing::text;

namespace {

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

class TstSchedulerWalk : public QObject {
    Q_OBJECT
private slots:
    void invariantsHoldOnARandomWalk_data();
    void invariantsHoldOnARandomWalk();
};

void TstSchedulerWalk::invariantsHoldOnARandomWalk_data()
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

void TstSchedulerWalk::invariantsHoldOnARandomWalk()
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

QTEST_GUILESS_MAIN(TstSchedulerWalk)
#include "tst_scheduler_walk.moc"
