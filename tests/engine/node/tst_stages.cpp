// A planner before a model in stages: as many steps on their way as there are stages, none that follows another, and
// the asks that ranks without a report give up.

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

} // namespace

class TstStages final : public QObject {
    Q_OBJECT

    std::shared_ptr<const Deployment> m_deployment;

    [[nodiscard]] std::shared_ptr<const Deployment> deployment(std::uint32_t stages) const
    {
        auto changed = std::make_shared<Deployment>(*m_deployment);
        changed->settings.set_pipeline_parallel_size(stages);
        changed->settings.set_max_num_seqs(8);
        changed->placement.kvBlocks = 256;
        return changed;
    }
    /// A model that cannot be guessed without every id before.
    [[nodiscard]] Rig hashing(std::uint32_t stages) const
    {
        const text::TokenId stop = m_deployment->model->generation.stopIds.front();
        return Rig(deployment(stages), [stop](const Ids& ids, std::size_t) {
            std::uint64_t hash = 14695981039346656037ULL;
            for (const text::TokenId id : ids)
                hash = (hash ^ static_cast<std::uint64_t>(id)) * 1099511628211ULL;
            return (hash >> 20U) % 40 == 0 ? stop : static_cast<text::TokenId>((hash >> 20U) % 200);
        });
    }
    static wire::SequenceFailed failure(AskNumber number, const std::string& cause)
    {
        wire::SequenceFailed failed;
        failed.set_sequence(number);
        failed.mutable_error()->set_code("Corrupt");
        failed.mutable_error()->set_cause(cause);
        return failed;
    }

private slots:
    void initTestCase()
    {
        ::setenv("ARGUS_RESOURCES", ARGUS_SOURCE_DIR "/resources", 1);
        auto read = deployed({}, plan::Device{.gpu = {}, .hostMemoryFree = 4ULL << 30});
        QVERIFY2(read.ok(), read.ok() ? "" : read.error().text().c_str());
        m_deployment = *read;
    }

    void answersAreThoseOfOneStage()
    {
        std::vector<std::vector<std::uint32_t>> alone;
        for (const std::uint32_t stages : {0U, 2U, 3U, 5U}) { // 0 reads as 1
            Rig rig = hashing(stages);
            for (AskNumber number = 1; number <= 7; ++number)
                rig.planner.take(question(number, "Hello " + std::to_string(number), 60), now());
            rig.settle();
            std::vector<std::vector<std::uint32_t>> answers;
            for (AskNumber number = 1; number <= 7; ++number)
                answers.push_back(rig.endOf(number).outputIds);
            if (alone.empty())
                alone = answers;
            QCOMPARE(answers, alone);
            QCOMPARE(rig.complaints(), std::string());
            QCOMPARE(rig.following > 0, stages == 0);
            QCOMPARE(rig.planner.figures().kvBlocksUsed, 0U);
        }
        QVERIFY(alone[0] != alone[1]);
    }

    void aStepAStageIsSent()
    {
        Rig rig = hashing(3);
        for (AskNumber number = 1; number <= 6; ++number)
            rig.planner.take(question(number, "Hello", 60), now());
        while (rig.results.empty())
            QVERIFY(rig.compute());
        QVERIFY(rig.deliver());
        while (rig.port.sent.size() < 3)
            QVERIFY(rig.step());
        std::set<std::uint64_t> sequences;
        int slices = 0;
        for (const wire::NodeToExecutor& message : rig.port.sent)
            for (const wire::SequenceSlice& slice : message.step().slices()) {
                sequences.insert(slice.sequence());
                ++slices;
            }
        QCOMPARE(static_cast<int>(sequences.size()), slices); // nobody is in two of them
    }

    void whatFailsBesideItsStepFailsAlone()
    {
        Rig rig = hashing(1);
        rig.planner.take(question(1, "Hello", 20), now());
        rig.planner.take(question(2, "Hello there", 20), now());
        QVERIFY(rig.step());
        rig.planner.take(SequencesFailed{.epoch = rig.epoch, .failures = {failure(2, "its picture broke")}}, now());
        QCOMPARE(rig.port.ends(2).size(), std::size_t{1});
        QCOMPARE(rig.endOf(2).error->cause, std::string("its picture broke"));
        QCOMPARE(rig.endOf(2).error->code, ErrorCode::Corrupt);
        QVERIFY(rig.dropped.empty()); // a step with it is on its way
        rig.settle();
        QVERIFY(!rig.endOf(1).error);
        QCOMPARE(rig.port.ends(1).size(), std::size_t{1});
        QCOMPARE(rig.port.ends(2).size(), std::size_t{1});
        QCOMPARE(rig.complaints(), std::string());
    }

    void failuresOfAnotherEpochOrOfStrangersAreNobodys()
    {
        Rig rig = hashing(1);
        rig.planner.take(question(1, "Hello", 20), now());
        QVERIFY(rig.step());
        rig.planner.take(SequencesFailed{.epoch = rig.epoch + 1, .failures = {failure(1, "late")}}, now());
        rig.planner.take(SequencesFailed{.epoch = rig.epoch, .failures = {failure(99, "who")}}, now());
        QVERIFY(rig.port.ends(1).empty());
        QVERIFY(rig.port.ends(99).empty());
        rig.settle();
        QVERIFY(!rig.endOf(1).error);
    }
};

QTEST_GUILESS_MAIN(TstStages)
#include "tst_stages.moc"
