#pragma once
// The desktop's command line.

#include "gui/link/engine_link.h"

#include <QStringList>

#include <optional>

namespace argus::gui {

struct ProgramOptions {
    LinkOptions link;
    QString language;        ///< empty: the one remembered, else the system's
    QString theme;           ///< system, light, dark; empty: the one remembered
    QString ask;             ///< a question to ask as soon as the window is there
    QStringList attachments; ///< files for it
    QString page;            ///< chat, engine: what the middle of the window shows
    QString open;            ///< add-worker, logs: a dialog to open once the model is ready
    QString screenshot;      ///< picture of the window after the first answer, or once connected when nothing is asked
    bool quitAfterAnswer = false;
    bool traceStartup = false; ///< prints "argus: NAME: N ms" on stderr for the steps of the start
    Sampling sampling;
};

/// Reads the command line; prints help, version or a complaint and returns an exit status when the program should end
/// now. Needs a QCoreApplication and no display. Options that QApplication will take, as -platform, are passed over.
[[nodiscard]] std::optional<int> readOptions(const QStringList& arguments, ProgramOptions& options);

} // namespace argus::gui
