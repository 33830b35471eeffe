#include "engine/executor/step_runner.h"

#include "engine/base/clock.h"
#include "engine/executor/pixels.h"
#include "engine/executor/sampler.h"

#include <algorithm>

namespace argus::executor {
namespace {

void addFailure(wire::StepResult& result, SequenceId sequence, const Error& error)
{
    wire::SequenceFailed* const failure = result.add_failures();
    failure->set_sequence(sequence);
    wire::Error* const told = failure->mutable_error();
    told->set_code(std::string(errorCodeName(error.code)));
    told->set_cause(error.cause);
    told->set_remedy(error.remedy);
    told->set_setting(error.setting);
}

/// Embeddings for the part of an item that lies in [start, end) of its sequence, which begins at `row` of the batch.
void addVision(std::vector<model::VisionRows>& vision, const VisionItem& item, std::int64_t start, std::int64_t end,
               std::int64_t row)
{
    const std::int64_t from = std::max(start, item.firstRow);
    const std::int64_t to = std::min(end, item.endRow());
    if (from < to)
        vision.push_back({.firstRow = row + (from - start),
                          .embeddings = item.embeddings.view().rows(from - item.firstRow, to - from)});
}

} // namespace

Result<wire::StepResult> StepRunner::run(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors)
{
    const Instant started = now();
    if (auto checked = m_book.checkStep(plan); !checked)
        return std::move(checked).error();
    wire::StepResult result;
    result.set_step(plan.step());
    std::vector<Row> rows;
    for (const wire::SequenceSlice& slice : plan.slices()) {
        auto taken = m_book.take(slice, descriptors.size());
        if (!taken) {
            addFailure(result, slice.sequence(), taken.error());
            continue;
        }
        if (auto looked = look(**taken, descriptors); !looked) {
            addFailure(result, slice.sequence(), looked.error());
            m_book.drop(slice.sequence());
            continue;
        }
        rows.push_back({.slice = &slice, .state = *taken});
    }
    if (!rows.empty()) {
        try {
            const ConstTensorView scores = compute(rows);
            sample(rows, scores, result);
        } catch (...) {
            // What stands in the cache for these is unknown now.
            for (const Row& row : rows)
                m_book.drop(row.slice->sequence());
            throw;
        }
    }
    result.set_seconds(std::chrono::duration<double>(now() - started).count());
    return result;
}

Result<Done> StepRunner::look(SequenceState& state, std::span<const UniqueFd> descriptors)
{
    // One item at a time: the memory of the vision tower is budgeted for the largest item, not for ten of them.
    const bool first =
        std::any_of(state.vision.begin(), state.vision.end(), [](const VisionItem& item) { return item.waiting; });
    if (!first)
        return Done{};
    for (VisionItem& item : state.vision) {
        auto pixels =
            readPixels(descriptors[item.descriptor].get(), item.grid, m_model.config().vision.patchElements());
        if (!pixels)
            return std::move(pixels).error();
        try {
            item.embeddings = m_model.encodeVision(pixels->view(), {&item.grid, 1});
        } catch (const OpsError& problem) {
            return Error{ErrorCode::Internal,
                         std::string("the picture could not be encoded: ") + problem.what(),
                         "ask with another picture",
                         {}};
        }
        item.waiting = false;
    }
    return Done{};
}

ConstTensorView StepRunner::compute(std::span<Row> rows)
{
    std::vector<std::int32_t> ids;
    std::vector<model::BatchSlice> slices;
    std::vector<model::VisionRows> vision;
    std::vector<std::int32_t> logitRows;
    for (Row& row : rows) {
        const wire::SequenceSlice& slice = *row.slice;
        row.first = static_cast<std::int64_t>(ids.size());
        ids.insert(ids.end(), slice.ids().begin(), slice.ids().end());
        slices.push_back(
            {.firstRow = row.first, .tokens = slice.ids_size(), .cached = slice.start(), .blocks = row.state->blocks});
        for (const VisionItem& item : row.state->vision)
            addVision(vision, item, slice.start(), std::int64_t{slice.start()} + slice.ids_size(), row.first);
        if (slice.sample())
            logitRows.push_back(static_cast<std::int32_t>(ids.size()) - 1);
    }
    std::vector<std::int32_t> positions;
    positions.reserve(3 * ids.size());
    for (int axis = 0; axis < 3; ++axis)
        for (const Row& row : rows) {
            const auto begin = row.slice->positions().begin() + axis * row.slice->ids_size();
            positions.insert(positions.end(), begin, begin + row.slice->ids_size());
        }
    const ConstTensorView scores = m_model.forward(
        {.ids = ids, .positions = positions, .slices = slices, .vision = vision, .logitRows = logitRows});
    // Embeddings whose last row is cached now are of no more use.
    for (const Row& row : rows)
        for (VisionItem& item : row.state->vision)
            if (item.endRow() <= static_cast<std::int64_t>(row.state->ids.size()))
                item.embeddings = {};
    return scores;
}

void StepRunner::sample(std::span<const Row> rows, ConstTensorView scores, wire::StepResult& result)
{
    std::int64_t next = 0;
    for (const Row& row : rows) {
        if (!row.slice->sample())
            continue;
        const float* const from = scores.rows(next++, 1).data<const float>();
        m_scores.assign(from, from + scores.extent(1));
        try {
            const std::int32_t id = sampleToken(m_scores, row.state->ids, row.state->sampling, row.state->ids.size());
            wire::SampledToken* const token = result.add_tokens();
            token->set_sequence(row.slice->sequence());
            token->set_id(id);
        } catch (const OpsError& problem) {
            addFailure(result, row.slice->sequence(),
                       {ErrorCode::Internal,
                        std::string("the model's answer cannot be read: ") + problem.what(),
                        "ask again; if it happens again, check the checkpoint's files",
                        {}});
            m_book.drop(row.slice->sequence());
        }
    }
}

void StepRunner::drop(const wire::DropSequences& drops)
{
    for (const SequenceId id : drops.sequences())
        m_book.drop(id);
}

} // namespace argus::executor
