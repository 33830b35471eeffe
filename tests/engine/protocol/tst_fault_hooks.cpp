// What rules say, and that frames are told apart by the names that stand in the .proto files.

#include "engine/protocol/client.pb.h"
#include "engine/protocol/cluster.pb.h"
#include "engine/protocol/executor.pb.h"
#include "engine/protocol/fault_hooks.h"

#include <QtTest>

using namespace argus;
using namespace argus::protocol::faults;

namespace {

/// What becomes of the next frames: '-' passes, 'd' dropped, 'f' frozen, 'h' held, 'l' late.
std::string fates(Rules& rules, Speaker speaker, Way way, std::string_view what, int count)
{
    std::string all;
    for (int i = 0; i < count; ++i) {
        const Rules::Verdict verdict = rules.judge(speaker, way, what);
        all += verdict.drop ? 'd' : verdict.freeze ? 'f' : verdict.hold ? 'h' : verdict.delayMs > 0 ? 'l' : '-';
    }
    return all;
}

} // namespace

class TstFaultHooks final : public QObject {
    Q_OBJECT

private slots:
    void rulesCount()
    {
        auto parsed = Rules::parse(
            "drop worker.heartbeat 3; delay executor.result 200ms 2 after 1; \n"
            "freeze executor.rank1 after 5;drop to_client.* 1 on receive; hold client.upload_chunk 1 after 1");
        QVERIFY2(parsed.ok(), parsed.ok() ? "" : parsed.error().cause.c_str());
        Rules rules = std::move(*parsed);
        QCOMPARE(fates(rules, Speaker::Worker, Way::Sent, "heartbeat", 5), std::string("ddd--"));
        QCOMPARE(fates(rules, Speaker::Worker, Way::Received, "heartbeat", 2), std::string("--"));
        QCOMPARE(fates(rules, Speaker::Worker, Way::Sent, "hello", 2), std::string("--"));
        QCOMPARE(fates(rules, Speaker::ToWorker, Way::Sent, "heartbeat", 2), std::string("--"));
        QCOMPARE(fates(rules, Speaker::Executor, Way::Sent, "result", 5), std::string("-ll--"));
        QCOMPARE(fates(rules, Speaker::Executor, Way::Sent, "rank0", 9), std::string("---------"));
        QCOMPARE(fates(rules, Speaker::Executor, Way::Sent, "rank1", 7), std::string("-----ff"));
        QCOMPARE(fates(rules, Speaker::ToClient, Way::Received, "status", 2), std::string("d-"));
        QCOMPARE(fates(rules, Speaker::Client, Way::Sent, "upload_chunk", 3), std::string("-h-"));
        QVERIFY(!rules.empty());
        QVERIFY(Rules::parse(" ; ")->empty());
    }
    void aDelayIsReadInItsUnit()
    {
        Rules rules = std::move(*Rules::parse("delay client.ask 2s; delay client.ask 50ms"));
        QCOMPARE(rules.judge(Speaker::Client, Way::Sent, "ask").delayMs, std::uint64_t{2050});
    }
    void whatCannotBeUnderstoodIsNamed_data()
    {
        QTest::addColumn<QString>("rule");
        QTest::addColumn<QString>("named");
        QTest::newRow("action") << "lose worker.heartbeat"
                                << "\"lose\"";
        QTest::newRow("nothing") << "drop"
                                 << "which message";
        QTest::newRow("who") << "drop gpu.heartbeat"
                             << "gpu.heartbeat";
        QTest::newRow("no dot") << "drop worker"
                                << "\"worker\"";
        QTest::newRow("what") << "drop worker.step_result"
                              << "\"step_result\"";
        QTest::newRow("count") << "drop worker.heartbeat many"
                               << "\"many\"";
        QTest::newRow("none") << "drop worker.heartbeat 0"
                              << "\"0\"";
        QTest::newRow("duration") << "delay worker.heartbeat"
                                  << "duration";
        QTest::newRow("unit") << "delay worker.heartbeat 200"
                              << "duration";
        QTest::newRow("after what") << "drop worker.heartbeat after"
                                    << "\"after\"";
        QTest::newRow("rest") << "freeze worker.heartbeat 3"
                              << "\"3\"";
        QTest::newRow("a rank is no frame") << "drop executor.rank1"
                                            << "rank";
        QTest::newRow("second") << "drop worker.heartbeat 3; freze executor.rank1"
                                << "\"freze\"";
    }
    void whatCannotBeUnderstoodIsNamed()
    {
        QFETCH(QString, rule);
        QFETCH(QString, named);
        const auto rules = Rules::parse(rule.toStdString());
        QVERIFY(!rules.ok());
        QCOMPARE(rules.error().code, ErrorCode::BadRequest);
        QVERIFY2(rules.error().cause.find(named.toStdString()) != std::string::npos, rules.error().cause.c_str());
        QVERIFY(rules.error().cause.find("ARGUS_FAULTS") != std::string::npos);
        QVERIFY(!rules.error().remedy.empty());
    }
    void framesAreToldApart()
    {
        wire::WorkerMessage beat;
        beat.set_protocol_version(1);
        beat.mutable_heartbeat()->set_sequence(7);
        QCOMPARE(nameOf(Speaker::Worker, beat.SerializeAsString()), std::string_view("heartbeat"));
        wire::ExecutorToNode result;
        result.set_epoch(std::uint64_t{1} << 60);
        result.mutable_result()->set_step(3);
        QCOMPARE(nameOf(Speaker::Executor, result.SerializeAsString()), std::string_view("result"));
        wire::ClientMessage ask;
        ask.mutable_ask()->set_id("x");
        QCOMPARE(nameOf(Speaker::Client, ask.SerializeAsString()), std::string_view("ask"));
        wire::HeadMessage log;
        log.set_protocol_version(1);
        log.mutable_log_text();
        QCOMPARE(nameOf(Speaker::ToClient, log.SerializeAsString()), std::string_view("log_text"));
        QCOMPARE(nameOf(Speaker::Client, ""), std::string_view());
        QCOMPARE(nameOf(Speaker::Client, "\xff\xff\xff\xff"), std::string_view());
        QCOMPARE(nameOf(Speaker::Client, std::string(40, '\x0a')), std::string_view());
    }
    /// Without ARGUS_FAULTS every frame passes, whatever it is.
    void withoutRulesEverythingPasses()
    {
        QVERIFY(passes(Speaker::Worker, Way::Sent, "anything"));
        atStep(1);
        QVERIFY(readEnvironment().ok());
        QVERIFY(passes(Speaker::Worker, Way::Sent, "anything"));
    }
};

QTEST_GUILESS_MAIN(TstFaultHooks)
#include "tst_fault_hooks.moc"
