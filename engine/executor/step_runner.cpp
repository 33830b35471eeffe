#include "engine/executor/step_runner.h"

#include "engine/base/catalogue.h"
#include "engine/comm/communicator.h"
#include "engine/executor/pixels.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace argus::executor {
namespace {

void addFailure(wire::StepResult& result, SequenceId sequence, const Error& error)
{
    wire::SequenceFailed* const failure = result.add_failures();
    failure->set_sequence(sequence);
    *failure->mutable_error() = protocol::toWire(error);
}

bool hasFailed(const wire::StepResult& result, SequenceId sequence)
{
    return std::any_of(result.failures().begin(), result.failures().end(),
                       [sequence](const wire::SequenceFailed& failure) { return failure.sequence() == sequence; });
}

} // namespace

std::size_t StepRunner::mostOpen() const
{
    return static_cast<std::size_t>(std::clamp(m_shard.stages, 2, ops::kMostFetches));
}

Result<Done> StepRunner::begin(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors)
{
    if (m_open.size() >= mostOpen())
        return makeError(ErrorCode::Internal, fmt::format("a step came while {} were under way", m_open.size()),
                         say("do-restart-node"));
    if (auto checked = m_book.checkStep(plan); !checked)
        return std::move(checked).error();
    Open open;
    open.since = now();
    open.result.set_step(plan.step());
    try {
        const std::vector<Row> rows = takeSlices(plan, descriptors, open);
        if (!rows.empty())
            enqueue(rows, open);
    } catch (...) {
        // What stands in the cache for these is unknown now.
        for (const wire::SequenceSlice& slice : plan.slices())
            m_book.drop(slice.sequence());
        throw;
    }
    m_open.push_back(std::move(open));
    return Done{};
}

/// The slices that take part in the step: the same ones on every rank.
std::vector<StepRunner::Row> StepRunner::takeSlices(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors,
                                                    Open& open)
{
    // Descriptors come only to ranks that look at pictures, and only they can miss one.
    constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
    std::vector<Row> rows;
    for (const wire::SequenceSlice& slice : plan.slices()) {
        auto taken = m_book.take(slice, m_shard.whole() ? descriptors.size() : kAny);
        if (!taken) {
            if (reports())
                addFailure(open.result, slice.sequence(), taken.error());
            continue;
        }
        if (m_shard.first())
            if (auto looked = look(**taken, descriptors); !looked) {
                addFailure(open.result, slice.sequence(), looked.error());
                if (m_shard.whole()) {
                    m_book.drop(slice.sequence());
                    continue;
                }
            }
        rows.push_back({.slice = &slice, .state = *taken});
    }
    return rows;
}

Result<Done> StepRunner::look(SequenceState& state, std::span<const UniqueFd> descriptors)
{
    // One item at a time: the memory of the vision tower is budgeted for the largest item, not for ten of them.
    Result<Done> outcome = Done{};
    for (VisionItem& item : state.vision)
        if (item.waiting && (outcome.ok() || !m_shard.whole()))
            if (auto looked = look(item, descriptors); !looked && outcome.ok())
                outcome = std::move(looked);
    return outcome;
}

/// Encodes a picture; with other ranks also one that cannot be read, for they encode it at the same time.
Result<Done> StepRunner::look(VisionItem& item, std::span<const UniqueFd> descriptors)
{
    const int side = m_model.config().vision.patchSize;
    Result<HostTensor> pixels = item.descriptor < descriptors.size()
                                    ? readPixels(descriptors[item.descriptor].get(), item.grid, item.frames, side)
                                    : makeError(ErrorCode::Internal, say("pixels-missing"), say("do-restart-node"));
    Result<Done> outcome = pixels.ok() ? Result<Done>(Done{}) : Result<Done>(pixels.error());
    if (!pixels.ok() && m_shard.whole())
        return outcome;
    if (!pixels.ok()) {
        pixels = HostTensor(DType::U8, frameShape(item.grid, item.frames, side));
        std::fill_n(pixels->view().bytes(), pixels->shape().elements(), std::byte{0});
    }
    try {
        item.embeddings = m_model.encodeVision(model::FrameSource({pixels->view()}, m_scale), {&item.grid, 1});
    } catch (const ops::DeviceLost&) {
        throw;
    } catch (const comm::GroupBroken&) {
        throw;
    } catch (const OpsError& problem) {
        outcome = makeError(ErrorCode::Internal, say("picture-not-encoded", problem.said()), say("do-other-picture"));
        if (m_shard.whole())
            return outcome;
        item.embeddings = {}; // its rows keep what stands for every pad
    }
    item.waiting = false;
    return outcome;
}

/// Embeddings for the part of an item that lies in [start, end) of its sequence, which begins at `row` of the batch.
/// Later stages say where they are and have none; nor has an item that could not be encoded.
void StepRunner::addVision(const VisionItem& item, std::int64_t start, std::int64_t end, std::int64_t row)
{
    const std::int64_t from = std::max(start, item.firstRow);
    const std::int64_t to = std::min(end, item.endRow());
    if (from >= to || (m_shard.first() && item.embeddings.view().shape().rank() == 0))
        return;
    const ConstTensorView embeddings =
        m_shard.first() ? ConstTensorView(item.embeddings.rows(from - item.firstRow, to - from))
                        : ConstTensorView(nullptr, m_ops.computeType(), {to - from, m_model.config().hiddenSize});
    m_vision.push_back({.firstRow = row + (from - start), .embeddings = embeddings});
}

void StepRunner::enqueue(std::span<const Row> rows, Open& open)
{
    m_ids.clear();
    m_positions.clear();
    m_logitRows.clear();
    m_slices.clear();
    m_vision.clear();
    m_sampling.clear();
    for (const Row& row : rows) {
        const wire::SequenceSlice& slice = *row.slice;
        const auto first = static_cast<std::int64_t>(m_ids.size());
        const std::int64_t tokens = tokensOf(slice);
        if (slice.follows())
            m_ids.push_back(-1 - row.state->slot);
        else
            m_ids.insert(m_ids.end(), slice.ids().begin(), slice.ids().end());
        m_slices.push_back({.firstRow = first,
                            .tokens = tokens,
                            .cached = slice.start(),
                            .slot = row.state->slot,
                            .blocks = row.state->blocks});
        for (const VisionItem& item : row.state->vision)
            addVision(item, slice.start(), slice.start() + tokens, first);
        if (slice.sample()) {
            m_logitRows.push_back(static_cast<std::int32_t>(m_ids.size()) - 1);
            m_sampling.push_back(
                samplingRow(row.state->sampling, row.state->slot, static_cast<std::uint64_t>(row.state->cached)));
            if (reports())
                open.drawing.push_back(slice.sequence());
        }
    }
    for (int axis = 0; axis < 3; ++axis)
        for (const Row& row : rows) {
            const int tokens = tokensOf(*row.slice);
            const auto begin = row.slice->positions().begin() + axis * tokens;
            m_positions.insert(m_positions.end(), begin, begin + tokens);
        }
    m_model.run({.ids = m_ids,
                 .positions = m_positions,
                 .slices = m_slices,
                 .vision = m_vision,
                 .logitRows = m_logitRows,
                 .sampling = m_sampling});
    if (!open.drawing.empty())
        open.fetch = m_model.fetchDrawn();
    // Embeddings whose last row is in the cache are of no more use.
    for (const Row& row : rows)
        for (VisionItem& item : row.state->vision)
            if (item.endRow() <= row.state->cached)
                item.embeddings = {};
}

bool StepRunner::ready()
{
    return !m_open.empty() && (m_open.front().fetch < 0 || m_ops.arrived(m_open.front().fetch));
}

wire::StepResult StepRunner::finish()
{
    Open open = std::move(m_open.front());
    m_open.pop_front();
    m_drawn.assign(open.drawing.size(), -1);
    if (open.fetch >= 0)
        m_ops.take(open.fetch, m_drawn);
    for (std::size_t i = 0; i < m_drawn.size(); ++i) {
        const SequenceId sequence = open.drawing[i];
        if (hasFailed(open.result, sequence))
            continue;
        if (m_drawn[i] >= 0) {
            wire::SampledToken* const token = open.result.add_tokens();
            token->set_sequence(sequence);
            token->set_id(m_drawn[i]);
            continue;
        }
        addFailure(open.result, sequence,
                   makeError(ErrorCode::Internal, say("scores-not-finite"), say("do-check-weights")));
    }
    open.result.set_seconds(std::chrono::duration<double>(now() - open.since).count());
    return std::move(open.result);
}

void StepRunner::drop(const wire::DropSequences& drops)
{
    for (const SequenceId id : drops.sequences())
        m_book.drop(id);
}

} // namespace argus::executor
