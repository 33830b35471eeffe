#include "engine/base/files.h"
#include "engine/client/client.h"
#include "tests/support/scripted_head.h"

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <future>

using namespace argus;
using namespace argus::testing;
using Message = wire::ClientMessage;

namespace {

wire::Ask question(const std::string& text, const Sha256& image = {})
{
    wire::Ask ask;
    wire::ChatMessage* message = ask.add_messages();
    message->set_role("user");
    if (!image.empty())
        message->add_parts()->set_image(image);
    message->add_parts()->set_text(text);
    return ask;
}

std::string noise(std::size_t size)
{
    std::string bytes(size, '\0');
    std::uint32_t state = 12345;
    for (char& byte : bytes) {
        state = state * 1664525U + 1013904223U;
        byte = static_cast<char>(state >> 24);
    }
    return bytes;
}

} // namespace

class TstClient : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_folder;
    protocol::CurveKeys m_keys;
    std::unique_ptr<ScriptedHead> m_head;
    std::unique_ptr<EventLog> m_log;
    std::unique_ptr<client::Client> m_client;

    std::filesystem::path fileWith(const std::string& bytes)
    {
        const std::filesystem::path path = std::filesystem::path(m_folder.path().toStdString()) / randomId();
        if (!replaceFile(path, bytes))
            std::abort();
        return path;
    }
    void startClient()
    {
        m_client = std::make_unique<client::Client>(m_head->addressFor(m_keys), "tst_client");
        QVERIFY(m_client->start(m_log->sink()).ok());
    }
    void connectClient()
    {
        m_head->start();
        startClient();
        QVERIFY(m_log->await<client::Connected>().has_value());
    }

private slots:
    void init()
    {
        m_keys = protocol::makeKeys();
        m_head = std::make_unique<ScriptedHead>(std::filesystem::path(m_folder.path().toStdString()) / randomId());
        m_head->admit(m_keys.publicKey);
        m_log = std::make_unique<EventLog>();
    }
    void cleanup()
    {
        m_client.reset();
        m_head.reset();
        m_log.reset();
    }

    void greetsAndBeats()
    {
        connectClient();
        const auto hello = m_head->heard(Message::kHello);
        QVERIFY(hello.has_value());
        QCOMPARE(hello->hello().program(), std::string("tst_client"));
        QVERIFY(m_head->heard(Message::kHeartbeat, 2).has_value());
        QVERIFY(m_log->await<client::StatusArrived>(2).has_value());
        QVERIFY(m_log->all<client::Disconnected>().empty());
    }

    void refusesAnUnusableAddress_data()
    {
        QTest::addColumn<QString>("endpoint");
        QTest::addColumn<QString>("key");
        const QString key = QString::fromStdString(protocol::makeKeys().publicKey);
        QTest::newRow("no scheme") << "127.0.0.1:47700" << key;
        QTest::newRow("inproc, where CURVE does not reach") << "inproc://head" << key;
        QTest::newRow("no port") << "tcp://127.0.0.1" << key;
        QTest::newRow("short key") << "tcp://127.0.0.1:47700" << key.left(39);
        QTest::newRow("characters outside Z85") << "tcp://127.0.0.1:47700" << QString(40, '~');
    }
    void refusesAnUnusableAddress()
    {
        QFETCH(QString, endpoint);
        QFETCH(QString, key);
        client::Client client({endpoint.toStdString(), key.toStdString(), {m_keys.publicKey, m_keys.secretKey}},
                              "tst_client");
        const auto started = client.start([](const client::Event&) {});
        QVERIFY(!started.ok());
        QCOMPARE(started.error().code, ErrorCode::BadRequest);
    }

    void streamsAnAnswer()
    {
        connectClient();
        const std::string id = m_client->ask(question("how many circles?"));
        const auto ask = m_head->heard(Message::kAsk);
        QVERIFY(ask.has_value());
        QCOMPARE(ask->ask().id(), id);
        m_head->sayText(id, 0, "There are ");
        m_head->sayText(id, 10, "two.");
        m_head->sayFinished(id, "There are two.");
        const auto finished = m_log->await<client::AskFinished>();
        QVERIFY(finished.has_value());
        QCOMPARE(finished->finished.text(), std::string("There are two."));
        QCOMPARE(m_log->textOf(id), std::string("There are two."));
    }

    void uploadsAFileWithinItsCredit()
    {
        connectClient();
        const std::string bytes = noise(5'000'000);
        std::promise<Result<Sha256>> hashed;
        m_client->upload(fileWith(bytes), [&](Result<Sha256> digest) { hashed.set_value(std::move(digest)); });
        const auto finished = m_log->await<client::UploadFinished>();
        QVERIFY(finished.has_value());
        const auto digest = hashed.get_future().get();
        QVERIFY(digest.ok());
        QCOMPARE(*digest, sha256(std::as_bytes(std::span(bytes))));
        QCOMPARE(finished->sha256, *digest);
        const auto path = m_head->uploaded(*digest);
        QVERIFY(path.has_value());
        QVERIFY(*readFile(*path, 10'000'000) == bytes);
        const auto progress = m_log->all<client::UploadProgress>();
        QVERIFY(progress.size() > 2);
        QVERIFY(std::is_sorted(progress.begin(), progress.end(),
                               [](const auto& a, const auto& b) { return a.sent < b.sent; }));
        QCOMPARE(progress.back().sent, std::uint64_t{5'000'000});
    }

    void asksAfterItsAttachmentIsThere()
    {
        connectClient();
        m_head->grantUpTo = 0; // the upload stalls after its first window
        const Sha256 digest = m_client->upload(noise(4'000'000));
        const std::string id = m_client->ask(question("what is this?", digest));
        const std::string other = m_client->ask(question("and without a picture?"));
        const auto first = m_head->heard(Message::kAsk);
        QVERIFY(first.has_value());
        QCOMPARE(first->ask().id(), other);
        m_head->stop(); // lets the upload go on
        m_head->grantUpTo = ~0ULL;
        m_head->start();
        QVERIFY(m_log->await<client::UploadFinished>().has_value());
        bool asked = false;
        for (std::size_t n = 2; !asked && n < 6; ++n) {
            const auto next = m_head->heard(Message::kAsk, n);
            QVERIFY(next.has_value());
            asked = next->ask().id() == id;
        }
        QVERIFY(asked);
    }

    void resumesAnUploadAfterAReconnect()
    {
        connectClient();
        m_head->grantUpTo = 0; // one window and no more
        const std::string bytes = noise(5'000'000);
        m_client->upload(fileWith(bytes), [](const Result<Sha256>&) {});
        QVERIFY(m_head->heard(Message::kUploadChunk, protocol::kUploadCredit).has_value());
        m_head->stop();
        QVERIFY(m_log->await<client::Disconnected>().has_value());
        m_head->grantUpTo = ~0ULL;
        m_head->start();
        QVERIFY(m_log->await<client::UploadFinished>().has_value());
        const auto offsets = m_head->beginOffsets();
        QCOMPARE(offsets.size(), std::size_t{2});
        QCOMPARE(offsets[1], std::uint64_t{protocol::kUploadCredit * protocol::kChunkBytes});
        QVERIFY(*readFile(*m_head->uploaded(sha256(std::as_bytes(std::span(bytes)))), 10'000'000) == bytes);
    }

    void neverSendsMoreThanItsCredit()
    {
        connectClient();
        m_head->grantUpTo = 0;
        (void)m_client->upload(noise(5'000'000));
        QVERIFY(m_head->heard(Message::kUploadChunk, protocol::kUploadCredit).has_value());
        QVERIFY(m_head->heard(Message::kHeartbeat, m_head->heardCount(Message::kHeartbeat) + 2)
                    .has_value()); // it had its time
        QCOMPARE(m_head->heardCount(Message::kUploadChunk), std::size_t{protocol::kUploadCredit});
    }

    void aFileThatCannotBeReadIsTold()
    {
        connectClient();
        std::promise<Result<Sha256>> hashed;
        m_client->upload("/nowhere/picture.png", [&](Result<Sha256> digest) { hashed.set_value(std::move(digest)); });
        const auto digest = hashed.get_future().get();
        QVERIFY(!digest.ok());
        QCOMPARE(digest.error().code, ErrorCode::NotFound);
    }

    void anAskWithoutItsAttachmentFails()
    {
        connectClient();
        const Sha256 digest = m_client->upload(std::string()); // no head takes an empty file
        const std::string id = m_client->ask(question("what is this?", digest));
        const auto failed = m_log->await<client::AskFailed>();
        QVERIFY(failed.has_value());
        QCOMPARE(failed->ask, id);
        QVERIFY(m_log->await<client::UploadFailed>().has_value());
        QCOMPARE(m_head->heardCount(Message::kAsk), std::size_t{0});
    }

    void aHopelessAskFailsAtOnce()
    {
        connectClient();
        wire::Ask ask = question("x");
        ask.mutable_messages(0)->set_role("wizard");
        const std::string id = m_client->ask(ask);
        const auto failed = m_log->await<client::AskFailed>();
        QVERIFY(failed.has_value());
        QCOMPARE(failed->ask, id);
        QCOMPARE(failed->error.code, ErrorCode::BadRequest);
        QCOMPARE(m_head->heardCount(Message::kAsk), std::size_t{0});
    }

    void inspectsAfterTheUpload()
    {
        m_head->start([](ScriptedHead& head, const Message& message) {
            if (!message.has_inspect())
                return false;
            wire::HeadMessage reply;
            reply.mutable_inspected()->set_sha256(message.inspect().sha256());
            reply.mutable_inspected()->mutable_info()->set_width(640);
            head.say(std::move(reply));
            return true;
        });
        startClient();
        const Sha256 digest = m_client->upload(noise(1000));
        m_client->inspect(digest, 96);
        const auto inspected = m_log->await<client::Inspected>();
        QVERIFY(inspected.has_value());
        QCOMPARE(inspected->info.width(), 640U);
        QVERIFY(!m_log->all<client::UploadFinished>().empty());
    }

    void cancelsWithOneEnd()
    {
        m_head->start([](ScriptedHead& head, const Message& message) {
            if (message.has_cancel())
                head.sayFinished(message.cancel().id(), "One", wire::AskFinished::CANCELLED);
            return message.has_cancel();
        });
        startClient();
        const std::string id = m_client->ask(question("count"));
        QVERIFY(m_head->heard(Message::kAsk).has_value());
        m_head->sayText(id, 0, "One");
        QVERIFY(m_log->await<client::TextArrived>().has_value());
        m_client->cancel(id);
        m_client->cancel(id);
        const auto finished = m_log->await<client::AskFinished>();
        QVERIFY(finished.has_value());
        QCOMPARE(finished->finished.reason(), wire::AskFinished::CANCELLED);
        QCOMPARE(finished->finished.text(), std::string("One"));
        m_head->sayFinished(id, "One two"); // late
        m_head->sayText(id, 3, " two");
        QVERIFY(m_log->await<client::StatusArrived>(m_log->all<client::StatusArrived>().size() + 2).has_value());
        QCOMPARE(m_log->all<client::AskFinished>().size(), std::size_t{1});
        QCOMPARE(m_log->textOf(id), std::string("One"));
    }

    void duplicateTextIsDroppedAndAGapIsFilled()
    {
        connectClient();
        const std::string id = m_client->ask(question("say it"));
        QVERIFY(m_head->heard(Message::kAsk).has_value());
        m_head->sayText(id, 0, "圆 one ");
        m_head->sayText(id, 0, "圆 one ");
        m_head->sayText(id, 4, "one two ");
        m_head->sayText(id, 20, "four");
        const auto resume = m_head->heard(Message::kResume);
        QVERIFY(resume.has_value());
        QCOMPARE(resume->resume().text_offset(), std::uint64_t{12});
        m_head->sayText(id, 12, "three four");
        m_head->sayFinished(id, "圆 one two three four.");
        QVERIFY(m_log->await<client::AskFinished>().has_value());
        QCOMPARE(m_log->textOf(id), std::string("圆 one two three four."));
    }

    void anAnswerGoesOnAfterAReconnect()
    {
        connectClient();
        const std::string id = m_client->ask(question("a long story"));
        QVERIFY(m_head->heard(Message::kAsk).has_value());
        m_head->sayText(id, 0, "Once upon ");
        QVERIFY(m_log->await<client::TextArrived>().has_value());
        m_head->stop();
        QVERIFY(m_log->await<client::Disconnected>().has_value());
        m_head->start();
        const auto resume = m_head->heard(Message::kResume);
        QVERIFY(resume.has_value());
        QCOMPARE(resume->resume().id(), id);
        QCOMPARE(resume->resume().text_offset(), std::uint64_t{10});
        m_head->sayText(id, 0, "Once upon a time"); // more than was asked for
        m_head->sayFinished(id, "Once upon a time.");
        QVERIFY(m_log->await<client::AskFinished>().has_value());
        QCOMPARE(m_log->textOf(id), std::string("Once upon a time."));
        QCOMPARE(m_head->heardCount(Message::kAsk), std::size_t{1});
        QCOMPARE(m_log->all<client::Connected>().size(), std::size_t{2});
    }

    void anUnknownAskIsSentAgainBeforeItsFirstWord()
    {
        const auto forgetful = [](ScriptedHead& head, const Message& message) {
            if (message.has_resume())
                head.sayFailed(message.resume().id(), {ErrorCode::NotFound, "no such ask", "", {}});
            return message.has_resume();
        };
        m_head->start(forgetful);
        startClient();
        const std::string id = m_client->ask(question("hello"));
        QVERIFY(m_head->heard(Message::kAsk).has_value());
        m_head->stop();
        m_head->start(forgetful);
        QVERIFY(m_head->heard(Message::kAsk, 2).has_value());
        m_head->sayText(id, 0, "Hel");
        QVERIFY(m_log->await<client::TextArrived>().has_value());
        m_head->stop();
        m_head->start(forgetful);
        const auto failed = m_log->await<client::AskFailed>();
        QVERIFY(failed.has_value());
        QCOMPARE(failed->error.code, ErrorCode::Crashed);
        QCOMPARE(failed->text, std::string("Hel"));
        QCOMPARE(m_head->heardCount(Message::kAsk), std::size_t{2});
    }

    void stopWorksWhileTheHeadIsAway()
    {
        connectClient();
        const std::string id = m_client->ask(question("hello"));
        QVERIFY(m_head->heard(Message::kAsk).has_value());
        m_head->stop();
        QVERIFY(m_log->await<client::Disconnected>().has_value());
        m_client->cancel(id);
        QVERIFY(m_log->await<client::AskFinished>().has_value());
        m_head->start();
        const auto cancel = m_head->heard(Message::kCancel); // so that the head stops working on it
        QVERIFY(cancel.has_value());
        QCOMPARE(cancel->cancel().id(), id);
    }

    void asksWaitForAHeadThatIsNotThereYet()
    {
        m_head->start();
        m_head->stop(); // the port is known, nobody listens
        startClient();
        const auto away = m_log->await<client::Disconnected>();
        QVERIFY(away.has_value());
        QCOMPARE(away->why.code, ErrorCode::Unreachable);
        const std::string id = m_client->ask(question("anybody?"));
        m_head->start();
        const auto ask = m_head->heard(Message::kAsk);
        QVERIFY(ask.has_value());
        QCOMPARE(ask->ask().id(), id);
    }

    void commandsAreAnswered()
    {
        m_head->start([](ScriptedHead& head, const Message& message) {
            wire::HeadMessage reply;
            if (message.has_preflight()) {
                reply.mutable_preflight_done()->set_id(message.preflight().id());
                reply.mutable_preflight_done()->set_possible(true);
                *reply.mutable_preflight_done()->mutable_settings() = message.preflight().settings();
            } else if (message.has_deploy()) {
                reply.mutable_deploy_answer()->set_id(message.deploy().id());
                reply.mutable_deploy_answer()->set_deployment(7);
            } else if (message.has_make_join_line()) {
                reply.mutable_join_line()->set_id(message.make_join_line().id());
                reply.mutable_join_line()->set_line("argus-node start --join x");
                reply.mutable_join_line()->set_valid_seconds(900);
            } else if (message.has_get_log()) {
                reply.mutable_log_text()->set_id(message.get_log().id());
                reply.mutable_log_text()->set_node(message.get_log().node());
                reply.mutable_log_text()->set_text("a line\n");
            } else {
                return false;
            }
            head.say(reply);
            head.say(reply); // said twice, it is one answer
            return true;
        });
        startClient();
        QVERIFY(m_log->await<client::Connected>().has_value());
        wire::EngineSettings settings;
        settings.set_tensor_parallel_size(2);
        const std::string preflight = m_client->preflight(settings);
        const auto done = m_log->await<client::PreflightArrived>();
        QVERIFY(done.has_value());
        QCOMPARE(done->done.id(), preflight);
        QCOMPARE(done->done.settings().tensor_parallel_size(), 2U);
        QCOMPARE(m_client->deploy(settings, "mine"), std::string("mine"));
        const auto deployed = m_log->await<client::DeployAnswered>();
        QVERIFY(deployed.has_value());
        QCOMPARE(deployed->answer.deployment(), std::uint64_t{7});
        (void)m_client->makeJoinLine();
        const auto line = m_log->await<client::JoinLineArrived>();
        QVERIFY(line.has_value());
        QCOMPARE(line->line.valid_seconds(), 900.0);
        (void)m_client->getLog("gpu-b", 100);
        const auto log = m_log->await<client::LogArrived>();
        QVERIFY(log.has_value());
        QCOMPARE(log->log.node(), std::string("gpu-b"));
        QCOMPARE(m_head->heard(Message::kGetLog)->get_log().most_bytes(), 100U);
        QCOMPARE(m_log->all<client::PreflightArrived>().size(), std::size_t{1});
        QVERIFY(m_log->all<client::CommandFailed>().empty());
    }

    void aCommandThatIsNotTakenFails()
    {
        m_head->start([](ScriptedHead& head, const Message& message) {
            if (!message.has_remove_node() && !message.has_deploy())
                return false;
            wire::HeadMessage reply;
            reply.mutable_refused()->set_about(message.has_deploy() ? message.deploy().id()
                                                                    : message.remove_node().node());
            *reply.mutable_refused()->mutable_error() =
                protocol::toWire(Error{ErrorCode::NotFound, "there is no such node", "choose another", ""});
            head.say(std::move(reply));
            return true;
        });
        startClient();
        QVERIFY(m_log->await<client::Connected>().has_value());
        m_client->removeNode("gpu-z");
        const auto removal = m_log->await<client::CommandFailed>();
        QVERIFY(removal.has_value());
        QCOMPARE(removal->about, std::string("gpu-z"));
        QCOMPARE(removal->error.code, ErrorCode::NotFound);
        const std::string id = m_client->deploy({});
        QCOMPARE(m_log->await<client::CommandFailed>(2)->about, id);
    }

    void aCommandFailsWhileTheHeadIsAway()
    {
        connectClient();
        const std::string lost = m_client->preflight({}); // the head does not know that word and says nothing
        QVERIFY(m_head->heard(Message::kPreflight).has_value());
        m_head->stop();
        const auto failed = m_log->await<client::CommandFailed>();
        QVERIFY(failed.has_value());
        QCOMPARE(failed->about, lost);
        QCOMPARE(failed->error.code, ErrorCode::Unreachable);
        const std::string later = m_client->getLog("gpu-b");
        QCOMPARE(m_log->await<client::CommandFailed>(2)->about, later);
    }

    void aSilentHeadIsNoticed()
    {
        connectClient();
        m_head->silent = true;
        const auto away = m_log->await<client::Disconnected>();
        QVERIFY(away.has_value());
        QCOMPARE(away->why.code, ErrorCode::Timeout);
        m_head->silent = false;
        QVERIFY(m_log->await<client::Connected>(2).has_value());
    }

    void anUnknownKeyConnectsOnceItIsAllowed()
    {
        const protocol::CurveKeys stranger = protocol::makeKeys();
        m_keys = stranger;
        m_head->start();
        startClient();
        const auto refused = m_log->await<client::Disconnected>();
        QVERIFY(refused.has_value());
        QCOMPARE(refused->why.code, ErrorCode::Denied);
        QVERIFY(refused->why.remedy.find("argus-node keys allow '" + stranger.publicKey + "'") != std::string::npos);
        m_head->admit(stranger.publicKey);
        QVERIFY(m_log->await<client::Connected>().has_value());
        QCOMPARE(m_log->all<client::Disconnected>().size(), std::size_t{1}); // said once, not at every knock
    }

    void anotherHeadAtTheAddressIsTold()
    {
        m_head->start();
        client::HeadAddress address = m_head->addressFor(m_keys);
        address.headPublicKey = protocol::makeKeys().publicKey;
        m_client = std::make_unique<client::Client>(address, "tst_client");
        QVERIFY(m_client->start(m_log->sink()).ok());
        const auto wrong = m_log->await<client::Disconnected>(
            1, [](const client::Disconnected& event) { return event.why.code == ErrorCode::Denied; });
        QVERIFY(wrong.has_value());
        QVERIFY(wrong->why.cause.find(protocol::fingerprint(address.headPublicKey)) != std::string::npos);
    }

    void aClientMayGoInTheMiddleOfEverything()
    {
        connectClient();
        m_head->grantUpTo = 0;
        m_client->upload(fileWith(noise(9'000'000)), [](const Result<Sha256>&) {});
        (void)m_client->upload(noise(3'000'000));
        (void)m_client->ask(question("x"));
        QVERIFY(m_head->heard(Message::kAsk).has_value());
        m_client.reset();
        const std::size_t events = m_log->all<client::UploadProgress>().size();
        m_head->stop();
        QCOMPARE(m_log->all<client::UploadProgress>().size(), events);
    }
};

QTEST_GUILESS_MAIN(TstClient)
#include "tst_client.moc"
