#pragma once
// Covers the window while files hang over it.

#include <QWidget>

namespace argus::gui {

/// GUI thread. Takes no events itself: the window below does.
class DropOverlay final : public QWidget {
    Q_OBJECT
public:
    explicit DropOverlay(QWidget* parent);
    /// How many files are in the air; 0 for a picture without a file.
    void showFor(int files);

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    int m_files = 0;
};

} // namespace argus::gui
