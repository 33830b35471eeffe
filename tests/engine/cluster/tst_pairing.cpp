// Pairing over real sockets: a code brings in one machine, once, and only who knows it.

#include "engine/cluster/pairing.h"

#include <QtTest>

#include <atomic>

using namespace argus;
using namespace argus::cluster;

class TstPairing final : public QObject {
    Q_OBJECT

    std::atomic<int> m_admitted{0};
    std::string m_key;
    std::string m_name;

    Result<std::unique_ptr<PairingDesk>> desk(Milliseconds validity = Milliseconds(60'000), bool full = false)
    {
        return PairingDesk::open(
            {.endpoint = "tcp://127.0.0.1:*",
             .headName = "alpha",
             .headPublicKey = m_head.publicKey,
             .version = "1.0",
             .workersPort = 4711,
             .validity = validity,
             .admit = [this, full](const std::string& key, const std::string& name) -> Result<Done> {
                 if (full)
                     return Error{ErrorCode::Busy, "63 machines have joined", "remove one", {}};
                 ++m_admitted;
                 m_key = key;
                 m_name = name;
                 return Done{};
             }});
    }
    Result<PairedHead> join(const PairingDesk& at, const std::string& code, const std::string& version = "1.0",
                            Milliseconds patience = Milliseconds(10'000))
    {
        return pairWithHead({.host = "127.0.0.1", .port = at.port(), .code = code}, "beta", m_worker.publicKey, version,
                            Deadline::in(patience));
    }

    const protocol::CurveKeys m_head = protocol::makeKeys();
    const protocol::CurveKeys m_worker = protocol::makeKeys();

private slots:
    void init()
    {
        m_admitted = 0;
        m_key.clear();
    }
    void headAndMachineLearnEachOthersKey()
    {
        auto open = desk();
        QVERIFY2(open.ok(), open.ok() ? "" : open.error().text().c_str());
        const auto head = join(**open, (*open)->code());
        QVERIFY2(head.ok(), head.ok() ? "" : head.error().text().c_str());
        QCOMPARE(head->publicKey, m_head.publicKey);
        QCOMPARE(head->name, std::string("alpha"));
        QCOMPARE(head->endpoint, std::string("tcp://127.0.0.1:4711"));
        QCOMPARE(m_key, m_worker.publicKey);
        QCOMPARE(m_name, std::string("beta"));
    }
    void aCodePairsOnce()
    {
        auto open = desk();
        QVERIFY(open.ok());
        QVERIFY(join(**open, (*open)->code()).ok());
        QTRY_VERIFY((*open)->closed());
        const auto again = join(**open, (*open)->code(), "1.0", Milliseconds(1'500));
        QVERIFY(!again.ok());
        QCOMPARE(m_admitted.load(), 1);
    }
    void whoDoesNotKnowTheCodeLearnsNothing()
    {
        auto open = desk();
        QVERIFY(open.ok());
        const auto guessed = join(**open, makeCode());
        QVERIFY(!guessed.ok());
        QCOMPARE(guessed.error().code, ErrorCode::Denied);
        QVERIFY(guessed.error().remedy.find("join-line") != std::string::npos);
        QCOMPARE(m_admitted.load(), 0);
        QVERIFY(join(**open, (*open)->code()).ok()); // and disturbs nobody who does
    }
    void anOldCodeIsGone()
    {
        auto open = desk(Milliseconds(100));
        QVERIFY(open.ok());
        QTRY_VERIFY((*open)->closed());
        const auto late = join(**open, (*open)->code(), "1.0", Milliseconds(1'500));
        QVERIFY(!late.ok());
        QCOMPARE(m_admitted.load(), 0);
    }
    void anotherReleaseIsNamed()
    {
        auto open = desk();
        QVERIFY(open.ok());
        const auto old = join(**open, (*open)->code(), "0.9");
        QVERIFY(!old.ok());
        QVERIFY2(old.error().cause.find("0.9") != std::string::npos &&
                     old.error().cause.find("1.0") != std::string::npos,
                 old.error().cause.c_str());
        QCOMPARE(m_admitted.load(), 0);
    }
    void theHeadMayRefuse()
    {
        auto open = desk(Milliseconds(60'000), true);
        QVERIFY(open.ok());
        const auto refused = join(**open, (*open)->code());
        QVERIFY(!refused.ok());
        QCOMPARE(refused.error().cause, std::string("63 machines have joined"));
    }
    void nobodyThereIsSaid()
    {
        std::uint16_t port = 0;
        {
            auto open = desk();
            QVERIFY(open.ok());
            port = (*open)->port();
        }
        const auto nobody = pairWithHead({.host = "127.0.0.1", .port = port, .code = makeCode()}, "beta",
                                         m_worker.publicKey, "1.0", Deadline::in(Milliseconds(1'500)));
        QVERIFY(!nobody.ok());
        QCOMPARE(nobody.error().code, ErrorCode::Unreachable);
        QVERIFY(nobody.error().remedy.find("firewall") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TstPairing)
#include "tst_pairing.moc"
