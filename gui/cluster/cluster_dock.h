#pragma once
// What the machines are doing: the dock at the right of the window.

#include "gui/models/cluster_model.h"

#include <QDockWidget>
#include <QFrame>
#include <QTimer>

class QGridLayout;
class QLabel;
class QProgressBar;
class QVBoxLayout;

namespace argus::gui {

class MemoryBar;

/// A state of the engine as people see it: a word, a shape and a colour, so that no one of them has to be told from the
/// others.
struct StateLook {
    QString shape;
    QString word;
    QColor color;
};
[[nodiscard]] StateLook stateLook(const QString& state);

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

/// One machine and its devices. GUI thread.
class NodeCard final : public QFrame {
    Q_OBJECT
public:
    explicit NodeCard(QWidget* parent = nullptr);
    /// `detailed`: every part of the memory in figures below the bar.
    void show(const NodeFacts& node, double age, bool detailed);

private:
    struct DeviceRow {
        QWidget* box = nullptr;
        QLabel* name = nullptr;
        QLabel* use = nullptr;
        MemoryBar* bar = nullptr;
        QGridLayout* legend = nullptr;
        QList<QLabel*> figures;
    };
    DeviceRow addRow();
    void showDevice(DeviceRow& row, const DeviceFacts& device, bool stale, bool detailed);

    QLabel* m_name;
    QLabel* m_role;
    QLabel* m_state;
    QVBoxLayout* m_devices;
    QList<DeviceRow> m_rows;
};

/// The dock. Figures older than ClusterModel::kStaleSeconds are greyed and show their age; refreshed only while
/// visible. GUI thread.
class ClusterDock final : public QDockWidget {
    Q_OBJECT
public:
    explicit ClusterDock(ClusterModel& model, QWidget* parent = nullptr);
    void setConnected(bool connected);

protected:
    void changeEvent(QEvent* event) override;
    void showEvent(QShowEvent* event) override;

private:
    void refresh();
    void retranslate();

    ClusterModel& m_model;
    QLabel* m_nothing;
    DeploymentCard* m_deployment;
    QVBoxLayout* m_column;
    QList<NodeCard*> m_nodes;
    QTimer m_ageTimer;
    bool m_connected = false;
};

} // namespace argus::gui
