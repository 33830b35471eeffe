#pragma once
// Which sequences run in the next step, and in which KV blocks: pure logic, no I/O, no device, no clock.
//
// First come, first served, batched. A sequence is admitted when the blocks for its whole prompt and longest answer are
// free, so an admitted one always finishes: nothing is preempted. Prompts longer than the step's token budget run in
// pieces.

#include "engine/base/result.h"

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

namespace argus::schedule {

using SequenceId = std::uint64_t;

struct Limits {
    std::uint32_t kvBlocks = 0;
    std::uint32_t kvBlockTokens = 16;
    std::uint32_t maxBatchedTokens = 2048;
    std::uint32_t maxSequences = 8;
    std::uint32_t maxModelLen = 8192;
};

/// One sequence's share of a step.
struct Slice {
    SequenceId sequence = 0;
    std::uint32_t start = 0; ///< tokens already cached
    std::uint32_t tokens = 0;
    bool sample = false; ///< reaches the end of what is known: a token comes back
    bool first = false;  ///< the executor has not seen this sequence yet
};
using StepPlan = std::vector<Slice>;

class Scheduler {
public:
    explicit Scheduler(Limits limits);

    /// Queues a sequence. Errors: BadRequest for an empty prompt or answer, DoesNotFit when prompt + answer exceed
    /// max_model_len or could never get their blocks; the cause has the numbers, the remedy the largest max_tokens or
    /// context that would work.
    [[nodiscard]] Result<Done> add(SequenceId id, std::uint32_t promptTokens, std::uint32_t maxNewTokens);
    /// The next step; empty when there is nothing to do. Reserves nothing beyond admission: call commit() when it ran,
    /// or drop the sequences when it did not.
    [[nodiscard]] StepPlan plan();
    /// The step ran: its tokens are cached; every `sample` slice has one more known token. Slices of sequences removed
    /// or forgotten meanwhile count for nothing. A sequence whose answer has reached maxNewTokens is not planned again
    /// and keeps its blocks until remove().
    void commit(const StepPlan& plan);
    /// Finished, cancelled or failed: its blocks are free at once.
    void remove(SequenceId id);
    /// Everything goes back to the queue with nothing cached, in order of arrival: the executor lost its cache.
    void forgetCaches();

    [[nodiscard]] std::span<const std::uint32_t> blocksOf(SequenceId id) const;
    [[nodiscard]] std::uint32_t running() const;
    [[nodiscard]] std::uint32_t waiting() const;
    [[nodiscard]] std::uint32_t usedBlocks() const;

private:
    struct Sequence {
        std::uint32_t known = 0; ///< prompt + sampled tokens
        std::uint32_t cached = 0;
        std::uint32_t longest = 0;
        std::uint64_t arrival = 0;
        bool admitted = false;
        bool seen = false; ///< the executor knows it
        std::vector<std::uint32_t> blocks = {};
    };
    void admit();
    void release(Sequence& sequence);
    Limits m_limits;
    std::map<SequenceId, Sequence> m_sequences;
    std::deque<SequenceId> m_queue;          ///< waiting, first come first
    std::vector<SequenceId> m_running;       ///< in order of admission
    std::vector<std::uint32_t> m_freeBlocks; ///< lowest last
    std::uint64_t m_arrivals = 0;
};

} // namespace argus::schedule
