#pragma once
// What the executor knows of every sequence, and the checks that stand between a step plan and the model. Pure: no
// device, no file.

#include "engine/base/result.h"
#include "engine/model/config.h"
#include "engine/model/positions.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/ops.h"
#include "engine/protocol/executor.pb.h"

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace argus::executor {

using SequenceId = std::uint64_t;

struct SamplingSettings {
    double temperature = 0; ///< 0: greedy, and the penalty still applies
    double topP = 1;
    std::uint32_t topK = 0; ///< 0: off
    double repetitionPenalty = 1;
    std::uint64_t seed = 0;
};
/// For the token after `position` known ones. Random numbers depend on (seed, position) alone, so that a batch, a
/// restart or a preemption draws the same.
[[nodiscard]] ops::SamplingRow samplingRow(const SamplingSettings& settings, std::int32_t slot, std::uint64_t position);

/// A picture or clip of a sequence, and the rows of its prompt that it fills.
struct VisionItem {
    model::Grid grid;
    std::int64_t firstRow = 0;
    std::int64_t rows = 0;
    int frames = 0; ///< that its pixels have: two for each of grid.t, or one less
    bool video = false;
    std::uint32_t descriptor = 0; ///< of its pixels in the frame of its first slice
    bool waiting = true;          ///< not encoded yet
    ops::DeviceTensor embeddings; ///< [rows, hidden]; empty before it is encoded and after its last row is cached

    [[nodiscard]] std::int64_t endRow() const { return firstRow + rows; }
};

struct SequenceState {
    std::int32_t slot = 0;   ///< on the device, as long as the sequence lives
    std::int64_t cached = 0; ///< tokens in the cache once every step taken so far has run
    bool drawing = false;    ///< a token of it was or is being drawn and has not been put into the cache
    std::vector<std::int32_t> blocks;
    std::vector<VisionItem> vision; ///< by rising row
    SamplingSettings sampling;
};

/// Tokens that a slice puts into the cache.
[[nodiscard]] int tokensOf(const wire::SequenceSlice& slice);

/// Lives on its rank's thread.
class SequenceBook {
public:
    SequenceBook(const model::ModelConfig& config, model::RuntimeSizes sizes) : m_config(config), m_sizes(sizes)
    {
        clear();
    }

    /// The limits of a step as a whole, and that no sequence stands in it twice. Errors: Internal, for the node broke
    /// the contract.
    [[nodiscard]] Result<Done> checkStep(const wire::StepPlan& plan) const;

    /// Checks a slice against what is cached and takes it: makes the sequence at start 0 (anew, if there was one),
    /// extends its tokens and blocks after it. After an error the sequence is gone and its blocks are free. Errors
    /// Internal for lengths, ids, blocks, start or sampling that break the contract; BadRequest for vision that does
    /// not fit the prompt
    [[nodiscard]] Result<SequenceState*> take(const wire::SequenceSlice& slice, std::size_t descriptors);

    [[nodiscard]] bool has(SequenceId id) const { return m_sequences.contains(id); }
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
    std::vector<std::int32_t> m_freeSlots;
};

} // namespace argus::executor
