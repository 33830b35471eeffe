#include "engine/plan/problems.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace argus::plan {
namespace {

/// Of a card's memory: what other programs have of it before that is worth a word, and how far the cards of a stage may
/// differ.
constexpr double kWorthAWord = 0.1;

/// "gpu-b cuda:3 (...): 9.2 GiB are used by process 4711"; nothing when others use little of it.
Said occupationOf(const ClusterNode& node, const ClusterDevice& device)
{
    const Device here = deviceOf(device);
    if (!here.gpu)
        return {};
    const std::uint64_t used = here.gpu->memoryTotal - std::min(here.gpu->memoryTotal, here.gpu->memoryFree);
    if (static_cast<double>(used) < kWorthAWord * static_cast<double>(here.gpu->memoryTotal))
        return {};
    return say("occupied", nameOf(node, device), bytesText(used),
               device.users.empty() ? say("other-programs") : Said(fmt::format("{}", fmt::join(device.users, ", "))));
}

/// Whether the plan would fit if nobody else used its GPUs.
bool fitsAlone(Footprints& footprints, const StagePlan& plan, const wire::EngineSettings& settings)
{
    std::vector<RankSite> alone = plan.ranks;
    for (RankSite& site : alone)
        if (site.device.gpu)
            site.device.gpu->memoryFree = site.device.gpu->memoryTotal;
    return !agreedSizes(footprints, alone, settings).problem;
}

/// Other programs on the GPUs of the plan, one problem a machine.
void addOccupied(const Cluster& cluster, const StagePlan& plan, bool blamed, std::vector<Problem>& problems)
{
    for (std::size_t index = 0; index < cluster.nodes.size(); ++index) {
        const ClusterNode& node = cluster.nodes[index];
        std::vector<Said> texts;
        for (const StageSite& stage : plan.stages)
            if (stage.node == index)
                for (const std::size_t device : stage.devices)
                    if (Said text = occupationOf(node, node.devices[device]); !text.empty())
                        texts.push_back(std::move(text));
        if (!texts.empty())
            problems.push_back({.code = "GPU-05",
                                .warning = !blamed,
                                .error = makeError(ErrorCode::DoesNotFit, say("all-occupied", std::move(texts)),
                                                   say("do-stop-programs"), "devices"),
                                .node = node.name});
    }
}

/// Devices of one stage that have not equal memory.
void addUnequal(const Cluster& cluster, const StagePlan& plan, std::size_t stage, std::vector<Problem>& problems)
{
    const StageSite& site = plan.stages[stage];
    const ClusterNode& node = cluster.nodes[site.node];
    const auto bytesAt = [&](std::size_t i) { return plan.sizes.ranks[stage * site.devices.size() + i].available; };
    std::size_t least = 0;
    std::size_t most = 0;
    for (std::size_t i = 1; i < site.devices.size(); ++i) {
        least = bytesAt(i) < bytesAt(least) ? i : least;
        most = bytesAt(i) > bytesAt(most) ? i : most;
    }
    const std::uint64_t unused = bytesAt(most) - bytesAt(least);
    if (static_cast<double>(unused) <= kWorthAWord * static_cast<double>(bytesAt(most)))
        return;
    problems.push_back(
        {.code = "PAR-04",
         .warning = true,
         .error = makeError(ErrorCode::DoesNotFit,
                            say("unequal", stage, nameOf(node, node.devices[site.devices[most]]),
                                bytesText(bytesAt(most)), nameOf(node, node.devices[site.devices[least]]),
                                bytesText(bytesAt(least)), bytesText(unused)),
                            say("do-equal-devices"), "devices"),
         .node = node.name});
}

} // namespace

std::vector<Problem> memoryProblems(Footprints& footprints, const Cluster& cluster, const StagePlan& plan,
                                    const wire::EngineSettings& settings)
{
    std::vector<Problem> problems;
    const std::optional<Error>& problem = plan.sizes.problem;
    const bool tooSmall = problem && problem->code == ErrorCode::DoesNotFit;
    if (tooSmall) {
        const StageSite& stage = plan.stages[plan.sizes.tightest / plan.stages.front().devices.size()];
        problems.push_back({.code = "GPU-04", .error = *problem, .node = cluster.nodes[stage.node].name});
    } else if (problem) {
        problems.push_back({.code = "SET-01", .error = *problem});
    }
    addOccupied(cluster, plan, tooSmall && fitsAlone(footprints, plan, settings), problems);
    for (std::size_t i = 0; i < plan.stages.size(); ++i)
        addUnequal(cluster, plan, i, problems);
    return problems;
}

} // namespace argus::plan
