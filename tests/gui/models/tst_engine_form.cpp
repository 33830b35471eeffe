#include "gui/models/engine_form.h"
#include "tests/gui/support/scripted_link.h"

#include <QSignalSpy>
#include <QTest>

using namespace argus::gui;

namespace {

ClusterFacts runs(int tensorParallel, const QString& state = "ready")
{
    ClusterFacts facts;
    NodeFacts node;
    node.name = "gpu-a";
    node.role = "head";
    node.state = "ready";
    node.devices << DeviceFacts();
    facts.nodes << node;
    facts.deployment.state = state;
    facts.deployment.settingsKnown = true;
    facts.deployment.settings.tensorParallel = tensorParallel;
    return facts;
}

PreflightFacts answer(const QString& id, bool possible = true)
{
    PreflightFacts facts;
    facts.id = id;
    facts.possible = possible;
    return facts;
}

/// A form that watches a ready engine, its first check answered.
struct Setting {
    ScriptedLink link;
    ClusterModel cluster;
    EngineForm form{link, cluster};

    Setting()
    {
        cluster.update(runs(1));
        form.watch(true);
        emit link.preflightArrived(answer(link.checked.last().first));
    }
    void wish(int tensorParallel)
    {
        EngineSettings settings = form.settings();
        settings.tensorParallel = tensorParallel;
        form.edit(settings);
    }
};

} // namespace

class TstEngineForm : public QObject {
    Q_OBJECT

private slots:
    void followsWhatRunsUntilTheFirstEdit()
    {
        Setting s;
        const QSignalSpy shown(&s.form, &EngineForm::settingsChanged);
        s.cluster.update(runs(2));
        QCOMPARE(s.form.settings().tensorParallel, 2);
        QCOMPARE(shown.count(), 1);
        s.wish(4);
        s.cluster.update(runs(1));
        QCOMPARE(s.form.settings().tensorParallel, 4); // what was typed stays
        QVERIFY(s.form.isChanged());
        QCOMPARE(s.form.changes(), QStringList{"tensor_parallel_size"});
        s.form.revert();
        QCOMPARE(s.form.settings().tensorParallel, 1);
        QVERIFY(!s.form.isChanged());
    }

    void aBurstOfEditsIsOneCheck()
    {
        Setting s;
        const qsizetype before = s.link.checked.size();
        for (const int size : {2, 3, 4})
            s.wish(size);
        QVERIFY(s.form.isChecking());
        QCOMPARE(s.link.checked.size(), before); // not at once
        QTRY_COMPARE(s.link.checked.size(), before + 1);
        QCOMPARE(s.link.checked.last().second.tensorParallel, 4);
    }

    void aStaleAnswerIsIgnored()
    {
        Setting s;
        s.wish(2);
        QTRY_COMPARE(s.link.checked.last().second.tensorParallel, 2);
        const QString first = s.link.checked.last().first;
        s.wish(3);
        emit s.link.preflightArrived(answer(first)); // while the next is not even asked
        QVERIFY(s.form.isChecking());
        QTRY_COMPARE(s.link.checked.last().second.tensorParallel, 3);
        emit s.link.preflightArrived(answer(first));
        QVERIFY(s.form.isChecking());
        QCOMPARE(s.form.obstacle(), EngineForm::Obstacle::Checking);
        emit s.link.preflightArrived(answer(s.link.checked.last().first, false));
        QVERIFY(!s.form.isChecking());
        QCOMPARE(s.form.obstacle(), EngineForm::Obstacle::Impossible);
    }

    void nothingIsCheckedWhileNobodyLooks()
    {
        Setting s;
        s.form.watch(false);
        const qsizetype before = s.link.checked.size();
        s.wish(2);
        QTest::qWait(2 * EngineForm::kCheckDelayMs);
        QCOMPARE(s.link.checked.size(), before);
        s.form.watch(true);
        QCOMPARE(s.link.checked.size(), before + 1);
    }

    void machinesThatComeOrGoAreCheckedAgain()
    {
        Setting s;
        const qsizetype before = s.link.checked.size();
        s.cluster.update(runs(1)); // the same again
        QVERIFY(!s.form.isChecking());
        ClusterFacts more = runs(1);
        more.nodes << more.nodes[0];
        more.nodes[1].name = "gpu-b";
        more.nodes[1].role = "worker";
        s.cluster.update(more);
        QTRY_COMPARE(s.link.checked.size(), before + 1);
    }

    void aFixChangesTheWishAndChecksAtOnce()
    {
        Setting s;
        const Fix fix{"max_model_len 4096", "max_model_len", "4096", {}};
        QVERIFY(EngineForm::canUse(fix));
        QVERIFY(!EngineForm::canUse({"x", "no_such_setting", "1", {}}));
        QVERIFY(!EngineForm::canUse({"x", "max_model_len", "many", {}}));
        s.form.use(fix);
        QCOMPARE(s.form.settings().maxModelLen, 4096);
        QCOMPARE(s.link.checked.last().second.maxModelLen, 4096);
        s.form.use({"", "devices", "0,2", "gpu-a"});
        QCOMPARE(s.form.settings().choiceOf("gpu-a").devices, "0,2");
        s.form.use({"", "devices", "all", "gpu-a"});
        QVERIFY(s.form.settings().nodes.isEmpty());
    }

    void onlyWhatIsPossibleAndNewIsApplied()
    {
        Setting s;
        QCOMPARE(s.form.obstacle(), EngineForm::Obstacle::Unchanged);
        s.form.apply();
        QVERIFY(s.link.deployed.isEmpty());
        s.wish(2);
        QTRY_COMPARE(s.link.checked.last().second.tensorParallel, 2);
        emit s.link.preflightArrived(answer(s.link.checked.last().first));
        QCOMPARE(s.form.obstacle(), EngineForm::Obstacle::None);
        s.form.apply();
        QCOMPARE(s.link.deployed.size(), 1);
        QCOMPARE(s.link.deployed[0].second.tensorParallel, 2);
        QCOMPARE(s.form.obstacle(), EngineForm::Obstacle::Starting);
        emit s.link.deployAnswered(s.link.deployed[0].first, 0,
                                   {"Busy", QString("another start is on its way"), QString("wait"), ""});
        QCOMPARE(s.form.applyTrouble().cause.text(), "another start is on its way");
        QCOMPARE(s.form.settings().tensorParallel, 2);
    }

    void anEngineThatDoesNotRunCanBeStartedAsItIs()
    {
        Setting s;
        s.cluster.update(runs(1, "failed"));
        QTRY_VERIFY(!s.link.checked.isEmpty());
        QTRY_COMPARE(s.form.obstacle(), EngineForm::Obstacle::Checking);
        const qsizetype before = s.link.checked.size();
        QTRY_COMPARE(s.link.checked.size(), before + 1);
        emit s.link.preflightArrived(answer(s.link.checked.last().first));
        QCOMPARE(s.form.obstacle(), EngineForm::Obstacle::None);
    }

    void aCheckThatFailsSaysWhy()
    {
        Setting s;
        s.wish(2);
        QTRY_COMPARE(s.link.checked.last().second.tensorParallel, 2);
        emit s.link.commandFailed(s.link.checked.last().first,
                                  {"BadRequest", QString("tensor_parallel_size is 2"), QString("use 1"), ""});
        QVERIFY(!s.form.isChecking());
        QVERIFY(!s.form.preflight());
        QCOMPARE(s.form.checkTrouble().remedy.text(), "use 1");
        QCOMPARE(s.form.obstacle(), EngineForm::Obstacle::Impossible);
    }

    void fieldsThatAreNotEditedGoBackUnchanged()
    {
        Setting s;
        ClusterFacts facts = runs(1);
        facts.deployment.settings.rest = "as it came";
        s.cluster.update(facts);
        s.wish(2);
        QTRY_COMPARE(s.link.checked.last().second.rest, QByteArray("as it came"));
    }
};

QTEST_GUILESS_MAIN(TstEngineForm)
#include "tst_engine_form.moc"
