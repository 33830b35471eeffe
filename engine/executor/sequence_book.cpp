#include "engine/executor/sequence_book.h"

#include "engine/base/catalogue.h"
#include "engine/executor/philox.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace argus::executor {
namespace {

/// The node and this program come from one build, so a plan like that is a bug, and the words are for whoever looks for
/// it.
Error broken(std::string cause)
{
    return makeError(ErrorCode::Internal, std::move(cause), say("do-restart-and-report"));
}

/// Rotary angles are products with a position in float, which counts exactly up to here. Clips may lie beyond the
/// model's own positions.
constexpr std::int32_t kMostPositions = 1 << 24;

bool sane(const wire::SamplingPlan& plan)
{
    return std::isfinite(plan.temperature()) && plan.temperature() >= 0 && plan.top_p() >= 0 && plan.top_p() <= 1 &&
           std::isfinite(plan.repetition_penalty()) && plan.repetition_penalty() > 0;
}

} // namespace

ops::SamplingRow samplingRow(const SamplingSettings& settings, std::int32_t slot, std::uint64_t position)
{
    // More than an id's worth of candidates is all of them.
    constexpr std::uint32_t kMostTopK = std::numeric_limits<std::int32_t>::max();
    return {.slot = slot,
            .topK = static_cast<std::int32_t>(std::min(settings.topK, kMostTopK)),
            .temperature = static_cast<float>(settings.temperature),
            .topP = static_cast<float>(settings.topP),
            .penalty = static_cast<float>(settings.repetitionPenalty),
            .uniform = uniformAt(settings.seed, position)};
}

int tokensOf(const wire::SequenceSlice& slice)
{
    return slice.follows() ? 1 : slice.ids_size();
}

Result<Done> SequenceBook::checkStep(const wire::StepPlan& plan) const
{
    if (plan.slices_size() == 0 || plan.slices_size() > m_sizes.maxSequences)
        return broken(fmt::format("step {} has {} slices, 1 to {} are allowed", plan.step(), plan.slices_size(),
                                  m_sizes.maxSequences));
    std::int64_t tokens = 0;
    std::set<SequenceId> sequences;
    for (const wire::SequenceSlice& slice : plan.slices()) {
        tokens += tokensOf(slice);
        if (!sequences.insert(slice.sequence()).second)
            return broken(fmt::format("step {} has sequence {} twice", plan.step(), slice.sequence()));
    }
    if (tokens > m_sizes.maxBatchedTokens)
        return broken(fmt::format("step {} has {} tokens, at most {} are allowed", plan.step(), tokens,
                                  m_sizes.maxBatchedTokens));
    return Done{};
}

Result<SequenceState*> SequenceBook::take(const wire::SequenceSlice& slice, std::size_t descriptors)
{
    const SequenceId id = slice.sequence();
    if (slice.start() == 0)
        drop(id); // an old life of it, from before the node forgot the caches
    const auto failed = [&](Error error) {
        drop(id);
        return error;
    };
    if (auto checked = checkIds(slice); !checked)
        return failed(std::move(checked).error());
    if (slice.start() == 0) {
        auto begun = begin(slice, descriptors);
        if (!begun)
            return failed(std::move(begun).error());
        if (m_freeSlots.empty())
            return failed(broken(
                fmt::format("sequence {} finds all {} slots taken: ended ones were not dropped", id, m_sizes.slots())));
        begun->slot = m_freeSlots.back();
        m_freeSlots.pop_back();
        m_sequences.emplace(id, std::move(*begun));
    }
    const auto found = m_sequences.find(id);
    if (found == m_sequences.end())
        return broken(fmt::format("sequence {} goes on at token {} but never began here", id, slice.start()));
    SequenceState& state = found->second;
    if (slice.start() != state.cached)
        return failed(
            broken(fmt::format("sequence {} goes on at token {} but {} are cached", id, slice.start(), state.cached)));
    if (slice.follows() && !state.drawing)
        return failed(broken(fmt::format("sequence {} follows a token that was not drawn", id)));
    if (slice.start() != 0 && (slice.vision_size() != 0 || slice.has_sampling()))
        return failed(
            broken(fmt::format("sequence {} brings sampling or vision again at token {}", id, slice.start())));
    if (auto claimed = claimBlocks(slice, state); !claimed)
        return failed(std::move(claimed).error());
    if (auto checked = checkPads(slice, state); !checked)
        return failed(std::move(checked).error());
    state.cached += tokensOf(slice);
    state.drawing = slice.sample();
    return &state;
}

Result<Done> SequenceBook::checkIds(const wire::SequenceSlice& slice) const
{
    const int tokens = tokensOf(slice);
    if (slice.follows() && slice.ids_size() != 0)
        return broken(
            fmt::format("sequence {} follows a token but brings {} of its own", slice.sequence(), slice.ids_size()));
    if (slice.follows() && !slice.sample())
        return broken(fmt::format("sequence {} follows a token but wants none after it", slice.sequence()));
    if (tokens == 0)
        return broken(fmt::format("sequence {} has a slice without tokens", slice.sequence()));
    if (slice.positions_size() != 3 * tokens)
        return broken(fmt::format("sequence {} has {} positions for {} tokens, not three each", slice.sequence(),
                                  slice.positions_size(), tokens));
    for (const std::int32_t id : slice.ids())
        if (id < 0 || id >= m_config.vocabSize)
            return broken(fmt::format("sequence {} has token {}, the vocabulary ends at {}", slice.sequence(), id,
                                      m_config.vocabSize - 1));
    for (const std::int32_t position : slice.positions())
        if (position < 0 || position >= kMostPositions)
            return broken(fmt::format("sequence {} has position {}, allowed are 0 to {}", slice.sequence(), position,
                                      kMostPositions - 1));
    return Done{};
}

Result<SequenceState> SequenceBook::begin(const wire::SequenceSlice& slice, std::size_t descriptors) const
{
    SequenceState state;
    const wire::SamplingPlan& plan = slice.sampling();
    if (!slice.has_sampling() || !sane(plan))
        return broken(fmt::format("sequence {} begins with {} sampling settings", slice.sequence(),
                                  slice.has_sampling() ? "impossible" : "no"));
    state.sampling = {.temperature = plan.temperature(),
                      .topP = plan.top_p(),
                      .topK = plan.top_k(),
                      .repetitionPenalty = plan.repetition_penalty(),
                      .seed = plan.seed()};
    if (auto read = readVision(slice, descriptors, state); !read)
        return std::move(read).error();
    return state;
}

Result<Done> SequenceBook::readVision(const wire::SequenceSlice& slice, std::size_t descriptors,
                                      SequenceState& state) const
{
    const std::int64_t room = std::int64_t{slice.blocks_size()} * m_sizes.kvBlockTokens;
    const std::uint32_t merge = static_cast<std::uint32_t>(m_config.vision.mergeSize);
    std::int64_t free = 0;
    for (int index = 0; index < slice.vision_size(); ++index) {
        const wire::VisionItem& plan = slice.vision(index);
        const auto refuse = [&](std::string why) {
            return Error{ErrorCode::BadRequest,
                         fmt::format("item {} of sequence {} {}", index + 1, slice.sequence(), why),
                         {},
                         {}};
        };
        // Each extent alone is below the rows a sequence could hold, so that the products stay within 64 bits.
        const std::uint64_t most = static_cast<std::uint64_t>(room) * merge * merge;
        const std::uint64_t t = plan.grid_t();
        const std::uint64_t h = plan.grid_h();
        const std::uint64_t w = plan.grid_w();
        if (t == 0 || h == 0 || w == 0 || h % merge != 0 || w % merge != 0)
            return refuse(fmt::format("has a grid of {} x {} x {} patches, height and width must be multiples of {}", t,
                                      h, w, merge));
        if (t > most || h > most || w > most || h * w > most || t * (h * w) > most)
            return refuse(
                fmt::format("has a grid of {} x {} x {} patches, its sequence has room for {}", t, h, w, most));
        const std::uint64_t pair = static_cast<std::uint64_t>(m_config.vision.temporalPatchSize);
        if (plan.frames() > t * pair || plan.frames() + pair <= t * pair)
            return refuse(fmt::format("has {} frames, {} temporal patches take {}", plan.frames(), t, t * pair));
        if (plan.pixels_descriptor() >= descriptors)
            return refuse(
                fmt::format("has its pixels in descriptor {}, {} came", plan.pixels_descriptor(), descriptors));
        VisionItem item{.grid = {.t = static_cast<int>(t), .h = static_cast<int>(h), .w = static_cast<int>(w)},
                        .firstRow = plan.first_row(),
                        .rows = static_cast<std::int64_t>(t * h * w / (std::uint64_t{merge} * merge)),
                        .frames = static_cast<int>(plan.frames()),
                        .video = plan.video(),
                        .descriptor = plan.pixels_descriptor(),
                        .waiting = true,
                        .embeddings = {}};
        if (item.firstRow < free || item.endRow() > room)
            return refuse(fmt::format("fills rows {} to {}, free are {} to {}", item.firstRow, item.endRow() - 1, free,
                                      room - 1));
        free = item.endRow();
        state.vision.push_back(std::move(item));
    }
    return Done{};
}

Result<Done> SequenceBook::claimBlocks(const wire::SequenceSlice& slice, SequenceState& state)
{
    const std::int64_t end = std::int64_t{slice.start()} + tokensOf(slice);
    if (std::int64_t{slice.blocks_size()} * m_sizes.kvBlockTokens < end)
        return broken(fmt::format("sequence {} has {} KV blocks of {} tokens, too few for {} tokens", slice.sequence(),
                                  slice.blocks_size(), m_sizes.kvBlockTokens, end));
    if (!std::equal(state.blocks.begin(), state.blocks.end(), slice.blocks().begin(),
                    slice.blocks().begin() + std::min<int>(slice.blocks_size(), static_cast<int>(state.blocks.size())),
                    [](std::int32_t ours, std::uint32_t theirs) { return static_cast<std::uint32_t>(ours) == theirs; }))
        return broken(fmt::format("sequence {} moved to other KV blocks while its tokens stand in the old ones",
                                  slice.sequence()));
    for (int index = static_cast<int>(state.blocks.size()); index < slice.blocks_size(); ++index) {
        const std::uint32_t block = slice.blocks(index);
        if (block >= static_cast<std::uint32_t>(m_sizes.kvBlocks))
            return broken(
                fmt::format("sequence {} names KV block {}, there are {}", slice.sequence(), block, m_sizes.kvBlocks));
        const auto [owner, fresh] = m_owners.try_emplace(block, slice.sequence());
        if (!fresh)
            return broken(fmt::format("sequence {} names KV block {}, which belongs to sequence {}", slice.sequence(),
                                      block, owner->second));
        state.blocks.push_back(static_cast<std::int32_t>(block));
    }
    return Done{};
}

Result<Done> SequenceBook::checkPads(const wire::SequenceSlice& slice, const SequenceState& state) const
{
    const std::int64_t start = slice.start();
    const std::int64_t end = start + tokensOf(slice);
    for (const VisionItem& item : state.vision) {
        const std::int32_t pad = item.video ? m_config.videoToken : m_config.imageToken;
        for (std::int64_t row = std::max(start, item.firstRow); row < std::min(end, item.endRow()); ++row)
            if (const std::int32_t id = slice.follows() ? -1 : slice.ids(static_cast<int>(row - start)); id != pad)
                return Error{ErrorCode::BadRequest,
                             fmt::format("row {} of sequence {} should hold pad {} of a {}, it holds token {}", row,
                                         slice.sequence(), pad, item.video ? "clip" : "picture", id),
                             {},
                             {}};
        if (slice.sample() && item.endRow() > end)
            return Error{ErrorCode::BadRequest,
                         fmt::format("sequence {} ends at row {}, its vision fills rows up to {}", slice.sequence(),
                                     end - 1, item.endRow() - 1),
                         {},
                         {}};
    }
    return Done{};
}

void SequenceBook::drop(SequenceId id)
{
    const auto found = m_sequences.find(id);
    if (found == m_sequences.end())
        return;
    for (const std::int32_t block : found->second.blocks)
        m_owners.erase(static_cast<std::uint32_t>(block));
    m_freeSlots.push_back(found->second.slot);
    m_sequences.erase(found);
}

void SequenceBook::clear()
{
    m_sequences.clear();
    m_owners.clear();
    m_freeSlots.clear();
    for (int slot = m_sizes.slots(); slot > 0; --slot)
        m_freeSlots.push_back(slot - 1);
}

} // namespace argus::executor
