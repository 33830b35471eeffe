#pragma once
// The wheel over a page scrolls the page, not the value under the pointer.

class QWidget;

namespace argus::gui {

/// A wheel over `editor` reaches it only while it has the focus.
void ignoreWheelWithoutFocus(QWidget* editor);

} // namespace argus::gui
