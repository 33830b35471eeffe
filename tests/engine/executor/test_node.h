#pragma once
// The node's part, played by a test: channels to executors, a scheduler, and the ids of every sequence.

#include "engine/protocol/channel.h"
#include "engine/schedule/scheduler.h"
#include "tests/engine/executor/asked_cases.h"

#include <QtTest>

#include <poll.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace argus::executor::testing {

inline constexpr std::uint64_t kEpoch = 3;

inline Deadline soon()
{
    return Deadline::in(Milliseconds(60'000));
}

inline schedule::Limits plenty()
{
    return {.kvBlocks = 64, .kvBlockTokens = 16, .maxBatchedTokens = 512, .maxSequences = 8, .maxModelLen = 512};
}

/// How a model of kLayers layers is divided, and which executor has which ranks.
struct Layout {
    static constexpr int kLayers = 4;
    int tensorRanks = 1; ///< of a stage
    int stages = 1;
    std::vector<std::vector<int>> executors{{0}}; ///< ranks of each

    [[nodiscard]] bool hasFirstStage(std::size_t executor) const
    {
        const auto& ranks = executors[executor];
        return std::any_of(ranks.begin(), ranks.end(), [this](int rank) { return rank < tensorRanks; });
    }
    [[nodiscard]] int ranks() const { return tensorRanks * stages; }
};

/// All executors get every step; pictures go to those that have ranks of the first stage.
class Node {
public:
    Node(protocol::Channel channel, schedule::Limits limits) : m_limits(limits), m_scheduler(limits)
    {
        m_channels.push_back(std::move(channel));
    }
    Node(std::vector<protocol::Channel> channels, schedule::Limits limits, Layout layout)
        : ahead(static_cast<std::size_t>(layout.stages)), m_channels(std::move(channels)), m_layout(std::move(layout)),
          m_limits(limits), m_scheduler(limits)
    {
    }

    void send(const wire::NodeToExecutor& message, std::span<const int> descriptors = {})
    {
        for (std::size_t executor = 0; executor < m_channels.size(); ++executor)
            if (m_only < 0 || static_cast<int>(executor) == m_only)
                sendTo(executor, message, wantsPixels(executor) ? descriptors : std::span<const int>{});
    }
    void sendLoad(const std::string& folder, std::uint64_t epoch = kEpoch, const std::string& format = "auto")
    {
        for (std::size_t executor = 0; executor < m_channels.size(); ++executor) {
            wire::NodeToExecutor message;
            message.set_epoch(epoch);
            wire::LoadModel& load = *message.mutable_load();
            wire::EngineSettings& settings = *load.mutable_settings();
            settings.set_model(folder);
            settings.set_load_format(format);
            settings.set_tensor_parallel_size(static_cast<std::uint32_t>(m_layout.tensorRanks));
            settings.set_pipeline_parallel_size(static_cast<std::uint32_t>(m_layout.stages));
            load.set_kv_blocks(m_limits.kvBlocks);
            load.set_kv_block_tokens(m_limits.kvBlockTokens);
            load.set_max_batched_tokens(m_limits.maxBatchedTokens);
            load.set_max_num_seqs(m_limits.maxSequences);
            const ops::PixelScale scale = pixelScale();
            for (int c = 0; c < 3; ++c) {
                load.mutable_pixel_scale()->add_mean(scale.mean[c]);
                load.mutable_pixel_scale()->add_deviation(scale.deviation[c]);
            }
            for (const int rank : m_layout.executors[executor])
                addRank(load, rank);
            if (spoilLoad)
                spoilLoad(load);
            if (static_cast<int>(executor) == holdsBackOrders)
                m_heldBack = message;
            else
                sendTo(executor, message, {});
        }
    }
    /// The next message that is no progress and no mere sign of life; an empty one when none came. Exchanges go to the
    /// other executors.
    wire::ExecutorToNode receive(Deadline deadline = soon())
    {
        while (!deadline.passed()) {
            const int executor = readable();
            if (executor < 0)
                continue;
            auto frame = m_channels[static_cast<std::size_t>(executor)].receive(deadline);
            wire::ExecutorToNode message;
            if (!frame || !frame->has_value() || !message.ParseFromString((*frame)->body))
                return {};
            if (message.has_exchange())
                forward(static_cast<std::size_t>(executor), message);
            else if (message.has_progress())
                m_progress.push_back(message.progress());
            else if (message.has_alive())
                continue;
            else if (message.has_sequences_failed())
                failed.push_back(message.sequences_failed());
            else
                return message;
        }
        return {};
    }
    bool load(const std::string& folder)
    {
        sendLoad(folder);
        std::map<std::uint32_t, wire::Loaded> loaded;
        for (int rank = 0; rank < m_layout.ranks(); ++rank) {
            const wire::ExecutorToNode message = receive();
            if (message.has_failed())
                qWarning("%s", message.failed().error().cause().c_str());
            if (!message.has_loaded() || message.epoch() != kEpoch)
                return false;
            loaded[message.loaded().rank()] = message.loaded();
        }
        for (const auto& [rank, report] : loaded)
            m_loaded.push_back(report);
        return static_cast<int>(loaded.size()) == m_layout.ranks();
    }

    void ask(schedule::SequenceId id, const Case& asked)
    {
        const auto added = m_scheduler.add(id, static_cast<std::uint32_t>(asked.ids.size()),
                                           static_cast<std::uint32_t>(asked.greedy.size()));
        QVERIFY2(added.ok(), added.ok() ? "" : added.error().text().c_str());
        m_asked[id] = &asked;
        m_answers[id] = {};
    }
    void drop(schedule::SequenceId id)
    {
        m_scheduler.remove(id);
        m_asked.erase(id);
        sendDrops();
    }

    /// Plans and sends as far ahead as it may, reads the result of the oldest step and commits it. False when there was
    /// nothing to do or the executor did not answer with a result.
    bool step()
    {
        while (m_scheduler.onTheirWay().size() < ahead) {
            schedule::StepPlan plan = m_scheduler.plan();
            if (plan.empty())
                break;
            sendStep(plan);
            m_scheduler.start(std::move(plan));
        }
        if (m_scheduler.onTheirWay().empty())
            return false;
        mostOnTheirWay = std::max(mostOnTheirWay, m_scheduler.onTheirWay().size());
        m_last = receive();
        if (!m_last.has_result())
            return false;
        (void)m_scheduler.commit();
        for (const auto& failure : m_last.result().failures())
            drop(failure.sequence());
        for (const auto& token : m_last.result().tokens())
            take(token);
        sendDrops();
        return true;
    }
    void finish()
    {
        while (step()) {
        }
    }

    void sendStep(const schedule::StepPlan& plan)
    {
        wire::NodeToExecutor message;
        message.set_epoch(kEpoch);
        message.mutable_step()->set_step(++m_steps);
        std::vector<UniqueFd> files;
        for (const schedule::Slice& slice : plan)
            fill(*message.mutable_step()->add_slices(), slice, files);
        std::vector<int> numbers;
        for (const UniqueFd& file : files)
            numbers.push_back(file.get());
        if (spoil)
            spoil(*message.mutable_step());
        send(message, numbers);
    }

    [[nodiscard]] std::vector<std::int32_t> answer(schedule::SequenceId id) const { return m_answers.at(id); }
    [[nodiscard]] const wire::ExecutorToNode& last() const { return m_last; }
    [[nodiscard]] const wire::Loaded& loaded(std::size_t rank = 0) const { return m_loaded.at(rank); }
    [[nodiscard]] const std::vector<wire::LoadProgress>& progress() const { return m_progress; }
    [[nodiscard]] schedule::StepPlan nextPlan() { return m_scheduler.plan(); }
    protocol::Channel& channel(std::size_t executor = 0) { return m_channels[executor]; }
    void forget() { m_scheduler.forgetCaches(); }

    std::size_t ahead = 1;                           ///< steps on their way at a time
    std::size_t mostOnTheirWay = 0;                  ///< that there were
    std::function<void(wire::StepPlan&)> spoil;      ///< changes a step on its way
    std::function<void(wire::LoadModel&)> spoilLoad; ///< changes an order on its way
    std::size_t pixelBytesLess = 0;                  ///< shortens every file of pixels
    std::vector<wire::SequencesFailed> failed;       ///< that came so far
    int listensTo = -1;                              ///< of several executors only to this one
    int losesPixels = -1;                            ///< on their way to this executor
    int holdsBackOrders = -1;                        ///< of this executor, until another one has published something
    bool neverSendsOrders = false;
    int exchangesBeforeOrder = 0;

    /// The next step, to one executor alone.
    void stepTo(std::size_t executor)
    {
        m_only = static_cast<int>(executor);
        schedule::StepPlan plan = m_scheduler.plan();
        if (!plan.empty())
            sendStep(plan);
        m_only = -1;
    }

private:
    [[nodiscard]] bool wantsPixels(std::size_t executor) const
    {
        return m_layout.hasFirstStage(executor) && static_cast<int>(executor) != losesPixels;
    }
    void sendTo(std::size_t executor, const wire::NodeToExecutor& message, std::span<const int> descriptors)
    {
        const auto sent = m_channels[executor].send(message, descriptors, soon());
        QVERIFY2(sent.ok(), sent.ok() ? "" : sent.error().text().c_str());
    }
    void addRank(wire::LoadModel& load, int rank) const
    {
        const int stage = rank / m_layout.tensorRanks;
        wire::RankOrder& order = *load.add_ranks();
        order.set_rank(static_cast<std::uint32_t>(rank));
        order.set_stage(static_cast<std::uint32_t>(stage));
        order.set_tensor_rank(static_cast<std::uint32_t>(rank % m_layout.tensorRanks));
        order.set_first_layer(static_cast<std::uint32_t>(Layout::kLayers * stage / m_layout.stages));
        order.set_end_layer(static_cast<std::uint32_t>(Layout::kLayers * (stage + 1) / m_layout.stages));
    }
    /// An executor that has said something; -1 for now.
    [[nodiscard]] int readable() const
    {
        std::vector<pollfd> watched;
        for (const protocol::Channel& channel : m_channels)
            watched.push_back({.fd = channel.fd(), .events = POLLIN, .revents = 0});
        for (std::size_t executor = 0; executor < watched.size(); ++executor)
            if (listensTo >= 0 && static_cast<int>(executor) != listensTo)
                watched[executor].fd = -1;
        if (::poll(watched.data(), watched.size(), 100) <= 0)
            return -1;
        const auto speaks =
            std::find_if(watched.begin(), watched.end(), [](const pollfd& one) { return one.revents != 0; });
        return static_cast<int>(speaks - watched.begin());
    }
    void forward(std::size_t from, const wire::ExecutorToNode& message)
    {
        wire::NodeToExecutor forwarded;
        forwarded.set_epoch(message.epoch());
        *forwarded.mutable_exchange() = message.exchange();
        for (std::size_t executor = 0; executor < m_channels.size(); ++executor)
            if (executor != from) {
                exchangesBeforeOrder += m_heldBack && static_cast<int>(executor) == holdsBackOrders ? 1 : 0;
                sendTo(executor, forwarded, {});
            }
        if (m_heldBack && !neverSendsOrders) {
            sendTo(static_cast<std::size_t>(holdsBackOrders), *m_heldBack, {});
            m_heldBack.reset();
        }
    }
    void take(const wire::SampledToken& token)
    {
        const auto asked = m_asked.find(token.sequence());
        if (asked == m_asked.end())
            return; // of a step that was on its way when the sequence ended
        auto& answer = m_answers.at(token.sequence());
        answer.push_back(token.id());
        if (answer.size() == asked->second->greedy.size())
            drop(token.sequence());
    }
    void sendDrops()
    {
        wire::NodeToExecutor message;
        message.set_epoch(kEpoch);
        for (const schedule::SequenceId id : m_scheduler.release())
            message.mutable_drop()->add_sequences(id);
        if (message.has_drop())
            send(message);
    }
    void fill(wire::SequenceSlice& out, const schedule::Slice& slice, std::vector<UniqueFd>& files)
    {
        const Case& asked = *m_asked.at(slice.sequence);
        const auto& answer = m_answers.at(slice.sequence);
        out.set_sequence(slice.sequence);
        out.set_start(slice.start);
        out.set_sample(slice.sample);
        out.set_follows(slice.follows);
        for (std::size_t index = slice.start; index < slice.start + slice.tokens && !slice.follows; ++index)
            out.add_ids(index < asked.ids.size() ? asked.ids[index] : answer[index - asked.ids.size()]);
        for (int axis = 0; axis < 3; ++axis)
            for (std::size_t index = slice.start; index < slice.start + slice.tokens; ++index)
                out.add_positions(asked.position(axis, index));
        for (const std::uint32_t block : m_scheduler.blocksOf(slice.sequence))
            out.add_blocks(block);
        if (!slice.first)
            return;
        out.mutable_sampling()->set_top_p(1);
        out.mutable_sampling()->set_repetition_penalty(1);
        addItems(out, asked, files, pixelBytesLess);
    }

    std::vector<protocol::Channel> m_channels;
    Layout m_layout;
    schedule::Limits m_limits;
    schedule::Scheduler m_scheduler;
    std::map<schedule::SequenceId, const Case*> m_asked;
    std::map<schedule::SequenceId, std::vector<std::int32_t>> m_answers;
    std::uint64_t m_steps = 0;
    wire::ExecutorToNode m_last;
    std::vector<wire::Loaded> m_loaded; ///< by rank
    std::vector<wire::LoadProgress> m_progress;
    std::optional<wire::NodeToExecutor> m_heldBack;
    int m_only = -1; ///< executor that steps go to
};

} // namespace argus::executor::testing
