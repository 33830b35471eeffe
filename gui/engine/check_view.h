#pragma once
// What the head says of the wished settings: the verdict, problems, warnings, the plan's memory, remarks.

#include "gui/models/engine_form.h"

#include <QWidget>

class QLabel;
class QVBoxLayout;

namespace argus::gui {

class PlanTable;
class ProblemCard;

/// GUI thread. While a new answer is awaited the old one stays, greyed by its heading only.
class CheckView final : public QWidget {
    Q_OBJECT
public:
    explicit CheckView(QWidget* parent = nullptr);
    void show(const EngineForm& form);

signals:
    void fixWanted(const argus::gui::Fix& fix);

protected:
    void changeEvent(QEvent* event) override;

private:
    void showVerdict(const EngineForm& form);
    void showProblems(const QList<Problem>& problems);

    const EngineForm* m_form = nullptr;
    QLabel* m_verdict;
    QVBoxLayout* m_cards;
    QLabel* m_warnings;
    QVBoxLayout* m_warningCards;
    QList<Problem> m_shown;
    QList<ProblemCard*> m_problems;
    QLabel* m_room;
    PlanTable* m_plan;
    QLabel* m_remarks;
};

} // namespace argus::gui
