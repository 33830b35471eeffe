#pragma once
// What the desktop remembers: preferences, and the draft of the next question. Files in the user's config folder, mode
// 0700.

#include <QDateTime>
#include <QHash>
#include <QObject>
#include <QString>
#include <QStringList>
#include <QThreadPool>
#include <QTimer>
#include <QVariant>

namespace argus::gui {

struct Draft {
    QString text;
    QStringList files; ///< the tray, in order

    bool operator==(const Draft&) const = default;
};

/// GUI thread; writing happens on a thread of its own, in the order of the calls. Reading at the start is a file of a
/// few lines. A draft is on disk half a second after its last change, so that killing the desktop loses nothing older.
class SettingsStore final : public QObject {
    Q_OBJECT
public:
    /// `folder` empty: the user's config folder (ARGUS_CONFIG_HOME is respected).
    explicit SettingsStore(const QString& folder = {}, QObject* parent = nullptr);
    /// Writes what is still waiting.
    ~SettingsStore() override;

    [[nodiscard]] QVariant value(const QString& key, const QVariant& fallback = {}) const;
    void setValue(const QString& key, const QVariant& value);

    [[nodiscard]] Draft loadDraft() const;
    void saveDraft(const Draft& draft);
    /// Where pictures that were pasted are kept while a draft or conversation refers to them.
    [[nodiscard]] QString pastedFolder() const;
    /// Removes pasted pictures of earlier runs that `keep` does not name. On the writing thread.
    void removePastedExcept(const QStringList& keep);
    /// Blocks until everything is on disk: for tests and the end of the program.
    void flush();

private:
    void writeDraft();

    QString m_folder;
    QHash<QString, QVariant> m_values;
    Draft m_draft;
    bool m_draftDirty = false;
    QDateTime m_started = QDateTime::currentDateTime(); ///< files written later belong to this run
    QTimer m_draftTimer;
    QThreadPool m_writer;
};

} // namespace argus::gui
