#pragma once
// A model on one device, or divided among ranks that are threads of this program.

#include "engine/comm/communicator.h"
#include "engine/model/qwen2_5_vl.h"
#include "tests/golden/make_ops.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace argus::golden {

/// How a model is divided; by default not at all.
struct Division {
    int tensorSize = 1;
    int stages = 1;
    std::vector<int> stageLayers = {}; ///< layers of every stage; empty: as even as it goes
    [[nodiscard]] bool whole() const { return tensorSize == 1 && stages == 1; }
};

/// The shard of every rank, rank = stage · tensorSize + tensorRank.
[[nodiscard]] std::vector<model::Shard> shardsOf(const model::ModelConfig& config, const Division& division);

/// Methods throw std::runtime_error, what the ranks throw, and when ranks that should hold the same numbers do not.
/// Divided, every device has to reach the memory of the others: processors, or the first GPU several times.
class ModelRanks {
public:
    ModelRanks(const model::ModelConfig& config, const std::shared_ptr<const model::Checkpoint>& checkpoint,
               const model::RuntimeSizes& sizes, model::Compatibility compatibility, const Division& division,
               const MakeOps& makeOps);
    ~ModelRanks();

    [[nodiscard]] const model::ModelConfig& config() const;
    [[nodiscard]] std::size_t size() const { return m_ranks.size(); }
    [[nodiscard]] const model::Qwen25VL& model(std::size_t rank) const { return *m_ranks[rank]->model; }

    [[nodiscard]] ops::DeviceTensor encodeVision(const model::PatchSource& source, std::span<const model::Grid> grids);
    void run(const model::Batch& batch);
    /// The tokens that the last run() drew, one a row of its sampling; -1 for rows of no slot.
    [[nodiscard]] std::vector<std::int32_t> drawn();
    /// Scores of the last run(); valid until the next step.
    [[nodiscard]] ConstTensorView scores();
    /// Float32 numbers of a tensor that encodeVision() made.
    [[nodiscard]] HostTensor onHost(const ops::DeviceTensor& tensor);

private:
    struct Rank {
        model::Shard shard;
        comm::Groups groups;
        std::unique_ptr<ops::Ops> ops;
        std::unique_ptr<model::Qwen25VL> model; ///< uses ops and groups
    };
    void connect(const Division& division);
    void onRanks(std::size_t first, std::size_t end, const std::function<void(std::size_t)>& work);
    [[nodiscard]] std::size_t firstOfLastStage() const { return m_ranks.size() - m_tensorSize; }

    std::size_t m_tensorSize = 1;
    std::vector<std::unique_ptr<Rank>> m_ranks;
    std::vector<bool> m_draws; ///< of every row of the last run()'s sampling
};

} // namespace argus::golden
