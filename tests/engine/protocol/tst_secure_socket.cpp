#include "engine/base/unique_fd.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/secure_socket.h"
#include "engine/protocol/validate.h"

#include <QtTest>

#include <arpa/inet.h>
#include <atomic>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <zmq.hpp>

using namespace argus;
using namespace argus::protocol;
using Kind = SecureClient::Happened::Kind;

namespace {

constexpr Milliseconds kPatience{10'000};

/// The next thing of that kind; nothing when it does not come.
std::optional<SecureClient::Happened> await(SecureClient& client, Kind kind)
{
    const Deadline deadline = Deadline::in(kPatience);
    while (!deadline.passed())
        if (auto happened = client.receive(deadline); happened && happened->kind == kind)
            return happened;
    return std::nullopt;
}

int portOf(const std::string& endpoint)
{
    return std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
}

UniqueFd rawConnection(const std::string& endpoint)
{
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(portOf(endpoint)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        std::abort();
    return fd;
}

} // namespace

class TstSecureSocket : public QObject {
    Q_OBJECT

private:
    CurveKeys m_serverKeys = makeKeys();
    CurveKeys m_clientKeys = makeKeys();
    std::unique_ptr<SecureServer> m_server;
    std::atomic<bool> m_open{false};

    std::unique_ptr<SecureClient> connectWith(const CurveKeys& keys, const std::string& serverKey)
    {
        auto client =
            SecureClient::connect({.keys = keys, .serverPublicKey = serverKey, .endpoint = m_server->endpoint()});
        return client ? std::move(client).value() : nullptr;
    }
    std::unique_ptr<SecureClient> friendly() { return connectWith(m_clientKeys, m_serverKeys.publicKey); }
    /// One message there and back.
    bool works(SecureClient& client)
    {
        const Deadline deadline = Deadline::in(kPatience);
        while (!client.send("ping"))
            if (deadline.passed() || !await(client, Kind::HandshakeDone))
                return false;
        const auto received = m_server->receive(deadline);
        if (!received || received->frame != "ping" || received->publicKey != m_clientKeys.publicKey)
            return false;
        if (m_server->send(received->peer, "pong") != Delivery::Sent)
            return false;
        const auto answer = await(client, Kind::Message);
        return answer && answer->frame == "pong";
    }
    bool countsARefusal()
    {
        const Deadline deadline = Deadline::in(kPatience);
        while (m_server->takeRefusedCount() == 0) {
            if (deadline.passed())
                return false;
            if (m_server->receive(Deadline::in(Milliseconds(50))))
                return false; // nothing of a stranger may ever arrive
        }
        return true;
    }

private slots:
    void init()
    {
        m_open = false;
        auto server = SecureServer::bind(
            {.keys = m_serverKeys, .endpoint = "tcp://127.0.0.1:*", .admits = [this](const std::string& key) {
                 return m_open || key == m_clientKeys.publicKey;
             }});
        QVERIFY(server.ok());
        m_server = std::move(server).value();
    }
    void cleanup() { m_server.reset(); }

    void carriesMessagesBothWays()
    {
        QVERIFY(portOf(m_server->endpoint()) > 0);
        auto client = friendly();
        QVERIFY(client);
        QVERIFY(works(*client));
        QCOMPARE(m_server->takeRefusedCount(), std::size_t{0});
    }

    void theLargestFramePassesAndALargerOneIsNotSent()
    {
        auto client = friendly();
        QVERIFY(works(*client));
        QVERIFY(client->send(std::string(kMaxClientFrame, 'm')));
        const auto received = m_server->receive(Deadline::in(kPatience));
        QVERIFY(received.has_value());
        QCOMPARE(received->frame.size(), kMaxClientFrame);
        QVERIFY(!client->send(std::string(kMaxClientFrame + 1, 'm')));
        QCOMPARE(m_server->send(received->peer, std::string(kMaxClientFrame, 'm')), Delivery::Sent);
        QCOMPARE(await(*client, Kind::Message)->frame.size(), kMaxClientFrame);
        QCOMPARE(m_server->send(received->peer, std::string(kMaxClientFrame + 1, 'm')), Delivery::Gone);
    }

    void wakeEndsAWait()
    {
        std::thread waker([&] { m_server->wake(); });
        QVERIFY(!m_server->receive(Deadline::in(Milliseconds(3'600'000))).has_value());
        waker.join();
        auto client = friendly();
        QVERIFY(works(*client));
        client->wake();
        QVERIFY(!client->receive(Deadline::in(Milliseconds(3'600'000))).has_value());
    }

    void anUnknownKeyIsRefusedAndDisturbsNobody()
    {
        auto known = friendly();
        QVERIFY(works(*known));
        auto stranger = connectWith(makeKeys(), m_serverKeys.publicKey);
        QVERIFY(await(*stranger, Kind::Refused).has_value());
        QVERIFY(!stranger->send("let me in"));
        QVERIFY(countsARefusal());
        QVERIFY(works(*known));
    }

    void aWrongServerKeyIsToldApart()
    {
        auto known = friendly();
        QVERIFY(works(*known));
        auto lost = connectWith(m_clientKeys, makeKeys().publicKey);
        QVERIFY(await(*lost, Kind::HandshakeFailed).has_value());
        QVERIFY(countsARefusal());
        QVERIFY(works(*known));
    }

    void aPeerWithoutEncryptionGetsNothing()
    {
        auto known = friendly();
        QVERIFY(works(*known));
        zmq::context_t context;
        zmq::socket_t plain(context, zmq::socket_type::dealer);
        plain.set(zmq::sockopt::linger, 0);
        plain.connect(m_server->endpoint());
        (void)plain.send(zmq::str_buffer("hello"), zmq::send_flags::dontwait);
        QVERIFY(countsARefusal());
        QVERIFY(works(*known));
    }

    void aHeadWithoutEncryptionIsSeenAsForeign()
    {
        zmq::context_t context;
        zmq::socket_t plain(context, zmq::socket_type::router);
        plain.set(zmq::sockopt::linger, 0);
        plain.bind("tcp://127.0.0.1:*");
        auto client = SecureClient::connect({.keys = m_clientKeys,
                                             .serverPublicKey = m_serverKeys.publicKey,
                                             .endpoint = plain.get(zmq::sockopt::last_endpoint)});
        QVERIFY(client.ok());
        // The other side may hang up before ours has seen why; then the next try tells.
        std::optional<SecureClient::Happened> happened;
        for (int tries = 0; tries < 20 && !(happened && happened->foreign); ++tries) {
            happened = await(**client, Kind::HandshakeFailed);
            QVERIFY(happened.has_value());
        }
        QVERIFY(happened->foreign);
    }

    void garbageDisturbsNobody()
    {
        auto known = friendly();
        QVERIFY(works(*known));
        const std::string greeting = std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\0", 12) + "CURVE" + std::string(47, '\0');
        const std::string huge = greeting + std::string("\x06\xff\xff\xff\xff\xff\xff\xff\xff", 9);
        for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(4096, '\xff'), greeting,
                                         huge, greeting + std::string(500, 'x')}) {
            for (int i = 0; i < 20; ++i) {
                const UniqueFd fd = rawConnection(m_server->endpoint());
                (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            }
            QVERIFY(works(*known));
        }
    }

    void aMessageOfSeveralPartsIsDroppedWhole()
    {
        zmq::context_t context;
        zmq::socket_t rude(context, zmq::socket_type::dealer);
        rude.set(zmq::sockopt::linger, 0);
        rude.set(zmq::sockopt::curve_serverkey, m_serverKeys.publicKey);
        rude.set(zmq::sockopt::curve_publickey, m_clientKeys.publicKey);
        rude.set(zmq::sockopt::curve_secretkey, m_clientKeys.secretKey);
        rude.connect(m_server->endpoint());
        for (int i = 0; i < 100; ++i)
            rude.send(zmq::str_buffer("part"), zmq::send_flags::sndmore);
        rude.send(zmq::str_buffer("last"), zmq::send_flags::none);
        rude.send(zmq::str_buffer("whole"), zmq::send_flags::none);
        const auto received = m_server->receive(Deadline::in(kPatience));
        QVERIFY(received.has_value());
        QCOMPARE(received->frame, std::string("whole"));
        QCOMPARE(m_server->takeDroppedCount(), std::size_t{1});
    }

    void anOversizeFrameCostsOnlyItsSender()
    {
        auto known = friendly();
        QVERIFY(works(*known));
        zmq::context_t context;
        zmq::socket_t rude(context, zmq::socket_type::dealer);
        rude.set(zmq::sockopt::linger, 0);
        rude.set(zmq::sockopt::curve_serverkey, m_serverKeys.publicKey);
        rude.set(zmq::sockopt::curve_publickey, m_clientKeys.publicKey);
        rude.set(zmq::sockopt::curve_secretkey, m_clientKeys.secretKey);
        rude.connect(m_server->endpoint());
        rude.send(zmq::str_buffer("before"), zmq::send_flags::none);
        const auto before = m_server->receive(Deadline::in(kPatience));
        QVERIFY(before.has_value());
        rude.send(zmq::buffer(std::string(kMaxClientFrame + 1, 'x')), zmq::send_flags::none);
        // Its connection goes; its old address answers "gone" from then on.
        const Deadline deadline = Deadline::in(kPatience);
        while (m_server->send(before->peer, "still there?") != Delivery::Gone && !deadline.passed())
            QVERIFY(!m_server->receive(Deadline::in(Milliseconds(20))).has_value());
        QVERIFY(!deadline.passed());
        QVERIFY(works(*known));
    }

    void aSlowReaderFillsUpAndLosesNothing()
    {
        auto client = friendly();
        QVERIFY(works(*client));
        QVERIFY(client->send("ready"));
        const auto received = m_server->receive(Deadline::in(kPatience));
        QVERIFY(received.has_value());
        const std::string filler(100'000, 'f');
        std::size_t sent = 0;
        Delivery last = Delivery::Sent;
        for (; sent < 100'000; ++sent) {
            last = m_server->send(received->peer, std::to_string(sent) + " " + filler);
            if (last != Delivery::Sent)
                break;
        }
        QCOMPARE(last, Delivery::Full);
        for (std::size_t i = 0; i < sent; ++i) {
            const auto message = await(*client, Kind::Message);
            QVERIFY(message.has_value());
            QCOMPARE(message->frame.substr(0, message->frame.find(' ')), std::to_string(i));
        }
        QCOMPARE(m_server->send(received->peer, "again"), Delivery::Sent);
    }

    void nobodyAtAnAddressIsGone() { QCOMPARE(m_server->send("nobody", "hello"), Delivery::Gone); }

    void theClientSeesTheHeadGoAndComeBack()
    {
        auto client = friendly();
        QVERIFY(works(*client));
        const std::string endpoint = m_server->endpoint();
        m_server.reset();
        QVERIFY(await(*client, Kind::Lost).has_value());
        QVERIFY(await(*client, Kind::Unanswered).has_value());
        QVERIFY(!client->send("into the void"));
        auto again = SecureServer::bind(
            {.keys = m_serverKeys, .endpoint = endpoint, .admits = [](const std::string&) { return true; }});
        QVERIFY(again.ok());
        m_server = std::move(again).value();
        QVERIFY(await(*client, Kind::HandshakeDone).has_value());
        QVERIFY(works(*client));
    }

    void aTakenPortIsBusy()
    {
        const auto second = SecureServer::bind({.keys = m_serverKeys, .endpoint = m_server->endpoint(), .admits = {}});
        QVERIFY(!second.ok());
        QCOMPARE(second.error().code, ErrorCode::Busy);
    }

    void unusableOptionsAreRefused()
    {
        QCOMPARE(SecureServer::bind({.keys = {}, .endpoint = "tcp://127.0.0.1:*", .admits = {}}).error().code,
                 ErrorCode::BadRequest);
        QCOMPARE(SecureServer::bind({.keys = m_serverKeys, .endpoint = "inproc://x", .admits = {}}).error().code,
                 ErrorCode::BadRequest);
        QCOMPARE(SecureServer::bind({.keys = m_serverKeys, .endpoint = "tcp://256.1.1.1:0", .admits = {}}).error().code,
                 ErrorCode::BadRequest);
    }

    void withoutAListNobodyComesIn()
    {
        auto closed = SecureServer::bind({.keys = m_serverKeys, .endpoint = "tcp://127.0.0.1:*", .admits = {}});
        QVERIFY(closed.ok());
        m_server = std::move(closed).value();
        auto client = friendly();
        QVERIFY(await(*client, Kind::Refused).has_value());
    }
};

QTEST_GUILESS_MAIN(TstSecureSocket)
#include "tst_secure_socket.moc"
