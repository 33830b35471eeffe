#include "gui/models/attachments_model.h"

#include "gui/link/passing.h"

#include <algorithm>
#include <utility>

namespace argus::gui {

AttachmentsModel::AttachmentsModel(QObject* parent) : QAbstractListModel(parent) {}

int AttachmentsModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_items.size());
}

QVariant AttachmentsModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const TrayItem& item = m_items[index.row()];
    switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
        return item.attachment.name;
    case Qt::DecorationRole:
        return item.attachment.facts.thumbnail;
    case StateRole:
        return QVariant::fromValue(item.state);
    case ProgressRole:
        return item.progress;
    case FactsRole:
        return QVariant::fromValue(item.attachment.facts);
    case TroubleRole:
        return QVariant::fromValue(item.trouble);
    case PathRole:
        return item.attachment.path;
    default:
        return {};
    }
}

bool TrayItem::mayRetry() const
{
    return state == State::Failed && mayPass(trouble);
}

bool AttachmentsModel::hasUnreadable() const
{
    return std::any_of(m_items.begin(), m_items.end(),
                       [](const TrayItem& item) { return item.state == TrayItem::State::Failed && !item.mayRetry(); });
}

int AttachmentsModel::tokens() const
{
    int sum = 0;
    for (const TrayItem& item : m_items)
        sum += item.attachment.facts.tokens;
    return sum;
}

QStringList AttachmentsModel::paths() const
{
    QStringList paths;
    for (const TrayItem& item : m_items)
        paths << item.attachment.path;
    return paths;
}

void AttachmentsModel::add(const Attachment& attachment)
{
    const int row = rowCount();
    beginInsertRows({}, row, row);
    m_items << TrayItem{attachment, TrayItem::State::Uploading, 0, {}};
    endInsertRows();
}

void AttachmentsModel::removeRow(int row)
{
    if (row < 0 || row >= rowCount())
        return;
    const AttachmentId id = m_items[row].attachment.id;
    beginRemoveRows({}, row, row);
    m_items.removeAt(row);
    endRemoveRows();
    emit removed(id);
}

void AttachmentsModel::retry(int row)
{
    if (row < 0 || row >= rowCount() || !m_items[row].mayRetry())
        return;
    TrayItem& item = m_items[row];
    item.state = TrayItem::State::Uploading;
    item.progress = 0;
    item.trouble = {};
    const Attachment attachment = item.attachment; // who hears of it may change the list
    emit dataChanged(index(row), index(row), {ProgressRole, StateRole, TroubleRole});
    emit retried(attachment.id, attachment.path);
}

void AttachmentsModel::retryAll()
{
    for (int row = 0; row < rowCount(); ++row)
        retry(row);
}

QList<Attachment> AttachmentsModel::take()
{
    if (m_items.isEmpty())
        return {};
    beginResetModel();
    QList<Attachment> taken;
    for (const TrayItem& item : std::exchange(m_items, {}))
        taken << item.attachment;
    endResetModel();
    return taken;
}

int AttachmentsModel::rowOf(AttachmentId id) const
{
    for (int row = 0; row < rowCount(); ++row)
        if (m_items[row].attachment.id == id)
            return row;
    return -1;
}

void AttachmentsModel::setProgress(AttachmentId id, quint64 sent, quint64 size)
{
    const int row = rowOf(id);
    if (row < 0 || m_items[row].state == TrayItem::State::Ready)
        return;
    TrayItem& item = m_items[row];
    item.progress = size == 0 ? 1.0 : std::min(1.0, static_cast<double>(sent) / static_cast<double>(size));
    item.state = sent >= size ? TrayItem::State::Inspecting : TrayItem::State::Uploading;
    emit dataChanged(index(row), index(row), {ProgressRole, StateRole});
}

void AttachmentsModel::setFacts(AttachmentId id, const MediaFacts& facts)
{
    const int row = rowOf(id);
    if (row < 0)
        return;
    m_items[row].attachment.facts = facts;
    m_items[row].state = TrayItem::State::Ready;
    m_items[row].trouble = {};
    emit dataChanged(index(row), index(row), {FactsRole, StateRole, TroubleRole, Qt::DecorationRole});
}

void AttachmentsModel::fail(AttachmentId id, const Trouble& trouble)
{
    const int row = rowOf(id);
    if (row < 0)
        return;
    m_items[row].state = TrayItem::State::Failed;
    m_items[row].trouble = trouble;
    emit dataChanged(index(row), index(row), {StateRole, TroubleRole});
}

} // namespace argus::gui
