#include "gui/chat/drop_overlay.h"

#include "gui/theme/theme.h"

#include <QPainter>

namespace argus::gui {

DropOverlay::DropOverlay(QWidget* parent) : QWidget(parent)
{
    setAttribute(Qt::WA_TransparentForMouseEvents);
    setObjectName(QStringLiteral("dropOverlay"));
    hide();
}

void DropOverlay::showFor(int files)
{
    m_files = files;
    setGeometry(parentWidget()->rect());
    raise();
    show();
}

void DropOverlay::paintEvent(QPaintEvent*)
{
    const theme::Colors& c = theme::colors();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QColor veil = palette().color(QPalette::Window);
    veil.setAlphaF(0.88f);
    painter.fillRect(rect(), veil);
    painter.setPen(QPen(c.accent, 3, Qt::DashLine));
    painter.drawRoundedRect(QRectF(rect()).adjusted(18, 18, -18, -18), 16, 16);
    QFont font = painter.font();
    font.setPointSizeF(font.pointSizeF() * 1.6);
    font.setBold(true);
    painter.setFont(font);
    painter.drawText(rect(), Qt::AlignCenter,
                     m_files > 0 ? tr("Drop to attach %Ln file(s)", "", m_files) : tr("Drop to attach the picture"));
}

} // namespace argus::gui
