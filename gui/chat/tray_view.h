#pragma once
// The tray above the composer: a chip for every attachment of the next question.

#include "gui/models/attachments_model.h"

#include <QFrame>
#include <QScrollArea>

class QHBoxLayout;
class QLabel;
class QProgressBar;
class QToolButton;

namespace argus::gui {

class MediaFrame;

/// One attachment: thumbnail, name, what the model receives of it, or why it cannot be read; a button takes it out,
/// and another one tries again with one that has not reached the head. GUI thread.
class AttachmentChip final : public QFrame {
    Q_OBJECT
public:
    explicit AttachmentChip(QWidget* parent = nullptr);
    void showItem(const TrayItem& item);

signals:
    void removeWanted();
    void retryWanted();

protected:
    void changeEvent(QEvent* event) override;

private:
    void restyle();
    void retranslate();

    TrayItem m_item;
    MediaFrame* m_picture;
    QLabel* m_name;
    QLabel* m_about;
    QProgressBar* m_progress;
    QToolButton* m_retry;
    QToolButton* m_remove;
};

/// Chips beside each other, hidden while the tray is empty. GUI thread.
class TrayView final : public QScrollArea {
    Q_OBJECT
public:
    explicit TrayView(AttachmentsModel& model, QWidget* parent = nullptr);
    [[nodiscard]] AttachmentChip* chip(int row) const { return m_chips.value(row); }

private:
    void fitHeight();
    void insert(int first, int last);
    void remove(int first, int last);
    void refresh(int first, int last);
    void reset();

    AttachmentsModel& m_model;
    QHBoxLayout* m_row;
    QList<AttachmentChip*> m_chips;
};

} // namespace argus::gui
