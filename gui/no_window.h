#pragma once
// What is said instead of Qt's own abort where no window can be opened.

#include <QByteArray>
#include <QList>
#include <QString>

namespace argus::gui {

/// Lives around the making of QApplication: where that finds no display, or cannot use the one there is, the program
/// ends with one sentence on stderr and exit status 1. One at a time.
class NoWindow {
public:
    /// `language`: a code of Language. Needs no application.
    explicit NoWindow(const QString& language);
    /// A window can be opened: what the platform said meanwhile is printed after all.
    ~NoWindow();
    NoWindow(const NoWindow&) = delete;
    NoWindow& operator=(const NoWindow&) = delete;

private:
    struct Heard {
        QtMsgType type;
        QByteArray category;
        QString words;
    };
    static void hear(QtMsgType type, const QMessageLogContext& context, const QString& words);
    [[nodiscard]] QString sentence(const QString& last) const;

    QString m_nothing; ///< the whole sentence where there is no display
    QString m_because; ///< with %1: what the platform says about the display that is there
    QList<Heard> m_heard;
    QtMessageHandler m_before = nullptr;
};

} // namespace argus::gui
