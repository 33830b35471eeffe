// Where the ranks of a model go, and that what is planned fits.

#include "tests/engine/plan/clusters.h"

#include "engine/plan/memory_budget.h"

#include <QtTest>

using namespace argus;
using namespace argus::plan;
using namespace argus::plan::testing;

class TstPlacement : public QObject {
    Q_OBJECT
private slots:
    void oneMachineIsFilledRankByRank();
    void tool();
};

void TstPlacement::oneMachineIsFilledRankByRank()
{
    const Preflight outcome = preflight(sevenB(), machines(1, kAda, 4), wish(2, 2));
    QVERIFY2(outcome.possible(), told(outcome).c_str());
}

void TstPlacement::tool()
{
    QElapsedTimer timer;
    const auto show = [&](const char* what, const ModelFacts& model, const Cluster& cluster, const wire::EngineSettings& s) {
        timer.start();
        const Preflight outcome = preflight(model, cluster, s);
        qDebug().noquote() << what << timer.elapsed() << "ms" << outcome.possible() << "\n" << told(outcome).c_str();
        std::uint64_t sum = 0;
        for (const PlannedRank& r : outcome.attempt) {
            sum += r.neededBytes();
            qDebug().noquote() << r.rank << r.shard.firstLayer << r.shard.endLayer << "w" << r.weightBytes / kMiB << "kv" << r.kvBytes / kMiB << "act" << r.activationBytes / kMiB << "rt" << r.runtimeBytes / kMiB << "of" << r.usableBytes / kMiB;
        }
        qDebug() << "sum" << double(sum) / 1e9 << "GB" << "context" << outcome.largestContext << QVector<int>(outcome.tensorSizes.begin(), outcome.tensorSizes.end()) << QVector<int>(outcome.pipelineSizes.begin(), outcome.pipelineSizes.end());
    };
    show("7B 2x2 ada", sevenB(), machines(1, kAda, 4), wish(2, 2));
    show("72B 8x2 turing", seventyTwoB(), machines(2, kTuring, 8), wish(8, 2));
    auto s = wish(8, 2);
    s.set_gpu_memory_utilization(0.95);
    show("72B 8x2 turing .95", seventyTwoB(), machines(2, kTuring, 8), s);
    show("72B 6x2 turing", seventyTwoB(), machines(2, kTuring, 8), wish(6, 2));
    show("3BAWQ 4", awqOf(threeB()), machines(1, kAda, 4), wish(4, 1));
    show("7B 8", sevenB(), machines(1, kAda, 8), wish(8, 1));
    show("3B cpu 2x2", threeB(), cpuMachines(2, 2, 16 * kGiB), wish(2, 2));
}

QTEST_GUILESS_MAIN(TstPlacement)
#include "tst_placement.moc"
