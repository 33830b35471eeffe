#pragma once
// One problem of a preflight: what it is, why, what to do, and a button for each fix.

#include "gui/link/engine_facts.h"

#include <QFrame>

namespace argus::gui {

/// GUI thread. Shows one problem for life; made anew when the problem or the language changes.
class ProblemCard final : public QFrame {
    Q_OBJECT
public:
    explicit ProblemCard(const Problem& problem, QWidget* parent = nullptr);
    [[nodiscard]] const Problem& problem() const { return m_problem; }

signals:
    void fixWanted(const argus::gui::Fix& fix);

private:
    Problem m_problem;
};

} // namespace argus::gui
