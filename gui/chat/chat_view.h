#pragma once
// The conversation on the screen.

#include "gui/models/transcript_model.h"

#include <QScrollArea>
#include <QSet>
#include <QTimer>

class QPushButton;
class QVBoxLayout;

namespace argus::gui {

class MessageWidget;

/// A widget a message, for the newest kShown messages; a button brings earlier ones. Text that arrives is painted at
/// most every kFlushMs, however many pieces it came in. Stays at the end while the person is there; otherwise a button
/// leads back. GUI thread.
class ChatView final : public QScrollArea {
    Q_OBJECT
public:
    static constexpr int kFlushMs = 33;
    static constexpr int kShown = 60;
    static constexpr int kMore = 40;       ///< messages a press of the button brings
    static constexpr int kNearTheEnd = 24; ///< px

    explicit ChatView(TranscriptModel& model, QWidget* parent = nullptr);
    /// The widget of a row; null when the row is not shown.
    [[nodiscard]] MessageWidget* message(int row) const;
    void scrollToEnd();
    /// Room left and right of the text in a chat of that width: lines longer than some 860 px are hard to read.
    [[nodiscard]] static int sideMargin(int width);

signals:
    void retryWanted();
    void editWanted();
    void repainted(); ///< after new text is on the screen

protected:
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void insert(int first, int last);
    void remove(int first, int last);
    void rebuild(int shown);
    void flush();
    void follow();
    void placeButton();
    void retranslate();

    TranscriptModel& m_model;
    QVBoxLayout* m_column;
    QPushButton* m_earlier;
    QPushButton* m_newText;
    QList<MessageWidget*> m_messages; ///< of the rows from m_first on
    int m_first = 0;
    QSet<int> m_dirty;
    QTimer m_flushTimer;
    bool m_atEnd = true;
};

} // namespace argus::gui
