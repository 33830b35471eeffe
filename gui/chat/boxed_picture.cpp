#include "gui/chat/boxed_picture.h"

#include "gui/theme/theme.h"

#include <QEvent>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QPainter>
#include <QPainterPath>

#include <algorithm>
#include <array>

namespace argus::gui {

namespace {

constexpr int kSide = 420;      ///< longest side on the screen, px
constexpr int kMostBoxes = 200; ///< more cannot be told apart
constexpr std::array<QRgb, 6> kColors{0xffd81b60, 0xff1e66d0, 0xff0b7a43,
                                      0xffb35900, 0xff7b3fc4, 0xff00707a}; ///< white is readable on each

} // namespace

QList<NamedBox> boxesIn(const QString& json)
{
    const QJsonDocument document = QJsonDocument::fromJson(json.toUtf8());
    const QJsonArray objects = document.isArray() ? document.array() : QJsonArray{document.object()};
    QList<NamedBox> boxes;
    for (const QJsonValue& object : objects) {
        const QJsonArray corners = object[QLatin1String("bbox_2d")].toArray();
        if (corners.size() != 4 || boxes.size() == kMostBoxes)
            continue;
        const QRectF box(QPointF(corners[0].toDouble(), corners[1].toDouble()),
                         QPointF(corners[2].toDouble(), corners[3].toDouble()));
        if (!box.normalized().isEmpty())
            boxes << NamedBox{box.normalized(), object[QLatin1String("label")].toString()};
    }
    return boxes;
}

BoxedPicture::BoxedPicture(QWidget* parent) : QWidget(parent)
{
    setObjectName(QStringLiteral("boxedPicture"));
}

void BoxedPicture::show(const MediaFacts& facts, const QList<NamedBox>& boxes)
{
    m_facts = facts;
    m_boxes = boxes;
    setFixedSize(facts.modelSize.scaled(kSide, kSide, Qt::KeepAspectRatio).expandedTo(QSize(40, 40)));
    describe();
    setVisible(true);
    update();
}

QRectF BoxedPicture::placeOf(const QRectF& box) const
{
    const double x = static_cast<double>(width()) / m_facts.modelSize.width();
    const double y = static_cast<double>(height()) / m_facts.modelSize.height();
    return QRectF(box.x() * x, box.y() * y, box.width() * x, box.height() * y) & QRectF(rect());
}

void BoxedPicture::describe()
{
    QStringList names;
    for (const NamedBox& named : m_boxes)
        names << named.label;
    setAccessibleName(tr("%Ln box(es) in the picture: %1", "", static_cast<int>(m_boxes.size()))
                          .arg(names.join(QStringLiteral(", "))));
}

void BoxedPicture::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHints(QPainter::Antialiasing | QPainter::SmoothPixmapTransform);
    QPainterPath outline;
    outline.addRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8);
    painter.setClipPath(outline);
    painter.drawImage(rect(), m_facts.thumbnail);
    QFont font = painter.font();
    font.setBold(true);
    painter.setFont(font);
    for (qsizetype i = 0; i < m_boxes.size(); ++i) {
        const QColor color(kColors[static_cast<std::size_t>(i) % kColors.size()]);
        const QRectF place = placeOf(m_boxes[i].box);
        painter.setPen(QPen(color, 2.5));
        painter.setBrush(Qt::NoBrush);
        painter.drawRect(place);
        const QString text = QStringLiteral("%1 %2").arg(i + 1).arg(m_boxes[i].label).trimmed();
        const QSizeF size = QSizeF(painter.fontMetrics().size(Qt::TextSingleLine, text)) + QSizeF(10, 2);
        QRectF tag(QPointF(place.left(), place.top() - size.height()), size);
        tag.moveLeft(std::max(0.0, std::min(tag.left(), width() - size.width())));
        if (tag.top() < 0)
            tag.moveTop(place.top());
        painter.fillRect(tag, color);
        painter.setPen(Qt::white);
        painter.drawText(tag, Qt::AlignCenter, text);
    }
    painter.setPen(theme::colors().line);
    painter.drawPath(outline);
}

void BoxedPicture::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        describe();
}

} // namespace argus::gui
