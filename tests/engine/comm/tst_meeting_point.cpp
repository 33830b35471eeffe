// What ranks leave for each other: values, bounds, deadlines, aborts.

#include "engine/comm/communicator.h"
#include "engine/comm/meeting_point.h"

#include <QtTest>

#include <optional>
#include <thread>
#include <vector>

using namespace argus;
using namespace argus::comm;

namespace {

Deadline soon()
{
    return Deadline::in(Milliseconds(20'000));
}

/// Why `work` ended with GroupBroken, if it did.
template <typename Work>
std::optional<GroupBroken::Why> brokenBy(Work&& work, std::string* text = nullptr)
{
    try {
        work();
    } catch (const GroupBroken& broken) {
        if (text != nullptr)
            *text = broken.what();
        return broken.why();
    }
    return std::nullopt;
}

} // namespace

class TstMeetingPoint final : public QObject {
    Q_OBJECT
private slots:
    void aValueIsHereAndPublished()
    {
        std::vector<std::pair<std::string, std::string>> published;
        MeetingPoint meeting(
            [&](const std::string& key, const std::string& value) { published.emplace_back(key, value); });
        QVERIFY(!meeting.has("7/a"));
        const std::string value("\0binary\xff", 8);
        meeting.put("7/a", value);
        QVERIFY(meeting.has("7/a"));
        QCOMPARE(meeting.get("7/a", soon()), value);
        QCOMPARE(published.size(), std::size_t(1));
        QCOMPARE(published[0].first, std::string("7/a"));
        QCOMPARE(published[0].second, value);
    }
    void whoWaitsGetsWhatArrives()
    {
        MeetingPoint meeting({});
        std::string got;
        std::jthread waiting([&] { got = meeting.get("key", soon()); });
        meeting.arrived("another", "x");
        meeting.arrived("key", "value");
        waiting.join();
        QCOMPARE(got, std::string("value"));
    }
    void theFirstValueOfAKeyStays()
    {
        MeetingPoint meeting({});
        meeting.arrived("key", "first");
        meeting.arrived("key", "second");
        QCOMPARE(meeting.get("key", soon()), std::string("first"));
        QVERIFY_EXCEPTION_THROWN(meeting.put("key", "third"), OpsError);
        QCOMPARE(meeting.get("key", soon()), std::string("first"));
    }
    void theDeadlineNamesTheKey()
    {
        MeetingPoint meeting({});
        std::string text;
        const auto why =
            brokenBy([&] { (void)meeting.get("7/tensor0/rank/3", Deadline::in(Milliseconds(20))); }, &text);
        QVERIFY(why == GroupBroken::Why::Timeout);
        QVERIFY(text.find("7/tensor0/rank/3") != std::string::npos);
    }
    void abortEndsEveryWaitNowAndLater()
    {
        MeetingPoint meeting({});
        meeting.arrived("here", "value");
        std::vector<std::optional<GroupBroken::Why>> ends(3);
        std::vector<std::string> texts(3);
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < ends.size(); ++i)
            threads.emplace_back(
                [&, i] { ends[i] = brokenBy([&] { (void)meeting.get(std::to_string(i), soon()); }, &texts[i]); });
        meeting.abort("node b was lost");
        meeting.abort("said later");
        threads.clear();
        for (std::size_t i = 0; i < ends.size(); ++i) {
            QVERIFY(ends[i] == GroupBroken::Why::Aborted);
            QCOMPARE(texts[i], std::string("node b was lost"));
        }
        QVERIFY(brokenBy([&] { (void)meeting.get("here", soon()); }) == GroupBroken::Why::Aborted);
        QVERIFY(brokenBy([&] { meeting.put("new", ""); }) == GroupBroken::Why::Aborted);
    }
    void aPauseEndsWithAnAbort()
    {
        MeetingPoint meeting({});
        meeting.pause(Milliseconds(1));
        std::optional<GroupBroken::Why> end;
        std::jthread waiting([&] { end = brokenBy([&] { meeting.pause(Milliseconds(20'000)); }); });
        meeting.abort("over");
        waiting.join();
        QVERIFY(end == GroupBroken::Why::Aborted);
    }
    void executorsHaveNamesOfTheirOwn()
    {
        const MeetingPoint one({}), other({});
        QVERIFY(!one.executor().empty());
        QVERIFY(one.executor() != other.executor());
    }
    void whatIsOutOfBoundsIsNotTaken()
    {
        int published = 0;
        MeetingPoint meeting([&](const std::string&, const std::string&) { ++published; });
        const std::string longKey(257, 'k');
        const std::string largeValue(65'537, 'v');
        QVERIFY_EXCEPTION_THROWN(meeting.put(longKey, ""), OpsError);
        QVERIFY_EXCEPTION_THROWN(meeting.put("", ""), OpsError);
        QVERIFY_EXCEPTION_THROWN(meeting.put("key", largeValue), OpsError);
        meeting.arrived(longKey, "");
        meeting.arrived("key", largeValue);
        QVERIFY(!meeting.has(longKey));
        QVERIFY(!meeting.has("key"));
        QCOMPARE(published, 0);
        meeting.put(longKey.substr(1), largeValue.substr(1));
        QCOMPARE(published, 1);
    }
    void itTakesFourThousandValuesAndNoMore()
    {
        MeetingPoint meeting({});
        for (int i = 0; i < 4096; ++i)
            meeting.arrived(std::to_string(i), "");
        meeting.arrived("one more", "");
        QVERIFY(meeting.has("4095"));
        QVERIFY(!meeting.has("one more"));
        QVERIFY_EXCEPTION_THROWN(meeting.put("one more", ""), OpsError);
    }
    void sharedMemoryLivesAsLongAsSomebodyHoldsIt()
    {
        MeetingPoint meeting({});
        auto first = meeting.shared<int>("a");
        *first = 5;
        QCOMPARE(meeting.shared<int>("a").get(), first.get());
        QVERIFY(meeting.shared<int>("b").get() != first.get());
        const std::weak_ptr<int> gone = first;
        first.reset();
        QVERIFY(gone.expired());
        QCOMPARE(*meeting.shared<int>("a"), 0);
    }
};

QTEST_GUILESS_MAIN(TstMeetingPoint)
#include "tst_meeting_point.moc"
