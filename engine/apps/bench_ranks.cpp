#include "engine/apps/bench_ranks.h"

#include "engine/comm/meeting_point.h"
#include "engine/comm/nccl/open.h"
#include "engine/model/footprint.h"
#include "engine/ops/cuda/open.h"

#include <fmt/format.h>

#include <algorithm>
#include <barrier>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>

namespace argus::apps {
namespace {

constexpr int kTokens = 48; ///< of every conversation in a repeat
constexpr int kWarmUps = 2; ///< the second one records what is recorded lazily
constexpr int kRepeats = 7;

double secondsSince(Instant start)
{
    return std::chrono::duration<double>(now() - start).count();
}

/// What the last stage has drawn, for those who need it to go on: the node's part.
class Board {
public:
    explicit Board(std::size_t groups) : m_notes(groups) {}

    void put(std::size_t group, std::vector<std::int32_t> tokens)
    {
        const std::lock_guard lock(m_mutex);
        m_notes[group] = {.round = m_notes[group].round + 1, .tokens = std::move(tokens)};
        m_changed.notify_all();
    }
    /// Tokens of the round-th put() of that group. Nobody puts the next before all have these.
    [[nodiscard]] std::vector<std::int32_t> get(std::size_t group, int round)
    {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, [&] { return m_notes[group].round >= round; });
        return m_notes[group].tokens;
    }

private:
    struct Note {
        int round = 0;
        std::vector<std::int32_t> tokens = {};
    };
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<Note> m_notes;
};

/// A batch in as many groups as there are stages, each a step of its own.
struct Crowd {
    Crowd(int batch, int stages) : groups(static_cast<std::size_t>(std::min(batch, stages))), board(groups.size())
    {
        for (int slot = 0; slot < batch; ++slot)
            groups[static_cast<std::size_t>(slot) % groups.size()].push_back(slot);
    }
    std::vector<std::vector<int>> groups; ///< slots
    Board board;
};

class BenchRank {
public:
    BenchRank(const BenchRanks& bench, int rank, comm::MeetingPoint& meeting);

    [[nodiscard]] bool reports() const { return m_shard.last() && m_shard.tensorRank == 0; }
    [[nodiscard]] const ops::Ops& ops() const { return *m_ops; }
    /// The conversations' prompts; the last step of each draws.
    void prefill(Crowd& crowd);
    /// kTokens more tokens of everybody, after the same prompts.
    void decode(Crowd& crowd);

private:
    void step(std::size_t group, std::span<const int> slots, std::int64_t tokens, std::int64_t cached, bool draws);
    void nextIds(Crowd& crowd, std::size_t group);
    void collect(Crowd& crowd, std::size_t left);

    const BenchRanks& m_bench;
    model::Shard m_shard;
    std::unique_ptr<ops::Ops> m_ops;
    comm::Groups m_groups;
    std::unique_ptr<model::Qwen25VL> m_model;
    struct Open {
        ops::Fetch fetch = -1;
        std::size_t group = 0;
        std::size_t tokens = 0;
    };
    std::deque<Open> m_open;
    std::vector<int> m_rounds; ///< steps of each group that drew
    std::vector<std::int32_t> m_ids, m_positions, m_logitRows;
    std::vector<std::vector<std::int32_t>> m_blocks;
    std::vector<model::BatchSlice> m_slices;
    std::vector<ops::SamplingRow> m_sampling;
};

template <typename T>
T orThrow(Result<T> result)
{
    if (!result.ok())
        throw OpsError(result.error().text());
    return std::move(result).value();
}

BenchRank::BenchRank(const BenchRanks& bench, int rank, comm::MeetingPoint& meeting) : m_bench(bench)
{
    const int stage = rank / bench.tensorRanks;
    m_shard = {.tensorRank = rank % bench.tensorRanks,
               .tensorSize = bench.tensorRanks,
               .stage = stage,
               .stages = bench.stages,
               .firstLayer = bench.config.layers * stage / bench.stages,
               .endLayer = bench.config.layers * (stage + 1) / bench.stages};
    const model::Footprint need = model::footprint(bench.config, m_shard, bench.sizes, bench.sizes.maxModelLen,
                                                   bench.sizes.maxVisionPatches, {.type = bench.type});
    const int device = bench.firstDevice + rank;
    m_ops = orThrow(ops::openCuda({.device = device,
                                   .compute = bench.type,
                                   .arenaBytes = need.weights + need.activations +
                                                 need.kvBlock * static_cast<std::uint64_t>(bench.sizes.kvBlocks),
                                   .packed = bench.config.awq}));
    m_groups = orThrow(
        comm::openNccl({.world = {.epoch = 1, .rank = rank, .size = bench.ranks(), .tensorRanks = bench.tensorRanks},
                        .device = device,
                        .stream = ops::cudaStream(*m_ops),
                        .ownKernelBytes = bench.ownKernelBytes},
                       meeting));
    m_model =
        orThrow(model::Qwen25VL::load(*m_ops, bench.config, bench.checkpoint, bench.sizes, {}, {}, m_shard, &m_groups));
    const int slots = *std::max_element(bench.batches.begin(), bench.batches.end());
    const int each = (bench.context + kTokens) / bench.sizes.kvBlockTokens + 1;
    for (int slot = 0; slot < slots; ++slot) {
        std::vector<std::int32_t>& blocks = m_blocks.emplace_back(static_cast<std::size_t>(each));
        std::iota(blocks.begin(), blocks.end(), each * slot);
    }
}

void BenchRank::prefill(Crowd& crowd)
{
    m_rounds.assign(crowd.groups.size(), 0);
    for (std::size_t group = 0; group < crowd.groups.size(); ++group)
        for (const int slot : crowd.groups[group])
            for (std::int64_t cached = 0; cached < m_bench.context;) {
                const std::int64_t part =
                    std::min<std::int64_t>(m_bench.context - cached, m_bench.sizes.maxBatchedTokens);
                m_ids.resize(static_cast<std::size_t>(part));
                for (std::size_t i = 0; i < m_ids.size(); ++i)
                    m_ids[i] = static_cast<std::int32_t>((static_cast<std::size_t>(cached) + i) * 7919 % 100000 + 11);
                step(group, {&slot, 1}, part, cached, cached + part == m_bench.context);
                cached += part;
                collect(crowd, 1);
            }
    collect(crowd, 0);
}

void BenchRank::decode(Crowd& crowd)
{
    const std::size_t groups = crowd.groups.size();
    const std::size_t ahead = m_bench.stages == 1 ? 1 : std::min<std::size_t>(groups, ops::kMostFetches) - 1;
    for (int token = 0; token < kTokens; ++token)
        for (std::size_t group = 0; group < groups; ++group) {
            collect(crowd, ahead);
            nextIds(crowd, group);
            step(group, crowd.groups[group], 1, m_bench.context + token, true);
        }
    collect(crowd, 0);
}

/// Ids of a group's next step: those on the device where there is one stage, those that came back otherwise.
void BenchRank::nextIds(Crowd& crowd, std::size_t group)
{
    if (m_bench.stages > 1) {
        m_ids = crowd.board.get(group, m_rounds[group]);
        m_ids.resize(crowd.groups[group].size(), 11); // after prompts, which were taken in one by one
        return;
    }
    m_ids.clear();
    for (const int slot : crowd.groups[group])
        m_ids.push_back(-1 - slot);
}

void BenchRank::step(std::size_t group, std::span<const int> slots, std::int64_t tokens, std::int64_t cached,
                     bool draws)
{
    const auto rows = static_cast<std::int64_t>(slots.size()) * tokens;
    m_positions.resize(static_cast<std::size_t>(3 * rows));
    m_slices.clear();
    m_logitRows.clear();
    m_sampling.clear();
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const std::int64_t first = static_cast<std::int64_t>(i) * tokens;
        for (std::int64_t axis = 0; axis < 3; ++axis)
            for (std::int64_t token = 0; token < tokens; ++token)
                m_positions[static_cast<std::size_t>(axis * rows + first + token)] =
                    static_cast<std::int32_t>(cached + token);
        m_slices.push_back({.firstRow = first,
                            .tokens = tokens,
                            .cached = cached,
                            .slot = slots[i],
                            .blocks = m_blocks[static_cast<std::size_t>(slots[i])]});
        if (draws) {
            m_logitRows.push_back(static_cast<std::int32_t>(first + tokens) - 1);
            m_sampling.push_back({.slot = slots[i]});
        }
    }
    m_model->run({.ids = m_ids,
                  .positions = m_positions,
                  .slices = m_slices,
                  .vision = {},
                  .logitRows = m_logitRows,
                  .sampling = m_sampling});
    if (!draws)
        return;
    ++m_rounds[group];
    if (reports())
        m_open.push_back({.fetch = m_model->fetchDrawn(), .group = group, .tokens = slots.size()});
}

/// Takes tokens until at most `left` steps are open.
void BenchRank::collect(Crowd& crowd, std::size_t left)
{
    for (; m_open.size() > left; m_open.pop_front()) {
        std::vector<std::int32_t> drawn(m_open.front().tokens);
        m_ops->take(m_open.front().fetch, drawn);
        for (std::int32_t& token : drawn)
            token = std::max(token, 0); // made-up weights may say nothing
        crowd.board.put(m_open.front().group, std::move(drawn));
    }
}

void printDecode(const BenchRanks& bench, const Crowd& crowd, int batch, std::vector<double> seconds)
{
    std::sort(seconds.begin(), seconds.end());
    const double token = seconds[seconds.size() / 2] / kTokens;
    fmt::print(
        "{{\"name\": \"decode\", \"model\": \"{}\", \"tensor_parallel_size\": {}, \"pipeline_parallel_size\": {}, "
        "\"batch\": {}, \"steps_a_token\": {}, \"context\": {}, \"tokens_per_second\": {:.1f}, "
        "\"ms_per_token\": {:.3f}, \"least_ms\": {:.3f}, \"most_ms\": {:.3f}}}\n",
        bench.label, bench.tensorRanks, bench.stages, batch, crowd.groups.size(), bench.context, batch / token,
        token * 1e3, seconds.front() / kTokens * 1e3, seconds.back() / kTokens * 1e3);
    std::fflush(stdout);
}

void printStart(const BenchRanks& bench, const BenchRank& rank, double loaded, double first)
{
    const ops::CudaMemory memory = ops::cudaMemory(rank.ops());
    fmt::print("{{\"name\": \"start\", \"model\": \"{}\", \"device\": \"{}\", \"tensor_parallel_size\": {}, "
               "\"pipeline_parallel_size\": {}, \"loaded_s\": {:.2f}, \"first_token_s\": {:.2f}, "
               "\"device_used_gib\": {:.3f}, \"arena_gib\": {:.3f}}}\n",
               bench.label, rank.ops().report().name, bench.tensorRanks, bench.stages, loaded, first,
               static_cast<double>(memory.used) / 0x1p30, static_cast<double>(memory.arena) / 0x1p30);
    std::fflush(stdout);
}

/// One rank from beginning to end; all of them do the same at the same time.
void live(const BenchRanks& bench, int number, comm::MeetingPoint& meeting, std::barrier<>& together,
          std::deque<Crowd>& crowds, Instant started)
{
    BenchRank rank(bench, number, meeting);
    together.arrive_and_wait();
    const double loaded = secondsSince(started);
    rank.prefill(crowds.front());
    if (rank.reports())
        printStart(bench, rank, loaded, secondsSince(started));
    for (std::size_t which = 0; which < bench.batches.size(); ++which) {
        Crowd& crowd = crowds[which + 1];
        std::vector<double> seconds;
        for (int repeat = 0; repeat < kWarmUps + kRepeats; ++repeat) {
            if (repeat == 0)
                rank.prefill(crowd);
            together.arrive_and_wait();
            const Instant start = now();
            rank.decode(crowd);
            if (repeat >= kWarmUps)
                seconds.push_back(secondsSince(start));
        }
        if (rank.reports())
            printDecode(bench, crowd, bench.batches[which], std::move(seconds));
        together.arrive_and_wait();
    }
}

} // namespace

void benchRanks(const BenchRanks& bench, Instant started)
{
    comm::MeetingPoint meeting([](const std::string&, const std::string&) {});
    std::barrier<> together(bench.ranks());
    std::deque<Crowd> crowds;
    crowds.emplace_back(1, bench.stages);
    for (const int batch : bench.batches)
        crowds.emplace_back(batch, bench.stages);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < bench.ranks(); ++rank)
        threads.emplace_back([&, rank] {
            try {
                live(bench, rank, meeting, together, crowds, started);
            } catch (const std::exception& problem) {
                fmt::print(stderr, "argus-bench: rank {}: {}\n", rank, problem.what());
                std::fflush(nullptr);
                std::_Exit(1);
            }
        });
    for (std::thread& thread : threads)
        thread.join();
}

} // namespace argus::apps
