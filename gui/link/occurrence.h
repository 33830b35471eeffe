#pragma once
// What crosses from the client's thread to the GUI thread. Used by the two halves of EngineLink only.

#include "engine/client/client.h"
#include "gui/link/engine_link.h"

namespace argus::gui {

/// One event of the client, wrapped so that the header need not know the type.
struct EngineLink::Occurrence {
    client::Event event;
};

} // namespace argus::gui
