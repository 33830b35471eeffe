#pragma once
// What can be wrong with sizes, memory, machines, their copies of the model, and the network between them. Pure.

#include "engine/plan/preflight.h"
#include "engine/plan/stage_plan.h"
#include "engine/plan/survey.h"

#include <vector>

namespace argus::plan {

// ---- sizes ----

struct SizeWish {
    int tensorSize = 1;
    int stages = 1;
    std::vector<int> offered; ///< tensor sizes that divide the model and have devices
};
struct SizeProblems {
    std::vector<Problem> problems;
    std::vector<int> layers; ///< of each stage, when the settings say so
    bool tooFew = false;     ///< devices
};
/// What does not divide, stage_layers that cannot be, and devices that are missing.
[[nodiscard]] SizeProblems sizeProblems(const ModelFacts& model, const Cluster& cluster, const Survey& survey,
                                        bool gpus, const wire::EngineSettings& settings, const SizeWish& wish);

// ---- memory ----

/// What does not fit, what others use, and what stays unused. `settings` are settled.
[[nodiscard]] std::vector<Problem> memoryProblems(Footprints& footprints, const Cluster& cluster, const StagePlan& plan,
                                                  const wire::EngineSettings& settings);

// ---- machines ----

struct NodeUse {
    std::size_t node = 0;
    int ranks = 0;
    std::vector<model::Shard> shards{}; ///< of its ranks; empty: not known yet
};
/// A plan as far as machines and network are concerned.
struct PlanShape {
    bool gpus = false;
    int ranks = 1;
    int stages = 1;
    std::uint64_t rowBytes = 0;      ///< of one token between two stages
    std::uint32_t batchedTokens = 0; ///< of a step
    bool weightless = false;         ///< load_format dummy
    std::vector<NodeUse> uses;       ///< machines, those of the first stages first
};

/// Software, limits and clock of one machine.
[[nodiscard]] std::vector<Problem> machineProblems(const Cluster& cluster, const PlanShape& shape, const NodeUse& use);
/// The copy of the model on one machine.
[[nodiscard]] std::vector<Problem> modelProblems(const ModelFacts& model, const Cluster& cluster,
                                                 const PlanShape& shape, const NodeUse& use);
/// Between the machines; none when there is one. `remarks` says what carries the traffic.
[[nodiscard]] std::vector<Problem> networkProblems(const Cluster& cluster, const wire::EngineSettings& settings,
                                                   const PlanShape& shape, std::vector<Said>& remarks);

} // namespace argus::plan
