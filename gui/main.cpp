// argus: the desktop client.

#include "gui/application.h"
#include "gui/no_window.h"
#include "gui/settings/language.h"

#include <QApplication>
#include <QFont>

#include <optional>

int main(int argc, char** argv)
{
    QApplication::setAttribute(Qt::AA_DontShowIconsInMenus, false);
    QApplication::setApplicationName(QStringLiteral("argus"));
    QApplication::setApplicationVersion(QStringLiteral(ARGUS_VERSION));
    argus::gui::ProgramOptions options;
    {
        const QCoreApplication readsOptions(argc, argv); // help and complaints need no display
        if (const auto status = argus::gui::readOptions(QCoreApplication::arguments(), options))
            return *status;
    }
    std::optional<argus::gui::NoWindow> noWindow(options.language.isEmpty() ? argus::gui::Language::ofSystem()
                                                                            : options.language);
    QApplication application(argc, argv);
    noWindow.reset();
    QApplication::setApplicationDisplayName(QStringLiteral("Argus"));
    QApplication::setDesktopFileName(QStringLiteral("argus"));
    QFont font = QApplication::font();
    font.setPointSizeF(qMax(font.pointSizeF(), 10.0)); // some platforms answer 9, which is small for reading
    QApplication::setFont(font);
    return argus::gui::runDesktop(options);
}
