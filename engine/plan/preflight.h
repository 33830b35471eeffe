#pragma once
// Everything that can be known before a weight is loaded: where each rank goes, what its device holds, and what stands
// in the way, with remedies that work. Pure functions of model, cluster and settings.

#include "engine/base/result.h"
#include "engine/model/config.h"
#include "engine/model/shard.h"
#include "engine/plan/cluster.h"
#include "engine/protocol/settings.pb.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace argus::plan {

/// A change of one setting that makes a problem go away.
struct Fix {
    std::string text;    ///< "tensor_parallel_size 4"
    std::string setting; ///< a field of EngineSettings, or of NodeSettings when `node` is set
    std::string value;
    std::string node{};
};
/// Errors: BadRequest when there is no such setting, or it does not take that value.
[[nodiscard]] Result<wire::EngineSettings> withFix(const wire::EngineSettings& settings, const Fix& fix);

struct Problem {
    std::string code;     ///< of the catalogue: "PAR-01"
    bool warning = false; ///< nothing stands in the way
    Error error;
    std::string node{};
    std::vector<Fix> fixes{}; ///< one of them is enough; each was tried
};

/// One rank: rank = stage · tensor_parallel_size + tensorRank.
struct PlannedRank {
    int rank = 0;
    std::size_t node = 0;   ///< index in Cluster::nodes
    std::size_t device = 0; ///< index in ClusterNode::devices
    model::Shard shard;
    std::uint64_t weightBytes = 0;
    std::uint64_t kvBytes = 0;
    std::uint64_t activationBytes = 0;
    std::uint64_t runtimeBytes = 0; ///< CUDA's own, communication
    std::uint64_t usableBytes = 0;  ///< of the device
    std::uint64_t deviceBytes = 0;  ///< of a GPU: the one piece that weights, cache and activations are placed in
    std::uint64_t kvBlockBytes = 0; ///< of one block on this rank
    Said joined{};                  ///< what joins the ranks of its stage; empty: it is alone, or nobody knows

    [[nodiscard]] std::uint64_t neededBytes() const { return weightBytes + kvBytes + activationBytes + runtimeBytes; }
};

/// A deployment that fits: the sizes every rank agrees on and the place of each.
struct Placement {
    wire::EngineSettings settings; ///< completed and settled: dtype, sequences and tokens of a step are decided
    std::vector<PlannedRank> ranks;
    std::uint32_t kvBlocks = 0;
    std::uint32_t kvBlockTokens = 16;
    std::uint32_t maxModelLen = 0;
    std::uint32_t maxVisionPatches = 0; ///< of one pass on a GPU; 0: as comes
};

struct ModelFacts {
    model::ModelConfig config;
    std::uint64_t checkpointBytes = 0; ///< of all tensors; 0: there is only a config
    std::string name;                  ///< for people
    std::optional<Error> problem{};    ///< why the checkpoint cannot be used at all
    std::string problemCode{};         ///< its place in the catalogue: "MOD-03"
};

struct Preflight {
    std::optional<Placement> placement; ///< none when there is a problem that is no warning
    std::vector<Problem> problems;
    std::vector<PlannedRank> attempt; ///< also of a plan that does not fit: the memory table to show
    std::vector<int> tensorSizes;     ///< that divide this model and have devices
    std::vector<int> pipelineSizes;
    std::vector<std::string> dtypes;  ///< that every device can compute with
    std::uint32_t largestContext = 0; ///< that would fit with these settings
    wire::EngineSettings settings;    ///< completed as far as possible
    std::vector<Said> remarks;        ///< why the plan is as it is, a sentence each

    [[nodiscard]] bool possible() const { return placement.has_value(); }
};

/// Never fails: what is wrong is in `problems`. With one device of one node it gives what memoryBudget() gives.
[[nodiscard]] Preflight preflight(const ModelFacts& model, const Cluster& cluster,
                                  const wire::EngineSettings& settings);

} // namespace argus::plan
