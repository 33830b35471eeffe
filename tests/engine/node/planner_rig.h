#pragma once
// A planner and a pretended executor, tied by a port that watches what is sent.

#include "engine/node/planner.h"
#include "tests/engine/node/deployed.h"
#include "tests/engine/node/pretend_executor.h"
#include "tests/engine/node/scripted_port.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace argus::node::testing {

/// A planner and an executor, with a hand on every message between them: compute() lets the executor take the next
/// one, deliver() gives the planner the next result.
class Rig {
public:
    using Ids = PretendExecutor::Ids;
    /// The token after `ids`, of which the last `drawn` are the answer's.
    using Model = std::function<text::TokenId(const Ids& ids, std::size_t drawn)>;
    Rig(std::shared_ptr<const Deployment> deployment, Model model)
        : planner(port), m_sizes{.blocks = deployment->placement.kvBlocks,
                                 .blockTokens = deployment->placement.kvBlockTokens,
                                 .batchedTokens = deployment->settings.max_batched_tokens(),
                                 .sequences = deployment->settings.max_num_seqs()},
          m_mostOnTheirWay(
              std::max<std::size_t>(deployment->settings.pipeline_parallel_size(), schedule::kStepsOnTheirWay)),
          m_model(std::move(model))
    {
        port.onSend = [this](const wire::NodeToExecutor& message) { look(message); };
        planner.take(DeploymentKnown{std::move(deployment)}, now());
        ready();
    }

    void ready()
    {
        executor = std::make_unique<PretendExecutor>(m_sizes, [this](std::uint64_t sequence, const Ids& ids) {
            return m_model(ids, ids.size() - promptOf(sequence).size());
        });
        planner.take(ExecutorReady{++epoch}, now());
    }
    void crash()
    {
        collectComplaints();
        port.sent.clear();
        results.clear();
        m_onTheirWay.clear();
        m_holders.clear();
        planner.take(ExecutorLost{.epoch = epoch, .how = "fell"}, now());
    }
    bool compute()
    {
        if (port.sent.empty())
            return false;
        const wire::NodeToExecutor message = std::move(port.sent.front());
        port.sent.pop_front();
        if (message.has_step())
            results.push_back(executor->run(message.step()));
        else
            executor->drop(message.drop());
        return true;
    }
    bool deliver()
    {
        if (results.empty())
            return false;
        StepDone done{.epoch = epoch, .result = std::move(results.front())};
        results.pop_front();
        m_onTheirWay.pop_front();
        planner.take(std::move(done), now());
        return true;
    }
    /// The oldest step runs and its result is taken.
    bool step()
    {
        while (results.empty())
            if (!compute())
                return false;
        return deliver();
    }
    void settle()
    {
        while (step()) {
        }
        while (compute()) {
        }
    }
    /// Every promise that was broken so far, one a line.
    [[nodiscard]] std::string complaints()
    {
        collectComplaints();
        return m_complaints;
    }
    [[nodiscard]] const Ids& promptOf(AskNumber number) { return m_prompts[number].ids; }
    [[nodiscard]] AskEnded endOf(AskNumber number) const
    {
        const std::vector<AskEnded> ends = port.ends(number);
        return ends.size() == 1 ? ends.front() : AskEnded{};
    }

    ScriptedPort port;
    Planner planner;
    std::unique_ptr<PretendExecutor> executor;
    std::deque<wire::StepResult> results; ///< not delivered yet
    std::uint64_t epoch = 0;
    std::string everythingSent; ///< as bytes, in order
    std::vector<std::uint64_t> dropped;
    int following = 0; ///< slices
    int crowd = 0;     ///< sequences in the fullest step

private:
    struct PromptSeen {
        Ids ids;
        bool whole = false;
    };

    void complain(std::string what) { m_complaints += std::move(what) + "\n"; }
    void collectComplaints()
    {
        for (const std::string& complaint : executor->complaints)
            complain(complaint);
        executor->complaints.clear();
    }

    /// What has to hold at the moment of sending, however late the executor takes it.
    void look(const wire::NodeToExecutor& message)
    {
        everythingSent += message.SerializeAsString();
        for (const std::uint64_t sequence : message.drop().sequences()) {
            for (const auto& step : m_onTheirWay)
                if (step.contains(sequence))
                    complain("a sequence is dropped while a step with it is on its way");
            m_holders.erase(sequence);
            dropped.push_back(sequence);
        }
        if (!message.has_step())
            return;
        std::set<std::uint64_t>& sequences = m_onTheirWay.emplace_back();
        if (m_onTheirWay.size() > m_mostOnTheirWay)
            complain("too many steps are on their way");
        crowd = std::max(crowd, message.step().slices_size());
        for (const wire::SequenceSlice& slice : message.step().slices()) {
            following += slice.follows() ? 1 : 0;
            sequences.insert(slice.sequence());
            m_holders[slice.sequence()] = {slice.blocks().begin(), slice.blocks().end()};
            for (const auto& [other, held] : m_holders)
                for (const std::uint32_t block : slice.blocks())
                    if (other != slice.sequence() && held.contains(block))
                        complain("a block is given away before its owner is dropped");
            PromptSeen& prompt = m_prompts[slice.sequence()];
            if (prompt.whole)
                continue;
            if (slice.start() == 0)
                prompt.ids.clear();
            prompt.ids.insert(prompt.ids.end(), slice.ids().begin(), slice.ids().end());
            prompt.whole = slice.sample();
        }
    }

    PretendExecutor::Sizes m_sizes;
    std::size_t m_mostOnTheirWay;
    Model m_model;
    std::deque<std::set<std::uint64_t>> m_onTheirWay;
    std::map<std::uint64_t, std::set<std::uint32_t>> m_holders; ///< blocks, until the drop is sent
    std::map<AskNumber, PromptSeen> m_prompts;
    std::string m_complaints;
};

} // namespace argus::node::testing
