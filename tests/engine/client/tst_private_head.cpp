// This program plays both parts: started with "start" it is the head, otherwise the test.

#include "engine/client/private_head.h"
#include "engine/protocol/keys.h"
#include "engine/protocol/private_head_handshake.h"
#include "engine/protocol/secure_socket.h"
#include "tests/support/scripted_head.h"

#include <QtTest>

#include <poll.h>
#include <signal.h>
#include <string_view>

using namespace argus;
using namespace argus::testing;

namespace {

/// Binds, answers over descriptor 3, greets whoever it was told to admit, ends when descriptor 3 closes.
int playHead(std::string_view manner)
{
    constexpr int kPrivateFd = 3;
    const auto offer = protocol::acceptPrivateHead(kPrivateFd, Deadline::in(kPatience));
    if (!offer || manner == "--die")
        return 7;
    if (manner == "--fail") {
        (void)protocol::answerPrivateHead(kPrivateFd,
                                          Error{ErrorCode::DoesNotFit, "too large", "take a smaller model", "model"},
                                          Deadline::in(kPatience));
        return 1;
    }
    const protocol::CurveKeys keys = protocol::makeKeys();
    auto server = protocol::SecureServer::bind(
        {.keys = keys, .endpoint = "tcp://127.0.0.1:*", .admits = [&](const std::string& key) {
             return key == offer->clientPublicKey;
         }});
    if (!server ||
        !protocol::answerPrivateHead(kPrivateFd, protocol::PrivateHeadAnswer{(*server)->endpoint(), keys.publicKey},
                                     Deadline::in(kPatience)))
        return 2;
    if (manner == "--deaf")
        ::signal(SIGTERM, SIG_IGN);
    pollfd lifeline{.fd = kPrivateFd, .events = POLLIN, .revents = 0};
    while (manner == "--deaf" || ::poll(&lifeline, 1, 0) == 0) {
        const auto received = (*server)->receive(Deadline::in(Milliseconds(20)));
        if (!received)
            continue;
        wire::HeadMessage welcome;
        welcome.set_protocol_version(protocol::kVersion);
        welcome.mutable_welcome()->set_head_name("private");
        (void)(*server)->send(received->peer, welcome.SerializeAsString());
    }
    return 0;
}

} // namespace

class TstPrivateHead : public QObject {
    Q_OBJECT

private slots:
    void startsTalksAndEnds()
    {
        auto head = client::PrivateHead::start({"--well"}, Deadline::in(kPatience));
        QVERIFY2(head.ok(), head.ok() ? "" : head.error().text().c_str());
        EventLog log;
        client::Client client(head->address(), "tst_private_head");
        QVERIFY(client.start(log.sink()).ok());
        const auto connected = log.await<client::Connected>();
        QVERIFY(connected.has_value());
        QCOMPARE(connected->welcome.head_name(), std::string("private"));
        const pid_t pid = head->pid();
        head->stop(Deadline::in(kPatience));
        QCOMPARE(::kill(pid, 0), -1);
        QVERIFY(log.await<client::Disconnected>().has_value());
    }

    void aHeadThatDoesNotEndIsKilled()
    {
        auto head = client::PrivateHead::start({"--deaf"}, Deadline::in(kPatience));
        QVERIFY(head.ok());
        const pid_t pid = head->pid();
        head->stop(Deadline::in(Milliseconds(50)));
        QCOMPARE(::kill(pid, 0), -1);
    }

    void itsOwnErrorIsPassedOn()
    {
        const auto head = client::PrivateHead::start({"--fail"}, Deadline::in(kPatience));
        QVERIFY(!head.ok());
        QCOMPARE(head.error().code, ErrorCode::DoesNotFit);
        QCOMPARE(head.error().setting, std::string("model"));
    }

    void aHeadThatDiesSaysHow()
    {
        const auto head = client::PrivateHead::start({"--die"}, Deadline::in(kPatience));
        QVERIFY(!head.ok());
        QCOMPARE(head.error().code, ErrorCode::Crashed);
        QVERIFY2(head.error().cause.find("status 7") != std::string::npos, head.error().cause.c_str());
    }

    void aMissingProgramIsNotFound()
    {
        const QByteArray before = qgetenv("ARGUS_NODE_PROGRAM");
        qputenv("ARGUS_NODE_PROGRAM", "/nowhere/argus-node");
        const auto head = client::PrivateHead::start({}, Deadline::in(kPatience));
        qputenv("ARGUS_NODE_PROGRAM", before);
        QVERIFY(!head.ok());
        QCOMPARE(head.error().code, ErrorCode::NotFound);
    }
};

int main(int argc, char** argv)
{
    if (argc > 1 && std::string_view(argv[1]) == "start")
        return playHead(argv[argc - 1]);
    qputenv("ARGUS_NODE_PROGRAM", QFile::symLinkTarget("/proc/self/exe").toLocal8Bit());
    QCoreApplication application(argc, argv);
    TstPrivateHead test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_private_head.moc"
