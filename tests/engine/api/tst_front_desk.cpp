// The front desk with a scripted engine, a scripted outbox and a real upload store: who hears what, when, and how
// often.

#include "engine/api/front_desk.h"
#include "engine/protocol/bounds.h"

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <set>

using namespace argus;
using namespace argus::api;
using protocol::Delivery;

namespace {

class ScriptedEngine final : public node::Engine {
public:
    bool submit(node::AcceptedAsk ask) override
    {
        if (full)
            return false;
        asks.push_back(std::move(ask));
        return true;
    }
    void cancel(node::AskNumber number) override { cancelled.push_back(number); }
    bool inspect(std::uint64_t ticket, std::filesystem::path, int) override
    {
        tickets.push_back(ticket);
        return true;
    }
    bool administer(std::uint64_t ticket, wire::ClientMessage request) override
    {
        tickets.push_back(ticket);
        requests.push_back(std::move(request));
        return true;
    }
    wire::Status status() const override
    {
        wire::Status status;
        status.add_nodes()->set_role("head");
        return status;
    }
    void requestStop(std::string) override { ++stops; }

    std::vector<node::AcceptedAsk> asks;
    std::vector<node::AskNumber> cancelled;
    std::vector<std::uint64_t> tickets;
    std::vector<wire::ClientMessage> requests; ///< about the cluster
    int stops = 0;
    bool full = false;
};

class ScriptedOutbox final : public Outbox {
public:
    Delivery send(const std::string& peer, std::string_view frame) override
    {
        const Delivery delivery = says.contains(peer) ? says[peer] : Delivery::Sent;
        if (delivery == Delivery::Sent) {
            wire::HeadMessage message;
            message.ParseFromString(std::string(frame));
            sent[peer].push_back(std::move(message));
        }
        return delivery;
    }
    /// What this peer was sent of one kind.
    [[nodiscard]] std::vector<wire::HeadMessage> of(const std::string& peer, wire::HeadMessage::BodyCase kind)
    {
        std::vector<wire::HeadMessage> found;
        for (const wire::HeadMessage& message : sent[peer])
            if (message.body_case() == kind)
                found.push_back(message);
        return found;
    }
    [[nodiscard]] std::string text(const std::string& peer)
    {
        std::string all;
        for (const wire::HeadMessage& message : of(peer, wire::HeadMessage::kAskText)) {
            if (message.ask_text().offset() != all.size())
                return "a gap or a repetition at " + std::to_string(message.ask_text().offset());
            all += message.ask_text().text();
        }
        return all;
    }
    std::map<std::string, Delivery> says;
    std::map<std::string, std::vector<wire::HeadMessage>> sent;
};

const std::string kKeyA(40, 'a');
const std::string kKeyB(40, 'b');

struct Desk {
    explicit Desk(FrontDesk::Options options = {})
    {
        auto opened =
            protocol::UploadStore::open({.folder = std::filesystem::path(folder.path().toStdString()) / "uploads"});
        uploads = std::move(*opened);
        desk = std::make_unique<FrontDesk>(std::move(options), engine, *uploads, outbox, time);
    }
    void say(const std::string& peer, const std::string& key, wire::ClientMessage message)
    {
        message.set_protocol_version(protocol::kVersion);
        desk->receive({.peer = peer, .publicKey = key, .frame = message.SerializeAsString()}, time);
    }
    void hello(const std::string& peer, const std::string& key, const std::string& session)
    {
        wire::ClientMessage message;
        message.mutable_hello()->set_session(session);
        message.mutable_hello()->set_program("test");
        message.mutable_hello()->set_version("1");
        say(peer, key, message);
    }
    void ask(const std::string& peer, const std::string& key, const std::string& id, const Sha256& image = {})
    {
        wire::ClientMessage message;
        message.mutable_ask()->set_id(id);
        wire::ChatMessage& said = *message.mutable_ask()->add_messages();
        said.set_role("user");
        if (!image.empty())
            said.add_parts()->set_image(image);
        said.add_parts()->set_text("Hello");
        say(peer, key, message);
    }
    void resume(const std::string& peer, const std::string& key, const std::string& id, std::uint64_t offset)
    {
        wire::ClientMessage message;
        message.mutable_resume()->set_id(id);
        message.mutable_resume()->set_text_offset(offset);
        say(peer, key, message);
    }
    /// Uploads these bytes in one chunk.
    Sha256 upload(const std::string& peer, const std::string& key, const std::string& bytes)
    {
        const Sha256 digest = sha256(std::as_bytes(std::span(bytes.data(), bytes.size())));
        wire::ClientMessage begin;
        begin.mutable_upload_begin()->set_sha256(digest);
        begin.mutable_upload_begin()->set_size(bytes.size());
        say(peer, key, begin);
        wire::ClientMessage chunk;
        chunk.mutable_upload_chunk()->set_sha256(digest);
        chunk.mutable_upload_chunk()->set_data(bytes);
        say(peer, key, chunk);
        return digest;
    }
    void said(node::AskNumber number, const std::string& text)
    {
        desk->take(node::AskSaid{.number = number, .text = text}, time);
    }
    void ended(node::AskNumber number, std::optional<Error> error = {})
    {
        node::AskEnded event;
        event.number = number;
        event.reason = wire::AskFinished::STOP;
        event.error = std::move(error);
        desk->take(std::move(event), time);
    }
    void pass(Milliseconds duration)
    {
        time += duration;
        desk->tick(time);
    }

    QTemporaryDir folder;
    Instant time = now();
    ScriptedEngine engine;
    ScriptedOutbox outbox;
    std::unique_ptr<protocol::UploadStore> uploads;
    std::unique_ptr<FrontDesk> desk;
};

using Body = wire::HeadMessage;

} // namespace

class TstFrontDesk final : public QObject {
    Q_OBJECT
private slots:
    void observersOnlyLook()
    {
        protocol::KnownClient who{.publicKey = kKeyA, .name = "wall", .role = protocol::Role::Observer};
        FrontDesk::Options options;
        options.whoIs = [&](const std::string&) { return std::optional(who); };
        Desk t(options);
        t.hello("p", kKeyA, "s");
        QCOMPARE(t.outbox.of("p", Body::kWelcome)[0].welcome().role(), std::string("observer"));

        const Sha256 digest = t.upload("p", kKeyA, "bytes");
        QCOMPARE(t.outbox.of("p", Body::kUploadFailed).size(), std::size_t(2)); // its begin and its chunk
        QCOMPARE(t.outbox.of("p", Body::kUploadGrant).size(), std::size_t(0));
        wire::ClientMessage message;
        message.mutable_inspect()->set_sha256(digest);
        t.say("p", kKeyA, message);
        t.ask("p", kKeyA, "a");
        message.mutable_deploy()->set_id("d");
        t.say("p", kKeyA, message);
        message.mutable_make_join_line()->set_id("j");
        t.say("p", kKeyA, message);
        message.mutable_remove_node()->set_node("gpu-b");
        t.say("p", kKeyA, message);
        message.mutable_stop_head();
        t.say("p", kKeyA, message);
        QVERIFY(t.engine.asks.empty() && t.engine.requests.empty() && t.engine.tickets.empty());
        QCOMPARE(t.engine.stops, 0);
        const std::vector<wire::Error> errors{t.outbox.of("p", Body::kInspected).at(0).inspected().error(),
                                              t.outbox.of("p", Body::kAskFailed).at(0).ask_failed().error(),
                                              t.outbox.of("p", Body::kDeployAnswer).at(0).deploy_answer().error(),
                                              t.outbox.of("p", Body::kJoinLine).at(0).join_line().error(),
                                              t.outbox.of("p", Body::kRefused).at(0).refused().error(),
                                              t.outbox.of("p", Body::kRefused).at(1).refused().error()};
        for (const wire::Error& error : errors) {
            QCOMPARE(error.code(), std::string("Denied"));
            QVERIFY2(error.cause().starts_with("this key may only watch"), error.cause().c_str());
            QVERIFY2(error.remedy().find("argus-node keys allow '" + std::string(kKeyA) + "' wall --role client") !=
                         std::string::npos,
                     error.remedy().c_str());
            QVERIFY(error.cause_said().id().starts_with("observer-"));
        }
        QCOMPARE(t.outbox.of("p", Body::kRefused)[0].refused().about(), std::string("gpu-b"));

        message.mutable_preflight()->set_id("c");
        t.say("p", kKeyA, message);
        message.mutable_get_log()->set_id("l");
        t.say("p", kKeyA, message);
        QCOMPARE(t.engine.requests.size(), std::size_t(2)); // what it may see

        who.role = protocol::Role::Client; // counts at once
        t.ask("p", kKeyA, "b");
        QCOMPARE(t.engine.asks.size(), std::size_t(1));
        who.role = protocol::Role::Observer;
        t.ask("p", kKeyA, "c");
        QCOMPARE(t.engine.asks.size(), std::size_t(1));
    }

    void aChangedRoleIsToldAtOnce()
    {
        protocol::KnownClient who{.publicKey = kKeyA, .name = "wall", .role = protocol::Role::Client};
        FrontDesk::Options options;
        options.whoIs = [&](const std::string&) { return std::optional(who); };
        Desk t(options);
        t.hello("p", kKeyA, "s");
        who.role = protocol::Role::Observer;
        t.pass(Milliseconds(300));
        QCOMPARE(t.outbox.of("p", Body::kWelcome).size(), std::size_t(2));
        QCOMPARE(t.outbox.of("p", Body::kWelcome)[1].welcome().role(), std::string("observer"));
        t.pass(Milliseconds(5000));
        QCOMPARE(t.outbox.of("p", Body::kWelcome).size(), std::size_t(2)); // once
    }

    void aRevokedKeyHearsSoAndNothingElse()
    {
        std::set<std::string> known{kKeyA, kKeyB};
        FrontDesk::Options options;
        options.whoIs = [&](const std::string& key) {
            return known.contains(key) ? std::optional(protocol::KnownClient{.publicKey = key, .name = "x"})
                                       : std::nullopt;
        };
        Desk t(options);
        t.hello("p", kKeyA, "s");
        t.hello("q", kKeyB, "s");
        t.ask("p", kKeyA, "a");
        t.ask("q", kKeyB, "b");
        known.erase(kKeyA);
        t.pass(Milliseconds(300)); // it has said nothing meanwhile
        QCOMPARE(t.engine.cancelled, std::vector<node::AskNumber>{t.engine.asks[0].number});
        QCOMPARE(t.outbox.of("p", Body::kRefused).size(), std::size_t(1));
        const wire::Error error = t.outbox.of("p", Body::kRefused)[0].refused().error();
        QCOMPARE(error.cause_said().id(), std::string("key-revoked"));
        QVERIFY2(error.remedy().find("keys allow '" + kKeyA + "'") != std::string::npos, error.remedy().c_str());
        const std::size_t heard = t.outbox.sent["p"].size();
        t.said(t.engine.asks[0].number, "secret");
        t.desk->take(node::StateChanged{}, t.time);
        t.pass(Milliseconds(2000));
        QCOMPARE(t.outbox.sent["p"].size(), heard);
        QVERIFY(t.outbox.of("q", Body::kStatus).size() > 0);
        // What it still says, a greeting included, is refused.
        t.ask("p", kKeyA, "c");
        t.hello("p", kKeyA, "s");
        QCOMPARE(t.outbox.of("p", Body::kRefused).size(), std::size_t(3));
        QCOMPARE(t.outbox.sent["p"].size(), heard + 2);
        QCOMPARE(t.engine.asks.size(), std::size_t(2));
        known.insert(kKeyA); // and it may again
        t.hello("p", kKeyA, "s");
        QCOMPARE(t.outbox.of("p", Body::kWelcome).size(), std::size_t(2));
    }

    void helloIsWelcomedAndOthersMustSayItFirst()
    {
        Desk t;
        t.ask("p", kKeyA, "early");
        QCOMPARE(t.outbox.of("p", Body::kRefused).size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kRefused)[0].refused().error().code(), std::string("NotFound"));
        QVERIFY(t.engine.asks.empty());
        t.hello("p", kKeyA, "s");
        QCOMPARE(t.outbox.of("p", Body::kWelcome).size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kWelcome)[0].welcome().status().nodes_size(), 1);
    }

    void textIsGatheredBetweenTicksAndArrivesOnceAndWhole()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.ask("p", kKeyA, "one");
        QCOMPARE(t.engine.asks.size(), std::size_t(1));
        const node::AskNumber number = t.engine.asks[0].number;
        t.said(number, "There");
        QCOMPARE(t.outbox.text("p"), std::string("There")); // the first piece is waited for
        for (const char* piece : {" are", " two", " circles"})
            t.said(number, piece);
        QCOMPARE(t.outbox.text("p"), std::string("There"));
        t.pass(FrontDesk::kTick);
        QCOMPARE(t.outbox.of("p", Body::kAskText).size(), std::size_t(2));
        t.said(number, ".");
        t.ended(number);
        QCOMPARE(t.outbox.text("p"), std::string("There are two circles."));
        QCOMPARE(t.outbox.of("p", Body::kAskFinished).size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kAskFinished)[0].ask_finished().text(), std::string("There are two circles."));
        QVERIFY(!t.desk->busy());
    }

    void aClientThatDoesNotReadGetsOneLargerPieceLater()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.ask("p", kKeyA, "one");
        const node::AskNumber number = t.engine.asks[0].number;
        t.outbox.says["p"] = Delivery::Full;
        for (int i = 0; i < 100; ++i) {
            t.said(number, "x");
            t.pass(FrontDesk::kTick);
        }
        t.ended(number);
        t.outbox.says["p"] = Delivery::Sent;
        t.pass(FrontDesk::kTick);
        QCOMPARE(t.outbox.text("p"), std::string(100, 'x'));
        QCOMPARE(t.outbox.of("p", Body::kAskText).size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kAskFinished).size(), std::size_t(1));
    }

    void theSameAskTwiceIsOneAsk()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.ask("p", kKeyA, "one");
        t.ask("p", kKeyA, "one");
        QCOMPARE(t.engine.asks.size(), std::size_t(1));
        t.said(1, "Hi");
        t.ended(1);
        t.ask("p", kKeyA, "one");
        QCOMPARE(t.engine.asks.size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kAskFinished).size(), std::size_t(2)); // its state, again
    }

    void twoClientsMayUseTheSameIdAndHearOnlyTheirOwn()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.hello("q", kKeyB, "s");
        t.ask("p", kKeyA, "one");
        t.ask("q", kKeyB, "one");
        QCOMPARE(t.engine.asks.size(), std::size_t(2));
        t.said(1, "for a");
        t.said(2, "for b");
        QCOMPARE(t.outbox.text("p"), std::string("for a"));
        QCOMPARE(t.outbox.text("q"), std::string("for b"));
        wire::ClientMessage cancel;
        cancel.mutable_cancel()->set_id("one");
        t.say("q", kKeyB, cancel);
        QCOMPARE(t.engine.cancelled, std::vector<node::AskNumber>{2});
        t.resume("q", kKeyB, "two", 0);
        QCOMPARE(t.outbox.of("q", Body::kRefused).back().refused().about(), std::string("two"));
    }

    void anotherConnectionResumesWhereItWas()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.ask("p", kKeyA, "one");
        t.said(1, "äöü");
        t.hello("p2", kKeyA, "s"); // the same client, reconnected
        t.said(1, " and more");
        t.pass(FrontDesk::kTick);
        QCOMPARE(t.outbox.text("p"), std::string("äöü")); // the old connection is dropped
        t.resume("p2", kKeyA, "one", 3);                  // inside "ö": whole characters are sent again
        const auto pieces = t.outbox.of("p2", Body::kAskText);
        QCOMPARE(pieces.size(), std::size_t(1));
        QCOMPARE(pieces[0].ask_text().offset(), std::uint64_t(2));
        QCOMPARE(pieces[0].ask_text().text(), std::string("öü and more"));
        t.ended(1);
        QCOMPARE(t.outbox.of("p2", Body::kAskFinished).size(), std::size_t(1));
    }

    void anEndedAskCanBeResumedForAWhile()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.ask("p", kKeyA, "one");
        t.said(1, "Hi");
        t.ended(1);
        t.pass(std::chrono::minutes(14));
        t.hello("q", kKeyA, "s2");
        t.resume("q", kKeyA, "one", 0);
        QCOMPARE(t.outbox.text("q"), std::string("Hi"));
        QCOMPARE(t.outbox.of("q", Body::kAskFinished).size(), std::size_t(1));
        t.pass(std::chrono::minutes(2));
        t.hello("q", kKeyA, "s2");
        t.resume("q", kKeyA, "one", 0);
        QCOMPARE(t.outbox.of("q", Body::kRefused).size(), std::size_t(1));
    }

    void endedAsksAreKeptInABoundedNumber()
    {
        FrontDesk::Options options;
        options.maxKept = 3;
        Desk t(options);
        t.hello("p", kKeyA, "s");
        for (int i = 1; i <= 5; ++i) {
            t.ask("p", kKeyA, "ask-" + std::to_string(i));
            t.time += Milliseconds(1);
            t.ended(static_cast<node::AskNumber>(i));
        }
        t.pass(std::chrono::seconds(2));
        t.resume("p", kKeyA, "ask-2", 0);
        t.resume("p", kKeyA, "ask-3", 0);
        QCOMPARE(t.outbox.of("p", Body::kRefused).size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kAskFinished).size(), std::size_t(6));
    }

    void whoIsSilentIsDroppedAndMustGreetAgain()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.hello("q", kKeyB, "s");
        for (int i = 0; i < 11; ++i) {
            t.pass(std::chrono::seconds(1));
            wire::ClientMessage beat;
            beat.mutable_heartbeat()->set_sequence(static_cast<std::uint64_t>(i));
            t.say("q", kKeyB, beat);
        }
        t.ask("p", kKeyA, "late");
        t.ask("q", kKeyB, "fine");
        QCOMPARE(t.engine.asks.size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kRefused).size(), std::size_t(1));
    }

    void statusComesEachSecondAndWhenAStateChanges()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.pass(Milliseconds(1));
        const std::size_t before = t.outbox.of("p", Body::kStatus).size();
        t.pass(Milliseconds(500));
        QCOMPARE(t.outbox.of("p", Body::kStatus).size(), before);
        t.desk->take(node::StateChanged{}, t.time);
        t.pass(Milliseconds(1));
        QCOMPARE(t.outbox.of("p", Body::kStatus).size(), before + 1);
        t.pass(std::chrono::seconds(1));
        QCOMPARE(t.outbox.of("p", Body::kStatus).size(), before + 2);
    }

    void nonsenseIsRefusedAndDisturbsNobody()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.ask("p", kKeyA, "one");
        for (int i = 0; i < 1000; ++i)
            t.desk->receive({.peer = "vandal", .publicKey = kKeyB, .frame = std::string("\xff\xfe", 2)}, t.time);
        QVERIFY(!t.outbox.of("vandal", Body::kRefused).empty());
        QVERIFY(t.outbox.of("p", Body::kRefused).empty());
        t.said(1, "Hi");
        t.ended(1);
        QCOMPARE(t.outbox.text("p"), std::string("Hi"));
    }

    void aStolenRoutingIdWithoutTheKeyIsSomebodyElse()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.ask("p", kKeyB, "mine");
        QVERIFY(t.engine.asks.empty());
    }

    void attachmentsMustBeThereAndStayWhileTheyAreNeeded()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.ask("p", kKeyA, "one", Sha256(32, 'x'));
        QCOMPARE(t.outbox.of("p", Body::kAskFailed).size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kAskFailed)[0].ask_failed().error().code(), std::string("NotFound"));
        const Sha256 digest = t.upload("p", kKeyA, "not really a picture");
        QCOMPARE(t.outbox.of("p", Body::kUploadDone).size(), std::size_t(1));
        t.ask("p", kKeyA, "two", digest);
        QCOMPARE(t.engine.asks.size(), std::size_t(1));
        QVERIFY(std::filesystem::exists(t.engine.asks[0].files.at(digest)));
    }

    void anInspectionIsAnsweredToWhoAsked()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.hello("q", kKeyB, "s");
        const Sha256 digest = t.upload("p", kKeyA, "not really a picture");
        wire::ClientMessage inspect;
        inspect.mutable_inspect()->set_sha256(digest);
        t.say("p", kKeyA, inspect);
        QCOMPARE(t.engine.tickets.size(), std::size_t(1));
        t.desk->take(node::InspectionEnded{.ticket = t.engine.tickets[0],
                                           .outcome = Error{ErrorCode::Corrupt, "no picture", "send one", {}}},
                     t.time);
        QCOMPARE(t.outbox.of("p", Body::kInspected).size(), std::size_t(1));
        QCOMPARE(t.outbox.of("p", Body::kInspected)[0].inspected().error().cause(), std::string("no picture"));
        QVERIFY(t.outbox.of("q", Body::kInspected).empty());
    }

    void aFullEngineAndTooManyAsksAreBusy()
    {
        FrontDesk::Options options;
        options.maxAsksPerKey = 2;
        Desk t(options);
        t.hello("p", kKeyA, "s");
        t.engine.full = true;
        t.ask("p", kKeyA, "zero");
        QCOMPARE(t.outbox.of("p", Body::kAskFailed).back().ask_failed().error().code(), std::string("Busy"));
        t.engine.full = false;
        for (const char* id : {"one", "two", "three"})
            t.ask("p", kKeyA, id);
        QCOMPARE(t.engine.asks.size(), std::size_t(2));
        QCOMPARE(t.outbox.of("p", Body::kAskFailed).size(), std::size_t(2));
    }

    void stoppingIsToldToEverybodyOnce()
    {
        Desk t;
        t.hello("p", kKeyA, "s");
        t.hello("q", kKeyB, "s");
        wire::ClientMessage stop;
        stop.mutable_stop_head();
        t.say("p", kKeyA, stop);
        QCOMPARE(t.engine.stops, 1);
        t.desk->take(node::StopBegan{"asked"}, t.time);
        t.desk->take(node::StopBegan{"asked"}, t.time);
        for (const char* peer : {"p", "q"})
            QCOMPARE(t.outbox.of(peer, Body::kStopping).size(), std::size_t(1));
    }
};

QTEST_GUILESS_MAIN(TstFrontDesk)
#include "tst_front_desk.moc"
