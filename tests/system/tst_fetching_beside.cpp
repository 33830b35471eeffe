// A worker fetches a model over a line of 100 Mbit/s while it helps to answer a question: what the fetching does to
// heartbeats and to the time between words is measured and said, and nothing is lost by it. Two network namespaces with
// a cable between them, which only root can lay; says so and does nothing otherwise.

#include "tests/system/cable.h"
#include "tests/system/running_head.h"
#include "tests/system/wide_model.h"

#include <QElapsedTimer>
#include <QtTest>

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <unistd.h>

using namespace argus::tests;
using Json = nlohmann::json;

namespace {

/// Of times in milliseconds.
QString figuresOf(std::vector<double> times)
{
    if (times.empty())
        return "none";
    std::sort(times.begin(), times.end());
    const double mean = std::accumulate(times.begin(), times.end(), 0.0) / static_cast<double>(times.size());
    return QString("median %1 ms, mean %2 ms, 95 % within %3 ms, longest %4 ms (%5 of them)")
        .arg(times[times.size() / 2], 0, 'f', 1)
        .arg(mean, 0, 'f', 1)
        .arg(times[times.size() * 95 / 100], 0, 'f', 1)
        .arg(times.back(), 0, 'f', 1)
        .arg(times.size());
}

} // namespace

class TstFetchingBeside final : public QObject {
    Q_OBJECT

    Cable m_cable;
    bool m_laid = false;
    RunningHead m_head;
    RunningWorker m_beta{"beta"};

    struct Seen {
        std::vector<double> betweenWords; ///< ms between two pieces of the answer
        std::vector<double> roundTrips;   ///< ms, as heartbeats have measured
        double fetched = 0;               ///< bytes
        double seconds = 0;
        bool lost = false; ///< the head has taken the worker for lost
    };
    [[nodiscard]] Json beta() const
    {
        const Json status = m_head.status();
        for (const Json& node : status["nodes"])
            if (node["name"] == "beta")
                return node;
        return {};
    }
    /// Reads answers as they come, one after the other, for at most so long and while `goes` says of the worker that it
    /// goes on.
    Seen watch(std::unique_ptr<QProcess>& asking, int mostMs, const std::function<bool(const Json&)>& goes)
    {
        Seen seen;
        QElapsedTimer timer;
        timer.start();
        QElapsedTimer lastWord;
        qint64 nextLook = 0;
        std::unique_ptr<QProcess> look;
        double before = -1;
        while (timer.elapsed() < mostMs) {
            if (!asking || asking->state() == QProcess::NotRunning) {
                asking = m_head.begin(longAsk(8'000));
                lastWord.invalidate();
            }
            if (asking->waitForReadyRead(1) && !asking->readAllStandardOutput().isEmpty()) {
                if (lastWord.isValid())
                    seen.betweenWords.push_back(static_cast<double>(lastWord.nsecsElapsed()) / 1e6);
                lastWord.start();
            }
            if (!look && timer.elapsed() >= nextLook) {
                look = m_head.begin({"status", "--json"}); // not waited for: words come meanwhile
                nextLook = timer.elapsed() + 500;
            }
            if (!look || (look->state() != QProcess::NotRunning && !look->waitForFinished(0)))
                continue;
            const Json status = Json::parse(look->readAllStandardOutput().toStdString(), nullptr, false);
            look.reset();
            for (const Json& node : status.value("nodes", Json::array())) {
                if (node["name"] != "beta")
                    continue;
                if (const double trip = node["round_trip_seconds"].get<double>() * 1000; trip != before)
                    seen.roundTrips.push_back(before = trip);
                if (node.contains("fetch"))
                    seen.fetched = node["fetch"]["done_bytes"].get<double>();
                seen.lost = seen.lost || node["state"] == "lost";
                if (!goes(node)) {
                    seen.seconds = static_cast<double>(timer.elapsed()) / 1000;
                    return seen;
                }
            }
        }
        seen.seconds = static_cast<double>(timer.elapsed()) / 1000;
        return seen;
    }
    static void say(const char* when, const Seen& seen)
    {
        qInfo("%s, %.1f s, %.1f MB fetched (%.1f MB/s)", when, seen.seconds, seen.fetched / 1e6,
              seen.fetched / 1e6 / std::max(seen.seconds, 1e-3));
        qInfo("  between words: %s", qPrintable(figuresOf(seen.betweenWords)));
        qInfo("  heartbeats: %s", qPrintable(figuresOf(seen.roundTrips)));
    }

private slots:
    void initTestCase()
    {
        if (const QString why = m_cable.lay(); !why.isEmpty())
            QSKIP(qPrintable(why));
        m_laid = true;
        m_head.runIn(m_cable.one);
        QVERIFY2(m_head.start({"--cpu-devices", "2", "--name", "alpha"}, "10.77.0.1:0"), qPrintable(m_head.startError));
        m_beta.runIn(m_cable.two);
        QVERIFY2(m_beta.join(m_head), qPrintable(m_beta.startError + m_beta.log()));
        const Ran deployed = m_head.deploy({"--tensor-parallel-size", "1", "--pipeline-parallel-size", "2", "--node",
                                            "alpha devices=0", "--node", "beta devices=0"});
        QVERIFY2(deployed.code == 0, (deployed.out + deployed.err).c_str());
        for (const auto& [space, end] :
             {std::pair(m_cable.one, m_cable.endOfOne), std::pair(m_cable.two, m_cable.endOfTwo)})
            if (call(QString("tc -n %1 qdisc add dev %2 root tbf rate 100mbit burst 64kb latency 50ms")
                         .arg(space, end)) != 0) {
                m_laid = false;
                QSKIP("this kernel has no token bucket filter");
            }
    }
    void init()
    {
        if (!m_laid)
            QSKIP("there is no line, as said above");
    }

    void wordsComeWhileAModelIsFetched()
    {
        const QTemporaryDir folder;
        const QString model = folder.filePath("wide");
        writeWideModel(model.toStdString());
        const Json before = m_head.status()["deployment"];
        std::unique_ptr<QProcess> asking;
        (void)watch(asking, 1'000, [](const Json&) { return true; }); // it runs itself in
        const Seen quiet = watch(asking, 8'000, [](const Json&) { return true; });
        say("nothing is fetched", quiet);
        const std::unique_ptr<QProcess> deploying =
            m_head.begin({"deploy", "--model", model, "--pipeline-parallel-size", "2", "--max-model-len", "512",
                          "--node", "beta model=/nowhere devices=0", "--node", "alpha devices=0"});
        QVERIFY(eventually([&] { return beta().contains("fetch"); }, 60'000));
        const Seen fetching = watch(asking, 20'000, [](const Json& node) { return node.contains("fetch"); });
        say("a model is fetched", fetching);
        QVERIFY(fetching.fetched > 0);
        QVERIFY(!quiet.betweenWords.empty() && !fetching.betweenWords.empty());
        QVERIFY(!fetching.lost);
        QCOMPARE(m_head.status()["deployment"]["restarts"], before["restarts"]);
        deploying->kill();
        asking->kill();
        QVERIFY(deploying->waitForFinished(5'000) && asking->waitForFinished(5'000));
    }
};

QTEST_GUILESS_MAIN(TstFetchingBeside)
#include "tst_fetching_beside.moc"
