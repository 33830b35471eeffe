#pragma once
// The program behind main(): translator, theme, window, link, in the order that shows the window first.

#include "gui/program_options.h"

namespace argus::gui {

/// Runs the desktop until it is closed. GUI thread. Returns the exit status: 0, or 1 when --ask failed.
[[nodiscard]] int runDesktop(const ProgramOptions& options);

} // namespace argus::gui
