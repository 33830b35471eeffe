#include "gui/models/cluster_model.h"

#include <algorithm>

namespace argus::gui {

namespace {

bool comesBefore(const NodeFacts& a, const NodeFacts& b)
{
    const bool aLeads = a.role == QLatin1String("head");
    const bool bLeads = b.role == QLatin1String("head");
    return aLeads != bLeads ? aLeads : a.name < b.name;
}

} // namespace

ClusterModel::ClusterModel(QObject* parent) : QAbstractItemModel(parent) {}

// A device's index carries the id of its machine, a machine's index carries 0.
QModelIndex ClusterModel::index(int row, int column, const QModelIndex& parent) const
{
    if (!hasIndex(row, column, parent))
        return {};
    return createIndex(row, column, parent.isValid() ? m_nodes[std::size_t(parent.row())].id : 0);
}

QModelIndex ClusterModel::parent(const QModelIndex& index) const
{
    if (!index.isValid() || index.internalId() == 0)
        return {};
    const int row = rowOfId(index.internalId());
    return row < 0 ? QModelIndex() : createIndex(row, 0, quintptr(0));
}

int ClusterModel::rowCount(const QModelIndex& parent) const
{
    if (!parent.isValid())
        return static_cast<int>(m_nodes.size());
    if (parent.internalId() != 0 || parent.column() != 0)
        return 0;
    return static_cast<int>(m_nodes[std::size_t(parent.row())].facts.devices.size());
}

int ClusterModel::columnCount(const QModelIndex&) const
{
    return 1;
}

QVariant ClusterModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    if (index.internalId() == 0) {
        const NodeFacts& node = m_nodes[std::size_t(index.row())].facts;
        if (role == Qt::DisplayRole || role == Qt::AccessibleTextRole)
            return node.name;
        return role == NodeRole ? QVariant::fromValue(node) : QVariant();
    }
    const DeviceFacts& device = m_nodes[std::size_t(rowOfId(index.internalId()))].facts.devices[index.row()];
    if (role == Qt::DisplayRole || role == Qt::AccessibleTextRole)
        return device.name.text();
    return role == DeviceRole ? QVariant::fromValue(device) : QVariant();
}

QString ClusterModel::reasonToWatchOnly() const
{
    return m_facts.watchOnly
               ? tr("The key of this desktop may only watch: on the head, “argus-node keys allow” gives it "
                    "another role.")
               : QString();
}

int ClusterModel::rowOfId(quintptr id) const
{
    const auto node =
        std::find_if(m_nodes.begin(), m_nodes.end(), [&](const Node& candidate) { return candidate.id == id; });
    return node == m_nodes.end() ? -1 : static_cast<int>(node - m_nodes.begin());
}

double ClusterModel::age(int node) const
{
    const double since = m_sinceUpdate.isValid() ? static_cast<double>(m_sinceUpdate.elapsed()) / 1000.0 : 0.0;
    return m_nodes[std::size_t(node)].facts.age + since;
}

void ClusterModel::removeMissing(const QList<NodeFacts>& nodes)
{
    for (int row = rowCount() - 1; row >= 0; --row) {
        const QString& name = m_nodes[std::size_t(row)].facts.name;
        if (std::any_of(nodes.begin(), nodes.end(), [&](const NodeFacts& node) { return node.name == name; }))
            continue;
        beginRemoveRows({}, row, row);
        m_nodes.erase(m_nodes.begin() + row);
        endRemoveRows();
    }
}

void ClusterModel::updateDevices(int row, const QList<DeviceFacts>& devices)
{
    const QModelIndex node = index(row, 0);
    QList<DeviceFacts>& present = m_nodes[std::size_t(row)].facts.devices;
    while (present.size() > devices.size()) {
        const int last = static_cast<int>(present.size()) - 1;
        beginRemoveRows(node, last, last);
        present.removeLast();
        endRemoveRows();
    }
    for (int i = 0; i < static_cast<int>(present.size()); ++i)
        if (present[i] != devices[i]) {
            present[i] = devices[i];
            emit dataChanged(index(i, 0, node), index(i, 0, node), {Qt::DisplayRole, DeviceRole});
        }
    if (present.size() < devices.size()) {
        beginInsertRows(node, static_cast<int>(present.size()), static_cast<int>(devices.size()) - 1);
        present = devices;
        endInsertRows();
    }
}

void ClusterModel::update(const ClusterFacts& facts)
{
    m_sinceUpdate.restart();
    m_known = true;
    m_facts = facts;
    std::stable_sort(m_facts.nodes.begin(), m_facts.nodes.end(), comesBefore);
    removeMissing(m_facts.nodes);
    for (int row = 0; row < static_cast<int>(m_facts.nodes.size()); ++row) {
        const NodeFacts& node = m_facts.nodes[row];
        if (row >= rowCount() || m_nodes[std::size_t(row)].facts.name != node.name) {
            // A new machine, or one whose role changed its place: it is taken out where it was and comes in here.
            for (int old = row + 1; old < rowCount(); ++old)
                if (m_nodes[std::size_t(old)].facts.name == node.name) {
                    beginRemoveRows({}, old, old);
                    m_nodes.erase(m_nodes.begin() + old);
                    endRemoveRows();
                    break;
                }
            beginInsertRows({}, row, row);
            m_nodes.insert(m_nodes.begin() + row, Node{m_nextId++, node});
            endInsertRows();
            continue;
        }
        updateDevices(row, node.devices);
        m_nodes[std::size_t(row)].facts = node;
        emit dataChanged(index(row, 0), index(row, 0), {Qt::DisplayRole, NodeRole});
    }
    emit factsChanged();
}

} // namespace argus::gui
