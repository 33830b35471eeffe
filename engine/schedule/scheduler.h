#pragma once
// Which sequences run in the next step, and in which KV blocks: pure logic, no I/O, no device, no clock.
//
// First come, first served, batched. A sequence is admitted when the blocks for its whole prompt and longest answer are
// free, so an admitted one always finishes: nothing is preempted. Prompts longer than the step's token budget run in
// pieces.
//
// Steps are planned ahead: while one runs, the next one waits behind it, so a device never waits for its node. What the
// step before samples is not known by then; that it will be one token, and where it stands, is.
//
// What was seen in pictures waits on the device until the prompt is in the cache, in a room of limited size. A sequence
// that brings more than the room has left begins when the room is empty again; those without pictures go ahead of it.
//
// Where a model is cut into stages, a token that the last stage samples is not where the first stage needs it. So no
// step follows another: the running sequences are spread over as many steps as there are stages, each stage works on
// another one of them, and a sequence goes on when its token has come back.

#include "engine/base/result.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

namespace argus::schedule {

using SequenceId = std::uint64_t;

/// Steps on their way to a model of one stage: one that runs and one that waits behind it. More would only make what
/// has ended run longer; a slice that follows relies on the step right before its own.
constexpr std::size_t kStepsOnTheirWay = 2;

struct Limits {
    std::uint32_t kvBlocks = 0;
    std::uint32_t kvBlockTokens = 16;
    std::uint32_t maxBatchedTokens = 2048;
    std::uint32_t maxSequences = 8;
    std::uint32_t maxModelLen = 8192;
    std::uint32_t waitingVisionTokens = 8192; ///< rows of pictures and clips that may wait for the cache
    std::uint32_t stages = 1;                 ///< that a step passes one after the other
};

/// One sequence's share of a step.
struct Slice {
    SequenceId sequence = 0;
    std::uint32_t start = 0; ///< tokens cached once the steps before this one have run
    std::uint32_t tokens = 0;
    bool sample = false;  ///< reaches the end of the sequence: a token comes back
    bool first = false;   ///< the executor has not seen this sequence yet
    bool follows = false; ///< its one token is what the step on its way samples
};
using StepPlan = std::vector<Slice>;

class Scheduler {
public:
    explicit Scheduler(Limits limits);

    /// Queues a sequence; `visionTokens` of its prompt are rows of pictures and clips. Errors: BadRequest for an empty
    /// prompt or answer, DoesNotFit when prompt + answer exceed max_model_len, could never get their blocks, or the
    /// pictures their room; the cause has the numbers, the remedy the largest max_tokens or context that would work.
    [[nodiscard]] Result<Done> add(SequenceId id, std::uint32_t promptTokens, std::uint32_t maxNewTokens,
                                   std::uint32_t visionTokens = 0);
    /// The step after those on their way; empty when there is nothing to do or mostOnTheirWay() are on their way. A
    /// sequence that will be as long as it may be when they have run is left out; with several stages also one whose
    /// token is on its way, and answers are spread evenly over the steps. Reserves nothing beyond admission.
    [[nodiscard]] StepPlan plan();
    /// The last plan, or a beginning of it, is on its way.
    void start(StepPlan plan);
    /// The oldest step on its way has run: every `sample` slice has one more known token. Returns its plan, slices of
    /// sequences removed meanwhile included; empty when none was on its way.
    StepPlan commit();
    /// Finished, cancelled or failed: it is not planned again. What the executor has seen keeps its blocks and its
    /// place among maxSequences until release(): a step on its way may still write to them.
    void remove(SequenceId id);
    /// Frees what belonged to removed sequences that no step on its way uses any more, in order of removal. The
    /// executor has to drop these before it is sent another plan, which may give their blocks away.
    [[nodiscard]] std::vector<SequenceId> release();
    /// The executor lost its cache and the steps on their way with it: everything goes back to the queue with nothing
    /// cached, in order of arrival, and what was removed is gone.
    void forgetCaches();

    /// Steps that may be on their way at a time: one for each stage, or kStepsOnTheirWay.
    [[nodiscard]] std::size_t mostOnTheirWay() const { return inStages() ? m_limits.stages : kStepsOnTheirWay; }
    [[nodiscard]] const std::deque<StepPlan>& onTheirWay() const { return m_onTheirWay; } ///< oldest first
    [[nodiscard]] std::span<const std::uint32_t> blocksOf(SequenceId id) const;
    [[nodiscard]] std::uint32_t running() const;
    [[nodiscard]] std::uint32_t waiting() const;
    [[nodiscard]] std::uint32_t usedBlocks() const;

private:
    struct Sequence {
        std::uint32_t known = 0;   ///< prompt + sampled tokens that came back
        std::uint32_t awaited = 0; ///< sampled tokens on their way
        std::uint32_t sent = 0;    ///< tokens cached once the steps on their way have run
        std::uint32_t longest = 0;
        std::uint32_t vision = 0;
        std::uint32_t steps = 0; ///< on their way with a slice of it
        std::uint64_t arrival = 0;
        bool seen = false; ///< the executor knows it
        std::vector<std::uint32_t> blocks = {};

        [[nodiscard]] std::uint32_t length() const { return known + awaited; }
        /// The prompt is cached, or will be when the steps on their way have run.
        [[nodiscard]] bool answers() const { return sent > 0 && length() - sent <= 1; }
        /// The device keeps what it saw in pictures until all of them are cached; they stand before the last token.
        [[nodiscard]] bool keepsVision() const { return vision > 0 && sent > 0 && !answers(); }
    };
    using Book = std::map<SequenceId, Sequence>;

    [[nodiscard]] bool inStages() const { return m_limits.stages > 1; }
    [[nodiscard]] bool canMoveOn(const Sequence& sequence) const;
    [[nodiscard]] std::size_t answersInAStep() const;
    [[nodiscard]] std::uint64_t visionBegun() const;
    void admit();
    void erase(Book::iterator sequence);
    void freeBlocks(Sequence& sequence);

    Limits m_limits;
    Book m_sequences;
    std::deque<SequenceId> m_queue;    ///< waiting, first come first
    std::vector<SequenceId> m_running; ///< in order of admission
    std::vector<SequenceId> m_removed; ///< still holding blocks, in order of removal
    std::deque<StepPlan> m_onTheirWay;
    std::vector<std::uint32_t> m_freeBlocks; ///< lowest last
    std::uint64_t m_visionBegun = 0;         ///< vision tokens of all sequences begun since the room was last empty
    std::uint64_t m_arrivals = 0;
};

} // namespace argus::schedule
