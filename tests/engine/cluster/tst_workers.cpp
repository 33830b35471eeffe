// The head's book of workers, without a socket and without a clock.

#include "engine/cluster/workers.h"
#include "engine/protocol/bounds.h"

#include <QtTest>

using namespace argus;
using namespace argus::cluster;

namespace {

class ScriptedPort final : public Workers::Port {
public:
    protocol::Delivery send(const std::string& peer, std::string_view frame) override
    {
        const protocol::Delivery delivery = says.contains(peer) ? says[peer] : protocol::Delivery::Sent;
        if (delivery == protocol::Delivery::Sent) {
            wire::HeadToWorker message;
            message.ParseFromString(std::string(frame));
            sent[peer].push_back(std::move(message));
        }
        return delivery;
    }
    void tell(WorkerEvent event) override { events.push_back(std::move(event)); }
    void log(const std::string& node, std::string_view lines) override { logs[node] += lines; }
    double wallClock() override { return 1000; }

    template <typename Kind>
    [[nodiscard]] std::vector<Kind> of() const
    {
        std::vector<Kind> found;
        for (const WorkerEvent& event : events)
            if (const auto* each = std::get_if<Kind>(&event))
                found.push_back(*each);
        return found;
    }
    [[nodiscard]] int count(const std::string& peer, wire::HeadToWorker::BodyCase kind)
    {
        return static_cast<int>(std::count_if(sent[peer].begin(), sent[peer].end(),
                                              [&](const auto& message) { return message.body_case() == kind; }));
    }

    std::map<std::string, protocol::Delivery> says;
    std::map<std::string, std::vector<wire::HeadToWorker>> sent;
    std::map<std::string, std::string> logs;
    std::vector<WorkerEvent> events;
};

using ToWorker = wire::HeadToWorker;

/// A head with workers whose words are written by the test.
struct Desk {
    ScriptedPort port;
    Workers workers{{.headName = "alpha", .version = "1.0"}, port};
    Instant at = now();

    void say(const std::string& peer, const std::string& key, wire::WorkerMessage message)
    {
        message.set_protocol_version(protocol::kVersion);
        workers.receive({.peer = peer, .publicKey = key, .frame = message.SerializeAsString()}, at);
    }
    void hello(const std::string& peer, const std::string& key, const std::string& name,
               const std::string& incarnation = "i1", const std::string& version = "1.0")
    {
        wire::WorkerMessage message;
        message.mutable_hello()->set_name(name);
        message.mutable_hello()->set_incarnation(incarnation);
        message.mutable_hello()->set_version(version);
        message.mutable_hello()->mutable_inventory()->add_devices()->set_kind("cpu");
        say(peer, key, std::move(message));
    }
    void echo(const std::string& peer, const std::string& key)
    {
        wire::WorkerMessage message;
        message.mutable_link_echo()->set_received(1'000'000);
        say(peer, key, std::move(message));
    }
    void join(const std::string& peer, const std::string& key, const std::string& name,
              const std::string& incarnation = "i1")
    {
        hello(peer, key, name, incarnation);
        pass(Milliseconds(10));
        echo(peer, key);
    }
    void beat(const std::string& peer, const std::string& key)
    {
        wire::WorkerMessage message;
        message.mutable_heartbeat()->set_sent_seconds(1);
        message.mutable_heartbeat()->set_clock_seconds(1003);
        say(peer, key, std::move(message));
    }
    void pass(Milliseconds time)
    {
        for (const Instant until = at + time; at < until;) {
            at += std::min<Instant::duration>(Milliseconds(50), until - at);
            workers.tick(at);
        }
    }
    [[nodiscard]] WorkerView only() const { return workers.view().at(0); }
};

std::string incarnation(int i)
{
    return std::string(1, static_cast<char>('a' + i));
}

const std::string kKey = "key-one";
const std::string kOther = "key-two";

} // namespace

class TstWorkers final : public QObject {
    Q_OBJECT
private slots:
    void aWorkerIsWelcomedMeasuredAndIdle()
    {
        Desk t;
        t.hello("p", kKey, "beta");
        QCOMPARE(t.port.count("p", ToWorker::kWelcome), 1);
        QVERIFY(t.port.count("p", ToWorker::kLinkProbe) > 1);
        QCOMPARE(t.only().state, WorkerState::Joining);
        QVERIFY(t.port.of<WorkerJoined>().empty()); // not before the link is known
        t.pass(Milliseconds(10));
        t.echo("p", kKey);
        QCOMPARE(t.only().state, WorkerState::Idle);
        QCOMPARE(t.port.of<WorkerJoined>().size(), std::size_t{1});
        QVERIFY(t.only().linkBytesPerSecond > 0);
    }
    void anotherReleaseIsRefusedWithBothVersions()
    {
        Desk t;
        t.hello("p", kKey, "beta", "i1", "0.9");
        QCOMPARE(t.port.count("p", ToWorker::kRefused), 1);
        const std::string cause = t.port.sent["p"].front().refused().error().cause();
        QVERIFY2(cause.find("0.9") != std::string::npos && cause.find("1.0") != std::string::npos, cause.c_str());
        QVERIFY(t.workers.view().empty());
    }
    void anotherProtocolIsRefusedWithBothVersions()
    {
        Desk t;
        wire::WorkerMessage message;
        message.set_protocol_version(protocol::kVersion + 1);
        message.mutable_hello()->set_name("beta");
        t.workers.receive({.peer = "p", .publicKey = kKey, .frame = message.SerializeAsString()}, t.at);
        QCOMPARE(t.port.count("p", ToWorker::kRefused), 1);
        const std::string cause = t.port.sent["p"].front().refused().error().cause();
        QVERIFY2(cause.find("version " + std::to_string(protocol::kVersion + 1)) != std::string::npos &&
                     cause.find("version " + std::to_string(protocol::kVersion)) != std::string::npos,
                 cause.c_str());
        QVERIFY(t.workers.view().empty());
    }
    void silenceMakesSuspectThenLost()
    {
        Desk t;
        t.join("p", kKey, "beta");
        t.pass(Milliseconds(2'900));
        QCOMPARE(t.only().state, WorkerState::Idle);
        t.pass(Milliseconds(200));
        QCOMPARE(t.only().state, WorkerState::Suspect);
        QVERIFY(t.only().present()); // only the colour changes
        t.beat("p", kKey);
        QCOMPARE(t.only().state, WorkerState::Idle);
        t.pass(Milliseconds(6'100));
        QCOMPARE(t.only().state, WorkerState::Lost);
        QCOMPARE(t.port.of<WorkerGone>().size(), std::size_t{1});
        QVERIFY(english(t.only().why).find("silent for 6 s") != std::string::npos);
        QVERIFY(!t.only().present());
    }
    void heartbeatsKeepItAndTellItsClock()
    {
        Desk t;
        t.join("p", kKey, "beta");
        for (int i = 0; i < 40; ++i) {
            t.pass(Milliseconds(500));
            t.beat("p", kKey);
        }
        QCOMPARE(t.only().state, WorkerState::Idle);
        QCOMPARE(t.only().clockAheadSeconds, 3.0);
        QVERIFY(t.port.count("p", ToWorker::kHeartbeat) >= 40);
    }
    void aProcessThatDiesIsMissedAtTheNextHeartbeat()
    {
        Desk t;
        t.join("p", kKey, "beta");
        t.port.says["p"] = protocol::Delivery::Gone;
        t.pass(Milliseconds(300)); // a heartbeat is due every 250 ms
        QCOMPARE(t.only().state, WorkerState::Lost);
    }
    void aNewProcessOfTheSameWorkerEndsTheOldOne()
    {
        Desk t;
        t.join("p", kKey, "beta");
        t.join("q", kKey, "beta", "i2");
        QCOMPARE(t.port.of<WorkerGone>().size(), std::size_t{1});
        QCOMPARE(english(t.port.of<WorkerGone>().front().why), std::string("was restarted"));
        QCOMPARE(t.only().state, WorkerState::Idle);
        QCOMPARE(t.workers.view().size(), std::size_t{1});
    }
    void whatAnOldConnectionSaysIsDropped()
    {
        Desk t;
        t.join("p", kKey, "beta");
        t.join("q", kKey, "beta");
        wire::WorkerMessage ended;
        ended.mutable_ended()->set_epoch(7);
        t.say("p", kKey, ended);
        QVERIFY(t.port.of<WorkerSaid>().empty());
        t.say("q", kKey, ended);
        QCOMPARE(t.port.of<WorkerSaid>().size(), std::size_t{1});
    }
    void aLinkThatFlapsIsLeftOut()
    {
        Desk t; // every connection has an address of its own
        for (const char* peer : {"p", "q", "r"}) {
            t.join(peer, kKey, "beta");
            t.pass(Milliseconds(6'500));
            QCOMPARE(t.only().state, WorkerState::Lost);
        }
        t.join("s", kKey, "beta");
        t.pass(Milliseconds(6'500));
        QCOMPARE(t.only().state, WorkerState::Quarantined);
        t.join("t", kKey, "beta");
        QVERIFY(!t.only().present());
        t.at += std::chrono::minutes(6);
        t.join("u", kKey, "beta");
        QVERIFY(t.only().present());
    }
    void aProcessThatIsRestartedOftenIsNotLeftOut()
    {
        Desk t;
        for (int i = 0; i < 12; ++i) {
            t.join("p", kKey, "beta", incarnation(i));
            QVERIFY(t.only().present());
            t.port.says["p"] = protocol::Delivery::Gone;
            t.pass(Milliseconds(300));
            QCOMPARE(t.only().state, WorkerState::Lost);
            t.port.says["p"] = protocol::Delivery::Sent;
        }
    }
    /// A head that was stopped for a while finds many hellos of workers that heard nothing.
    void aHelloThatIsSaidAgainIsOneHello()
    {
        Desk t;
        t.join("p", kKey, "beta");
        for (int i = 0; i < 10; ++i)
            t.hello("p", kKey, "beta");
        QCOMPARE(t.port.of<WorkerGone>().size(), std::size_t{1}); // what ran there is ended, once
        QCOMPARE(t.only().state, WorkerState::Joining);
        t.echo("p", kKey);
        QCOMPARE(t.only().state, WorkerState::Idle);
    }
    void twoOfOneNameAreToldApart()
    {
        Desk t;
        t.join("p", kKey, "beta");
        t.join("q", kOther, "beta");
        t.join("r", "key-three", "alpha"); // the head's own name
        std::set<std::string> names;
        for (const WorkerView& view : t.workers.view())
            names.insert(view.name);
        QCOMPARE(names, (std::set<std::string>{"alpha-2", "beta", "beta-2"}));
    }
    void whatIsNotTakenWaitsInOrder()
    {
        Desk t;
        t.join("p", kKey, "beta");
        t.port.sent["p"].clear();
        t.port.says["p"] = protocol::Delivery::Full;
        for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
            wire::HeadToWorker out;
            out.set_protocol_version(protocol::kVersion);
            out.mutable_end()->set_epoch(epoch);
            t.workers.send("beta", out, t.at);
        }
        QVERIFY(t.workers.pending());
        t.port.says["p"] = protocol::Delivery::Sent;
        t.pass(Milliseconds(50));
        QVERIFY(!t.workers.pending());
        std::vector<std::uint64_t> epochs;
        for (const wire::HeadToWorker& message : t.port.sent["p"])
            if (message.has_end())
                epochs.push_back(message.end().epoch());
        QCOMPARE(epochs, (std::vector<std::uint64_t>{1, 2, 3}));
    }
    void aRemovedWorkerIsToldAndForgotten()
    {
        Desk t;
        t.join("p", kKey, "beta");
        QVERIFY(t.workers.remove("beta", t.at));
        QCOMPARE(t.port.count("p", ToWorker::kRefused), 1);
        QVERIFY(t.workers.view().empty());
        QCOMPARE(t.port.of<WorkerGone>().size(), std::size_t{1});
        QVERIFY(!t.workers.remove("beta", t.at));
    }
    void nonsenseDisturbsNobody()
    {
        Desk t;
        t.join("p", kKey, "beta");
        std::uint32_t dice = 1;
        for (int i = 0; i < 10'000; ++i) {
            std::string frame;
            for (std::uint32_t n = (dice = dice * 1664525U + 1013904223U) >> 24; n > 0; --n)
                frame.push_back(static_cast<char>((dice = dice * 1664525U + 1013904223U) >> 24));
            t.workers.receive({.peer = "x", .publicKey = kOther, .frame = frame}, t.at);
        }
        QCOMPARE(t.workers.view().size(), std::size_t{1});
        QCOMPARE(t.only().state, WorkerState::Idle);
    }
    void itsLinesAreKeptUnderItsName()
    {
        Desk t;
        t.join("p", kKey, "beta");
        wire::WorkerMessage log;
        log.mutable_log()->set_text("a line\n");
        log.mutable_log()->set_dropped(3);
        t.say("p", kKey, log);
        QCOMPARE(t.port.logs["beta"], std::string("(3 lines were too many)\na line\n"));
    }
    void whoLeavesInOrderIsNotCountedAsFlapping()
    {
        Desk t;
        for (int i = 0; i < 8; ++i) {
            t.join("p", kKey, "beta", incarnation(i));
            wire::WorkerMessage leaving;
            leaving.mutable_leaving()->set_reason("signal 15");
            t.say("p", kKey, leaving);
            QCOMPARE(t.only().state, WorkerState::Lost);
            QVERIFY(english(t.only().why).find("signal 15") != std::string::npos);
        }
    }
};

QTEST_GUILESS_MAIN(TstWorkers)
#include "tst_workers.moc"
