#pragma once
// A person's folders for one test program, and pictures of what is seen in it.

#include <QApplication>
#include <QTemporaryDir>
#include <QTest>
#include <QWidget>

namespace argus::gui::testing {

/// Settings, sockets and copies of a test stay in a folder that goes with it.
class Home {
public:
    /// From now on everything that is started here uses it.
    [[nodiscard]] bool enter()
    {
        if (!m_folder.isValid())
            return false;
        qputenv("ARGUS_CONFIG_HOME", m_folder.filePath("config").toLocal8Bit());
        qputenv("ARGUS_RUNTIME_DIR", m_folder.filePath("run").toLocal8Bit());
        qputenv("ARGUS_CACHE_HOME", m_folder.filePath("cache").toLocal8Bit());
        return true;
    }
    [[nodiscard]] QString filePath(const QString& name) const { return m_folder.filePath(name); }
    /// Settings that nobody has used.
    [[nodiscard]] QString freshFolder() { return filePath(QStringLiteral("config%1").arg(++m_folders)); }

private:
    QTemporaryDir m_folder;
    int m_folders = 0;
};

/// With ARGUS_PICTURES=FOLDER, pictures of what is seen are kept there to be looked at.
inline void keepPicture(QWidget& widget, const QString& scene)
{
    QTest::qWait(60); // layouts settle
    const QString folder = qEnvironmentVariable("ARGUS_PICTURES");
    if (!folder.isEmpty())
        QVERIFY(widget.grab().save(QStringLiteral("%1/%2, %3.png").arg(folder, QTest::currentDataTag(), scene)));
}

} // namespace argus::gui::testing
