#pragma once
// Which troubles pass by themselves.

#include "gui/link/trouble.h"

namespace argus::gui {

/// Whether the same may work when it is tried again, with nothing changed: the head was away, silent or busy.
[[nodiscard]] inline bool mayPass(const Trouble& trouble)
{
    return trouble.code == QLatin1String("Timeout") || trouble.code == QLatin1String("Unreachable") ||
           trouble.code == QLatin1String("Busy");
}

} // namespace argus::gui
