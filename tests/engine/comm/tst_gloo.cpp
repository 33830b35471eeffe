// Ranks on CPUs as threads: results, agreement in bits, aborts, deadlines.

#include "tests/engine/comm/exercise.h"
#include "tests/engine/comm/rank_threads.h"

#include <QtTest>

#include <atomic>
#include <latch>
#include <map>

using namespace argus;
using namespace argus::comm;
using namespace argus::comm_test;

namespace {

QString firstFailure(const std::vector<Outcome>& outcomes)
{
    for (std::size_t rank = 0; rank < outcomes.size(); ++rank)
        if (!outcomes[rank].text.empty())
            return QString("rank %1: %2").arg(rank).arg(QString::fromStdString(outcomes[rank].text));
    return {};
}

using Bytes = std::vector<char>;
Seen appendTo(Bytes& bytes)
{
    return [&bytes](const void* seen, std::size_t count) {
        const char* from = static_cast<const char*>(seen);
        bytes.insert(bytes.end(), from, from + count);
    };
}

} // namespace

class TstGloo final : public QObject {
    Q_OBJECT
private slots:
    void everyOperation_data()
    {
        QTest::addColumn<int>("ranks");
        QTest::addColumn<int>("executors");
        for (const int ranks : {2, 3, 4})
            for (const int executors : {1, ranks})
                QTest::addRow("%d ranks in %d executors", ranks, executors) << ranks << executors;
    }
    void everyOperation()
    {
        QFETCH(int, ranks);
        QFETCH(int, executors);
        std::vector<Bytes> seen(static_cast<std::size_t>(ranks));
        const auto outcomes = runRanks(
            {.count = ranks, .tensorRanks = ranks, .executors = executors}, [&](const World& world, Groups& groups) {
                require(groups.pipeline == nullptr, "a pipeline of one");
                require(groups.tensor->rank() == world.rank, "another rank's place");
                exerciseAll(*groups.tensor, appendTo(seen[static_cast<std::size_t>(world.rank)]));
            });
        QCOMPARE(firstFailure(outcomes), QString());
        QVERIFY(!seen[0].empty());
        for (const Bytes& bytes : seen)
            QVERIFY2(bytes == seen[0], "ranks differ in bits");
    }
    void sumsDoNotDependOnWhereTheRanksAre()
    {
        std::vector<Bytes> seen;
        for (const int executors : {1, 3}) {
            seen.emplace_back();
            const auto outcomes = runRanks({.count = 3, .tensorRanks = 3, .executors = executors},
                                           [&](const World& world, Groups& groups) {
                                               Bytes own;
                                               exerciseAll(*groups.tensor, appendTo(own));
                                               if (world.rank == 1)
                                                   seen.back() = own;
                                           });
            QCOMPARE(firstFailure(outcomes), QString());
        }
        QVERIFY(seen[0] == seen[1]);
    }
    void stagesAndTensorRanksHaveGroupsOfTheirOwn_data()
    {
        QTest::addColumn<int>("executors");
        QTest::newRow("one executor") << 1;
        QTest::newRow("two executors") << 2;
        QTest::newRow("an executor each") << 6;
    }
    void stagesAndTensorRanksHaveGroupsOfTheirOwn()
    {
        QFETCH(int, executors);
        const auto outcomes =
            runRanks({.count = 6, .tensorRanks = 2, .executors = executors}, [](const World& world, Groups& groups) {
                require(groups.tensor->size() == 2 && groups.tensor->rank() == world.rank % 2, "tensor group");
                require(groups.pipeline->size() == 3 && groups.pipeline->rank() == world.rank / 2, "pipeline group");
                const auto sumOfRanks = [&](Communicator& group) {
                    HostTensor x(DType::F32, {1, 1});
                    *x.view().data<float>() = static_cast<float>(world.rank);
                    group.sum(x.view());
                    return *x.view().data<float>();
                };
                require(sumOfRanks(*groups.tensor) == static_cast<float>(world.rank / 2 * 4 + 1), "sum over the stage");
                require(sumOfRanks(*groups.pipeline) == static_cast<float>(world.rank % 2 * 3 + 6), "sum over stages");
            });
        QCOMPARE(firstFailure(outcomes), QString());
    }
    void aRankAloneHasNoGroup()
    {
        MeetingPoint meeting({});
        const auto groups = openGloo({.world = {}, .address = {}, .interface = {}}, meeting);
        QVERIFY(groups.ok());
        QVERIFY(!groups->tensor && !groups->pipeline);
    }
    void aWorldThatIsNoneIsRefused()
    {
        MeetingPoint meeting({});
        const auto groups = openGloo(
            {.world = {.epoch = 1, .rank = 0, .size = 3, .tensorRanks = 2}, .address = {}, .interface = {}}, meeting);
        QVERIFY(!groups.ok());
        QCOMPARE(groups.error().code, ErrorCode::BadRequest);
    }
    void anInterfaceThatIsNotThereIsNamed()
    {
        Town town(2); // ranks of one executor need no interface
        std::vector<std::string> causes(2);
        std::vector<std::jthread> threads;
        for (int rank = 0; rank < 2; ++rank)
            threads.emplace_back([&, rank] {
                const auto groups = openGloo({.world = {.epoch = 1, .rank = rank, .size = 2, .tensorRanks = 2},
                                              .address = {},
                                              .interface = "nowhere7",
                                              .forming = Milliseconds(5'000)},
                                             town.of(rank));
                if (!groups)
                    causes[static_cast<std::size_t>(rank)] = groups.error().cause;
            });
        threads.clear();
        for (const std::string& cause : causes)
            QVERIFY2(cause.find("nowhere7") != std::string::npos, cause.c_str());
    }
    void wrongShapesAreRefused()
    {
        const auto outcomes = runRanks({}, [](const World&, Groups& groups) {
            HostTensor a(DType::F32, {2, 4});
            HostTensor b(DType::F32, {2, 3});
            HostTensor ids(DType::I32, {2, 4});
            const auto refused = [](auto&& work) {
                try {
                    work();
                } catch (const GroupBroken&) {
                    throw;
                } catch (const OpsError&) {
                    return true;
                }
                return false;
            };
            require(refused([&] { groups.tensor->sum(ids.view()); }), "a sum of integers");
            require(refused([&] { groups.tensor->addSum(a.view(), b.view()); }), "shapes that differ");
            require(refused([&] { groups.tensor->gatherColumns(a.view(), b.view(), a.view()); }), "a wrong width");
            require(refused([&] { groups.tensor->send(a.view(), groups.tensor->rank()); }), "a message to oneself");
            groups.tensor->sum(a.view()); // and nothing is broken
        });
        QCOMPARE(firstFailure(outcomes), QString());
    }
    /// Also higher ranks end at the deadline: Gloo's own rendezvous would keep them for 30 s.
    void aRankThatNeverComesEndsTheOthers_data()
    {
        QTest::addColumn<int>("missing");
        for (const int missing : {0, 1, 2})
            QTest::addRow("rank %d", missing) << missing;
    }
    void aRankThatNeverComesEndsTheOthers()
    {
        QFETCH(int, missing);
        Town town(3);
        const Instant begin = now();
        std::vector<ErrorCode> codes(3, ErrorCode::Internal);
        std::vector<std::jthread> threads;
        for (int rank = 0; rank < 3; ++rank)
            if (rank != missing)
                threads.emplace_back([&, rank] {
                    const auto groups = openGloo({.world = {.epoch = 7, .rank = rank, .size = 3, .tensorRanks = 3},
                                                  .address = {},
                                                  .interface = {},
                                                  .forming = Milliseconds(1'000)},
                                                 town.of(rank));
                    if (!groups)
                        codes[static_cast<std::size_t>(rank)] = groups.error().code;
                });
        threads.clear();
        QVERIFY(now() - begin < std::chrono::seconds(20));
        for (int rank = 0; rank < 3; ++rank)
            if (rank != missing)
                QCOMPARE(codes[static_cast<std::size_t>(rank)], ErrorCode::Timeout);
    }
    void anAbortedMeetingPointEndsForming()
    {
        Town town(2);
        std::optional<Error> error;
        std::jthread waiting([&] {
            const auto groups = openGloo(
                {.world = {.epoch = 7, .rank = 0, .size = 2, .tensorRanks = 2}, .address = {}, .interface = {}},
                town.of(0));
            if (!groups)
                error = groups.error();
        });
        town.of(0).abort("the deployment was changed");
        waiting.join();
        QVERIFY(error);
        QCOMPARE(error->code, ErrorCode::Cancelled);
        QVERIFY(error->cause.find("the deployment was changed") != std::string::npos);
    }
    void abortWakesWhoeverWaits_data()
    {
        QTest::addColumn<int>("executors");
        QTest::addColumn<QString>("operation");
        for (const int executors : {1, 3})
            for (const char* operation : {"sum", "large sum", "receive", "gather"})
                QTest::addRow("%s, %d executors", operation, executors) << executors << operation;
    }
    /// Rank 0 computes on and never calls the operation; the others wait, and their own abort ends it.
    void abortWakesWhoeverWaits()
    {
        QFETCH(int, executors);
        QFETCH(QString, operation);
        std::latch formed(3), over(2), aborted(1);
        const Instant begin = now();
        std::array<Communicator*, 3> groups{};
        std::jthread aborts([&] {
            formed.wait();
            std::this_thread::sleep_for(Milliseconds(100)); // so that they do wait; too early an abort is tested below
            for (const int rank : {1, 2})
                groups[static_cast<std::size_t>(rank)]->abort();
            aborted.count_down();
        });
        const auto outcomes =
            runRanks({.count = 3, .tensorRanks = 3, .executors = executors, .operation = Milliseconds(60'000)},
                     [&](const World& world, Groups& own) {
                         groups[static_cast<std::size_t>(world.rank)] = own.tensor.get();
                         formed.count_down();
                         if (world.rank == 0) {
                             over.wait();
                             aborted.wait(); // the groups are there until then
                             return;
                         }
                         HostTensor x(DType::F32, {1, operation == "large sum" ? 3'000'000 : 30});
                         HostTensor wide(DType::F32, {1, 90}), scratch(DType::F32, {1, 90});
                         std::memset(x.view().bytes(), 0, static_cast<std::size_t>(x.shape().elements()) * 4);
                         try {
                             if (operation == "receive")
                                 own.tensor->receive(x.view(), 0);
                             else if (operation == "gather")
                                 own.tensor->gatherColumns(wide.view(), x.view(), scratch.view());
                             else
                                 own.tensor->sum(x.view());
                         } catch (...) {
                             over.count_down();
                             throw;
                         }
                         over.count_down();
                     });
        QVERIFY(now() - begin < std::chrono::seconds(30));
        QVERIFY2(outcomes[0].text.empty(), outcomes[0].text.c_str());
        // The first to be aborted closes its connections, which the other may notice before its own abort.
        QVERIFY(outcomes[1].broken);
        QVERIFY(outcomes[2].broken);
        QVERIFY(outcomes[1].broken == GroupBroken::Why::Aborted || outcomes[2].broken == GroupBroken::Why::Aborted);
    }
    void afterAnAbortNothingWorks()
    {
        const auto outcomes = runRanks({}, [](const World&, Groups& groups) {
            groups.tensor->abort();
            groups.tensor->abort();
            for (int i = 0; i < 2; ++i) {
                HostTensor x(DType::F32, {1, 1});
                try {
                    groups.tensor->sum(x.view());
                } catch (const GroupBroken& broken) {
                    require(broken.why() == GroupBroken::Why::Aborted, "another reason");
                    continue;
                }
                throw std::runtime_error("an aborted group added something up");
            }
        });
        QCOMPARE(firstFailure(outcomes), QString());
    }
    void anOperationThatTakesTooLongEnds_data()
    {
        QTest::addColumn<int>("executors");
        QTest::newRow("one executor") << 1;
        QTest::newRow("two executors") << 2;
    }
    void anOperationThatTakesTooLongEnds()
    {
        QFETCH(int, executors);
        const Instant begin = now();
        const auto outcomes =
            runRanks({.executors = executors, .operation = Milliseconds(300)}, [](const World& world, Groups& groups) {
                HostTensor x(DType::F32, {1, 10});
                if (world.rank == 1)
                    groups.tensor->receive(x.view(), 0); // which rank 0 never sends
            });
        QVERIFY(now() - begin < std::chrono::seconds(20));
        QVERIFY(outcomes[1].broken == GroupBroken::Why::Timeout);
    }
    void aRankThatLeavesBreaksTheGroup_data() { anOperationThatTakesTooLongEnds_data(); }
    /// Also one that leaves as soon as it may, when the others hardly have come.
    void aRankThatLeavesBreaksTheGroup()
    {
        QFETCH(int, executors);
        const Instant begin = now();
        const auto outcomes = runRanks({.executors = executors, .operation = Milliseconds(60'000)},
                                       [](const World& world, Groups& groups) {
                                           if (world.rank == 0) {
                                               groups = {};
                                               return;
                                           }
                                           HostTensor x(DType::F32, {1, 10});
                                           groups.tensor->receive(x.view(), 0);
                                       });
        QVERIFY(now() - begin < std::chrono::seconds(30));
        QVERIFY(outcomes[1].broken == GroupBroken::Why::PeerGone);
    }
};

QTEST_GUILESS_MAIN(TstGloo)
#include "tst_gloo.moc"
