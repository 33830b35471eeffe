#pragma once
// An executor of a few lines that takes the contract by its word: it keeps ids and cache cells as a real one would, has
// a model whose next token is a function of every id before it, and notes each promise of the node that is broken.

#include "engine/protocol/executor.pb.h"
#include "engine/text/tokenizer.h"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace argus::node::testing {

class PretendExecutor {
public:
    using Ids = std::vector<text::TokenId>;
    using Model = std::function<text::TokenId(std::uint64_t sequence, const Ids& ids)>;
    struct Sizes {
        std::uint32_t blocks = 0;
        std::uint32_t blockTokens = 16;
        std::uint32_t batchedTokens = 0;
        std::uint32_t sequences = 0;
    };
    PretendExecutor(Sizes sizes, Model model) : m_sizes(sizes), m_model(std::move(model)), m_cells(sizes.blocks) {}

    [[nodiscard]] wire::StepResult run(const wire::StepPlan& plan)
    {
        wire::StepResult result;
        result.set_step(plan.step());
        std::uint32_t rows = 0;
        std::set<std::uint64_t> once;
        for (const wire::SequenceSlice& slice : plan.slices()) {
            rows += rowsOf(slice);
            expect(once.insert(slice.sequence()).second, slice, "is in a step twice");
            if (!take(slice, plan.step())) {
                wire::SequenceFailed& failure = *result.add_failures();
                failure.set_sequence(slice.sequence());
                failure.mutable_error()->set_code("Internal");
                failure.mutable_error()->set_cause("the pretended failure");
            } else if (slice.sample()) {
                State& state = m_sequences.at(slice.sequence());
                state.drawn = m_model(slice.sequence(), state.ids);
                state.drawnIn = plan.step();
                wire::SampledToken& token = *result.add_tokens();
                token.set_sequence(slice.sequence());
                token.set_id(state.drawn);
            }
        }
        if (plan.slices_size() == 0 || rows > m_sizes.batchedTokens || m_sequences.size() > m_sizes.sequences)
            complaints.push_back("step " + std::to_string(plan.step()) + " breaks its limits");
        return result;
    }
    void drop(const wire::DropSequences& drops)
    {
        for (const std::uint64_t sequence : drops.sequences()) {
            m_sequences.erase(sequence);
            m_failed.erase(sequence);
        }
    }
    /// Its next slice fails, and so does every one behind it.
    void fail(std::uint64_t sequence)
    {
        m_failed.insert(sequence);
        m_sequences.erase(sequence);
    }
    /// Rows that a slice takes in the batch.
    [[nodiscard]] static std::uint32_t rowsOf(const wire::SequenceSlice& slice)
    {
        return slice.follows() ? 1 : static_cast<std::uint32_t>(slice.ids_size());
    }

    std::vector<std::string> complaints;

private:
    using Cell = std::tuple<std::uint64_t, std::size_t, text::TokenId>; ///< sequence, index in it, id
    struct State {
        Ids ids; ///< all that are cached
        text::TokenId drawn = -1;
        std::uint64_t drawnIn = 0;
    };

    void expect(bool holds, const wire::SequenceSlice& slice, const char* otherwise)
    {
        if (!holds)
            complaints.push_back("sequence " + std::to_string(slice.sequence()) + " at token " +
                                 std::to_string(slice.start()) + " " + otherwise);
    }

    bool take(const wire::SequenceSlice& slice, std::uint64_t step)
    {
        if (m_failed.contains(slice.sequence()))
            return false;
        if (slice.start() == 0) {
            expect(!m_sequences.contains(slice.sequence()), slice, "begins twice");
            expect(slice.has_sampling(), slice, "begins without sampling");
            m_sequences[slice.sequence()] = {};
        }
        const auto found = m_sequences.find(slice.sequence());
        if (found == m_sequences.end()) {
            expect(false, slice, "never began");
            return false;
        }
        State& state = found->second;
        expect(slice.start() == state.ids.size(), slice, "does not go on where it stands");
        expect(slice.positions_size() == 3 * static_cast<int>(rowsOf(slice)), slice,
               "has not a position for each token");
        if (slice.follows()) {
            expect(slice.ids_size() == 0 && slice.sample(), slice, "follows with ids or without end");
            expect(state.drawnIn + 1 == step, slice, "follows a step that did not sample it");
            state.ids.push_back(state.drawn);
        } else {
            state.ids.insert(state.ids.end(), slice.ids().begin(), slice.ids().end());
        }
        writeAndRead(slice, state);
        return true;
    }

    /// New tokens go to their cells; then every cell of the sequence has to hold what belongs there.
    void writeAndRead(const wire::SequenceSlice& slice, const State& state)
    {
        const std::size_t room = static_cast<std::size_t>(slice.blocks_size()) * m_sizes.blockTokens;
        if (state.ids.size() > room)
            return expect(false, slice, "outgrows its blocks");
        for (std::size_t i = 0; i < state.ids.size(); ++i) {
            std::map<std::size_t, Cell>& block = m_cells.at(slice.blocks(static_cast<int>(i / m_sizes.blockTokens)));
            const Cell cell{slice.sequence(), i, state.ids[i]};
            if (i >= slice.start())
                block[i % m_sizes.blockTokens] = cell;
            expect(block[i % m_sizes.blockTokens] == cell, slice, "finds its cache overwritten");
        }
    }

    Sizes m_sizes;
    Model m_model;
    std::vector<std::map<std::size_t, Cell>> m_cells; ///< by block and place in it
    std::map<std::uint64_t, State> m_sequences;
    std::set<std::uint64_t> m_failed;
};

} // namespace argus::node::testing
