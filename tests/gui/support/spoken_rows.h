#pragma once
// Failures as the engine makes them, each with what it says in Chinese.

#include "engine/protocol/validate.h"
#include "tests/gui/support/chinese.h"

#include <functional>
#include <string_view>

namespace argus::gui::testing {

struct Row {
    const char* name;
    const char* id; ///< of the cause, or of what it is about
    std::function<Error()> error;
};

inline bool mentions(const Said& said, std::string_view id)
{
    if (said.id == id)
        return true;
    for (const SaidValue& value : said.values)
        for (const Said& part : value.parts)
            if (mentions(part, id))
                return true;
    return false;
}

/// After it has travelled to the window, which knows no other words than those.
inline void saysInChinese(const Row& row)
{
    const Error error = protocol::fromWire(protocol::toWire(row.error()));
    QVERIFY2(mentions(error.causeSaid, row.id), error.text().c_str());
    inChinese(error.causeSaid, error.cause);
    if (!error.remedy.empty())
        inChinese(error.remedySaid, error.remedy);
    qInfo("%s", qPrintable(shown(error.causeSaid) + u'\n' + shown(error.remedySaid)));
}

} // namespace argus::gui::testing
