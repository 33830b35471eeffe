#pragma once
// The pieces an answer is made of: prose with Markdown, and code with a Copy button.

#include "gui/chat/markdown_splitter.h"

#include <QFrame>
#include <QTextBrowser>

class QLabel;
class QPlainTextEdit;
class QToolButton;

namespace argus::gui {

/// Rendered Markdown, as high as its text. Never shows HTML, never loads a resource: an answer cannot make the desktop
/// read a file or the network. Links open only after the person has seen where they lead. GUI thread.
class ProseSegment final : public QTextBrowser {
    Q_OBJECT
public:
    explicit ProseSegment(QWidget* parent = nullptr);
    void setProse(const QString& markdown);
    /// Text as typed, without Markdown.
    void setPlain(const QString& text);
    /// Width of the text when no line is broken that need not be.
    [[nodiscard]] int naturalWidth(int most) const;
    [[nodiscard]] QVariant loadResource(int type, const QUrl& name) override;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void resizeEvent(QResizeEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void adoptDocument(QTextDocument* document);
    void fitHeight();
    void follow(const QUrl& link);

    QString m_markdown;
    bool m_isMarkdown = false;
};

/// Code with its language and a Copy button; grows at its end while it streams. GUI thread.
class CodeSegment final : public QFrame {
    Q_OBJECT
public:
    explicit CodeSegment(QWidget* parent = nullptr);
    void setCode(const QString& code, const QString& language);
    [[nodiscard]] QString code() const;

protected:
    void changeEvent(QEvent* event) override;

private:
    void fitHeight();
    void restyle();
    void retranslate();

    QString m_language;
    QLabel* m_title;
    QToolButton* m_copy;
    QPlainTextEdit* m_text;
};

} // namespace argus::gui
