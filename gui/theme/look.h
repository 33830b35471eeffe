#pragma once
// Small things that cards share: colours of text, frames, fonts, swatches, words for bytes and times.

#include <QColor>
#include <QFont>
#include <QFrame>
#include <QLabel>
#include <QPixmap>
#include <QPushButton>

namespace argus::gui {

/// Colours a label's text through its palette; cheap when nothing changes.
void paintText(QLabel& label, const QColor& color);
/// The frame called "card": background and thin border of the theme. Call again after a change of palette.
void paintCard(QFrame& card);
[[nodiscard]] QFont scaled(const QFont& font, double factor, bool bold = false);
/// A small square of that colour, for legends.
[[nodiscard]] QPixmap swatch(const QColor& color, qreal ratio);
/// Lines break at the dots between facts only; Chinese would break within a word.
[[nodiscard]] QString breakingAtDots(const QString& facts);
/// Some air around the text of a button; call again when the text has changed.
void makeRoomy(QPushButton& button);
/// One entry of a legend as rich text that does not break: a square of that colour and a text.
[[nodiscard]] QString legendEntry(const QColor& color, const QString& text);
/// A cause or remedy as a sentence: "use 4 or 2" becomes "Use 4 or 2."; names and settings keep their first letter.
[[nodiscard]] QString sentence(const QString& text);
/// A label that wraps and may be selected with the mouse.
[[nodiscard]] QLabel* wrapping(QWidget* parent, const char* name = "");

} // namespace argus::gui
