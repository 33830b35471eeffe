#include "engine/comm/outcome.h"

#include <fmt/format.h>

namespace argus::comm {

Error errorOf(const GroupBroken& broken)
{
    switch (broken.why()) {
    case GroupBroken::Why::PeerGone:
        return {ErrorCode::Unreachable, broken.what(),
                "check that the machines reach each other on the interface named in the settings, on any port", ""};
    case GroupBroken::Why::NoWay:
        return {ErrorCode::Unreachable, broken.what(),
                "look at the network between those machines: cable, switch, firewall, and the interface of each",
                "interface"};
    case GroupBroken::Why::Timeout:
        return {ErrorCode::Timeout, broken.what(), "", ""};
    case GroupBroken::Why::Aborted:
        return {ErrorCode::Cancelled, broken.what(), "", ""};
    case GroupBroken::Why::Version:
        return {ErrorCode::Unsupported, broken.what(), "install the same version on every machine", ""};
    }
    return {ErrorCode::Internal, broken.what(), "", ""};
}

Error badWorld(const World& world)
{
    return {ErrorCode::BadRequest,
            fmt::format("rank {} of {} with {} tensor ranks a stage is no place in a deployment", world.rank,
                        world.size, world.tensorRanks),
            "the number of ranks is a multiple of the tensor ranks", ""};
}

} // namespace argus::comm
