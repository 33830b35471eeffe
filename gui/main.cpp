// argus: the desktop client.

#include "gui/application.h"

#include <QApplication>

int main(int argc, char** argv)
{
    QApplication::setAttribute(Qt::AA_DontShowIconsInMenus, false);
    QApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("argus"));
    QApplication::setApplicationDisplayName(QStringLiteral("Argus"));
    QApplication::setApplicationVersion(QStringLiteral(ARGUS_VERSION));
    QApplication::setDesktopFileName(QStringLiteral("argus"));
    argus::gui::ProgramOptions options;
    if (const auto status = argus::gui::readOptions(QApplication::arguments(), options))
        return *status;
    return argus::gui::runDesktop(options);
}
