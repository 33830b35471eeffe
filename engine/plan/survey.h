#pragma once
// Which devices of a cluster may compute, and why the others may not. Pure.

#include "engine/plan/preflight.h"

#include <optional>
#include <string_view>
#include <vector>

namespace argus::plan {

/// One device as a model would use it.
[[nodiscard]] Device deviceOf(const ClusterDevice& device);
/// "gpu-b cuda:3 (NVIDIA GeForce RTX 2080 Ti)", "box cpu:1"
[[nodiscard]] std::string nameOf(const ClusterNode& node, const ClusterDevice& device);
/// The settings of that node; null when there are none.
[[nodiscard]] const wire::NodeSettings* settingsOf(const wire::EngineSettings& settings, std::string_view node);

struct NodeSurvey {
    std::vector<std::size_t> gpus, cpus; ///< indices in ClusterNode::devices that may compute
    std::vector<Problem> left;           ///< why others may not; whether that matters depends on the plan
    bool insisted = false;               ///< somebody asked for devices by number that are among them
};
struct Survey {
    std::vector<NodeSurvey> nodes; ///< as Cluster::nodes
    std::vector<Problem> problems; ///< of settings for nodes that cannot be meant
    bool anyGpu = false;

    [[nodiscard]] const std::vector<std::size_t>& devices(std::size_t node, bool gpus) const
    {
        return gpus ? nodes[node].gpus : nodes[node].cpus;
    }
};
/// `awq`: of the model to run.
[[nodiscard]] Survey survey(const Cluster& cluster, const wire::EngineSettings& settings, bool awq);

/// Leaves nothing but the GPU that `device` names as cuda:N, which is one of the head's, as on a single machine;
/// without such a name everything stays. The problem: it cannot be used, or there are several ranks.
[[nodiscard]] std::optional<Problem> takeNamedGpu(const Cluster& cluster, const std::string& device, int ranks,
                                                  Survey& survey);

/// "0,1,3", rising: as NodeSettings::devices has them; "none" of an empty list.
[[nodiscard]] std::string devicesText(const ClusterNode& node, const std::vector<std::size_t>& devices);

} // namespace argus::plan
