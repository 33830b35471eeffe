#pragma once
// Whether a sentence of the engine is said in Chinese to the end.

#include "engine/base/catalogue.h"
#include "gui/link/spoken.h"

#include <QRegularExpression>
#include <QtTest>

#include <string>

namespace argus::gui::testing {

inline QString shown(const Said& said)
{
    return Spoken(QString::fromStdString(english(said)), said).text();
}

/// English that is left over: two plain words in a row. Commands and their options are the same in every language.
inline QString leftover(QString text)
{
    static const QRegularExpression commands(
        "argus-node( [a-z]+)*|--[a-z-]+( [a-z0-9.:]+)?|[a-z]+(_[a-z]+)+|ulimit -n");
    static const QRegularExpression words("[a-z]{2,} [a-z]{2,}");
    return words.match(text.remove(commands)).captured();
}

/// Without what was put in: names, paths, figures, and words of libraries.
inline void withoutValues(const Said& said, QString& text)
{
    for (const SaidValue& value : said.values) {
        if (!value.text.empty())
            text.replace(QString::fromStdString(value.text), "*");
        for (const Said& part : value.parts)
            withoutValues(part, text);
    }
}

inline void inChinese(const Said& said, const std::string& words)
{
    static const QRegularExpression chinese("\\p{Han}");
    QCOMPARE(english(said), words);
    QVERIFY2(said.id != "literal", words.c_str());
    QString text = shown(said);
    QVERIFY2(chinese.match(text).hasMatch(), qPrintable(text));
    withoutValues(said, text);
    QVERIFY2(leftover(text).isEmpty(), qPrintable(text));
}

} // namespace argus::gui::testing
