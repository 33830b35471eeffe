// argus: the desktop client.

#include "gui/application.h"

#include <QApplication>
#include <QFont>

int main(int argc, char** argv)
{
    QApplication::setAttribute(Qt::AA_DontShowIconsInMenus, false);
    QApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("argus"));
    QApplication::setApplicationDisplayName(QStringLiteral("Argus"));
    QApplication::setApplicationVersion(QStringLiteral(ARGUS_VERSION));
    QApplication::setDesktopFileName(QStringLiteral("argus"));
    QFont font = QApplication::font();
    font.setPointSizeF(qMax(font.pointSizeF(), 10.0)); // some platforms answer 9, which is small for reading
    QApplication::setFont(font);
    argus::gui::ProgramOptions options;
    if (const auto status = argus::gui::readOptions(QApplication::arguments(), options))
        return *status;
    return argus::gui::runDesktop(options);
}
