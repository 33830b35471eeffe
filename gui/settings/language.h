#pragma once
// The language of the window, switched while it runs.

#include <QObject>
#include <QStringList>
#include <QTranslator>

namespace argus::gui {

/// GUI thread. set() installs Qt's own and our translations; every widget then gets a LanguageChange and retranslates
/// itself.
class Language final : public QObject {
    Q_OBJECT
public:
    explicit Language(QObject* parent = nullptr);

    /// "en", "zh_CN": what set() takes.
    [[nodiscard]] static QStringList codes();
    /// "English", "简体中文": how a language calls itself.
    [[nodiscard]] static QString nativeName(const QString& code);
    /// The one of ours closest to the system's locale.
    [[nodiscard]] static QString ofSystem();

    [[nodiscard]] QString current() const { return m_current; }
    /// Unknown codes mean English.
    void set(const QString& code);

signals:
    void changed(const QString& code);

private:
    QString m_current;
    QTranslator m_qt;
    QTranslator m_own;
};

} // namespace argus::gui
