#pragma once
// Checks of what clients, heads and workers say to each other about deployments.

#include "engine/base/result.h"
#include "engine/protocol/check.h"
#include "engine/protocol/client.pb.h"
#include "engine/protocol/cluster.pb.h"

#include <cstddef>
#include <span>

namespace argus::protocol {

void checkSaid(Check& check, const wire::Said& said);
void checkError(Check& check, const wire::Error& error);
void checkSettings(Check& check, const wire::EngineSettings& settings);
void checkPreflightDone(Check& check, const wire::PreflightDone& done);

/// Parse and check one frame; errors as parseClientMessage(). A frame of another protocol version is Unsupported and
/// names both.
[[nodiscard]] Result<wire::WorkerMessage> parseWorkerMessage(std::span<const std::byte> frame);
[[nodiscard]] Result<wire::HeadToWorker> parseHeadToWorker(std::span<const std::byte> frame);
[[nodiscard]] Result<wire::PairRequest> parsePairRequest(std::span<const std::byte> frame);
[[nodiscard]] Result<wire::PairAnswer> parsePairAnswer(std::span<const std::byte> frame);

} // namespace argus::protocol
