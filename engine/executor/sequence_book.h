#pragma once
// What the executor knows of every sequence, and the checks that stand between a step plan and the model. Pure: no
// device, no file.

#include "engine/base/result.h"
#include "engine/executor/sampler.h"
#include "engine/model/config.h"
#include "engine/model/positions.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/protocol/executor.pb.h"
#include "engine/tensor/tensor.h"

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace argus::executor {

using SequenceId = std::uint64_t;

/// A picture or clip of a sequence, and the rows of its prompt that it fills.
struct VisionItem {
    model::Grid grid;
    std::int64_t firstRow = 0;
    std::int64_t rows = 0;
    bool video = false;
    std::uint32_t descriptor = 0; ///< of its pixels in the frame of its first slice
    bool waiting = true;          ///< not encoded yet
    HostTensor embeddings;        ///< F32 [rows, hidden]; empty before it is encoded and after its last row is cached

    [[nodiscard]] std::int64_t endRow() const { return firstRow + rows; }
};

struct SequenceState {
    std::vector<std::int32_t> ids; ///< all that are cached: prompt, then answer
    std::vector<std::int32_t> blocks;
    std::vector<VisionItem> vision; ///< by rising row
    SamplingSettings sampling;
};

/// Lives on its rank's thread.
class SequenceBook {
public:
    SequenceBook(const model::ModelConfig& config, model::RuntimeSizes sizes) : m_config(config), m_sizes(sizes) {}

    /// The limits of a step as a whole, and that no sequence stands in it twice. Errors: Internal, for the node broke
    /// the contract.
    [[nodiscard]] Result<Done> checkStep(const wire::StepPlan& plan) const;

    /// Checks a slice against what is cached and takes it: makes the sequence at start 0 (anew, if there was one),
    /// extends ids and blocks after it. After an error the sequence is gone and its blocks are free. Errors  Internal
    /// for lengths, ids, blocks, start or sampling that break the contract; BadRequest for vision that does not fit the
    /// prompt
    [[nodiscard]] Result<SequenceState*> take(const wire::SequenceSlice& slice, std::size_t descriptors);

    void drop(SequenceId id);
    void clear();
    [[nodiscard]] std::size_t size() const { return m_sequences.size(); }

private:
    [[nodiscard]] Result<Done> checkIds(const wire::SequenceSlice& slice) const;
    [[nodiscard]] Result<SequenceState> begin(const wire::SequenceSlice& slice, std::size_t descriptors) const;
    [[nodiscard]] Result<Done> readVision(const wire::SequenceSlice& slice, std::size_t descriptors,
                                          SequenceState& state) const;
    [[nodiscard]] Result<Done> claimBlocks(const wire::SequenceSlice& slice, SequenceState& state);
    [[nodiscard]] Result<Done> checkPads(const wire::SequenceSlice& slice, const SequenceState& state) const;

    model::ModelConfig m_config;
    model::RuntimeSizes m_sizes;
    std::map<SequenceId, SequenceState> m_sequences;
    std::unordered_map<std::uint32_t, SequenceId> m_owners; ///< of KV blocks
};

} // namespace argus::executor
