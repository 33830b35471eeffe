// Wall clocks that jump by an hour and by ten years, on the head, on a worker, on both, while they work: timers, codes
// and heartbeats go by the monotonic clock and notice nothing.

#include "tests/system/running_head.h"

#include <QElapsedTimer>
#include <QtTest>

#include <fstream>

using namespace argus::tests;
using Json = nlohmann::json;

namespace {

constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kTenYears = 10LL * 365 * 24 * kHour;

} // namespace

class TstClockJumps final : public QObject {
    Q_OBJECT

    QTemporaryDir m_clocks;
    RunningHead m_head;
    RunningWorker m_beta{"beta"};

    [[nodiscard]] QString clock(const char* whose) const { return m_clocks.filePath(whose); }
    void turn(const char* whose, std::int64_t seconds) const
    {
        // The same file: it is mapped where the program runs.
        std::fstream file(clock(whose).toStdString(), std::ios::in | std::ios::out | std::ios::binary);
        file.write(reinterpret_cast<const char*>(&seconds), sizeof seconds);
    }
    template <typename Process>
    void pretend(Process& process, const char* whose)
    {
        const std::int64_t none = 0;
        std::ofstream(clock(whose).toStdString(), std::ios::binary)
            .write(reinterpret_cast<const char*>(&none), sizeof none);
        process.set("LD_PRELOAD", ARGUS_PRETEND_CLOCK_LIBRARY);
        process.set("ARGUS_PRETEND_CLOCK", clock(whose));
    }
    void aQuestionIsAnswered()
    {
        const Ran ran = m_head.ask({"--image", sample("red-circle-on-white.png"), "Describe this image."});
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        QCOMPARE(ran.json()["text"].get<std::string>(), storedAnswer("red-circle-on-white"));
        const double seconds = ran.json()["seconds_total"].get<double>();
        QVERIFY2(seconds >= 0 && seconds < 60, ran.out.c_str()); // no hour in it
    }
    /// What a program's log gives as the year of its last line.
    static int yearOf(const QString& log)
    {
        const QStringList lines = log.trimmed().split('\n');
        return lines.last().left(4).toInt();
    }

private slots:
    void initTestCase()
    {
        pretend(m_head, "head");
        pretend(m_beta, "beta");
        QVERIFY2(m_head.start({"--cpu-devices", "2", "--name", "alpha"}), qPrintable(m_head.startError));
        QVERIFY2(m_beta.join(m_head), qPrintable(m_beta.startError + m_beta.log()));
        QCOMPARE(m_head.deploy({"--tensor-parallel-size", "2", "--pipeline-parallel-size", "2"}).code, 0);
        QCOMPARE(m_head.deploymentState(), std::string("ready"));
    }
    void jumpsAreNotNoticed_data()
    {
        QTest::addColumn<qint64>("head");
        QTest::addColumn<qint64>("beta");
        QTest::newRow("the head, an hour on") << qint64{kHour} << qint64{0};
        QTest::newRow("the head, an hour back") << qint64{-kHour} << qint64{0};
        QTest::newRow("a worker, ten years on") << qint64{0} << qint64{kTenYears};
        QTest::newRow("the head ten years back, a worker on") << qint64{-kTenYears} << qint64{kTenYears};
        QTest::newRow("the head ten years on") << qint64{kTenYears} << qint64{0};
        QTest::newRow("both right again") << qint64{0} << qint64{0};
    }
    void jumpsAreNotNoticed()
    {
        QFETCH(qint64, head);
        QFETCH(qint64, beta);
        const Json before = m_head.status()["deployment"];
        const std::unique_ptr<QProcess> asking =
            m_head.begin({"ask", "--json", "--temperature", "0", "--repetition-penalty", "1", "--image",
                          sample("five-shapes-800x600.png"), "Describe this image."});
        QVERIFY(eventually([this] { return m_head.status()["asks_running"].get<int>() > 0; }, 10'000) ||
                asking->state() == QProcess::NotRunning);
        turn("head", head);
        turn("beta", beta);
        // Some heartbeats, with every state that is seen meanwhile.
        QElapsedTimer timer;
        timer.start();
        while (timer.elapsed() < 1'500) {
            QCOMPARE(m_head.nodeState("beta"), std::string("ready"));
            QCOMPARE(m_head.deploymentState(), std::string("ready"));
        }
        const Ran ran = RunningHead::finish(*asking);
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        aQuestionIsAnswered();
        QCOMPARE(m_head.status()["deployment"]["epoch"], before["epoch"]);
        QCOMPARE(m_head.status()["deployment"]["restarts"], before["restarts"]);
    }
    /// A code is good for 15 minutes, and an hour on the wall is none of them.
    void aCodeIsNotOlderForIt()
    {
        for (const std::int64_t jump : {kHour, kTenYears}) {
            turn("head", 0);
            const Ran line = m_head.run({"join-line"});
            QCOMPARE(line.code, 0);
            const QString join =
                QRegularExpression("argus://[^']+").match(QString::fromStdString(line.out)).captured(0);
            turn("head", jump);
            QTest::qWait(1'000); // the head looks at its code twice a second
            RunningWorker gamma("gamma", {"--cpu-devices", "1"});
            QVERIFY2(gamma.joinWith(join, m_head), qPrintable(gamma.startError + gamma.log()));
            QCOMPARE(m_head.run({"remove", "gamma"}).code, 0);
            QVERIFY(gamma.process().waitForFinished(20'000));
        }
        turn("head", 0);
        aQuestionIsAnswered();
    }
    /// The clocks were really wrong: logs show it.
    void theLogsShowThem()
    {
        turn("head", kTenYears);
        const qsizetype said = m_head.log().size();
        aQuestionIsAnswered(); // a client comes and goes, which is logged
        QVERIFY(eventually([&] { return m_head.log().size() > said; }, 5'000));
        QVERIFY(yearOf(m_head.log()) >= QDate::currentDate().year() + 9);
        turn("head", 0);
    }
    void aClientWithAWrongClockIsAnswered()
    {
        pretend(m_head, "client"); // makes the file; the head runs already
        turn("client", -kTenYears);
        qputenv("LD_PRELOAD", ARGUS_PRETEND_CLOCK_LIBRARY);
        qputenv("ARGUS_PRETEND_CLOCK", clock("client").toUtf8());
        aQuestionIsAnswered();
        qunsetenv("LD_PRELOAD");
        qunsetenv("ARGUS_PRETEND_CLOCK");
    }
};

QTEST_GUILESS_MAIN(TstClockJumps)
#include "tst_clock_jumps.moc"
