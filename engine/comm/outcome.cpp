#include "engine/comm/outcome.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>

namespace argus::comm {

Error errorOf(const GroupBroken& broken)
{
    switch (broken.why()) {
    case GroupBroken::Why::PeerGone:
        return makeError(ErrorCode::Unreachable, broken.said(), say("do-check-reach"));
    case GroupBroken::Why::NoWay:
        return makeError(ErrorCode::Unreachable, broken.said(), say("do-look-at-line"), "interface");
    case GroupBroken::Why::Timeout:
        return makeError(ErrorCode::Timeout, broken.said());
    case GroupBroken::Why::Aborted:
        return makeError(ErrorCode::Cancelled, broken.said());
    case GroupBroken::Why::Version:
        return makeError(ErrorCode::Unsupported, broken.said(), say("do-same-version"));
    }
    return makeError(ErrorCode::Internal, broken.said());
}

Error badWorld(const World& world)
{
    return {ErrorCode::BadRequest,
            fmt::format("rank {} of {} with {} tensor ranks a stage is no place in a deployment", world.rank,
                        world.size, world.tensorRanks),
            "the number of ranks is a multiple of the tensor ranks", ""};
}

} // namespace argus::comm
