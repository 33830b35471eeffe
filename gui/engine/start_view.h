#pragma once
// How a start goes: each machine's progress, and what became of settings that did not work.

#include "gui/link/facts.h"

#include <QFrame>

class QGridLayout;
class QLabel;
class QProgressBar;

namespace argus::gui {

/// GUI thread. Hidden while there is nothing to tell.
class StartView final : public QFrame {
    Q_OBJECT
public:
    explicit StartView(QWidget* parent = nullptr);
    /// `refusal`: why the head would not even begin.
    void show(const ClusterFacts& facts, const Trouble& refusal);

protected:
    void changeEvent(QEvent* event) override;

private:
    struct Row {
        QLabel* name = nullptr;
        QLabel* state = nullptr;
        QProgressBar* bar = nullptr;
    };
    void showTitle();
    void showNodes();

    ClusterFacts m_facts;
    Trouble m_refusal;
    QLabel* m_title;
    QLabel* m_cause;
    QLabel* m_remedy;
    QGridLayout* m_grid;
    QList<Row> m_rows;
};

} // namespace argus::gui
