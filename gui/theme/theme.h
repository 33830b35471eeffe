#pragma once
// Colours by meaning, the light and the dark palette, and icons tinted with the palette's text colour.

#include <QColor>
#include <QIcon>
#include <QPalette>
#include <QString>

class QWidget;

namespace argus::gui::theme {

enum class Mode { System, Light, Dark };

/// Colours that no palette role names. Every text colour has a contrast of at least 4.5:1 to what it is drawn on, in
/// both themes.
struct Colors {
    QColor muted;                                             ///< secondary text on the window
    QColor questionBubble;                                    ///< behind a question
    QColor card;                                              ///< behind cards and chips
    QColor line;                                              ///< thin borders
    QColor code;                                              ///< behind code
    QColor accent;                                            ///< text and icons that can be pressed
    QColor onAccent;                                          ///< icons on the button that sends
    QColor strip, stripText;                                  ///< the strip of the demo model
    QColor alert, alertText;                                  ///< banner and error cards
    QColor good, warning, bad;                                ///< state words and shapes
    QColor weights, runtime, kvUsed, kvReserved, other, free; ///< parts of a memory bar
};

/// Fusion style and the palette of `mode`. GUI thread; live: every widget gets a PaletteChange.
void apply(Mode mode);
[[nodiscard]] Mode mode();
[[nodiscard]] bool isDark();
[[nodiscard]] const Colors& colors();
[[nodiscard]] const Colors& colors(bool dark);
[[nodiscard]] QPalette palette(bool dark);

/// The icon resources/icons/NAME.svg in the palette's text colour, grey when disabled; follows a change of theme by
/// itself.
[[nodiscard]] QIcon icon(const QString& name);
/// The same in one of our own colours.
[[nodiscard]] QIcon icon(const QString& name, QColor Colors::*color);
/// The program's own icon, in its own colours.
[[nodiscard]] QIcon programIcon();

/// Gives a widget a style sheet unless it has that one already: setting one sends a PaletteChange, and those lead here.
void setStyle(QWidget& widget, const QString& sheet);

/// Distances in device-independent pixels.
inline constexpr int kGap = 8;
inline constexpr int kWideGap = 16;
inline constexpr int kRadius = 10;

} // namespace argus::gui::theme
