// Two machines that are processes on loopback: joined with a line, one model over all of their devices, the same
// answers.

#include "tests/system/running_head.h"

#include <QtTest>

#include <algorithm>

using namespace argus::tests;
using Json = nlohmann::json;

class TstCluster final : public QObject {
    Q_OBJECT

    RunningHead m_head;
    RunningWorker m_beta{"beta"};

    /// Stored questions, answered one after the other; the number of wrong answers.
    int wrongAnswers(std::size_t most)
    {
        int wrong = 0;
        const Json cases = sampleCases();
        for (std::size_t i = 0; i < std::min(most, cases.size()); ++i) {
            const Ran ran = m_head.ask(argumentsOf(cases[i], m_head.folder()));
            const Json said = ran.json();
            if (ran.code == 0 && said["output_ids"] == cases[i]["output_ids"])
                continue;
            ++wrong;
            qWarning("%s: %s %s", cases[i]["name"].get<std::string>().c_str(), ran.out.c_str(), ran.err.c_str());
        }
        return wrong;
    }
    /// The demo model in another folder, which no other machine has.
    static QString demoModelAs(const QString& folder)
    {
        QDir().mkpath(folder);
        const QDir from(ARGUS_SOURCE_DIR "/resources/demo-model");
        for (const QString& name : from.entryList({"*.json", "*.txt", "*.safetensors"}, QDir::Files))
            QFile::copy(from.filePath(name), folder + "/" + name);
        return folder;
    }
    [[nodiscard]] Json node(const std::string& name) const
    {
        const Json status = m_head.status();
        for (const Json& each : status["nodes"])
            if (each["name"] == name)
                return each;
        return {};
    }

private slots:
    void initTestCase()
    {
        QVERIFY2(m_head.start({"--cpu-devices", "2", "--name", "alpha"}), qPrintable(m_head.startError));
        QVERIFY2(m_beta.join(m_head), qPrintable(m_beta.startError + m_beta.log()));
        QVERIFY(eventually([this] { return m_head.deploymentState() == "ready"; }, 30'000));
    }

    void aJoinedMachineIsShown()
    {
        const Json beta = node("beta");
        QCOMPARE(beta["role"].get<std::string>(), std::string("worker"));
        QCOMPARE(beta["state"].get<std::string>(), std::string("idle"));
        QCOMPARE(beta["interface"].get<std::string>(), std::string("lo"));
        QCOMPARE(beta["devices"].size(), std::size_t{2});
        QVERIFY(beta["link_bytes_per_second"].get<double>() > 0);
        QVERIFY(eventually([this] { return node("beta")["round_trip_seconds"].get<double>() > 0; }, 5'000));
    }
    void aCodeIsUsedUp()
    {
        const Ran line = m_head.run({"join-line"});
        QCOMPARE(line.code, 0);
        RunningWorker gamma("gamma");
        QVERIFY2(gamma.join(m_head), qPrintable(gamma.startError + gamma.log())); // makes a line of its own
        const QString old = QString::fromStdString(line.out).section('\'', 1, 1);
        const Ran late = m_head.run({"start", "--join", old, "--name", "delta"}, 30'000);
        QVERIFY(late.code != 0);
        QVERIFY2(late.err.find("join-line") != std::string::npos || late.err.find("15 minutes") != std::string::npos,
                 late.err.c_str());
        const Ran removed = m_head.run({"remove", "gamma"});
        QVERIFY2(removed.code == 0, (removed.out + removed.err).c_str());
        QVERIFY(gamma.process().waitForFinished(20'000)); // it is told, and ends
        QVERIFY(gamma.log().contains("removed"));
        QVERIFY(node("gamma").is_null());
        QVERIFY(gamma.rejoin());
        QVERIFY(gamma.process().waitForFinished(40'000)); // its key does not count any more
        QVERIFY(gamma.process().exitCode() != 0);
    }
    void whatCannotBeIsRefusedAndNothingChanges()
    {
        const Json before = m_head.status()["deployment"];
        const Ran refused = m_head.deploy({"--tensor-parallel-size", "3"});
        QVERIFY(refused.code != 0);
        QVERIFY2(refused.out.find("PAR-0") != std::string::npos, refused.out.c_str());
        QVERIFY2(refused.out.find("--tensor_parallel_size 2") != std::string::npos, refused.out.c_str());
        QCOMPARE(m_head.status()["deployment"]["number"], before["number"]);
        QCOMPARE(m_head.deploymentState(), std::string("ready"));
    }

    void everyLayoutGivesTheSameAnswers_data()
    {
        QTest::addColumn<QStringList>("options");
        QTest::addColumn<int>("most");
        const auto layout = [](int tensor, int pipeline) {
            return QStringList{"--tensor-parallel-size", QString::number(tensor), "--pipeline-parallel-size",
                               QString::number(pipeline)};
        };
        QTest::newRow("tp 2") << layout(2, 1) << 4;
        QTest::newRow("pp 2, both on the head's machine") << layout(1, 2) << 4;
        QTest::newRow("tp 2 x pp 2") << layout(2, 2) << 100;
        QTest::newRow("pp 4") << layout(1, 4) << 6;
        QTest::newRow("uneven stages") << layout(1, 2) +
                                              QStringList{"--stage-layers", QString("1,%1").arg(demoLayers() - 1)}
                                       << 4;
        QTest::newRow("all on the worker") << layout(2, 1) + QStringList{"--node", "alpha devices=none"} << 4;
    }
    void everyLayoutGivesTheSameAnswers()
    {
        QFETCH(QStringList, options);
        QFETCH(int, most);
        const Ran deployed = m_head.deploy(options);
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
        QCOMPARE(m_head.deploymentState(), std::string("ready"));
        QCOMPARE(wrongAnswers(static_cast<std::size_t>(most)), 0);
    }
    /// A machine without the model gets the head's copy, and has it from then on.
    void aMachineWithoutTheModelFetchesIt()
    {
        const QTemporaryDir folder;
        const QString model = demoModelAs(folder.filePath("only-here"));
        const QStringList options{
            "--model",           model, "--tensor-parallel-size", "2", "--node", "beta model=/nowhere", "--node",
            "alpha devices=none"};
        const Ran deployed = m_head.deploy(options);
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
        QVERIFY2(deployed.out.find("fetched from the head") != std::string::npos, deployed.out.c_str());
        QCOMPARE(wrongAnswers(2), 0);
        QVERIFY(QFile::exists(m_beta.folder() + "/cache/models/only-here/config.json"));
        QCOMPARE(QDir(m_beta.folder() + "/cache/models/only-here").entryList({"*.part"}).size(), 0);
        QCOMPARE(pulledCopy(m_beta, "only-here").there, pulledCopy(m_beta, "only-here").size); // it has all ranks
        const Ran again = m_head.deploy(options);
        QVERIFY2(again.code == 0, (again.out + again.err).c_str());
        QVERIFY2(again.out.find("fetched from the head") == std::string::npos, again.out.c_str()); // it is there now
    }
    /// One that has a stage gets that stage; with another stage later on, what is new of it.
    void aMachineFetchesWhatItsRanksNeed()
    {
        const QTemporaryDir folder;
        const QString model = demoModelAs(folder.filePath("in-parts"));
        // the worker has the second of two stages
        const auto options = [&](int itsLayers) {
            const QString layers = QString("%1,%2").arg(demoLayers() - itsLayers).arg(itsLayers);
            return QStringList{"--model",
                               model,
                               "--pipeline-parallel-size",
                               "2",
                               "--node",
                               "beta model=/nowhere devices=0",
                               "--node",
                               "alpha devices=0",
                               "--stage-layers",
                               layers};
        };
        const Ran dry = m_head.deploy(options(demoLayers() / 2) + QStringList{"--dry-run"});
        QVERIFY2(dry.out.find("that its ranks need") != std::string::npos, dry.out.c_str());
        qInfo("%s", QString::fromStdString(dry.out).section("MOD-0", 1).section('\n', 0, 0).toUtf8().constData());
        QVERIFY(pulledCopy(m_beta, "in-parts").files == 0); // nothing was fetched for that

        const Ran deployed = m_head.deploy(options(demoLayers() / 2));
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
        const PulledCopy half = pulledCopy(m_beta, "in-parts");
        qInfo("two stages: %lld of %lld bytes of weights fetched, %lld on the disk", half.there, half.size,
              half.onDisk);
        QVERIFY(half.there > half.size * 35 / 100 && half.there < half.size * 65 / 100);
        QVERIFY(half.onDisk < half.size * 70 / 100);
        QCOMPARE(wrongAnswers(3), 0);

        const Ran wider = m_head.deploy(options(demoLayers() / 2 + 1));
        QVERIFY2(wider.code == 0, (wider.out + wider.err).c_str());
        const PulledCopy more = pulledCopy(m_beta, "in-parts");
        qInfo("one layer more: %lld bytes fetched", fetchedLast(m_head, "in-parts"));
        QVERIFY(more.there > half.there);
        QCOMPARE(fetchedLast(m_head, "in-parts"), more.there - half.there); // not a byte twice, and no small file
        QCOMPARE(wrongAnswers(3), 0);

        const Ran back = m_head.deploy(options(demoLayers() / 2)); // there already
        QVERIFY2(back.code == 0, (back.out + back.err).c_str());
        QVERIFY2(back.out.find("fetched from the head") == std::string::npos, back.out.c_str());
        QCOMPARE(pulledCopy(m_beta, "in-parts").there, more.there);
        QCOMPARE(wrongAnswers(1), 0);
    }
    void aDryRunChangesNothing()
    {
        const Json before = m_head.status()["deployment"];
        const Ran dry = m_head.deploy({"--dry-run", "--tensor-parallel-size", "2"});
        QCOMPARE(dry.code, 0);
        QVERIFY2(dry.out.find("in all; context") != std::string::npos, dry.out.c_str());
        QCOMPARE(m_head.status()["deployment"]["number"], before["number"]);
    }
    void logsOfEveryNodeAreWithTheHead()
    {
        const Ran deployed = m_head.deploy({"--tensor-parallel-size", "2", "--node", "alpha devices=none"});
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
        Ran log;
        QVERIFY(eventually(
            [&] {
                log = m_head.run({"logs", "beta"});
                return log.out.find("argus-executor") != std::string::npos; // its executor's words too
            },
            5'000));
        QCOMPARE(log.code, 0);
        const Ran own = m_head.run({"logs"});
        QVERIFY(own.out.find("epoch") != std::string::npos);
        const Ran nobody = m_head.run({"logs", "nobody"});
        QVERIFY(nobody.code != 0 && nobody.err.find("nobody") != std::string::npos);
    }
    void aWorkerThatLeavesSaysGoodbye()
    {
        QCOMPARE(m_head.deploy({"--tensor-parallel-size", "2"}).code, 0); // without the worker
        m_beta.process().terminate();
        QVERIFY(m_beta.process().waitForFinished(10'000));
        QCOMPARE(m_beta.process().exitCode(), 0);
        QVERIFY(eventually([this] { return m_head.nodeState("beta") == "lost"; }, 3'000));
        QVERIFY(node("beta")["problem"]["cause"].get<std::string>().find("left") != std::string::npos);
        QVERIFY(m_head.run({"logs", "beta"}).out.find("stopping") != std::string::npos); // also of one that is gone
        QVERIFY(m_beta.rejoin()); // as after a reboot: without a line, without a human
        QVERIFY(eventually([this] { return m_head.nodeState("beta") == "idle"; }, 10'000));
    }
    void stoppingTheHeadLeavesNothingBehind()
    {
        const Ran deployed = m_head.deploy({"--tensor-parallel-size", "2", "--pipeline-parallel-size", "2"});
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
        const int near = m_head.executor();
        const int far = m_beta.executor();
        QVERIFY(near > 0 && far > 0);
        QCOMPARE(m_head.run({"stop"}).code, 0);
        QVERIFY(eventually([&] { return !RunningHead::alive(near) && !RunningHead::alive(far); }, 5'000));
    }
};

QTEST_GUILESS_MAIN(TstCluster)
#include "tst_cluster.moc"
