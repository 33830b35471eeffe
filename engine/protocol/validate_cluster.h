#pragma once
// Checks of what clients, heads and workers say to each other about deployments.

#include "engine/protocol/check.h"
#include "engine/protocol/client.pb.h"

namespace argus::protocol {

void checkError(Check& check, const wire::Error& error);
void checkSettings(Check& check, const wire::EngineSettings& settings);
void checkPreflightDone(Check& check, const wire::PreflightDone& done);

} // namespace argus::protocol
