#include "engine/schedule/scheduler.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace argus::schedule {
namespace {

std::uint64_t blocksFor(std::uint64_t tokens, std::uint32_t blockTokens)
{
    return (tokens + blockTokens - 1) / blockTokens;
}

/// What an asker can change when prompt + answer are longer than `room`.
Said remedyFor(std::uint64_t promptTokens, std::uint64_t room, const char* orRaise)
{
    if (promptTokens < room)
        return say("do-shorter-answer", room - promptTokens, orRaise);
    return say("do-shorter-question", room, orRaise);
}

} // namespace

Scheduler::Scheduler(Limits limits) : m_limits(limits)
{
    // Zeros would mean no progress or a division by zero; plan never sends them.
    m_limits.kvBlockTokens = std::max(m_limits.kvBlockTokens, 1U);
    m_limits.maxBatchedTokens = std::max(m_limits.maxBatchedTokens, 1U);
    m_limits.maxSequences = std::max(m_limits.maxSequences, 1U);
    m_limits.stages = std::max(m_limits.stages, 1U);
    m_freeBlocks.reserve(m_limits.kvBlocks);
    for (std::uint32_t block = m_limits.kvBlocks; block > 0; --block)
        m_freeBlocks.push_back(block - 1);
}

Result<Done> Scheduler::add(SequenceId id, std::uint32_t promptTokens, std::uint32_t maxNewTokens,
                            std::uint32_t visionTokens)
{
    if (m_sequences.contains(id))
        return Error{ErrorCode::Internal, fmt::format("sequence {} is scheduled already", id), {}, {}};
    if (promptTokens == 0)
        return makeError(ErrorCode::BadRequest, say("question-empty"), say("do-write-question"));
    if (maxNewTokens == 0)
        return makeError(ErrorCode::BadRequest, say("no-answer-possible"), say("do-ask-one-token"));
    const std::uint64_t longest = std::uint64_t{promptTokens} + maxNewTokens;
    if (longest > m_limits.maxModelLen)
        return makeError(ErrorCode::DoesNotFit,
                         say("question-too-long", promptTokens, maxNewTokens, longest, m_limits.maxModelLen),
                         remedyFor(promptTokens, m_limits.maxModelLen, "max_model_len"), "max_model_len");
    if (visionTokens > m_limits.waitingVisionTokens)
        return makeError(ErrorCode::DoesNotFit, say("vision-too-long", visionTokens, m_limits.waitingVisionTokens),
                         say("do-less-vision"));
    const std::uint64_t blocks = blocksFor(longest, m_limits.kvBlockTokens);
    if (blocks > m_limits.kvBlocks) {
        const std::uint64_t room = std::uint64_t{m_limits.kvBlocks} * m_limits.kvBlockTokens;
        return makeError(ErrorCode::DoesNotFit,
                         say("question-too-many-blocks", promptTokens, maxNewTokens, blocks, m_limits.kvBlockTokens,
                             m_limits.kvBlocks),
                         remedyFor(promptTokens, room, "gpu_memory_utilization"), "gpu_memory_utilization");
    }
    m_sequences.emplace(id, Sequence{.known = promptTokens,
                                     .longest = static_cast<std::uint32_t>(longest),
                                     .vision = visionTokens,
                                     .arrival = m_arrivals++});
    m_queue.push_back(id);
    return Done{};
}

void Scheduler::admit()
{
    // Strictly in order: a short ask behind a long one waits, so that no stream of short ones can starve the long one.
    while (!m_queue.empty() && m_running.size() + m_removed.size() < m_limits.maxSequences) {
        Sequence& sequence = m_sequences.at(m_queue.front());
        const std::uint64_t needed = blocksFor(sequence.longest, m_limits.kvBlockTokens);
        if (needed > m_freeBlocks.size())
            return;
        for (std::uint64_t i = 0; i < needed; ++i) {
            sequence.blocks.push_back(m_freeBlocks.back());
            m_freeBlocks.pop_back();
        }
        m_running.push_back(m_queue.front());
        m_queue.pop_front();
    }
}

bool Scheduler::canMoveOn(const Sequence& sequence) const
{
    // A sequence whose answer is as long as it may be waits for its remove(): one more token would outgrow its blocks.
    if (sequence.length() >= sequence.longest)
        return false;
    return !inStages() || sequence.awaited == 0;
}

std::size_t Scheduler::answersInAStep() const
{
    if (!inStages())
        return m_running.size();
    const auto answering = std::count_if(m_running.begin(), m_running.end(),
                                         [this](SequenceId id) { return m_sequences.at(id).answers(); });
    return (static_cast<std::size_t>(answering) + m_limits.stages - 1) / m_limits.stages;
}

/// What was begun since the room was last empty counts in full, ended or not: as places between the pieces of others
/// are not moved together, this much is sure to fit.
std::uint64_t Scheduler::visionBegun() const
{
    if (m_visionBegun == 0)
        return 0;
    const bool kept = std::any_of(m_sequences.begin(), m_sequences.end(),
                                  [](const auto& entry) { return entry.second.keepsVision(); });
    return kept ? m_visionBegun : 0;
}

StepPlan Scheduler::plan()
{
    if (m_onTheirWay.size() >= mostOnTheirWay())
        return {};
    admit();
    StepPlan plan;
    std::uint32_t budget = m_limits.maxBatchedTokens;
    std::uint64_t vision = visionBegun();
    bool visionWaits = false;
    const auto take = [&](bool answering, std::size_t most) {
        for (const SequenceId id : m_running) {
            const Sequence& sequence = m_sequences.at(id);
            if (budget == 0 || plan.size() >= most)
                return;
            if (sequence.answers() != answering || !canMoveOn(sequence))
                continue;
            if (sequence.sent == 0 && sequence.vision > 0) {
                // The first that has to wait keeps later ones waiting, or they might keep the room from getting empty.
                visionWaits = visionWaits || vision + sequence.vision > m_limits.waitingVisionTokens;
                if (visionWaits)
                    continue;
                vision += sequence.vision;
            }
            const std::uint32_t pending = sequence.length() - sequence.sent;
            const std::uint32_t tokens = std::min(pending, budget);
            budget -= tokens;
            plan.push_back({.sequence = id,
                            .start = sequence.sent,
                            .tokens = tokens,
                            .sample = tokens == pending,
                            .first = !sequence.seen,
                            .follows = sequence.sent == sequence.known});
        }
    };
    take(true, answersInAStep()); // answers that are being read keep flowing while a long prompt comes piece by piece
    take(false, m_running.size());
    return plan;
}

void Scheduler::start(StepPlan plan)
{
    m_visionBegun = visionBegun(); // before anything of this step is in the cache
    for (const Slice& slice : plan) {
        Sequence& sequence = m_sequences.at(slice.sequence);
        m_visionBegun += sequence.sent == 0 ? sequence.vision : 0;
        sequence.sent += slice.tokens;
        sequence.awaited += slice.sample ? 1 : 0;
        sequence.seen = true;
        ++sequence.steps;
    }
    m_onTheirWay.push_back(std::move(plan));
}

StepPlan Scheduler::commit()
{
    if (m_onTheirWay.empty())
        return {};
    StepPlan plan = std::move(m_onTheirWay.front());
    m_onTheirWay.pop_front();
    for (const Slice& slice : plan) {
        Sequence& sequence = m_sequences.at(slice.sequence); // nothing leaves the book while a step has it
        --sequence.steps;
        if (slice.sample) {
            --sequence.awaited;
            ++sequence.known;
        }
    }
    return plan;
}

void Scheduler::remove(SequenceId id)
{
    const auto found = m_sequences.find(id);
    if (found == m_sequences.end() || std::find(m_removed.begin(), m_removed.end(), id) != m_removed.end())
        return;
    std::erase(m_queue, id);
    std::erase(m_running, id);
    if (found->second.seen)
        m_removed.push_back(id);
    else
        erase(found);
}

std::vector<SequenceId> Scheduler::release()
{
    std::vector<SequenceId> released;
    std::vector<SequenceId> held;
    for (const SequenceId id : m_removed)
        (m_sequences.at(id).steps == 0 ? released : held).push_back(id);
    for (const SequenceId id : released)
        erase(m_sequences.find(id));
    m_removed = std::move(held);
    return released;
}

void Scheduler::forgetCaches()
{
    m_onTheirWay.clear();
    for (const SequenceId id : m_removed)
        erase(m_sequences.find(id));
    m_removed.clear();
    for (const SequenceId id : m_running) {
        Sequence& sequence = m_sequences.at(id);
        freeBlocks(sequence);
        sequence.sent = 0;
        sequence.awaited = 0;
        sequence.steps = 0;
        sequence.seen = false;
        m_queue.push_back(id);
    }
    m_running.clear();
    std::sort(m_queue.begin(), m_queue.end(),
              [this](SequenceId a, SequenceId b) { return m_sequences.at(a).arrival < m_sequences.at(b).arrival; });
}

void Scheduler::erase(Book::iterator sequence)
{
    freeBlocks(sequence->second);
    m_sequences.erase(sequence);
}

void Scheduler::freeBlocks(Sequence& sequence)
{
    // The lowest block stands last and goes out first: the same history gives the same tables.
    const auto middle = static_cast<std::ptrdiff_t>(m_freeBlocks.size());
    std::sort(sequence.blocks.begin(), sequence.blocks.end(), std::greater<>());
    m_freeBlocks.insert(m_freeBlocks.end(), sequence.blocks.begin(), sequence.blocks.end());
    std::inplace_merge(m_freeBlocks.begin(), m_freeBlocks.begin() + middle, m_freeBlocks.end(), std::greater<>());
    sequence.blocks.clear();
}

std::span<const std::uint32_t> Scheduler::blocksOf(SequenceId id) const
{
    const auto found = m_sequences.find(id);
    return found == m_sequences.end() ? std::span<const std::uint32_t>()
                                      : std::span<const std::uint32_t>(found->second.blocks);
}

std::uint32_t Scheduler::running() const
{
    return static_cast<std::uint32_t>(m_running.size());
}
std::uint32_t Scheduler::waiting() const
{
    return static_cast<std::uint32_t>(m_queue.size());
}
std::uint32_t Scheduler::usedBlocks() const
{
    return m_limits.kvBlocks - static_cast<std::uint32_t>(m_freeBlocks.size());
}

} // namespace argus::schedule
