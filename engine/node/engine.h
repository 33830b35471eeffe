#pragma once
// What a service for clients needs of the node behind it.

#include "engine/node/ask.h"

#include <functional>
#include <string>

namespace argus::node {

/// Every method may be called from any thread and returns at once; outcomes come as NodeEvents.
class Engine {
public:
    virtual ~Engine() = default;
    /// False: too much is waiting; nothing will be heard of this ask. Otherwise it ends in exactly one AskEnded.
    [[nodiscard]] virtual bool submit(AcceptedAsk ask) = 0;
    /// Unknown and ended numbers are ignored: a cancel may cross the end.
    virtual void cancel(AskNumber number) = 0;
    /// False: too much is waiting. Otherwise one InspectionEnded with this ticket.
    [[nodiscard]] virtual bool inspect(std::uint64_t ticket, std::filesystem::path file, int thumbnailSide) = 0;
    /// Preflight, deploy, join lines, logs, removals. False: too much is waiting. Otherwise one Administered with this
    /// ticket, but for a removal, which shows in the status.
    [[nodiscard]] virtual bool administer(std::uint64_t ticket, wire::ClientMessage request) = 0;
    /// Nodes, deployment and counts; sequence, head_name and uptime are the service's own.
    [[nodiscard]] virtual wire::Status status() const = 0;
    /// Ends the head: no new asks, running ones may finish until the drain's deadline.
    virtual void requestStop(std::string reason) = 0;
};

} // namespace argus::node
