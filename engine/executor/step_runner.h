#pragma once
// One step plan through the model: check, look at pictures, compute, sample.

#include "engine/base/result.h"
#include "engine/base/unique_fd.h"
#include "engine/executor/sequence_book.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/protocol/executor.pb.h"

#include <span>
#include <vector>

namespace argus::executor {

/// Lives on its rank's thread, beside the model it borrows.
class StepRunner {
public:
    StepRunner(model::Qwen25VL& model, model::RuntimeSizes sizes) : m_model(model), m_book(model.config(), sizes) {}

    /// What every slice came to: a token, a failure, or nothing while its prompt is still being read. A slice that
    /// fails alone hurts no other. Errors  Internal when the plan breaks its limits as a whole Throws  OpsError when
    /// the step itself failed; its sequences are gone then
    [[nodiscard]] Result<wire::StepResult> run(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors);
    void drop(const wire::DropSequences& drops);
    [[nodiscard]] std::size_t sequences() const { return m_book.size(); }

private:
    /// A slice that passed its checks, and its place in the batch.
    struct Row {
        const wire::SequenceSlice* slice = nullptr;
        SequenceState* state = nullptr;
        std::int64_t first = 0;
    };
    [[nodiscard]] Result<Done> look(SequenceState& state, std::span<const UniqueFd> descriptors);
    [[nodiscard]] ConstTensorView compute(std::span<Row> rows);
    void sample(std::span<const Row> rows, ConstTensorView scores, wire::StepResult& result);

    model::Qwen25VL& m_model;
    SequenceBook m_book;
    std::vector<float> m_scores; ///< one row, which the sampler changes
};

} // namespace argus::executor
