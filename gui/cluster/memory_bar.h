#pragma once
// A device's memory as one bar: weights, runtime, KV cache in use, KV cache reserved, other programs, free.

#include "gui/link/facts.h"

#include <QWidget>

namespace argus::gui {

struct MemoryPart {
    QString name;
    quint64 bytes = 0;
    QColor color;
};

/// The parts of a device's memory, in the order of the bar; they add up to its total. What the engine does not account
/// for counts as other programs. Names are translated.
[[nodiscard]] QList<MemoryPart> memoryParts(const DeviceFacts& device);
/// Bytes in use by us: weights, runtime and the part of the KV cache that holds something.
[[nodiscard]] quint64 memoryInUse(const DeviceFacts& device);
/// "12.5 MiB"
[[nodiscard]] QString memoryText(quint64 bytes);

/// Painted by itself; says everything in its tooltip and to screen readers. GUI thread.
class MemoryBar final : public QWidget {
    Q_OBJECT
public:
    explicit MemoryBar(QWidget* parent = nullptr);
    void setDevice(const DeviceFacts& device, bool stale);
    QSize sizeHint() const override { return {200, 14}; }
    QSize minimumSizeHint() const override { return {80, 14}; }

protected:
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void describe();

    DeviceFacts m_device;
    bool m_stale = false;
};

} // namespace argus::gui
