#pragma once
// One machine and its devices, as a card of the dock.

#include "gui/link/facts.h"

#include <QFrame>

class QGridLayout;
class QLabel;
class QMenu;
class QProgressBar;
class QToolButton;
class QVBoxLayout;

namespace argus::gui {

class MemoryBar;

/// GUI thread. Its menu opens by a button, by the menu key and by the right mouse button.
class NodeCard final : public QFrame {
    Q_OBJECT
public:
    explicit NodeCard(QWidget* parent = nullptr);
    /// `detailed`: every part of the memory in figures below the bar, else in one line.
    void show(const NodeFacts& node, const DeploymentFacts& deployment, double age, bool detailed,
              const QString& watching = {});

signals:
    void logsWanted(const QString& node);
    void removeWanted(const QString& node);

protected:
    void contextMenuEvent(QContextMenuEvent* event) override;

private:
    struct DeviceRow {
        QWidget* box = nullptr;
        QLabel* name = nullptr;
        QLabel* place = nullptr;
        QLabel* load = nullptr;
        QProgressBar* loadBar = nullptr;
        QLabel* use = nullptr;
        MemoryBar* bar = nullptr;
        QLabel* summary = nullptr;
        QLabel* trouble = nullptr;
        QGridLayout* legend = nullptr;
        QList<QLabel*> figures;
    };
    DeviceRow addRow();
    void showDevice(DeviceRow& row, const DeviceFacts& device, const DeploymentFacts& deployment, bool stale,
                    bool detailed);
    void showLegend(DeviceRow& row, const DeviceFacts& device, bool detailed);
    void fillMenu();

    NodeFacts m_node;
    QLabel* m_name;
    QLabel* m_role;
    QToolButton* m_more;
    QMenu* m_menu;
    QLabel* m_state;
    QLabel* m_about;
    QString m_watching; ///< why nothing can be changed; empty: it can
    QLabel* m_trouble;
    QVBoxLayout* m_devices;
    QList<DeviceRow> m_rows;
};

} // namespace argus::gui
