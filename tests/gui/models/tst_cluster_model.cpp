#include "gui/models/cluster_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

using namespace argus::gui;

namespace {

NodeFacts node(const QString& name, const QString& role, int devices, quint64 used = 0)
{
    NodeFacts facts;
    facts.name = name;
    facts.role = role;
    facts.state = "ready";
    for (int i = 0; i < devices; ++i) {
        DeviceFacts device;
        device.name = QString("GPU %1").arg(i);
        device.total = 24;
        device.kvUsed = used;
        facts.devices << device;
    }
    return facts;
}

ClusterFacts cluster(const QList<NodeFacts>& nodes)
{
    ClusterFacts facts;
    facts.nodes = nodes;
    return facts;
}

} // namespace

class TstClusterModel : public QObject {
    Q_OBJECT

private slots:
    void theHeadComesFirstAndRowsStay()
    {
        ClusterModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        model.update(cluster({node("b", "worker", 2), node("z", "head", 1)}));
        QCOMPARE(model.rowCount(), 2);
        QCOMPARE(model.index(0, 0).data().toString(), "z");
        QCOMPARE(model.rowCount(model.index(1, 0)), 2);
        const QPersistentModelIndex device(model.index(1, 0, model.index(1, 0)));
        model.update(cluster({node("z", "head", 1), node("a", "worker", 1), node("b", "worker", 2)}));
        QCOMPARE(model.rowCount(), 3);
        QVERIFY(device.isValid());
        QCOMPARE(device.parent().data().toString(), "b");
        QCOMPARE(device.parent().row(), 2);
    }

    void onlyWhatChangedIsAnnounced()
    {
        ClusterModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        model.update(cluster({node("z", "head", 2, 1)}));
        QSignalSpy reset(&model, &ClusterModel::modelReset);
        QSignalSpy inserted(&model, &ClusterModel::rowsInserted);
        QSignalSpy changed(&model, &ClusterModel::dataChanged);
        ClusterFacts next = cluster({node("z", "head", 2, 1)});
        next.nodes[0].devices[1].kvUsed = 9;
        model.update(next);
        QCOMPARE(reset.count() + inserted.count(), 0);
        int devices = 0;
        for (const QList<QVariant>& call : changed)
            devices += call[0].value<QModelIndex>().parent().isValid() ? 1 : 0;
        QCOMPARE(devices, 1);
        QCOMPARE(model.index(1, 0, model.index(0, 0)).data(ClusterModel::DeviceRole).value<DeviceFacts>().kvUsed, 9ull);
    }

    void devicesAndMachinesComeAndGo()
    {
        ClusterModel model;
        const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
        model.update(cluster({node("z", "head", 3), node("w", "worker", 1)}));
        model.update(cluster({node("z", "head", 1)}));
        QCOMPARE(model.rowCount(), 1);
        QCOMPARE(model.rowCount(model.index(0, 0)), 1);
        model.update(cluster({node("w", "head", 2), node("z", "worker", 1)}));
        QCOMPARE(model.index(0, 0).data().toString(), "w");
        QCOMPARE(model.index(1, 0).data().toString(), "z");
        model.update(cluster({}));
        QCOMPARE(model.rowCount(), 0);
    }

    void ageAddsWhatPassedSinceTheLastUpdate()
    {
        ClusterModel model;
        ClusterFacts facts = cluster({node("z", "head", 1)});
        facts.nodes[0].age = 20;
        model.update(facts);
        QVERIFY(model.age(0) >= 20);
    }
};

QTEST_GUILESS_MAIN(TstClusterModel)
#include "tst_cluster_model.moc"
