// A line that is broken only between two workers, which both still reach the head: every rank waits for another one,
// and none of them hangs. Three network namespaces, with a bridge in that of the head. Needs to be root to lay the
// cables; says so and does nothing otherwise.

#include "tests/system/cable.h"
#include "tests/system/running_head.h"

#include <QElapsedTimer>
#include <QProcess>
#include <QRegularExpression>
#include <QtTest>

#include <unistd.h>

#include <array>
#include <memory>

using namespace argus::tests;
using Json = nlohmann::json;

class TstLineBetweenWorkers final : public QObject {
    Q_OBJECT

    const QString m_spaces[3] = {QString("argus-%1-h").arg(::getpid()), QString("argus-%1-b").arg(::getpid()),
                                 QString("argus-%1-c").arg(::getpid())};
    bool m_laid = false;
    std::unique_ptr<RunningHead> m_head;
    std::unique_ptr<RunningWorker> m_beta;
    std::unique_ptr<RunningWorker> m_gamma;

    [[nodiscard]] bool in(int space, const QString& what) const
    {
        return call(QString("ip -n %1 %2").arg(m_spaces[space], what)) == 0;
    }
    [[nodiscard]] bool layCables()
    {
        bool ok = true;
        for (const QString& space : m_spaces)
            ok = ok && call("ip netns add " + space) == 0;
        ok = ok && in(0, "link add br0 type bridge") && in(0, "addr add 10.78.0.1/24 dev br0") &&
             in(0, "link set br0 up") && in(0, "link set lo up");
        for (int worker = 1; ok && worker < 3; ++worker) {
            const QString port = QString("port%1").arg(worker);
            ok = in(worker, QString("link add eth0 type veth peer name %1 netns %2").arg(port, m_spaces[0])) &&
                 in(0, QString("link set %1 master br0").arg(port)) && in(0, QString("link set %1 up").arg(port)) &&
                 in(worker, QString("addr add 10.78.0.%1/24 dev eth0").arg(worker + 1)) &&
                 in(worker, "link set eth0 up") && in(worker, "link set lo up");
        }
        return ok;
    }
    void removeCables() const
    {
        for (const QString& space : m_spaces)
            (void)call("ip netns del " + space);
    }
    /// Each worker believes the other at an address that nobody has: no error, no reset, nothing.
    void breakLine() const
    {
        const QString nobody = " lladdr 02:00:00:00:00:99 nud permanent dev eth0";
        QVERIFY(in(1, "neigh replace 10.78.0.3" + nobody));
        QVERIFY(in(2, "neigh replace 10.78.0.2" + nobody));
    }
    void mendLine() const
    {
        QVERIFY(in(1, "neigh del 10.78.0.3 dev eth0"));
        QVERIFY(in(2, "neigh del 10.78.0.2 dev eth0"));
    }
    [[nodiscard]] Json deployment() const { return m_head->status()["deployment"]; }

private slots:
    void initTestCase()
    {
        if (::geteuid() != 0)
            QSKIP("only root can make network namespaces");
        m_laid = layCables();
        if (!m_laid)
            removeCables(); // what was laid of them
        if (!m_laid)
            QSKIP("this kernel or this container does not allow network namespaces with a bridge");
        m_head = std::make_unique<RunningHead>();
        m_head->runIn(m_spaces[0]);
        QVERIFY2(m_head->start({"--cpu-devices", "1", "--name", "alpha"}, "10.78.0.1:0"),
                 qPrintable(m_head->startError));
        m_beta = std::make_unique<RunningWorker>("beta", QStringList{"--cpu-devices", "1"});
        m_gamma = std::make_unique<RunningWorker>("gamma", QStringList{"--cpu-devices", "1"});
        m_beta->runIn(m_spaces[1]);
        m_gamma->runIn(m_spaces[2]);
        QVERIFY2(m_beta->join(*m_head), qPrintable(m_beta->startError + m_beta->log()));
        QVERIFY2(m_gamma->join(*m_head), qPrintable(m_gamma->startError + m_gamma->log()));
        const Ran deployed = m_head->deploy({"--pipeline-parallel-size", "3"});
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
    }
    void theTwoAreNamedAndTheModelServesAgainWhenItIsMended()
    {
        if (!m_laid)
            QSKIP("there are no cables, as said above");
        const QStringList question{"--image", sample("red-circle-on-white.png"), "Describe this image."};
        const std::string answer = storedAnswer("red-circle-on-white");
        QCOMPARE(m_head->ask(question).json()["text"].get<std::string>(), answer);
        const std::uint64_t before = deployment()["epoch"].get<std::uint64_t>();
        breakLine();
        QElapsedTimer timer;
        timer.start();
        const std::unique_ptr<QProcess> asking =
            m_head->begin(QStringList{"ask", "--json", "--temperature", "0", "--repetition-penalty", "1"} + question);
        QVERIFY(eventually([&] { return deployment()["state"] == "restarting"; }, 20'000));
        qInfo("a line between two workers: found after %lld ms", timer.elapsed());
        // Both machines are there; it is the way between their ranks that is not.
        QCOMPARE(m_head->nodeState("beta") == "lost" || m_head->nodeState("gamma") == "lost", false);
        const QString cause = QString::fromStdString(deployment()["error"]["cause"].get<std::string>());
        static const QRegularExpression named("on beta gave up: rank 1 has lost rank .*10\\.78\\.0\\.3|on gamma gave "
                                              "up: rank 2 has lost rank .*10\\.78\\.0\\.2");
        QVERIFY2(named.match(cause).hasMatch(), qPrintable(cause));
        const QString remedy = QString::fromStdString(deployment()["error"]["remedy"].get<std::string>());
        QVERIFY2(
            remedy.startsWith("look at the network between those machines: cable, switch, firewall, interface; it "),
            qPrintable(remedy));
        qInfo("%s; %s", qPrintable(cause), qPrintable(remedy));
        // Tried again, in vain, and said why.
        QVERIFY(eventually([&] { return deployment()["epoch"].get<std::uint64_t>() > before; }, 10'000));
        timer.restart();
        mendLine();
        const Ran ran = RunningHead::finish(*asking, 90'000);
        qInfo("mended: answered after %lld ms", timer.elapsed());
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        QCOMPARE(ran.json()["text"].get<std::string>(), answer);
        QCOMPARE(m_head->deploymentState(), std::string("ready"));
    }
    void cleanupTestCase()
    {
        m_gamma.reset();
        m_beta.reset();
        m_head.reset();
        if (m_laid)
            removeCables();
    }
};

QTEST_GUILESS_MAIN(TstLineBetweenWorkers)
#include "tst_line_between_workers.moc"
