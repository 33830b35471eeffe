#pragma once
// What the machines are doing: the dock at the right of the window.

#include "gui/models/cluster_model.h"

#include <QDockWidget>
#include <QTimer>

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace argus::gui {

class DeploymentCard;
class NodeCard;
class Notice;

/// The dock. Figures older than ClusterModel::kStaleSeconds are greyed and show their age; refreshed only while
/// visible. GUI thread.
class ClusterDock final : public QDockWidget {
    Q_OBJECT
public:
    explicit ClusterDock(ClusterModel& model, QWidget* parent = nullptr);
    void setConnected(bool connected);
    /// A sentence over the cards that can be closed: what went wrong with a button of this dock.
    void complain(const QString& sentence);

signals:
    void addWorkerWanted();
    void engineWanted();
    void logsWanted(const QString& node); ///< empty: whichever
    void removeWanted(const QString& node);

protected:
    void changeEvent(QEvent* event) override;
    void showEvent(QShowEvent* event) override;

private:
    QWidget* makeButtons();
    void refresh();
    void refreshNodes();
    void retranslate();

    ClusterModel& m_model;
    QLabel* m_summary;
    Notice* m_notice;
    QLabel* m_nothing;
    QLabel* m_alone;
    DeploymentCard* m_deployment;
    QVBoxLayout* m_column;
    QList<NodeCard*> m_nodes;
    QPushButton* m_addWorker = nullptr;
    QPushButton* m_logs = nullptr;
    QPushButton* m_engine = nullptr;
    QTimer m_ageTimer;
    bool m_connected = false;
};

} // namespace argus::gui
