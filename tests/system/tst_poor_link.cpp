// A worker behind a poor line to its head: slow and late, stalled, cut. It is slower, and nothing else.

#include "tests/system/running_head.h"
#include "tests/system/tcp_proxy.h"

#include <QElapsedTimer>
#include <QtTest>

using namespace argus::tests;
using namespace std::chrono_literals;
using Json = nlohmann::json;

namespace {

/// 100 Mbit/s, 20 ms +- 5 ms each way.
const Line kSlow{.delay = 20ms, .jitter = 5ms, .bytesPerSecond = 100e6 / 8};

const QStringList kAsk{"ask",
                       "--json",
                       "--temperature",
                       "0",
                       "--repetition-penalty",
                       "1",
                       "--image",
                       sample("red-circle-on-white.png"),
                       "Describe this image."};

/// The first of four ports in a row that nobody has here or at the proxy's address; 0: none found.
std::uint16_t fourPorts()
{
    for (int port = 21'000; port < 31'000; port += 7) {
        bool free = true;
        for (const char* const host : {"127.0.0.1", "127.0.0.2"})
            for (int i = 0; i < 4 && free; ++i)
                free = TcpProxy::canListen(host, static_cast<std::uint16_t>(port + i));
        if (free)
            return static_cast<std::uint16_t>(port);
    }
    return 0;
}

} // namespace

class TstPoorLink final : public QObject {
    Q_OBJECT

    RunningHead m_head;
    RunningWorker m_beta{"beta"};
    std::unique_ptr<TcpProxy> m_door, m_pairing; ///< where the worker believes its head to be

    [[nodiscard]] Json deployment() const { return m_head.status()["deployment"]; }
    [[nodiscard]] Json beta() const
    {
        const Json status = m_head.status();
        for (const Json& node : status["nodes"])
            if (node["name"] == "beta")
                return node;
        return {};
    }
    static void isRight(const Ran& ran)
    {
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        QCOMPARE(ran.json()["text"].get<std::string>(), storedAnswer("red-circle-on-white"));
    }
    /// Asks one after the other for so long, and sees that the worker is never lost. How many were answered.
    int askFor(std::chrono::milliseconds time, double& longest)
    {
        const Json before = deployment();
        QElapsedTimer timer;
        timer.start();
        int answered = 0;
        while (timer.elapsed() < time.count()) {
            const std::unique_ptr<QProcess> asking = m_head.begin(kAsk);
            while (asking->state() != QProcess::NotRunning) {
                const std::string state = m_head.nodeState("beta");
                if (state != "ready")
                    qWarning("beta is %s", state.c_str());
                if (state == "lost")
                    return -1;
                asking->waitForFinished(50);
            }
            const Ran ran = RunningHead::finish(*asking);
            isRight(ran);
            if (QTest::currentTestFailed())
                return -1;
            longest = std::max(longest, ran.json()["seconds_total"].get<double>());
            ++answered;
        }
        return deployment()["epoch"] == before["epoch"] ? answered : -1;
    }

private slots:
    void initTestCase()
    {
        const std::uint16_t port = fourPorts();
        QVERIFY(port > 0);
        QVERIFY2(m_head.start({"--cpu-devices", "2", "--name", "alpha"}, QString("127.0.0.1:%1").arg(port)),
                 qPrintable(m_head.startError));
        m_door = std::make_unique<TcpProxy>("127.0.0.2", "127.0.0.1", port + 1);
        m_pairing = std::make_unique<TcpProxy>("127.0.0.2", "127.0.0.1", port + 2);
        QVERIFY(m_door->ok() && m_pairing->ok());
        m_door->become(kSlow);
        const Ran line = m_head.run({"join-line"});
        const QString join = QRegularExpression("argus://[^']+").match(QString::fromStdString(line.out)).captured(0);
        QVERIFY2(join.contains("127.0.0.1"), qPrintable(join));
        QVERIFY2(m_beta.joinWith(QString(join).replace("127.0.0.1", "127.0.0.2"), m_head),
                 qPrintable(m_beta.startError + m_beta.log()));
        QVERIFY(m_door->connections() > 0); // it goes through the line
        QCOMPARE(m_head.deploy({"--tensor-parallel-size", "2", "--pipeline-parallel-size", "2"}).code, 0);
        QCOMPARE(m_head.deploymentState(), std::string("ready"));
    }
    void init()
    {
        QVERIFY(eventually([this] { return m_head.deploymentState() == "ready"; }, 30'000));
    }

    void aSlowLineIsSlow()
    {
        const std::uint64_t before = m_door->bytes();
        double longest = 0;
        const int answered = askFor(5s, longest);
        QVERIFY(answered > 0);
        const Json node = beta();
        qInfo("100 Mbit/s, 20 ms +- 5: %d questions, the longest took %.2f s, %llu KB; round trip %.0f ms, link "
              "measured at %.1f MB/s",
              answered, longest, static_cast<unsigned long long>((m_door->bytes() - before) / 1000),
              node["round_trip_seconds"].get<double>() * 1000, node["link_bytes_per_second"].get<double>() / 1e6);
        QVERIFY(node["round_trip_seconds"].get<double>() > 0.02); // the line is what it is said to be
    }
    void pausesAreEndured()
    {
        const Json before = deployment();
        double longest = 0;
        for (int pause = 0; pause < 3; ++pause) {
            m_door->stall(2s);
            const int answered = askFor(2'200ms, longest);
            QVERIFY(answered > 0);
        }
        qInfo("three pauses of 2 s: never lost, the longest question took %.2f s", longest);
        QVERIFY(longest > 0.5); // they were there
        QCOMPARE(deployment()["restarts"], before["restarts"]);
    }
    void aLineThatIsCutIsMadeAnew()
    {
        const int connections = m_door->connections();
        const std::uint64_t before = deployment()["epoch"].get<std::uint64_t>();
        const std::unique_ptr<QProcess> asking = m_head.begin(kAsk);
        QVERIFY(eventually([this] { return m_head.status()["asks_running"].get<int>() > 0; }, 10'000) ||
                asking->state() == QProcess::NotRunning);
        QElapsedTimer timer;
        timer.start();
        m_door->cut();
        QVERIFY(eventually([&] { return m_door->connections() > connections; }, 20'000));
        qInfo("a cut: connected again after %lld ms", timer.elapsed());
        QVERIFY(eventually(
            [&] {
                const Json now = deployment();
                return now["state"] == "ready" && now["epoch"].get<std::uint64_t>() > before;
            },
            30'000));
        qInfo("a cut: serving again after %lld ms", timer.elapsed());
        isRight(RunningHead::finish(*asking));
        isRight(m_head.run(kAsk));
    }
    void aNarrowLineCarriesThePixels()
    {
        m_door->become({.delay = 20ms, .jitter = 5ms, .bytesPerSecond = 2e6});
        double longest = 0;
        // All of the model at the worker: pictures travel too.
        QCOMPARE(m_head.deploy({"--tensor-parallel-size", "2", "--node", "alpha devices=none"}).code, 0);
        const int answered = askFor(2s, longest);
        QVERIFY(answered > 0);
        qInfo("16 Mbit/s with the pixels: %d questions, the longest took %.2f s", answered, longest);
        m_door->become({});
    }
};

QTEST_GUILESS_MAIN(TstPoorLink)
#include "tst_poor_link.moc"
