// Two machines that are network namespaces with a cable between them: a link that goes down, one that swallows
// everything in silence, one that is slow. Needs to be root to lay the cable; says so and does nothing otherwise.

#include "tests/system/cable.h"
#include "tests/system/running_head.h"

#include <QElapsedTimer>
#include <QtTest>

#include <unistd.h>

using namespace argus::tests;
using Json = nlohmann::json;

namespace {

const QString kCircle = "red-circle-on-white.png";
const std::string kCircleAnswer = storedAnswer("red-circle-on-white");

} // namespace

class TstClusterNetwork final : public QObject {
    Q_OBJECT

    Cable m_cable;
    bool m_laid = false;
    std::unique_ptr<RunningHead> m_head;
    std::unique_ptr<RunningWorker> m_beta;

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
        if (const QString why = m_cable.lay(); !why.isEmpty())
            QSKIP(qPrintable(why));
        m_laid = true;
        m_head = std::make_unique<RunningHead>();
        m_head->runIn(m_cable.one);
        QVERIFY2(m_head->start({"--cpu-devices", "2", "--name", "alpha"}, "10.77.0.1:0"),
                 qPrintable(m_head->startError));
        m_beta = std::make_unique<RunningWorker>("beta");
        m_beta->runIn(m_cable.two);
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
        QVERIFY(eventually(
            [this] { return m_head->status()["nodes"][1]["interface"] == m_cable.endOfTwo.toStdString(); }, 5'000));
        const Json status = m_head->status();
        for (const auto& [node, cable] : {std::pair(0, m_cable.endOfOne), std::pair(1, m_cable.endOfTwo)}) {
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
            "link down",
            [this] { QCOMPARE(call(QString("ip -n %1 link set %2 down").arg(m_cable.two, m_cable.endOfTwo)), 0); },
            [this] { QCOMPARE(call(QString("ip -n %1 link set %2 up").arg(m_cable.two, m_cable.endOfTwo)), 0); });
    }
    void theLinkSwallowsEverything()
    {
        // Each side believes the other at an address that nobody has: no error, no reset, nothing.
        const auto neighbours = [this](const char* verb) {
            const QString rest = QString(verb) == "replace" ? " lladdr 02:00:00:00:00:99 nud permanent" : "";
            QCOMPARE(
                call(QString("ip -n %1 neigh %2 10.77.0.2%3 dev %4").arg(m_cable.one, verb, rest, m_cable.endOfOne)),
                0);
            QCOMPARE(
                call(QString("ip -n %1 neigh %2 10.77.0.1%3 dev %4").arg(m_cable.two, verb, rest, m_cable.endOfTwo)),
                0);
        };
        trouble(
            "silent black hole", [&] { neighbours("replace"); }, [&] { neighbours("del"); });
    }
    void aSlowLinkIsSlowAndNothingElse()
    {
        if (call(QString("tc -n %1 qdisc add dev %2 root tbf rate 20mbit burst 32kbit latency 50ms")
                     .arg(m_cable.one, m_cable.endOfOne)) != 0)
            QSKIP("this kernel has no token bucket filter");
        const Json before = m_head->status()["deployment"];
        QElapsedTimer timer;
        timer.start();
        theNextQuestionIsAnswered();
        qInfo("a question over 20 Mbit/s: %lld ms", timer.elapsed());
        QTest::qWait(8'000); // longer than anything may be silent
        QCOMPARE(m_head->status()["deployment"]["epoch"], before["epoch"]);
        QCOMPARE(call(QString("tc -n %1 qdisc del dev %2 root").arg(m_cable.one, m_cable.endOfOne)), 0);
    }
    void cleanupTestCase()
    {
        m_beta.reset();
        m_head.reset();
        m_cable.remove();
    }
};

QTEST_GUILESS_MAIN(TstClusterNetwork)
#include "tst_cluster_network.moc"
