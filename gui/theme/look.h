#pragma once
// Small things that cards share: colours of text, frames, fonts, swatches, words for bytes and times.

#include <QColor>
#include <QFont>
#include <QFrame>
#include <QLabel>
#include <QPixmap>

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
/// A label that wraps and may be selected with the mouse.
[[nodiscard]] QLabel* wrapping(QWidget* parent, const char* name = "");

} // namespace argus::gui
