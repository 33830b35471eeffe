#pragma once
// A deployment of one machine with one device, as a head would plan it.

#include "engine/node/deployment.h"

namespace argus::node {

inline plan::Cluster clusterOf(const plan::Device& device)
{
    plan::ClusterNode node;
    node.name = "alpha";
    node.head = true;
    node.cudaInstalled = true;
    node.cudaNeeded = 12;
    node.driverCuda = 13000;
    node.sharedMemoryBytes = std::uint64_t{8} << 30;
    node.openFiles = 65'536;
    plan::ClusterDevice& only = node.devices.emplace_back();
    only.gpu = device.gpu;
    only.name = device.gpu ? device.gpu->name : "a processor";
    only.index = device.gpu ? device.gpu->index : 0;
    only.memoryTotal = device.gpu ? device.gpu->memoryTotal : device.hostMemoryFree;
    only.memoryFree = device.gpu ? device.gpu->memoryFree : device.hostMemoryFree;
    plan::Cluster cluster;
    cluster.nodes.push_back(std::move(node));
    return cluster;
}

inline Result<std::shared_ptr<const Deployment>> deployed(const wire::EngineSettings& settings,
                                                          const plan::Cluster& cluster)
{
    auto model = readModelFolder(settings.model(), settings.load_format() != "dummy");
    if (!model)
        return std::move(model).error();
    const plan::ModelFacts facts{
        .config = (*model)->config, .checkpointBytes = (*model)->checkpointBytes, .name = (*model)->name};
    plan::Preflight planned = plan::preflight(facts, cluster, settings);
    for (const plan::Problem& problem : planned.problems)
        if (!problem.warning)
            return problem.error;
    return deploymentOf(1, settings, *model, std::move(*planned.placement), cluster);
}

inline Result<std::shared_ptr<const Deployment>> deployed(const wire::EngineSettings& settings,
                                                          const plan::Device& device)
{
    return deployed(settings, clusterOf(device));
}

} // namespace argus::node
