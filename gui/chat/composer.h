#pragma once
// Where a question is typed.

#include <QImage>
#include <QPlainTextEdit>

class QMimeData;

namespace argus::gui {

/// Enter sends, Shift+Enter begins a line; Enter while an input method composes belongs to the input method. Pasted
/// pictures and files are handed on instead of pasted; Ctrl+Shift+V pastes text only. Grows with its text up to
/// kMostLines. GUI thread.
class Composer final : public QPlainTextEdit {
    Q_OBJECT
public:
    static constexpr int kMostLines = 8;

    explicit Composer(QWidget* parent = nullptr);
    /// Local files named by a drop or paste; empty when there are none.
    [[nodiscard]] static QStringList localFiles(const QMimeData* data);

signals:
    void submitted();
    void imagePasted(const QImage& image);
    void filesPasted(const QStringList& paths);

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void inputMethodEvent(QInputMethodEvent* event) override;
    bool canInsertFromMimeData(const QMimeData* source) const override;
    void insertFromMimeData(const QMimeData* source) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void fitHeight();

    bool m_composing = false;
};

} // namespace argus::gui
