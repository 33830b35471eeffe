#include "engine/plan/survey.h"

#include "engine/base/catalogue.h"

#include <algorithm>

namespace argus::plan {
namespace {

/// Why the head's GPU of that name cannot be used, in the words of a single machine.
Error refusal(const ClusterNode& head, const std::string& device)
{
    Devices devices{.hostMemoryFree = 0,
                    .cudaInstalled = head.cudaInstalled,
                    .cudaNeeded = head.cudaNeeded,
                    .driverCuda = head.driverCuda,
                    .driver = head.driver,
                    .gpus = {},
                    .failure = head.gpuFailure};
    for (const ClusterDevice& each : head.devices)
        if (each.gpu)
            devices.gpus.push_back(*deviceOf(each).gpu);
    Result<Device> chosen = chooseDevice(device, devices);
    if (!chosen)
        return std::move(chosen).error();
    return makeError(ErrorCode::BadRequest, say("device-left-out", device, head.name), say("do-auto"), "device");
}

} // namespace

std::optional<Problem> takeNamedGpu(const Cluster& cluster, const std::string& device, int ranks, Survey& survey)
{
    const std::optional<std::uint32_t> index = cudaIndex(device);
    if (!index)
        return std::nullopt;
    if (ranks > 1)
        return Problem{.code = "SET-01",
                       .error = makeError(ErrorCode::BadRequest, say("device-ranks", device, ranks), say("do-auto-one"),
                                          "device")};
    const ClusterNode& head = cluster.nodes.front();
    NodeSurvey& here = survey.nodes.front();
    const auto found = std::find_if(here.gpus.begin(), here.gpus.end(),
                                    [&](std::size_t i) { return head.devices[i].index == *index; });
    if (found == here.gpus.end()) {
        Problem problem{.code = here.left.empty() ? "SET-01" : here.left.front().code,
                        .error = refusal(head, device),
                        .node = head.name};
        here.left.clear(); // it says why
        return problem;
    }
    const std::size_t only = *found;
    for (NodeSurvey& node : survey.nodes) {
        node.gpus.clear();
        node.left.clear();
    }
    here.gpus = {only};
    return std::nullopt;
}

} // namespace argus::plan
