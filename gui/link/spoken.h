#pragma once
// A sentence of the head's, said in the language of the window.

#include "engine/base/said.h"

#include <QString>

namespace argus::gui {

/// What the head says finished in English, and what it is made of. Where that is of a catalogue that this release
/// knows, the window says it in its own language; else, in English. Words of the desktop itself are what they are.
class Spoken {
public:
    Spoken() = default;
    Spoken(QString english, Said said = {});

    [[nodiscard]] bool isEmpty() const { return m_english.isEmpty(); }
    /// In the language that the window has now: ask again when that changes.
    [[nodiscard]] QString text() const;
    [[nodiscard]] const QString& english() const { return m_english; }
    /// In every place of the sentence, as a name for a number that only programs know.
    void replace(const QString& before, const QString& after);
    bool operator==(const Spoken&) const = default;

private:
    QString m_english;
    Said m_said;
};

} // namespace argus::gui
