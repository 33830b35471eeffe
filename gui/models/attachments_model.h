#pragma once
// The tray: files that go with the next question, in the order in which the model will see them.

#include "gui/link/facts.h"

#include <QAbstractListModel>

namespace argus::gui {

struct TrayItem {
    enum class State { Uploading, Inspecting, Ready, Failed };
    Attachment attachment;
    State state = State::Uploading;
    double progress = 0; ///< of the upload, 0 to 1
    Trouble trouble;

    /// It has failed, and may come there when it is tried again.
    [[nodiscard]] bool mayRetry() const;
};

/// GUI thread. Rows are added at the end and keep their order.
class AttachmentsModel final : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role { StateRole = Qt::UserRole + 1, ProgressRole, FactsRole, TroubleRole, PathRole };

    explicit AttachmentsModel(QObject* parent = nullptr);
    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

    [[nodiscard]] const TrayItem& at(int row) const { return m_items[row]; }
    [[nodiscard]] bool isEmpty() const { return m_items.isEmpty(); }
    /// Whether an item failed for good: the question cannot be sent with it.
    [[nodiscard]] bool hasUnreadable() const;
    /// Prompt tokens of all items that are known.
    [[nodiscard]] int tokens() const;
    [[nodiscard]] QStringList paths() const;

    void add(const Attachment& attachment);
    void removeRow(int row);
    /// Begins again with an item that may come there this time; others stay as they are.
    void retry(int row);
    void retryAll();
    /// Empties the tray and hands out what was in it.
    QList<Attachment> take();

public slots:
    void setProgress(argus::gui::AttachmentId id, quint64 sent, quint64 size);
    void setFacts(argus::gui::AttachmentId id, const argus::gui::MediaFacts& facts);
    void fail(argus::gui::AttachmentId id, const argus::gui::Trouble& trouble);

signals:
    void removed(argus::gui::AttachmentId id); ///< by removeRow(), not by take()
    void retried(argus::gui::AttachmentId id, const QString& path);

private:
    int rowOf(AttachmentId id) const;

    QList<TrayItem> m_items;
};

} // namespace argus::gui

Q_DECLARE_METATYPE(argus::gui::TrayItem::State)
