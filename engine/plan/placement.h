#pragma once
// Which devices form which pipeline stage. A stage never spans machines: its ranks talk several times a layer. Pure.

#include "engine/plan/survey.h"

#include <span>
#include <vector>

namespace argus::plan {

/// The devices of one stage, in the order of their tensor ranks.
struct StageSite {
    std::size_t node = 0;
    std::vector<std::size_t> devices;
    friend bool operator==(const StageSite&, const StageSite&) = default;
};
using StageSites = std::vector<StageSite>;

/// Stages of `tensorSize` devices of that kind that the cluster has room for.
[[nodiscard]] int stagesThatFit(const Survey& survey, bool gpus, int tensorSize);

/// Devices for every stage, filling one machine of `order` after the other; empty when they are too few. On a machine
/// those with much free memory first, and among such those that NVLink joins.
[[nodiscard]] StageSites stageSites(const Cluster& cluster, const Survey& survey, bool gpus, int tensorSize, int stages,
                                    std::span<const std::size_t> order);

} // namespace argus::plan
