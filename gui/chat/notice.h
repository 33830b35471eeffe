#pragma once
// A strip across the chat that says one thing: the demo model, a lost connection, a file that cannot be attached.

#include <QFrame>

class QLabel;
class QPushButton;
class QToolButton;

namespace argus::gui {

/// GUI thread. Hidden while its text is empty.
class Notice final : public QFrame {
    Q_OBJECT
public:
    enum class Kind { Hint, Alert };
    explicit Notice(Kind kind, QWidget* parent = nullptr);
    void setText(const QString& text);
    [[nodiscard]] QString text() const;
    /// A button at the right; empty: none.
    void setActionText(const QString& text);
    /// A cross at the right that hides it.
    void setClosable(const QString& accessibleName);

signals:
    void activated();

protected:
    void changeEvent(QEvent* event) override;

private:
    void restyle();

    Kind m_kind;
    QLabel* m_icon;
    QLabel* m_text;
    QPushButton* m_action;
    QToolButton* m_close;
};

} // namespace argus::gui
