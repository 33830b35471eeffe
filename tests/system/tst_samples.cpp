// Every question about the sample pictures and clips, through argus-node and all processes behind it: files in, the
// reference's answer out.

#include "tests/system/running_head.h"

#include <QtTest>

using namespace argus::tests;
using Json = nlohmann::json;

class TstSamples final : public QObject {
    Q_OBJECT

    RunningHead m_head;
    Json m_cases;

    static void compare(const Ran& ran, const Json& one)
    {
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        const Json json = ran.json();
        QCOMPARE(json["text"].get<std::string>(), one["answer"].get<std::string>());
        QCOMPARE(json["reason"].get<std::string>(), std::string("stop"));
        QCOMPARE(json["output_ids"].get<std::vector<int>>(), one["output_ids"].get<std::vector<int>>());
        QCOMPARE(json["prompt_tokens"].get<std::size_t>(), one["input_ids"].size());
    }

private slots:
    void initTestCase()
    {
        m_cases = sampleCases();
        QCOMPARE(m_cases.size(), std::size_t(28));
        QVERIFY2(m_head.start({"--log-level", "warn"}), qPrintable(m_head.startError));
    }

    void theAnswerEqualsTheReference_data()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < m_cases.size(); ++i)
            QTest::newRow(m_cases[i]["name"].get<std::string>().c_str()) << static_cast<int>(i);
    }
    void theAnswerEqualsTheReference()
    {
        QFETCH(int, index);
        const Json& one = m_cases[static_cast<std::size_t>(index)];
        compare(m_head.ask(argumentsOf(one, m_head.folder())), one);
    }

    void aPrivateHeadGivesTheSameAnswerAndLeavesNothingBehind()
    {
        RunningHead nobody; // folders without a head in them
        const Json& one = m_cases[0];
        compare(nobody.ask(argumentsOf(one, m_head.folder())), one);
        QVERIFY(!QFile::exists(nobody.folder() + "/runtime/head.json"));
        QVERIFY(QDir(nobody.folder() + "/cache").entryList({"private-*"}).isEmpty());
    }

    void allAtOnceEachGetsItsOwn()
    {
        std::vector<std::unique_ptr<QProcess>> asks;
        constexpr std::size_t kClients = 6;
        for (std::size_t i = 0; i < kClients; ++i)
            asks.push_back(
                m_head.begin(QStringList{"ask", "--json", "--temperature", "0", "--repetition-penalty", "1"} +
                             argumentsOf(m_cases[i], m_head.folder())));
        for (std::size_t i = 0; i < kClients; ++i)
            compare(RunningHead::finish(*asks[i]), m_cases[i]);
    }
};

QTEST_GUILESS_MAIN(TstSamples)
#include "tst_samples.moc"
