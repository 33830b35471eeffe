#pragma once
// Machines and their devices as a tree, updated in place: rows never jump, selections and widgets survive.

#include "gui/link/facts.h"

#include <QAbstractItemModel>
#include <QElapsedTimer>

#include <memory>
#include <vector>

namespace argus::gui {

/// GUI thread. Top rows are machines (the head first, then by name), their children devices.
/// update() changes rows by difference; deploymentChanged() follows when the figures of the deployment differ.
class ClusterModel final : public QAbstractItemModel {
    Q_OBJECT
public:
    enum Role { NodeRole = Qt::UserRole + 1, DeviceRole };
    static constexpr double kStaleSeconds = 3; ///< figures older than this are greyed and show their age
    static constexpr double kLostSeconds = 15; ///< and after this the machine counts as lost

    explicit ClusterModel(QObject* parent = nullptr);
    QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
    QModelIndex parent(const QModelIndex& index) const override;
    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

    [[nodiscard]] const ClusterFacts& facts() const { return m_facts; }
    [[nodiscard]] bool isKnown() const { return m_known; }
    /// Why this desktop can do nothing but look, as a sentence; empty when it can.
    [[nodiscard]] QString reasonToWatchOnly() const;
    /// Seconds since a machine's figures were true: their age on arrival and the time since then.
    [[nodiscard]] double age(int node) const;

public slots:
    void update(const argus::gui::ClusterFacts& facts);

signals:
    void factsChanged(); ///< after every update()

private:
    struct Node {
        quintptr id = 0;
        NodeFacts facts;
    };
    int rowOfId(quintptr id) const;
    void removeMissing(const QList<NodeFacts>& nodes);
    void updateDevices(int row, const QList<DeviceFacts>& devices);

    std::vector<Node> m_nodes;
    quintptr m_nextId = 1;
    ClusterFacts m_facts;
    bool m_known = false;
    QElapsedTimer m_sinceUpdate;
};

} // namespace argus::gui
