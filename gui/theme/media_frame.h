#pragma once
// A thumbnail with round corners: a picture, a clip with a play mark, or a placeholder while nothing is known.

#include "gui/link/facts.h"

#include <QWidget>

namespace argus::gui {

/// Paints what the head's decoder sent; decodes nothing. GUI thread.
class MediaFrame final : public QWidget {
    Q_OBJECT
public:
    explicit MediaFrame(QWidget* parent = nullptr);
    /// Keeps the picture's shape, longest side `side` px; pictures are never drawn larger than they are wide by a
    /// factor of two.
    void setMedia(const MediaFacts& facts, int side);
    /// A square box of `side` px in which the picture is centred and cropped.
    void setSquare(const MediaFacts& facts, int side);
    /// The crossed-out box of a file that could not be read.
    void setBroken(int side);

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QImage m_image;
    bool m_video = false;
    bool m_broken = false;
    bool m_crop = false;
};

} // namespace argus::gui
