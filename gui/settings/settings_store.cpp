#include "gui/settings/settings_store.h"

#include "engine/base/files.h"

#include <QDir>
#include <QFileInfo>
#include <QSettings>

namespace argus::gui {

namespace {

constexpr int kDraftDelayMs = 500;

QString preferencesFile(const QString& folder)
{
    return folder + QStringLiteral("/desktop.ini");
}

QString draftFile(const QString& folder)
{
    return folder + QStringLiteral("/draft.ini");
}

} // namespace

SettingsStore::SettingsStore(const QString& folder, QObject* parent)
    : QObject(parent), m_folder(folder.isEmpty() ? QString::fromStdString(configFolder().string()) : folder)
{
    m_writer.setMaxThreadCount(1);
    m_draftTimer.setSingleShot(true);
    m_draftTimer.setInterval(kDraftDelayMs);
    connect(&m_draftTimer, &QTimer::timeout, this, &SettingsStore::writeDraft);
    const QSettings file(preferencesFile(m_folder), QSettings::IniFormat);
    const QStringList keys = file.allKeys();
    for (const QString& key : keys)
        m_values.insert(key, file.value(key));
}

SettingsStore::~SettingsStore()
{
    flush();
}

QVariant SettingsStore::value(const QString& key, const QVariant& fallback) const
{
    return m_values.value(key, fallback);
}

void SettingsStore::setValue(const QString& key, const QVariant& value)
{
    if (m_values.value(key) == value)
        return;
    m_values.insert(key, value);
    m_writer.start([folder = m_folder, key, value] {
        if (!makePrivateFolder(folder.toStdString()))
            return; // a preference that cannot be kept is not worth disturbing anybody
        QSettings file(preferencesFile(folder), QSettings::IniFormat);
        file.setValue(key, value);
    });
}

Draft SettingsStore::loadDraft() const
{
    const QSettings file(draftFile(m_folder), QSettings::IniFormat);
    return {file.value(QStringLiteral("text")).toString(), file.value(QStringLiteral("files")).toStringList()};
}

void SettingsStore::saveDraft(const Draft& draft)
{
    if (draft == m_draft)
        return;
    m_draft = draft;
    m_draftDirty = true;
    if (!m_draftTimer.isActive()) // not restarted: who types without a pause is saved too
        m_draftTimer.start();
}

void SettingsStore::writeDraft()
{
    if (!std::exchange(m_draftDirty, false))
        return;
    m_writer.start([folder = m_folder, draft = m_draft] {
        if (!makePrivateFolder(folder.toStdString()))
            return;
        QSettings file(draftFile(folder), QSettings::IniFormat);
        file.setValue(QStringLiteral("text"), draft.text);
        file.setValue(QStringLiteral("files"), draft.files);
    });
}

QString SettingsStore::pastedFolder() const
{
    return m_folder + QStringLiteral("/pasted");
}

void SettingsStore::removePastedExcept(const QStringList& keep)
{
    m_writer.start([folder = pastedFolder(), keep, before = m_started] {
        const QFileInfoList files = QDir(folder).entryInfoList({QStringLiteral("*.png")}, QDir::Files);
        for (const QFileInfo& file : files)
            if (file.lastModified() < before && !keep.contains(file.absoluteFilePath()))
                QFile::remove(file.absoluteFilePath());
    });
}

void SettingsStore::flush()
{
    writeDraft();
    m_writer.waitForDone();
}

} // namespace argus::gui
