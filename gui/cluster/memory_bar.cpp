#include "gui/cluster/memory_bar.h"

#include "gui/theme/theme.h"

#include <QEvent>
#include <QLocale>
#include <QPainter>
#include <QPainterPath>

#include <algorithm>

namespace argus::gui {

quint64 memoryInUse(const DeviceFacts& device)
{
    return device.weights + device.runtime + std::min(device.kvUsed, device.kvReserved);
}

QString memoryText(quint64 bytes)
{
    return QLocale().formattedDataSize(static_cast<qint64>(bytes), 1, QLocale::DataSizeIecFormat);
}

QList<MemoryPart> memoryParts(const DeviceFacts& device)
{
    const theme::Colors& c = theme::colors();
    const quint64 kvUsed = std::min(device.kvUsed, device.kvReserved);
    const quint64 ours = std::min(device.total, device.weights + device.runtime + device.kvReserved);
    const quint64 taken = device.total - std::min(device.total, device.free);
    const quint64 other = std::min(device.total - ours, taken - std::min(taken, ours));
    return {{MemoryBar::tr("Weights"), device.weights, c.weights},
            {MemoryBar::tr("Runtime"), device.runtime, c.runtime},
            {MemoryBar::tr("KV cache in use"), kvUsed, c.kvUsed},
            {MemoryBar::tr("KV cache reserved"), device.kvReserved - kvUsed, c.kvReserved},
            {MemoryBar::tr("Other programs"), other, c.other},
            {MemoryBar::tr("Free"), device.total - ours - other, c.free}};
}

MemoryBar::MemoryBar(QWidget* parent) : QWidget(parent)
{
    setObjectName(QStringLiteral("memoryBar"));
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void MemoryBar::setDevice(const DeviceFacts& device, bool stale)
{
    if (device == m_device && stale == m_stale)
        return;
    m_device = device;
    m_stale = stale;
    describe();
    update();
}

void MemoryBar::describe()
{
    QStringList lines{m_device.name.text()};
    const QList<MemoryPart> parts = memoryParts(m_device);
    for (const MemoryPart& part : parts)
        //: a part of a device's memory and its size, as in "Weights: 12.5 MiB"
        lines << tr("%1: %2").arg(part.name, memoryText(part.bytes));
    setToolTip(lines.join(QLatin1Char('\n')));
    setAccessibleName(tr("%1: %2 of %3 in use")
                          .arg(m_device.name.text(), memoryText(memoryInUse(m_device)), memoryText(m_device.total)));
    setAccessibleDescription(lines.join(QStringLiteral(", ")));
}

void MemoryBar::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    if (m_stale)
        painter.setOpacity(0.45);
    QPainterPath outline;
    outline.addRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 5, 5);
    painter.save();
    painter.setClipPath(outline);
    painter.fillRect(rect(), theme::colors().free);
    if (m_device.total > 0) {
        double x = 0;
        for (const MemoryPart& part : memoryParts(m_device)) {
            double w = width() * (static_cast<double>(part.bytes) / static_cast<double>(m_device.total));
            if (part.bytes > 0)
                w = std::max(w, 2.0); // what is there can be seen
            painter.fillRect(QRectF(x, 0, w, height()), part.color);
            x += w;
        }
    }
    painter.restore();
    painter.setPen(theme::colors().line);
    painter.drawPath(outline);
}

void MemoryBar::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        describe();
}

} // namespace argus::gui
