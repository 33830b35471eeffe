#pragma once
// An accepted ask and what becomes of it: the values that travel between the front desk, the planner and the media
// pool.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/base/sha256.h"
#include "engine/media/media.h"
#include "engine/protocol/client.pb.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace argus::node {

/// Names an ask inside one head, given by the front desk; clients' own ids may collide. It is the scheduler's sequence
/// id too.
using AskNumber = std::uint64_t;

struct AcceptedAsk {
    AskNumber number = 0;
    wire::Ask ask;
    std::map<Sha256, std::filesystem::path> files; ///< every attachment the messages name
    Instant accepted;
};

struct AskProgressed {
    AskNumber number = 0;
    wire::AskProgress::Phase phase = wire::AskProgress::QUEUED;
    std::uint32_t done = 0;
    std::uint32_t total = 0;
};
/// A piece of the answer: whole UTF-8 characters, in order.
struct AskSaid {
    AskNumber number = 0;
    std::string text;
};
/// The end, exactly once for every accepted ask: an error means failed, otherwise `reason` says how it finished.
struct AskEnded {
    AskNumber number = 0;
    wire::AskFinished::Reason reason = wire::AskFinished::REASON_UNSPECIFIED;
    wire::AskStats stats;
    std::vector<std::uint32_t> outputIds; ///< the stop id included, as in the reference
    std::optional<Error> error;
};
struct InspectionEnded {
    std::uint64_t ticket = 0;
    Result<media::Inspection> outcome;
};
/// The answer to what a client asked of the cluster.
struct Administered {
    std::uint64_t ticket = 0;
    wire::HeadMessage answer;
};
/// Something in status() is different now.
struct StateChanged {};
/// The node has begun to stop: no new asks.
struct StopBegan {
    std::string reason;
};
/// No ask is left and the executor is gone: say the last words.
struct Drained {};

using NodeEvent =
    std::variant<AskProgressed, AskSaid, AskEnded, InspectionEnded, Administered, StateChanged, StopBegan, Drained>;

} // namespace argus::node
