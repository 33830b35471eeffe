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
};

QTEST_GUILESS_MAIN(TstClient)
#include "tst_client.moc"
