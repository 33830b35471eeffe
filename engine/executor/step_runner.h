#pragma once
// Step plans through the model: check, look at pictures, enqueue; later, when the device is done, read what it drew.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/executor/sequence_book.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/protocol/executor.pb.h"

#include <deque>
#include <span>
#include <vector>

namespace argus::executor {

/// Lives on its rank's thread, beside the model and the device it borrows.
///
/// Between begin() and finish() of a step the next one may begin: the device works through them in order, and a token
/// that one draws is where the next one needs it without having been to the host.
///
/// Of a model with several ranks each has a runner, and all of them begin the same steps in the same order. What every
/// rank finds out alike (the book's checks) takes a sequence out of all of them; what only one can find out (its pixels
/// cannot be read) is told, but the sequence stays in the step with made-up numbers: the others count on its rows.
class StepRunner {
public:
    /// `scale`: what the bytes of pictures become.
    StepRunner(ops::Ops& ops, model::Qwen25VL& model, model::RuntimeSizes sizes, const ops::PixelScale& scale,
               const model::Shard& shard = {})
        : m_ops(ops), m_model(model), m_scale(scale), m_shard(shard), m_book(model.config(), sizes)
    {
    }

    /// Steps that may be open at a time: one for each stage, at least two, and no more than can be fetched from.
    [[nodiscard]] std::size_t mostOpen() const;
    /// Whether this rank tells what became of a step: the first one of the last stage does. Of the others finish() says
    /// only what failed there alone.
    [[nodiscard]] bool reports() const { return m_shard.last() && m_shard.tensorRank == 0; }

    /// Enqueues a step. A slice that fails alone hurts no other. Errors  Internal when the plan breaks its limits as a
    /// whole Throws  OpsError when the step itself failed; its sequences are gone then
    [[nodiscard]] Result<Done> begin(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors);
    [[nodiscard]] std::size_t open() const { return m_open.size(); }
    /// Whether finish() would not wait.
    [[nodiscard]] bool ready();
    /// What every slice of the oldest open step came to: a token, a failure, or nothing while its prompt is still being
    /// read. A sequence whose token could not be drawn stays until it is dropped: other ranks do not know. Throws
    /// OpsError when the device is lost
    [[nodiscard]] wire::StepResult finish();

    void drop(const wire::DropSequences& drops);
    [[nodiscard]] std::size_t sequences() const { return m_book.size(); }

private:
    /// A slice that passed its checks, and its place in the batch.
    struct Row {
        const wire::SequenceSlice* slice = nullptr;
        SequenceState* state = nullptr;
    };
    /// A step whose tokens are on their way: whose they are, in the order of the rows drawn from.
    struct Open {
        wire::StepResult result; ///< failures so far
        std::vector<SequenceId> drawing;
        ops::Fetch fetch = -1; ///< none when nothing is drawn
        Instant since;
    };
    [[nodiscard]] std::vector<Row> takeSlices(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors,
                                              Open& open);
    [[nodiscard]] Result<Done> look(SequenceState& state, std::span<const UniqueFd> descriptors);
    [[nodiscard]] Result<Done> look(VisionItem& item, std::span<const UniqueFd> descriptors);
    void addVision(const VisionItem& item, std::int64_t start, std::int64_t end, std::int64_t row);
    void enqueue(std::span<const Row> rows, Open& open);

    ops::Ops& m_ops;
    model::Qwen25VL& m_model;
    ops::PixelScale m_scale;
    model::Shard m_shard;
    SequenceBook m_book;
    std::deque<Open> m_open;

    // Of the step being put together; kept so that a step allocates little.
    std::vector<std::int32_t> m_ids, m_positions, m_logitRows, m_drawn;
    std::vector<model::BatchSlice> m_slices;
    std::vector<model::VisionRows> m_vision;
    std::vector<ops::SamplingRow> m_sampling;
};

} // namespace argus::executor
