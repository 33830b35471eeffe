// Uploads and asks against a head that says nothing: time is an argument.

#include "engine/client/asks.h"
#include "engine/client/uploads.h"

#include <QtTest>

#include <algorithm>
#include <memory>
#include <vector>

using namespace argus;
using namespace argus::client;

class TstUnanswered final : public QObject {
    Q_OBJECT

    std::vector<wire::ClientMessage> m_sent;
    std::vector<Event> m_events;
    FileReader m_files{[](const std::function<void()>& job) { job(); }};
    std::unique_ptr<Uploads> m_uploads;
    const Sha256 m_digest = Sha256(32, 'd');
    Instant m_now = now();

    [[nodiscard]] long begun() const
    {
        return std::count_if(m_sent.begin(), m_sent.end(),
                             [](const wire::ClientMessage& message) { return message.has_upload_begin(); });
    }
    void pass(Milliseconds time)
    {
        m_now += time;
        m_uploads->pump(m_now);
        m_uploads->pump(m_now); // what it has given up begins again in the next turn
    }
    void grant()
    {
        wire::UploadGrant grant;
        grant.set_sha256(m_digest);
        grant.set_credit(8);
        m_uploads->onGrant(grant);
    }

private slots:
    void init()
    {
        m_sent.clear();
        m_events.clear();
        m_uploads = std::make_unique<Uploads>(
            Outlet{[this](wire::ClientMessage message) { m_sent.push_back(std::move(message)); },
                   [this](Event event) { m_events.push_back(std::move(event)); }},
            m_files);
        m_uploads->connected(0);
        m_uploads->add(m_digest, {.file = {}, .bytes = std::make_shared<const std::string>("bytes"), .size = 5});
        pass(Milliseconds(0));
        QCOMPARE(begun(), 1L);
    }
    void aHeadThatSaysNothingIsAskedAgainAndThenItHasFailed()
    {
        for (int again = 1; again < Uploads::kUnansweredTries; ++again) {
            pass(Uploads::kUnansweredPause - Milliseconds(1));
            QCOMPARE(begun(), static_cast<long>(again));
            pass(Milliseconds(1));
            QCOMPARE(begun(), static_cast<long>(again + 1));
            QVERIFY(m_uploads->standing(m_digest) == Uploads::Standing::OnTheWay);
        }
        pass(Uploads::kUnansweredPause);
        QVERIFY(m_uploads->standing(m_digest) == Uploads::Standing::Failed);
        QCOMPARE(m_uploads->error(m_digest).code, ErrorCode::Timeout);
        QVERIFY(std::holds_alternative<UploadFailed>(m_events.back()));
    }
    /// What happened to a client that was overtaken: granted, sent, and never a word again.
    void alsoWhenItHasAllBytes()
    {
        grant();
        pass(Milliseconds(0));
        QVERIFY(m_sent.back().has_upload_chunk());
        pass(Uploads::kUnansweredPause);
        QCOMPARE(begun(), 2L);
        m_uploads->onDone(m_digest);
        QVERIFY(m_uploads->standing(m_digest) == Uploads::Standing::There);
    }
    void aSlowHeadIsNotASilentOne()
    {
        for (int i = 0; i < 20; ++i) {
            grant();
            pass(Uploads::kUnansweredPause - Milliseconds(1));
        }
        QCOMPARE(begun(), 1L);
    }
    /// Its end was lost, say: the head has the whole of it.
    void anAskOfWhichNothingIsHeardIsAskedAfter()
    {
        Asks asks(Outlet{[this](wire::ClientMessage message) { m_sent.push_back(std::move(message)); },
                         [this](Event event) { m_events.push_back(std::move(event)); }},
                  *m_uploads);
        const auto resumed = [this] {
            return std::count_if(m_sent.begin(), m_sent.end(),
                                 [](const wire::ClientMessage& message) { return message.has_resume(); });
        };
        asks.connected();
        wire::Ask ask;
        ask.set_id("a");
        ask.add_messages()->set_role("user");
        ask.mutable_messages(0)->add_parts()->set_text("Hello");
        asks.ask(ask);
        asks.pump(m_now);
        QVERIFY(m_sent.back().has_ask());
        asks.pump(m_now);
        asks.pump(m_now + Asks::kUnansweredPause - Milliseconds(1));
        QCOMPARE(resumed(), 0L);
        wire::AskText text;
        text.set_id("a");
        text.set_text("Hel");
        asks.onText(text);
        asks.pump(m_now + Asks::kUnansweredPause);
        QCOMPARE(resumed(), 0L);
        asks.pump(m_now + 2 * Asks::kUnansweredPause);
        QCOMPARE(resumed(), 1L);
        QCOMPARE(m_sent.back().resume().text_offset(), std::uint64_t{3});
        asks.pump(m_now + 2 * Asks::kUnansweredPause + Milliseconds(1));
        QCOMPARE(resumed(), 1L); // not again at once
    }
};

QTEST_GUILESS_MAIN(TstUnanswered)
#include "tst_unanswered.moc"
