// Two machines that are network namespaces with a cable between them: a link that goes down, one that swallows
// everything in silence, one that is slow. Needs to be root to lay the cable; says so and does nothing otherwise.

#include "tests/system/running_head.h"

#include <QElapsedTimer>
#include <QProcess>
#include <QtTest>

#include <signal.h>
#include <unistd.h>

using namespace argus::tests;
using Json = nlohmann::json;

namespace {

const QString kCircle = "red-circle-on-white.png";
const std::string kCircleAnswer = storedAnswer("red-circle-on-white");

/// Runs a program to its end; its exit status, -1 when it could not be run.
int call(const QString& line)
{
    QProcess process;
    process.startCommand(line);
    if (!process.waitForFinished(20'000) || process.exitStatus() != QProcess::NormalExit)
        return -1;
    return process.exitCode();
}

} // namespace

class TstClusterNetwork final : public QObject {
    Q_OBJECT

    const QString m_one = QString("argus-%1-a").arg(::getpid());
    const QString m_two = QString("argus-%1-b").arg(::getpid());
    const QString m_cableOne = QString("av%1a").arg(::getpid() % 100'000);
    const QString m_cableTwo = QString("av%1b").arg(::getpid() % 100'000);
    bool m_laid = false;
    std::unique_ptr<RunningHead> m_head;
    std::unique_ptr<RunningWorker> m_beta;

    [[nodiscard]] bool layCable()
    {
        bool ok = true;
        for (const QString& space : {m_one, m_two})
            ok = ok && call("ip netns add " + space) == 0;
        ok = ok && call(QString("ip link add %1 netns %2 type veth peer name %3 netns %4")
                            .arg(m_cableOne, m_one, m_cableTwo, m_two)) == 0;
        int host = 1;
        for (const auto& [space, cable] : {std::pair(m_one, m_cableOne), std::pair(m_two, m_cableTwo)}) {
            ok = ok && call(QString("ip -n %1 addr add 10.77.0.%2/24 dev %3").arg(space).arg(host++).arg(cable)) == 0;
            ok = ok && call(QString("ip -n %1 link set %2 up").arg(space, cable)) == 0;
            ok = ok && call(QString("ip -n %1 link set lo up").arg(space)) == 0;
        }
        return ok;
    }
    void removeCable()
    {
        for (const QString& space : {m_one, m_two})
            (void)call("ip netns del " + space);
    }
    void theNextQuestionIsAnswered()
    {
        const Ran ran = m_head->ask({"--image", sample(kCircle), "Describe this image."});
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        QCOMPARE(ran.json()["text"].get<std::string>(), kCircleAnswer);
    }
    /// Does something to the cable, and mends it once the head has noticed.
    void trouble(const char* what, const std::function<void()>& breaks, const std::function<void()>& mends)
    {
        const std::uint64_t before = m_head->status()["deployment"]["epoch"].get<std::uint64_t>();
        QElapsedTimer timer;
        timer.start();
        breaks();
        QVERIFY2(eventually([&] { return m_head->nodeState("beta") == "lost"; }, 20'000), what);
        qInfo("%s: lost after %lld ms", what, timer.elapsed());
        QVERIFY2(m_head->deploymentState() != "ready", what);
        timer.restart();
        mends();
        QVERIFY2(eventually(
                     [&] {
                         const Json deployment = m_head->status()["deployment"];
                         return deployment["state"] == "ready" && deployment["epoch"].get<std::uint64_t>() > before;
                     },
                     60'000),
                 what);
        qInfo("%s: mended, serving again after %lld ms", what, timer.elapsed());
        theNextQuestionIsAnswered();
    }

private slots:
    void initTestCase()
    {
        if (::geteuid() != 0)
            QSKIP("only root can make network namespaces");
        m_laid = layCable();
        if (!m_laid)
            removeCable(); // what was laid of it
        if (!m_laid)
            QSKIP("this kernel or this container does not allow network namespaces with a veth pair");
        m_head = std::make_unique<RunningHead>();
        m_head->runIn(m_one);
        QVERIFY2(m_head->start({"--cpu-devices", "2", "--name", "alpha"}, "10.77.0.1:0"),
                 qPrintable(m_head->startError));
        m_beta = std::make_unique<RunningWorker>("beta");
        m_beta->runIn(m_two);
        QVERIFY2(m_beta->join(*m_head), qPrintable(m_beta->startError + m_beta->log()));
        const Ran deployed = m_head->deploy({"--tensor-parallel-size", "2", "--pipeline-parallel-size", "2"});
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
    }
    void init()
    {
        if (!m_laid)
            QSKIP("there is no cable, as said above");
    }
    void theInterfaceThatReachesTheHeadIsFound()
    {
        QVERIFY(eventually([this] { return m_head->status()["nodes"][1]["interface"] == m_cableTwo.toStdString(); },
                           5'000));
        const Json status = m_head->status();
        for (const auto& [node, cable] : {std::pair(0, m_cableOne), std::pair(1, m_cableTwo)}) {
            const std::string found = status["nodes"][static_cast<std::size_t>(node)]["interface"].get<std::string>();
            QVERIFY2(found == cable.toStdString(), (found + " instead of " + cable.toStdString()).c_str());
        }
    }
    void everySampleIsAnsweredOverTheCable()
    {
        const Json cases = sampleCases();
        for (const Json& one : cases) {
            const Ran ran = m_head->ask(argumentsOf(one, m_head->folder()));
            QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
            QCOMPARE(ran.json()["output_ids"], one["output_ids"]);
        }
    }
    void theLinkGoesDown()
    {
        trouble(
            "link down", [this] { QCOMPARE(call(QString("ip -n %1 link set %2 down").arg(m_two, m_cableTwo)), 0); },
            [this] { QCOMPARE(call(QString("ip -n %1 link set %2 up").arg(m_two, m_cableTwo)), 0); });
    }
    void theLinkSwallowsEverything()
    {
        // Each side believes the other at an address that nobody has: no error, no reset, nothing.
        const auto neighbours = [this](const char* verb) {
            const QString rest = QString(verb) == "replace" ? " lladdr 02:00:00:00:00:99 nud permanent" : "";
            QCOMPARE(call(QString("ip -n %1 neigh %2 10.77.0.2%3 dev %4").arg(m_one, verb, rest, m_cableOne)), 0);
            QCOMPARE(call(QString("ip -n %1 neigh %2 10.77.0.1%3 dev %4").arg(m_two, verb, rest, m_cableTwo)), 0);
        };
        trouble(
            "silent black hole", [&] { neighbours("replace"); }, [&] { neighbours("del"); });
    }
    void aSlowLinkIsSlowAndNothingElse()
    {
        if (call(QString("tc -n %1 qdisc add dev %2 root tbf rate 20mbit burst 32kbit latency 50ms")
                     .arg(m_one, m_cableOne)) != 0)
            QSKIP("this kernel has no token bucket filter");
        const Json before = m_head->status()["deployment"];
        QElapsedTimer timer;
        timer.start();
        theNextQuestionIsAnswered();
        qInfo("a question over 20 Mbit/s: %lld ms", timer.elapsed());
        QTest::qWait(8'000); // longer than anything may be silent
        QCOMPARE(m_head->status()["deployment"]["epoch"], before["epoch"]);
        QCOMPARE(call(QString("tc -n %1 qdisc del dev %2 root").arg(m_one, m_cableOne)), 0);
    }
    void cleanupTestCase()
    {
        m_beta.reset();
        m_head.reset();
        if (m_laid)
            removeCable();
    }
};

QTEST_GUILESS_MAIN(TstClusterNetwork)
#include "tst_cluster_network.moc"
