#pragma once
// From the engine's messages to the desktop's values and back. Used by engine_link.cpp only.

#include "engine/base/error.h"
#include "engine/protocol/client.pb.h"
#include "gui/link/facts.h"

#include <QByteArray>

#include <string>

namespace argus::gui {

[[nodiscard]] QString text(const std::string& utf8);
[[nodiscard]] QByteArray bytes(const std::string& raw);
/// `english` is shown where `said` is of no catalogue that is known.
[[nodiscard]] Spoken spoken(const std::string& english, const wire::Said& said);
[[nodiscard]] Trouble toTrouble(const Error& error);
/// An error without a code but with a cause gets code "Error"; one without either is none.
[[nodiscard]] Trouble toTrouble(const wire::Error& error);
[[nodiscard]] MediaFacts toFacts(const wire::MediaInfo& info);
[[nodiscard]] ClusterFacts toFacts(const wire::Status& status);
[[nodiscard]] AskPhase toPhase(wire::AskProgress::Phase phase);
[[nodiscard]] AskOutcome toOutcome(wire::AskFinished::Reason reason);
void fill(wire::Sampling& to, const Sampling& from);

} // namespace argus::gui
