#pragma once
// Boxes that an answer names, drawn on the picture they are about.

#include "gui/link/facts.h"

#include <QWidget>

namespace argus::gui {

struct NamedBox {
    QRectF box; ///< in pixels of the picture the model received
    QString label;

    bool operator==(const NamedBox&) const = default;
};

/// The objects with a "bbox_2d" of four numbers in a JSON text; none when it is not such JSON. Boxes are ordered and
/// not empty.
[[nodiscard]] QList<NamedBox> boxesIn(const QString& json);

/// The picture with numbered boxes and their labels. Coordinates are those of MediaFacts::modelSize; what reaches over
/// the edge is cut there. GUI thread.
class BoxedPicture final : public QWidget {
    Q_OBJECT
public:
    explicit BoxedPicture(QWidget* parent = nullptr);
    void show(const MediaFacts& facts, const QList<NamedBox>& boxes);
    /// Where a box is drawn, in this widget's pixels.
    [[nodiscard]] QRectF placeOf(const QRectF& box) const;
    [[nodiscard]] const QList<NamedBox>& boxes() const { return m_boxes; }

protected:
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void describe();

    MediaFacts m_facts;
    QList<NamedBox> m_boxes;
};

} // namespace argus::gui
