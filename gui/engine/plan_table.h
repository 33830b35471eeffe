#pragma once
// The memory of every rank of a plan: figures and a bar.

#include "gui/link/engine_facts.h"

#include <QFrame>
#include <QWidget>

class QGridLayout;

namespace argus::gui {

/// One rank's memory: weights, KV cache, activations and runtime as shares of what may be used. A plan that needs more
/// is drawn to its whole length, with a mark where the device ends. GUI thread.
class PlanBar final : public QWidget {
    Q_OBJECT
public:
    explicit PlanBar(const PlannedRank& rank, QWidget* parent = nullptr);
    QSize sizeHint() const override { return {200, 12}; }
    QSize minimumSizeHint() const override { return {80, 12}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    PlannedRank m_rank;
};

/// GUI thread. Where there is little room the figures of a rank stand below its bar instead of in columns. Rows are
/// made anew only when the plan, the language or the theme changes.
class PlanTable final : public QFrame {
    Q_OBJECT
public:
    explicit PlanTable(QWidget* parent = nullptr);
    void show(const QList<PlannedRank>& ranks);
    QSize minimumSizeHint() const override { return {240, QFrame::minimumSizeHint().height()}; }

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void rebuild();
    void addHeading(QGridLayout& grid);
    void addRank(QGridLayout& grid, int row, const PlannedRank& rank);
    void addNarrowRank(QGridLayout& grid, int row, const PlannedRank& rank);

    QList<PlannedRank> m_ranks;
    QWidget* m_inside = nullptr;
    bool m_narrow = false;
};

} // namespace argus::gui
