#include "gui/theme/media_frame.h"

#include "gui/theme/theme.h"

#include <QPainter>
#include <QPainterPath>

namespace argus::gui {

MediaFrame::MediaFrame(QWidget* parent) : QWidget(parent) {}

void MediaFrame::setMedia(const MediaFacts& facts, int side)
{
    m_image = facts.thumbnail;
    m_video = facts.video;
    m_broken = false;
    m_crop = false;
    const QSize shape = m_image.isNull() ? QSize(4, 3) : m_image.size();
    setFixedSize(shape.scaled(side, side, Qt::KeepAspectRatio).expandedTo(QSize(24, 24)));
    update();
}

void MediaFrame::setSquare(const MediaFacts& facts, int side)
{
    m_image = facts.thumbnail;
    m_video = facts.video;
    m_broken = false;
    m_crop = true;
    setFixedSize(side, side);
    update();
}

void MediaFrame::setBroken(int side)
{
    m_image = {};
    m_broken = true;
    setFixedSize(side, side);
    update();
}

void MediaFrame::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHints(QPainter::Antialiasing | QPainter::SmoothPixmapTransform);
    const QRectF box = QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5);
    QPainterPath outline;
    outline.addRoundedRect(box, 7, 7);
    painter.save();
    painter.setClipPath(outline);
    painter.fillRect(rect(), theme::colors().code);
    if (!m_image.isNull()) {
        const QSize target =
            m_image.size().scaled(size(), m_crop ? Qt::KeepAspectRatioByExpanding : Qt::KeepAspectRatio);
        painter.drawImage(QRect(QPoint((width() - target.width()) / 2, (height() - target.height()) / 2), target),
                          m_image);
    } else {
        const int side = std::min(28, std::min(width(), height()) - 4);
        const QRect place((width() - side) / 2, (height() - side) / 2, side, side);
        theme::icon(m_broken ? QStringLiteral("broken") : QStringLiteral("image"),
                    m_broken ? &theme::Colors::bad : &theme::Colors::muted)
            .paint(&painter, place);
    }
    if (m_video && !m_image.isNull()) {
        const qreal radius = std::min(18.0, std::min(width(), height()) * 0.28);
        painter.setPen(Qt::NoPen);
        painter.setBrush(QColor(0, 0, 0, 150));
        painter.drawEllipse(QRectF(rect()).center(), radius, radius);
        const QPointF c = QRectF(rect()).center();
        painter.setBrush(Qt::white);
        painter.drawPolygon(QPolygonF{{c.x() - radius * 0.35, c.y() - radius * 0.5},
                                      {c.x() - radius * 0.35, c.y() + radius * 0.5},
                                      {c.x() + radius * 0.55, c.y()}});
    }
    painter.restore();
    painter.setPen(QPen(theme::colors().line, 1));
    painter.setBrush(Qt::NoBrush);
    painter.drawPath(outline);
}

} // namespace argus::gui
