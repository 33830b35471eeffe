#pragma once
// What went wrong, as the desktop shows it.

#include "gui/link/spoken.h"

#include <QString>

namespace argus::gui {

/// What went wrong, why and what to do: argus::Error as the desktop shows it. Empty `code`: nothing is wrong.
struct Trouble {
    QString code;  ///< "Unreachable", "Corrupt", ... (engine/base/error.h)
    Spoken cause;  ///< one sentence with the numbers
    Spoken remedy; ///< what to do; may be empty
    QString setting;

    [[nodiscard]] bool isEmpty() const { return code.isEmpty(); }
    bool operator==(const Trouble&) const = default;
};

} // namespace argus::gui
