#pragma once
// The model that is served, as a card of the dock.

#include "gui/link/facts.h"

#include <QFrame>

class QLabel;
class QProgressBar;

namespace argus::gui {

/// The model that is served, its layout and its KV cache. GUI thread.
class DeploymentCard final : public QFrame {
    Q_OBJECT
public:
    explicit DeploymentCard(QWidget* parent = nullptr);
    void show(const ClusterFacts& facts, bool stale);

private:
    QLabel* m_state;
    QLabel* m_model;
    QLabel* m_layout;
    QLabel* m_kvText;
    QProgressBar* m_kv;
    QLabel* m_asks;
    QLabel* m_trouble;
};

} // namespace argus::gui
