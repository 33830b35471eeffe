// One rank hangs while its process lives, frames get lost or come late: what cannot be done to a process from outside.
// Times are printed; bounds are generous, for a machine that is busy.

#include "tests/system/running_head.h"

#include <QDir>
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <filesystem>
#include <memory>

using namespace argus::tests;
using Json = nlohmann::json;

namespace {

const QStringList kLongAsk = longAsk(400);
/// What is promised is 6 s.
constexpr int kFoundWithinMs = 18'000;

} // namespace

class TstFaultsOnPurpose final : public QObject {
    Q_OBJECT

    RunningHead m_head;
    RunningWorker m_beta{"beta"};
    std::string m_undisturbed;

    [[nodiscard]] std::uint64_t epoch() const { return m_head.status()["deployment"]["epoch"].get<std::uint64_t>(); }
    [[nodiscard]] bool ready() const { return m_head.deploymentState() == "ready"; }
    void theNextQuestionIsAnswered()
    {
        const Ran ran = m_head.ask({"--image", sample("red-circle-on-white.png"), "Describe this image."});
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        QCOMPARE(ran.json()["text"].get<std::string>(), storedAnswer("red-circle-on-white"));
    }

private slots:
    void initTestCase()
    {
        m_head.allowFaults();
        m_beta.allowFaults();
        QVERIFY2(m_head.start({"--cpu-devices", "2", "--name", "alpha"}), qPrintable(m_head.startError));
        QVERIFY2(m_beta.join(m_head), qPrintable(m_beta.startError + m_beta.log()));
        QCOMPARE(m_head.deploy({"--tensor-parallel-size", "2", "--pipeline-parallel-size", "2"}).code, 0);
        const Ran ran = m_head.run(kLongAsk);
        QVERIFY2(ran.code == 0, ran.err.c_str());
        m_undisturbed = ran.out;
    }
    void init()
    {
        QVERIFY(eventually([this] { return ready(); }, 30'000));
    }

    void aRankHangsInTheMiddleOfAnAnswer_data()
    {
        QTest::addColumn<bool>("atTheWorker");
        QTest::addColumn<int>("rank");
        QTest::newRow("of the head, tells nobody of results") << false << 1;
        QTest::newRow("of a worker, the one that tells of results") << true << 2;
    }
    void aRankHangsInTheMiddleOfAnAnswer()
    {
        QFETCH(bool, atTheWorker);
        QFETCH(int, rank);
        const std::uint64_t before = epoch();
        const int near = m_head.executor();
        const int far = m_beta.executor();
        const std::unique_ptr<QProcess> asking = m_head.begin(kLongAsk);
        QVERIFY(eventually([&] { return asking->waitForReadyRead(50) && asking->bytesAvailable() > 200; }, 60'000));
        const qsizetype said = m_head.log().size();
        const QString rule = QString("freeze executor.rank%1 after 5").arg(rank);
        atTheWorker ? m_beta.faults(rule) : m_head.faults(rule);
        const QString mark = QString("fault on purpose at rank%1").arg(rank);
        QVERIFY(eventually([&] { return (atTheWorker ? m_beta.log() : m_head.log()).contains(mark); }, 10'000));
        QElapsedTimer timer;
        timer.start();
        m_head.faults({}); // or it would hang in the next epoch too
        m_beta.faults({});
        // The culprit, and nobody else: all other ranks wait for it.
        const QString blamed = QString("the executor on %1 gave up: rank %2 has given no sign of life for ")
                                   .arg(atTheWorker ? "beta" : "alpha")
                                   .arg(rank);
        QVERIFY2(eventually([&] { return m_head.log().mid(said).contains(blamed); }, kFoundWithinMs),
                 qPrintable(m_head.log().mid(said)));
        qInfo("rank %d hangs: found after %lld ms", rank, timer.elapsed());
        QVERIFY(eventually([&] { return !RunningHead::alive(near) && !RunningHead::alive(far); }, 5'000));
        QVERIFY(eventually([&] { return ready() && epoch() > before; }, 30'000));
        qInfo("rank %d hangs: serving again after %lld ms", rank, timer.elapsed());
        const Ran ran = RunningHead::finish(*asking, 120'000);
        qInfo("rank %d hangs: the answer was whole after %lld ms", rank, timer.elapsed());
        QVERIFY2(ran.code == 0, ran.err.c_str());
        QCOMPARE(ran.out, m_undisturbed);
        QCOMPARE(epoch(), before + 1);
    }
    /// Two programs of one person have one picture, and the one that came first is slow.
    void whoIsOvertakenWithAPictureIsAnsweredToo()
    {
        const auto asks = [this](const char* name, const QMap<QString, QString>& variables) {
            const Json cases = sampleCases();
            const auto one = std::find_if(cases.begin(), cases.end(), [&](const Json& c) { return c["name"] == name; });
            return m_head.begin(QStringList{"ask", "--json", "--temperature", "0", "--repetition-penalty", "1"} +
                                    argumentsOf(*one, m_head.folder()),
                                variables);
        };
        const QTemporaryDir folder;
        const QString rules = folder.filePath("faults");
        const auto write = [&](const char* text) { // as a whole: it is read while it is written
            QFile file(rules + "~");
            QVERIFY(file.open(QFile::WriteOnly) && file.write(text) >= 0);
            file.close();
            std::filesystem::rename((rules + "~").toStdString(), rules.toStdString());
        };
        write("hold client.upload_chunk 1");
        const auto slow = asks("two-circles-and-a-star-color", {{"ARGUS_FAULTS", "@" + rules}});
        // Begun, and nothing of it comes until the rules are changed.
        const QDir uploads(m_head.folder() + "/cache/uploads");
        QVERIFY(eventually([&] { return !uploads.entryList({"*.part"}).isEmpty(); }, 60'000));
        const Ran other = RunningHead::finish(*asks("two-circles-and-a-star-describe", {}));
        QVERIFY2(other.code == 0, other.err.c_str());
        QVERIFY(!slow->waitForFinished(1)); // it has indeed been overtaken
        write("");
        const Ran ran = RunningHead::finish(*slow, 60'000);
        QVERIFY2(ran.code == 0, ran.err.c_str());
        QCOMPARE(ran.json()["text"].get<std::string>(), storedAnswer("two-circles-and-a-star-color"));
    }
    void lateResultsAreWaitedFor()
    {
        const std::uint64_t before = epoch();
        const qsizetype said = m_beta.log().size();
        m_beta.faults("delay executor.result 300ms 10");
        theNextQuestionIsAnswered();
        m_beta.faults({});
        QVERIFY(m_beta.log().mid(said).contains("fault on purpose at result"));
        QCOMPARE(epoch(), before);
    }
    void someLostHeartbeatsAreNothing()
    {
        const std::uint64_t before = epoch();
        const qsizetype said = m_beta.log().size();
        m_beta.faults("drop worker.heartbeat 4"); // two seconds of them
        QVERIFY(eventually([&] { return m_beta.log().mid(said).count("fault on purpose at heartbeat") == 4; }, 20'000));
        theNextQuestionIsAnswered();
        QVERIFY(!m_head.log().contains("beta is lost"));
        QCOMPARE(epoch(), before);
    }
    /// What the head says arrives, what the worker says does not: it believes that all is well.
    void aWorkerIsHeardNoMore()
    {
        const std::uint64_t before = epoch();
        QElapsedTimer timer;
        timer.start();
        m_beta.faults("drop worker.*");
        QVERIFY(eventually([&] { return m_head.nodeState("beta") == "lost"; }, kFoundWithinMs));
        qInfo("nothing of a worker arrives: lost after %lld ms", timer.elapsed());
        timer.restart();
        m_beta.faults({});
        QVERIFY(eventually([&] { return ready() && epoch() > before; }, 30'000));
        qInfo("it is heard again: serving after %lld ms", timer.elapsed());
        theNextQuestionIsAnswered();
    }
};

QTEST_GUILESS_MAIN(TstFaultsOnPurpose)
#include "tst_faults_on_purpose.moc"
