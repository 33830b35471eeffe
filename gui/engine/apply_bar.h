#pragma once
// The foot of the engine page: what has changed, Revert, Apply, and the question before the engine restarts.

#include "gui/models/engine_form.h"

#include <QFrame>

class QLabel;
class QPushButton;

namespace argus::gui {

/// GUI thread. The question stands in the bar itself; it goes away when the settings change.
class ApplyBar final : public QFrame {
    Q_OBJECT
public:
    explicit ApplyBar(EngineForm& form, QWidget* parent = nullptr);
    void refresh();

protected:
    void changeEvent(QEvent* event) override;

private:
    void ask();
    void answer(bool restart);
    [[nodiscard]] QString changesText() const;
    [[nodiscard]] QString questionText() const;
    [[nodiscard]] QString reason() const;

    EngineForm& m_form;
    bool m_asking = false;
    EngineSettings m_asked; ///< what the question is about
    QLabel* m_text;
    QPushButton* m_revert;
    QPushButton* m_apply;
    QPushButton* m_restart;
    QPushButton* m_keep;
};

} // namespace argus::gui
