#pragma once
// One row of the conversation on the screen.

#include "gui/models/transcript_model.h"

#include <QFrame>
#include <QWidget>

class QGridLayout;
class QLabel;
class QPushButton;
class QToolButton;
class QVBoxLayout;

namespace argus::gui {

class ProseSegment;
class BoxedPicture;
class ErrorCard;
class MediaFrame;

/// What both kinds of rows have in common. show() is called again whenever the row changes.
class MessageWidget : public QWidget {
    Q_OBJECT
public:
    using QWidget::QWidget;
    virtual void showMessage(const Message& message) = 0;

signals:
    void retryWanted();
    void editWanted();
};

/// A question: a tinted bubble on the right with the pictures above the words. GUI thread.
class QuestionWidget final : public MessageWidget {
    Q_OBJECT
public:
    explicit QuestionWidget(QWidget* parent = nullptr);
    void showMessage(const Message& message) override;

protected:
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void fit();
    void restyle();
    void showMedia(const QList<Attachment>& attachments);

    QFrame* m_bubble;
    QGridLayout* m_media;
    QList<MediaFrame*> m_frames;
    ProseSegment* m_text;
    Message m_message;
};

/// An answer: prose and code over the whole width, what is going on while there is no text, and a footer. GUI thread.
class AnswerWidget final : public MessageWidget {
    Q_OBJECT
public:
    explicit AnswerWidget(QWidget* parent = nullptr);
    void showMessage(const Message& message) override;

protected:
    void changeEvent(QEvent* event) override;

private:
    void showText(const QString& text);
    void showBoxes(const QString& text);
    void showFooter();
    [[nodiscard]] QString phaseText() const;
    void restyle();
    void retranslate();

    Message m_message;
    QLabel* m_name;
    QVBoxLayout* m_segments;
    QList<QWidget*> m_widgets; ///< of the segments, in order
    QLabel* m_phase;
    ErrorCard* m_error = nullptr;    ///< made when first needed
    BoxedPicture* m_boxes = nullptr; ///< made when first needed
    QVBoxLayout* m_column;
    QLabel* m_footer;
    QToolButton* m_copy;
};

/// Why an answer failed and what to do about it, in place of the answer.
class ErrorCard final : public QFrame {
    Q_OBJECT
public:
    explicit ErrorCard(QWidget* parent = nullptr);
    void setTrouble(const Trouble& trouble);
    /// "The engine stopped", ... for an error code: the translated title.
    [[nodiscard]] static QString titleOf(const QString& code);

signals:
    void retryWanted();
    void editWanted();

protected:
    void changeEvent(QEvent* event) override;

private:
    void restyle();
    void retranslate();

    Trouble m_trouble;
    QLabel* m_title;
    QLabel* m_cause;
    QLabel* m_remedy;
    QPushButton* m_retry;
    QPushButton* m_edit;
    QPushButton* m_copy;
};

} // namespace argus::gui
