#include "gui/engine/quiet_wheel.h"

#include <QEvent>
#include <QWidget>

namespace argus::gui {

namespace {

class QuietWheel final : public QObject {
public:
    using QObject::QObject;

protected:
    bool eventFilter(QObject* watched, QEvent* event) override
    {
        if (event->type() != QEvent::Wheel || static_cast<QWidget*>(watched)->hasFocus())
            return false;
        event->ignore(); // goes on to the page
        return true;
    }
};

} // namespace

void ignoreWheelWithoutFocus(QWidget* editor)
{
    editor->setFocusPolicy(Qt::StrongFocus);
    editor->installEventFilter(new QuietWheel(editor));
}

} // namespace argus::gui
