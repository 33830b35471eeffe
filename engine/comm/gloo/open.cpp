#include "engine/comm/gloo/open.h"

#include "engine/base/catalogue.h"
#include "engine/comm/gloo/gloo_communicator.h"
#include "engine/comm/local/local_communicator.h"
#include "engine/comm/neighbours.h"
#include "engine/comm/outcome.h"

#include <csignal>

namespace argus::comm {

Result<Groups> openGloo(const GlooSettings& settings, MeetingPoint& meeting)
{
    const World& world = settings.world;
    if (!world.valid())
        return badWorld(world);
    Groups groups;
    if (world.size == 1)
        return groups;
    std::signal(SIGPIPE, SIG_IGN);
    const Deadline forming = Deadline::in(settings.forming);
    try {
        std::shared_ptr<gloo::Device> device; // opened when a rank of another executor has to be reached
        const auto join = [&](const GroupPlace& place) -> std::unique_ptr<Communicator> {
            if (inOneExecutor(place, meeting, forming))
                return std::make_unique<local::LocalCommunicator>(meeting.shared<local::LocalGroup>(place.name), place,
                                                                  settings.operation);
            if (!device)
                device = gloo::openDevice(settings.address, settings.interface);
            return std::make_unique<gloo::GlooCommunicator>(
                std::make_unique<gloo::Mesh>(device, place, meeting, forming, settings.operation));
        };
        const auto form = [&](const GroupPlace& place) -> std::unique_ptr<Communicator> {
            if (place.size == 1)
                return nullptr;
            auto group = join(place);
            // Nobody works, or leaves, before the last has joined.
            (void)allAgree("joined", true, place, meeting, forming);
            return group;
        };
        groups.tensor = form(tensorGroup(world));
        groups.pipeline = form(pipelineGroup(world));
    } catch (const GroupBroken& broken) {
        return errorOf(broken);
    } catch (const std::exception& error) {
        return makeError(ErrorCode::Internal, say("ranks-not-connected", error.what()));
    }
    return groups;
}

} // namespace argus::comm
