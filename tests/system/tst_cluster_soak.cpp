// Questions of every kind on a cluster of two machines with two devices each, while somebody keeps killing things: no
// leak, no question that hangs, no orphan. A minute here; ARGUS_SOAK_SECONDS makes it longer.

#include "tests/system/running_head.h"

#include <QElapsedTimer>
#include <QRandomGenerator>
#include <QtTest>

#include <signal.h>

#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <vector>

using namespace argus::tests;
using Json = nlohmann::json;

namespace {

/// Memory that a process holds by itself, in KiB: what /proc calls RssAnon.
long residentKiB(qint64 pid)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    std::string line;
    while (std::getline(file, line))
        if (line.starts_with("RssAnon:"))
            return std::atol(line.c_str() + 8);
    return -1;
}

int openFiles(qint64 pid)
{
    return static_cast<int>(
        QDir(QString("/proc/%1/fd").arg(pid)).entryList(QDir::NoDotAndDotDot | QDir::System).size());
}

struct Asked {
    std::unique_ptr<QProcess> process;
    std::size_t which = 0;
};

} // namespace

class TstClusterSoak final : public QObject {
    Q_OBJECT

    RunningHead m_head;
    RunningWorker m_beta{"beta"};

private slots:
    void initTestCase()
    {
        QVERIFY2(m_head.start({"--cpu-devices", "2", "--name", "alpha", "--log-level", "warn"}),
                 qPrintable(m_head.startError));
        QVERIFY2(m_beta.join(m_head), qPrintable(m_beta.startError + m_beta.log()));
        const Ran deployed = m_head.deploy({"--tensor-parallel-size", "2", "--pipeline-parallel-size", "2"});
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
    }
    void nothingLeaksNothingHangsNothingIsLeft()
    {
        const int asked = qEnvironmentVariableIntValue("ARGUS_SOAK_SECONDS");
        const qint64 length = 1000LL * (asked > 0 ? asked : 60);
        constexpr std::size_t kAtOnce = 3;
        constexpr qint64 kBetweenKills = 7'000;
        const Json cases = sampleCases();
        QRandomGenerator dice(20260); // the same course every time, but for the timing
        std::vector<Asked> asks;
        std::set<int> seen; // every process that was ever started for the cluster
        QElapsedTimer timer;
        timer.start();
        qint64 nextKill = kBetweenKills;
        int answered = 0;
        int kills = 0;
        long headBefore = 0;
        int filesBefore = 0;
        const auto finishOne = [&] {
            Asked first = std::move(asks.front());
            asks.erase(asks.begin());
            const Ran ran = RunningHead::finish(*first.process, 120'000);
            const Json& one = cases[first.which];
            if (ran.code != 0) // what stood still, before it is gone
                qWarning("%s\n%s\n%s", m_head.run({"status", "--json"}).out.c_str(), m_head.run({"logs"}).out.c_str(),
                         m_head.run({"logs", "beta"}).out.c_str());
            QVERIFY2(ran.code == 0, (one["name"].get<std::string>() + ": " + ran.err + ran.out).c_str());
            QCOMPARE(ran.json()["text"].get<std::string>(), one["answer"].get<std::string>());
            ++answered;
        };
        while (timer.elapsed() < length) {
            const std::size_t which = dice.bounded(static_cast<quint32>(cases.size()));
            asks.push_back(
                {m_head.begin(QStringList{"ask", "--json", "--temperature", "0", "--repetition-penalty", "1"} +
                              argumentsOf(cases[which], m_head.folder())),
                 which});
            for (const int pid : {m_head.executor(), m_beta.executor()})
                seen.insert(pid);
            if (asks.size() > kAtOnce)
                finishOne();
            if (QTest::currentTestFailed())
                return;
            if (headBefore == 0 && timer.elapsed() > length / 4) { // warm: pictures of every size have been seen
                headBefore = residentKiB(m_head.pid());
                filesBefore = openFiles(m_head.pid());
            }
            if (timer.elapsed() < nextKill)
                continue;
            nextKill += kBetweenKills;
            ++kills;
            switch (dice.bounded(3)) {
            case 0:
                if (const int victim = m_head.executor(); victim > 0)
                    ::kill(victim, SIGKILL);
                break;
            case 1:
                if (const int victim = m_beta.executor(); victim > 0)
                    ::kill(victim, SIGKILL);
                break;
            default:
                ::kill(static_cast<int>(m_beta.pid()), SIGKILL);
                QVERIFY(m_beta.process().waitForFinished(5'000));
                QVERIFY(m_beta.rejoin());
            }
        }
        while (!asks.empty() && !QTest::currentTestFailed())
            finishOne();
        QVERIFY(eventually([this] { return m_head.deploymentState() == "ready"; }, 30'000));
        const Json deployment = m_head.status()["deployment"];
        const long headAfter = residentKiB(m_head.pid());
        const int filesAfter = openFiles(m_head.pid());
        qInfo("%lld s: %d answered, %d kills, %d restarts, %d replayed; head %ld -> %ld KiB of its own, %d -> %d files",
              timer.elapsed() / 1000, answered, kills, deployment["restarts"].get<int>(),
              deployment["replayed_asks"].get<int>(), headBefore, headAfter, filesBefore, filesAfter);
        QVERIFY(answered > 20 && kills > 4);
        QVERIFY2(headAfter < headBefore + 64 * 1024, "the head has grown");
        QVERIFY2(filesAfter < filesBefore + 16, "the head has more files open");
        const std::set<int> alive{m_head.executor(), m_beta.executor()};
        for (const int pid : seen)
            QVERIFY2(pid <= 0 || alive.contains(pid) || !RunningHead::alive(pid), "an executor was left behind");
    }
};

int main(int argc, char** argv)
{
    qputenv("QTEST_FUNCTION_TIMEOUT", QByteArray::number(24 * 3600 * 1000)); // ctest has a limit of its own
    const QCoreApplication application(argc, argv);
    TstClusterSoak test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_cluster_soak.moc"
