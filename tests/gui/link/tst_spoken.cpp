// What the head says, in the language of the window: the whole catalogue, and every problem that a plan is known to
// have.

#include "tests/engine/plan/traps.h" // before Qt, whose `slots` is a name there

#include "engine/base/catalogue.h"
#include "gui/link/spoken.h"
#include "gui/settings/language.h"
#include "tests/gui/support/chinese.h"

#include <QRegularExpression>
#include <QtTest>

#include <set>

using namespace argus;
using namespace argus::gui;
using namespace argus::gui::testing;

namespace {

std::set<std::string> namesIn(const std::string& text)
{
    std::set<std::string> names;
    forEachPiece(text, [&](std::string_view, const Placeholder* place) {
        if (place != nullptr)
            names.emplace(place->name);
    });
    return names;
}

/// Of every placeholder that takes one sentence a text, of the others two sentences.
Said filled(const SaidTemplate& entry)
{
    Said said;
    said.id = entry.id;
    forEachPiece(entry.english, [&](std::string_view, const Placeholder* place) {
        if (place == nullptr)
            return;
        SaidValue value{.name = std::string(place->name), .text = {}};
        if (place->between.empty())
            value.text = "<" + value.name + ">";
        else
            value.parts = {say("do-at-most", 7), say("node-has", "gpu-a", 8)};
        said.values.push_back(std::move(value));
    });
    return said;
}

} // namespace

class TstSpoken : public QObject {
    Q_OBJECT
    Language m_language;
    std::vector<plan::testing::Row> m_rows;

private slots:
    void theEnglishOfTheWindowIsThatOfTheEngine();
    void everySentenceIsChinese();
    void anUnknownSentenceStaysEnglish();
    void aSentenceWithoutItsValuesStaysEnglish();
    void namesReplaceNumbers();
    void everyProblemIsChinese_data();
    void everyProblemIsChinese();
};

void TstSpoken::theEnglishOfTheWindowIsThatOfTheEngine()
{
    m_language.set("en");
    for (const SaidTemplate& each : kCatalogue)
        QCOMPARE(shown(filled(each)), QString::fromStdString(english(filled(each))));
}

void TstSpoken::everySentenceIsChinese()
{
    m_language.set("zh_CN");
    static const QRegularExpression chinese("\\p{Han}");
    int signs = 0; // sentences that are nothing but values
    for (const SaidTemplate& each : kCatalogue) {
        const std::string words = QCoreApplication::translate("Said", each.english).toStdString();
        QVERIFY2(!words.empty() && namesIn(words) == namesIn(each.english), each.english);
        const QString text = shown(filled(each));
        QVERIFY2(!text.contains('{') && !text.contains('}'), qPrintable(text));
        for (const std::string& name : namesIn(each.english))
            QVERIFY2(text.contains(QString::fromStdString("<" + name + ">")) || text.contains("gpu-a"),
                     qPrintable(text));
        QVERIFY2(leftover(text).isEmpty(), qPrintable(text));
        static const QRegularExpression letters("[A-Za-z]{2,}");
        QString plain = QString::fromUtf8(each.english);
        plain.remove(QRegularExpression("\\{[^}]*\\}"));
        if (!letters.match(plain).hasMatch()) {
            ++signs;
            continue;
        }
        QVERIFY2(chinese.match(QString::fromStdString(words)).hasMatch(), each.english);
    }
    QVERIFY(signs < 20);
}

void TstSpoken::anUnknownSentenceStaysEnglish()
{
    m_language.set("zh_CN");
    Said stranger = say("do-at-most", 7);
    stranger.id = "of-a-newer-release";
    QCOMPARE(Spoken("use at most 7, or so", stranger).text(), QString("use at most 7, or so"));
    // Also where it is but a part: half a sentence of each language helps nobody.
    Said whole = say("any-of", std::vector<Said>{say("do-spread"), stranger}, say("do-cpu"));
    QCOMPARE(Spoken("one of them", whole).text(), QString("one of them"));
    QCOMPARE(Spoken("words of an older head").text(), QString("words of an older head"));
}

void TstSpoken::aSentenceWithoutItsValuesStaysEnglish()
{
    m_language.set("zh_CN");
    Said said = say("do-at-most", 7);
    said.values.front().name = "many";
    QCOMPARE(Spoken("use at most 7", said).text(), QString("use at most 7"));
}

void TstSpoken::namesReplaceNumbers()
{
    m_language.set("zh_CN");
    const Said said = say("in", "4f4f", say("no-media", say("begins-bytes", "4f 4f")));
    Spoken spoken(QString::fromStdString(english(said)), said);
    spoken.replace("4f4f", "clip.mp4");
    QVERIFY2(spoken.text().startsWith("clip.mp4"), qPrintable(spoken.text()));
    QVERIFY2(spoken.english().startsWith("clip.mp4: this is no picture"), qPrintable(spoken.english()));
}

void TstSpoken::everyProblemIsChinese_data()
{
    using namespace plan::testing;
    for (const auto& rows : {deviceRows(), memoryRows(), machineRows(), networkRows()})
        m_rows.insert(m_rows.end(), rows.begin(), rows.end());
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < m_rows.size(); ++i)
        QTest::newRow(m_rows[i].name) << static_cast<int>(i);
}

void TstSpoken::everyProblemIsChinese()
{
    QFETCH(int, index);
    m_language.set("zh_CN");
    const auto& [model, cluster, settings] = m_rows[static_cast<std::size_t>(index)].situation;
    const plan::Preflight outcome = plan::preflight(model, cluster, settings);
    QVERIFY(!outcome.problems.empty());
    for (const plan::Problem& problem : outcome.problems) {
        inChinese(problem.error.causeSaid, problem.error.cause);
        if (!problem.error.remedy.empty())
            inChinese(problem.error.remedySaid, problem.error.remedy);
    }
    for (const Said& remark : outcome.remarks)
        inChinese(remark, english(remark));
}

QTEST_GUILESS_MAIN(TstSpoken)
#include "tst_spoken.moc"
