#include "engine/base/catalogue.h"
#include "engine/base/unique_fd.h"
#include "engine/protocol/keys.h"
#include "engine/protocol/private_head_handshake.h"

#include <QtTest>

#include <sys/socket.h>
#include <thread>

using namespace argus;
using namespace argus::protocol;

namespace {

constexpr Milliseconds kPatience{10'000};

struct Line {
    UniqueFd desktop;
    UniqueFd head;
    Line()
    {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            std::abort();
        desktop.reset(ends[0]);
        head.reset(ends[1]);
    }
};

} // namespace

class TstPrivateHeadHandshake : public QObject {
    Q_OBJECT

private slots:
    void bothSidesLearnWhatTheyNeed()
    {
        Line line;
        const CurveKeys client = makeKeys();
        const CurveKeys server = makeKeys();
        Result<PrivateHeadOffer> offer = Error{};
        std::thread head([&] {
            offer = acceptPrivateHead(line.head.get(), Deadline::in(kPatience));
            (void)answerPrivateHead(line.head.get(), PrivateHeadAnswer{"tcp://127.0.0.1:40123", server.publicKey},
                                    Deadline::in(kPatience));
        });
        const auto answer = offerPrivateHead(line.desktop.get(), {client.publicKey, "argus"}, Deadline::in(kPatience));
        head.join();
        QVERIFY(offer.ok());
        QCOMPARE(offer->clientPublicKey, client.publicKey);
        QCOMPARE(offer->clientName, std::string("argus"));
        QVERIFY(answer.ok());
        QCOMPARE(answer->endpoint, std::string("tcp://127.0.0.1:40123"));
        QCOMPARE(answer->headPublicKey, server.publicKey);
    }

    void theHeadsErrorArrivesWhole()
    {
        Line line;
        const Error why{ErrorCode::NotFound, "the folder \"/x\n\" holds no model\xff", "name another", "model"};
        QVERIFY(answerPrivateHead(line.head.get(), why, Deadline::in(kPatience)).ok());
        const auto answer =
            offerPrivateHead(line.desktop.get(), {makeKeys().publicKey, "argus"}, Deadline::in(kPatience));
        QVERIFY(!answer.ok());
        QCOMPARE(answer.error().code, ErrorCode::NotFound);
        QCOMPARE(answer.error().cause, std::string("the folder \"/x\n\" holds no model\xEF\xBF\xBD"));
        QCOMPARE(answer.error().setting, std::string("model"));
    }

    void whatTheHeadSaysArrivesAsDataToo()
    {
        Line line;
        const Error why = makeError(ErrorCode::BadRequest, say("no-such-gpu", "cuda:9", "1"), say("do-use-first-gpu"));
        QVERIFY(answerPrivateHead(line.head.get(), why, Deadline::in(kPatience)).ok());
        const auto answer =
            offerPrivateHead(line.desktop.get(), {makeKeys().publicKey, "argus"}, Deadline::in(kPatience));
        QCOMPARE(answer.error().cause, why.cause);
        QCOMPARE(answer.error().causeSaid, why.causeSaid);
        QCOMPARE(answer.error().remedySaid, why.remedySaid);
    }

    void dataThatCannotBeReadLeavesTheWords()
    {
        Line line;
        const std::string said = R"({"version":1,"error":{"code":"Io","cause":"why","refused":"0aff"}})"
                                 "\n";
        QCOMPARE(::write(line.head.get(), said.data(), said.size()), static_cast<ssize_t>(said.size()));
        const auto answer =
            offerPrivateHead(line.desktop.get(), {makeKeys().publicKey, "argus"}, Deadline::in(kPatience));
        QCOMPARE(answer.error().code, ErrorCode::Io);
        QCOMPARE(answer.error().cause, std::string("why"));
    }

    void anErrorOfAnyLengthFitsTheLine()
    {
        Line line;
        const Error why{ErrorCode::Io, std::string(100'000, '\x01'), std::string(100'000, 'b'), {}};
        QVERIFY(answerPrivateHead(line.head.get(), why, Deadline::in(kPatience)).ok());
        QCOMPARE(
            offerPrivateHead(line.desktop.get(), {makeKeys().publicKey, "a"}, Deadline::in(kPatience)).error().code,
            ErrorCode::Io);
    }

    void aHeadThatDiesIsACrash()
    {
        Line line;
        line.head.reset();
        const auto answer =
            offerPrivateHead(line.desktop.get(), {makeKeys().publicKey, "argus"}, Deadline::in(kPatience));
        QCOMPARE(answer.error().code, ErrorCode::Crashed);
    }

    void silenceEndsAtTheDeadline()
    {
        Line line;
        QCOMPARE(offerPrivateHead(line.desktop.get(), {makeKeys().publicKey, "argus"}, Deadline::in(Milliseconds(20)))
                     .error()
                     .code,
                 ErrorCode::Timeout);
        Line other;
        QCOMPARE(acceptPrivateHead(other.head.get(), Deadline::in(Milliseconds(20))).error().code, ErrorCode::Timeout);
    }

    void nonsenseIsRefused_data()
    {
        const QByteArray key = QByteArray::fromStdString(makeKeys().publicKey);
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<int>("code");
        QTest::newRow("no JSON") << QByteArray("hello\n") << int(ErrorCode::Corrupt);
        QTest::newRow("an array") << QByteArray("[1]\n") << int(ErrorCode::Corrupt);
        QTest::newRow("another version") << QByteArray("{\"version\":2,\"client_public_key\":\"" + key + "\"}\n")
                                         << int(ErrorCode::Unsupported);
        QTest::newRow("no key") << QByteArray("{\"version\":1}\n") << int(ErrorCode::Corrupt);
        QTest::newRow("a number for a key")
            << QByteArray("{\"version\":1,\"client_public_key\":7}\n") << int(ErrorCode::Corrupt);
        QTest::newRow("no end of the line") << QByteArray(kMaxHandshakeBytes + 1, 'x') << int(ErrorCode::Corrupt);
    }
    void nonsenseIsRefused()
    {
        QFETCH(QByteArray, bytes);
        QFETCH(int, code);
        Line line;
        QCOMPARE(::send(line.desktop.get(), bytes.data(), static_cast<std::size_t>(bytes.size()), MSG_NOSIGNAL),
                 ssize_t{bytes.size()});
        QCOMPARE(acceptPrivateHead(line.head.get(), Deadline::in(kPatience)).error().code,
                 static_cast<ErrorCode>(code));
    }
};

QTEST_GUILESS_MAIN(TstPrivateHeadHandshake)
#include "tst_private_head_handshake.moc"
