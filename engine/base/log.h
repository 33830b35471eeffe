#pragma once
// Logging for every process of Argus: one line an event on stderr, "2026-01-31 12:00:00.123 W argus-node: text".
// Never logs what people ask or what the model answers; those are theirs.

#include <spdlog/spdlog.h>

#include <functional>
#include <string_view>

namespace argus::log {

/// Names the process and sets the level ("debug", "info", "warn", "error", "off"); unknown levels mean info. Call once,
/// in main.
void start(std::string_view process, std::string_view level);

/// Hears every line from now on, newline included; one listener, or none. Called on the thread that logs, which must
/// not be kept waiting; must not log itself.
void alsoTo(std::function<void(std::string_view line)> listener);

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

} // namespace argus::log
