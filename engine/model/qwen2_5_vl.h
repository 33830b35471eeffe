#pragma once
// Qwen2.5-VL: weights of one device, the vision tower and the decoder, written against Ops.

#include "engine/base/result.h"
#include "engine/comm/communicator.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"
#include "engine/model/patch_source.h"
#include "engine/model/positions.h"
#include "engine/model/shard.h"
#include "engine/model/sharding.h"
#include "engine/ops/ops.h"
#include "engine/tensor/tensor.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace argus::model {

/// Sizes every rank agrees on, computed once in plan and handed down.
struct RuntimeSizes {
    int kvBlocks = 0;
    int kvBlockTokens = 16;
    int maxBatchedTokens = 2048;
    int maxSequences = 8;
    int maxModelLen = 0;      ///< tokens of the longest sequence; 0: as many as the cache holds
    int maxVisionPatches = 0; ///< of one pass of the vision tower, reserved at once; 0: as much as comes, when it comes
    bool recordsSteps = true; ///< decode steps are recorded and replayed where the device can (enforce_eager: not)
    [[nodiscard]] int slots() const { return 2 * maxSequences; } ///< sequences known at a time: those that end overlap
    [[nodiscard]] int blocksOfSlot() const
    {
        const int most = maxModelLen > 0 ? (maxModelLen + kvBlockTokens - 1) / kvBlockTokens : kvBlocks;
        return most < kvBlocks ? most : kvBlocks;
    }
};

/// Arithmetic that differs from the published model's, for comparing with references whose makers had it. Nobody serves
/// with these.
struct Compatibility {
    /// Rotary frequencies rounded to bfloat16: what a model converted by .bfloat16() computes with ever after, even in
    /// float32. Source  design/qwen2_5_vl.md §14, 39
    bool bfloat16Frequencies = false;
};

/// A sequence's part of one step: `tokens` rows of the batch, after `cached` tokens that are in the KV cache already.
struct BatchSlice {
    std::int64_t firstRow = 0;
    std::int64_t tokens = 0;
    std::int64_t cached = 0;
    std::int32_t slot = 0; ///< of the sequence as long as it lives; what it saw is forgotten when cached is 0
    std::span<const std::int32_t> blocks; ///< block table, at least ceil((cached + tokens) / kvBlockTokens) entries
};
/// Rows of the batch whose embeddings come from the vision tower.
struct VisionRows {
    std::int64_t firstRow = 0;
    ConstTensorView embeddings; ///< on the device, of its compute type [rows, hidden]; a stage that is not the first
                                ///< looks at the shape alone
};
/// One step. Every rank of the model runs the same batches in the same order.
struct Batch {
    std::span<const std::int32_t> ids; ///< [tokens]; -1 - slot: the token drawn last in that slot (with one stage)
    std::span<const std::int32_t> positions; ///< [3, tokens]
    std::span<const BatchSlice> slices;      ///< in row order, covering all rows
    std::span<const VisionRows> vision;
    std::span<const std::int32_t> logitRows;      ///< rows whose scores are wanted
    std::span<const ops::SamplingRow> sampling{}; ///< one a row of logitRows, or none: nothing is drawn
};

/// The part of the model that one rank has: all of it, or what its shard says. Lives on its rank's thread. Methods
/// throw OpsError.
class Qwen25VL {
public:
    using Progress = std::function<void(std::uint64_t doneBytes, std::uint64_t totalBytes, const std::string& tensor)>;
    /// Takes every weight from the checkpoint (checking names and shapes first) and allocates the KV cache.
    /// The checkpoint outlives the model: a processor uses weights where they are mapped. No checkpoint: every weight
    /// is made up on the device (load_format dummy). Of a part, only that part is taken, and `groups`, which outlives
    /// the model, holds the ranks it computes with; without groups a part can be measured and not run. Errors: those of
    /// checkShard() and checkTensors(), DoesNotFit.
    [[nodiscard]] static Result<std::unique_ptr<Qwen25VL>>
    load(ops::Ops& ops, ModelConfig config, std::shared_ptr<const Checkpoint> checkpoint, RuntimeSizes sizes,
         const Progress& progress, Compatibility compatibility = {}, const Shard& shard = {},
         const comm::Groups* groups = nullptr);
    /// What load() would read for that shard, found out by letting it load onto nothing: the two cannot disagree.
    /// Errors: those of checkShard(), Unsupported.
    [[nodiscard]] static Result<std::vector<TakenPart>> partsTaken(const ModelConfig& config, const Shard& shard);
    ~Qwen25VL();

    [[nodiscard]] const ModelConfig& config() const;
    [[nodiscard]] const Shard& shard() const;
    [[nodiscard]] std::uint64_t weightBytes() const;
    [[nodiscard]] std::uint64_t kvBytes() const;

    /// `heard` is called after each layer of the vision tower and the decoder, when it has been computed or, on a GPU,
    /// enqueued: a sign of life from inside a long step.
    void tellLayers(std::function<void()> heard);
    /// The vision tower on several items at once, `grids` being theirs. Result [sum of tokens, hidden] of the compute
    /// type on the device, items in order. First stage only, on each of its ranks alike. Source  design/qwen2_5_vl.md
    /// §5
    [[nodiscard]] ops::DeviceTensor encodeVision(const PatchSource& source, std::span<const Grid> grids);
    /// Enqueues one step: K and V of every row, scores of logitRows, and a token for each when there is sampling. Takes
    /// the hidden rows from the stage before and hands them to the next one; scores and tokens are the last stage's,
    /// the same on each of its ranks. Source  design/qwen2_5_vl.md §3, §11
    void run(const Batch& batch);
    /// The tokens that the last run() drew, on their way to the host; -1 where scores were not finite. Last stage only.
    [[nodiscard]] ops::Fetch fetchDrawn();
    /// Scores F32 [logitRows, vocab] of the last run() on the host, valid until the next call. Waits. Last stage only.
    [[nodiscard]] ConstTensorView scores();
    /// run() and scores().
    [[nodiscard]] ConstTensorView forward(const Batch& batch)
    {
        run(batch);
        return scores();
    }

private:
    struct Impl;
    explicit Qwen25VL(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace argus::model
