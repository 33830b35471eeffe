#include "engine/apps/bench_runs.h"

#include "engine/base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <numeric>

namespace argus::apps {

namespace {

constexpr int kDecodedTokens = 48; ///< a repeat of benchDecode()

double secondsSince(Instant start)
{
    return std::chrono::duration<double>(now() - start).count();
}

struct Spread {
    double median = 0, least = 0, most = 0;
};

/// Seconds of kRepeats runs of `work`, after two that warm up (the second records what is recorded lazily).
template <typename Work>
Spread spread(const Work& work)
{
    work();
    work();
    std::vector<double> seconds;
    for (int i = 0; i < kRepeats; ++i) {
        const Instant start = now();
        work();
        seconds.push_back(secondsSince(start));
    }
    std::sort(seconds.begin(), seconds.end());
    return {seconds[seconds.size() / 2], seconds.front(), seconds.back()};
}

/// Conversations in slots 0 … count - 1, each with blocks of its own.
class Conversations {
public:
    Conversations(BenchModel& bench, int count) : m_bench(bench), m_cached(static_cast<std::size_t>(count))
    {
        const auto each = static_cast<std::size_t>(bench.sizes.kvBlocks / std::max(count, 1));
        for (int slot = 0; slot < count; ++slot) {
            auto& blocks = m_blocks.emplace_back(std::min(each, static_cast<std::size_t>(bench.sizes.blocksOfSlot())));
            std::iota(blocks.begin(), blocks.end(), static_cast<std::int32_t>(each) * slot);
        }
    }

    [[nodiscard]] int count() const { return static_cast<int>(m_cached.size()); }
    void rewind(std::int64_t tokens) { std::fill(m_cached.begin(), m_cached.end(), tokens); }

    /// Takes a prompt into every cache, in steps as large as are allowed; the last one draws.
    void prefill(std::int64_t tokens, std::span<const model::VisionRows> vision = {})
    {
        for (int slot = 0; slot < count(); ++slot) {
            std::int64_t& cached = m_cached[static_cast<std::size_t>(slot)];
            for (cached = 0; cached < tokens;) {
                const std::int64_t part = std::min<std::int64_t>(tokens - cached, m_bench.sizes.maxBatchedTokens);
                m_ids.resize(static_cast<std::size_t>(part));
                for (std::size_t i = 0; i < m_ids.size(); ++i)
                    m_ids[i] = static_cast<std::int32_t>((static_cast<std::size_t>(cached) + i) * 7919 % 100000 + 11);
                run({&slot, 1}, part, cached + part == tokens, vision);
                cached += part;
                finish(1);
            }
        }
        finish(0);
    }

    /// `tokens` greedy tokens of every conversation; one step is enqueued while another runs.
    void decode(int tokens)
    {
        std::vector<int> slots(m_cached.size());
        std::iota(slots.begin(), slots.end(), 0);
        for (int i = 0; i < tokens; ++i) {
            m_ids.assign(slots.size(), 0);
            for (std::size_t slot = 0; slot < slots.size(); ++slot)
                m_ids[slot] = -1 - static_cast<std::int32_t>(slot);
            run(slots, 1, true, {});
            for (std::int64_t& cached : m_cached)
                ++cached;
            finish(1);
        }
        finish(0);
    }

private:
    void run(std::span<const int> slots, std::int64_t tokens, bool draws, std::span<const model::VisionRows> vision)
    {
        const auto rows = static_cast<std::int64_t>(slots.size()) * tokens;
        m_positions.resize(static_cast<std::size_t>(3 * rows));
        m_slices.clear();
        m_logitRows.clear();
        m_sampling.clear();
        for (std::size_t i = 0; i < slots.size(); ++i) {
            const auto slot = static_cast<std::size_t>(slots[i]);
            const std::int64_t first = static_cast<std::int64_t>(i) * tokens;
            for (std::int64_t axis = 0; axis < 3; ++axis)
                for (std::int64_t token = 0; token < tokens; ++token)
                    m_positions[static_cast<std::size_t>(axis * rows + first + token)] =
                        static_cast<std::int32_t>(m_cached[slot] + token);
            m_slices.push_back({.firstRow = first,
                                .tokens = tokens,
                                .cached = m_cached[slot],
                                .slot = slots[i],
                                .blocks = m_blocks[slot]});
            if (draws) {
                m_logitRows.push_back(static_cast<std::int32_t>(first + tokens) - 1);
                m_sampling.push_back({.slot = slots[i]});
            }
        }
        m_bench.model->run({.ids = m_ids,
                            .positions = m_positions,
                            .slices = m_slices,
                            .vision = vision,
                            .logitRows = m_logitRows,
                            .sampling = m_sampling});
        if (draws)
            m_open.push_back(m_bench.model->fetchDrawn());
    }

    /// Takes tokens until at most `left` steps are open.
    void finish(std::size_t left)
    {
        std::vector<std::int32_t> drawn(m_cached.size());
        for (; m_open.size() > left; m_open.pop_front())
            m_bench.ops->take(m_open.front(), drawn);
    }

    BenchModel& m_bench;
    std::vector<std::vector<std::int32_t>> m_blocks;
    std::vector<std::int64_t> m_cached;
    std::deque<ops::Fetch> m_open;
    std::vector<std::int32_t> m_ids, m_positions, m_logitRows;
    std::vector<model::BatchSlice> m_slices;
    std::vector<ops::SamplingRow> m_sampling;
};

/// A picture as the decoder delivers it, of noise, the same every time.
HostTensor madeUpPicture(const model::Grid& grid, int patchSide)
{
    HostTensor frame(DType::U8, {1, std::int64_t{grid.h} * patchSide, std::int64_t{grid.w} * patchSide, 3});
    std::uint32_t state = 2463534242;
    std::uint8_t* const bytes = frame.view().data<std::uint8_t>();
    for (std::int64_t i = 0; i < frame.shape().elements(); ++i) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes[i] = static_cast<std::uint8_t>(state >> 24);
    }
    return frame;
}

/// Multiplications and additions of the tower's linear layers and attention, times two.
double visionFlops(const model::VisionConfig& vision, std::int64_t patches)
{
    const double n = static_cast<double>(patches);
    const double d = vision.hiddenSize;
    const double merged = d * vision.mergeSize * vision.mergeSize;
    const auto full = static_cast<double>(vision.fullAttentionBlocks.size());
    const double window = 64;
    double flops = 2 * n * d * vision.patchElements();
    flops += vision.depth * 2 * n * d * (4 * d + 3.0 * vision.intermediateSize);
    flops += 4 * n * d * (full * n + (vision.depth - full) * window);
    return flops + 2 * n / (vision.mergeSize * vision.mergeSize) * merged * (merged + vision.outHiddenSize);
}

} // namespace

void benchDecode(BenchModel& bench, const ops::CudaCeilings& ceilings, int batch, int context)
{
    Conversations talks(bench, batch);
    talks.prefill(context);
    const Spread time = spread([&] {
        talks.rewind(context);
        talks.decode(kDecodedTokens);
    });
    const double step = time.median / kDecodedTokens;
    const model::ModelConfig& config = bench.model->config();
    const double cache = 2.0 * config.layers * config.kvHeads * config.headDim() *
                         static_cast<double>(sizeOf(bench.ops->computeType())) * batch * (context + kDecodedTokens / 2);
    const double bytes = bench.bytesPerToken + cache;
    fmt::print(
        "{{\"name\": \"decode\", \"model\": \"{}\", \"batch\": {}, \"context\": {}, \"tokens_per_second\": {:.1f}, "
        "\"ms_per_step\": {:.3f}, \"least_ms\": {:.3f}, \"most_ms\": {:.3f}, \"gigabytes_per_step\": {:.3f}, "
        "\"mbu\": {:.3f}, \"bound_tokens_per_second\": {:.1f}}}\n",
        bench.label, batch, context, batch / step, step * 1e3, time.least / kDecodedTokens * 1e3,
        time.most / kDecodedTokens * 1e3, bytes * 1e-9, bytes / step / ceilings.copyBytesPerSecond,
        batch * ceilings.copyBytesPerSecond / bytes);
    std::fflush(stdout);
}

void benchPrefill(BenchModel& bench, const ops::CudaCeilings& ceilings, int tokens)
{
    Conversations talk(bench, 1);
    const Spread time = spread([&] { talk.prefill(tokens); });
    fmt::print(
        "{{\"name\": \"prefill\", \"model\": \"{}\", \"tokens\": {}, \"tokens_per_second\": {:.0f}, \"ms\": {:.2f}, "
        "\"least_ms\": {:.2f}, \"most_ms\": {:.2f}, \"mfu\": {:.3f}}}\n",
        bench.label, tokens, tokens / time.median, time.median * 1e3, time.least * 1e3, time.most * 1e3,
        bench.flopsPerToken * tokens / time.median / ceilings.productFlops);
    std::fflush(stdout);
}

void benchVision(BenchModel& bench, const ops::CudaCeilings& ceilings, int gridH, int gridW)
{
    const model::VisionConfig& vision = bench.model->config().vision;
    const model::Grid grid{.t = 1, .h = gridH, .w = gridW};
    const HostTensor frame = madeUpPicture(grid, vision.patchSize);
    const model::FrameSource picture({frame.view()}, {});
    const ops::DeviceTensor pixels =
        bench.ops->allocate(bench.ops->computeType(), {grid.patches(), vision.patchElements()});
    const ops::DeviceTensor scratch = bench.ops->allocate(DType::U8, {grid.patches() * vision.patchElements()});
    const Spread upload = spread([&] { // and the cutting
        picture.put(*bench.ops, pixels.view(), scratch.view(), 0);
        bench.ops->synchronize();
    });
    const Spread time = spread([&] {
        (void)bench.model->encodeVision(picture, {&grid, 1});
        bench.ops->synchronize();
    });
    fmt::print("{{\"name\": \"vision\", \"model\": \"{}\", \"patches\": {}, \"ms\": {:.2f}, \"least_ms\": {:.2f}, "
               "\"most_ms\": {:.2f}, \"upload_ms\": {:.2f}, \"mfu\": {:.3f}}}\n",
               bench.label, grid.patches(), time.median * 1e3, time.least * 1e3, time.most * 1e3, upload.median * 1e3,
               visionFlops(vision, grid.patches()) / time.median / ceilings.productFlops);
    std::fflush(stdout);
}

void benchFirstToken(BenchModel& bench, int gridH, int gridW, int text)
{
    const model::VisionConfig& vision = bench.model->config().vision;
    const model::Grid grid{.t = 1, .h = gridH, .w = gridW};
    const HostTensor frame = madeUpPicture(grid, vision.patchSize);
    const model::FrameSource picture({frame.view()}, {});
    Conversations talk(bench, 1);
    const Spread time = spread([&] {
        const ops::DeviceTensor embeddings = bench.model->encodeVision(picture, {&grid, 1});
        const model::VisionRows rows{.firstRow = text / 2, .embeddings = embeddings.view()};
        talk.prefill(grid.tokens() + text, {&rows, 1});
    });
    fmt::print("{{\"name\": \"first token\", \"model\": \"{}\", \"patches\": {}, \"tokens\": {}, \"ms\": {:.2f}, "
               "\"least_ms\": {:.2f}, \"most_ms\": {:.2f}}}\n",
               bench.label, grid.patches(), grid.tokens() + text, time.median * 1e3, time.least * 1e3, time.most * 1e3);
    std::fflush(stdout);
}

void firstToken(BenchModel& bench)
{
    Conversations talk(bench, 1);
    talk.prefill(16);
}

} // namespace argus::apps
