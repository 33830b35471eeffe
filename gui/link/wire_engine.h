#pragma once
// Engine settings and preflights between the engine's messages and the desktop's values. Used within link/ only.

#include "engine/protocol/client.pb.h"
#include "gui/link/engine_facts.h"

namespace argus::gui {

/// Absent values become what they stand for: sizes 1, the usual share, "auto".
[[nodiscard]] EngineSettings toFacts(const wire::EngineSettings& settings);
[[nodiscard]] wire::EngineSettings toWire(const EngineSettings& settings);
[[nodiscard]] PreflightFacts toFacts(const wire::PreflightDone& done);

} // namespace argus::gui
