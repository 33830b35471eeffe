// bench_model [THREADS] : the demo model and its products, one JSON line a measurement. THREADS 0 or absent: all cores.

#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "kernels/cpu/team.h"
#include "kernels/linear.h"

#include <dnnl.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <stdexcept>
#include <vector>

namespace {

using namespace argus;
using Clock = std::chrono::steady_clock;

constexpr int kBlocks = 64;
constexpr int kBlockTokens = 16;
constexpr model::Grid kPicture{.t = 1, .h = 24, .w = 24}; // 576 patches, 144 tokens
constexpr int kTextTokens = 30;
constexpr int kDecoded = 60;

template <typename T>
T orThrow(Result<T> result)
{
    if (!result.ok())
        throw std::runtime_error(result.error().text());
    return std::move(result).value();
}

/// Median seconds of `count` runs, after one that warms up.
template <typename Work>
double median(int count, const Work& work)
{
    work();
    std::vector<double> seconds;
    for (int i = 0; i < count; ++i) {
        const auto begin = Clock::now();
        work();
        seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
}

/// The same noise every time, as Marsaglia's 32-bit xorshift makes it.
class Noise {
public:
    std::uint32_t next()
    {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 17;
        state_ ^= state_ << 5;
        return state_;
    }

private:
    std::uint32_t state_ = 2463534242;
};

/// A picture as the decoder delivers it.
HostTensor noisyPicture()
{
    HostTensor frame(DType::U8, {1, kPicture.h * 14, kPicture.w * 14, 3});
    Noise noise;
    for (std::int64_t i = 0; i < frame.shape().elements(); ++i)
        frame.view().data<std::uint8_t>()[i] = static_cast<std::uint8_t>(noise.next() >> 24);
    return frame;
}

/// Numbers in [-1, 1), as a layer's input and weights may be.
std::vector<float> noisyNumbers(std::size_t count)
{
    std::vector<float> numbers(count);
    Noise noise;
    for (float& number : numbers)
        number = static_cast<float>(noise.next() >> 8) / 8388608.0f - 1.0f;
    return numbers;
}

/// A picture and a question, as the demo model sees them.
struct Prompt {
    std::vector<std::int32_t> ids;
    model::Positions positions;
    HostTensor frame;
    std::vector<std::int32_t> blocks;
    [[nodiscard]] model::FrameSource picture() const { return {{frame.view()}, {}}; }
};

Prompt makePrompt(const model::ModelConfig& config)
{
    Prompt prompt;
    prompt.ids.assign(kTextTokens / 2, 100);
    prompt.ids.back() = config.visionStartToken;
    prompt.ids.insert(prompt.ids.end(), static_cast<std::size_t>(kPicture.tokens()), config.imageToken);
    prompt.ids.push_back(config.visionEndToken);
    prompt.ids.resize(static_cast<std::size_t>(kPicture.tokens() + kTextTokens), 200);
    prompt.positions =
        orThrow(model::ropePositions(config, prompt.ids, {&kPicture, 1}, {}, {}, model::PositionVariant::A));
    prompt.frame = noisyPicture();
    prompt.blocks.resize(kBlocks);
    std::iota(prompt.blocks.begin(), prompt.blocks.end(), 0);
    return prompt;
}

void prefill(model::Qwen25VL& model, const Prompt& prompt, const ops::DeviceTensor& embeddings)
{
    const model::BatchSlice whole{
        .firstRow = 0, .tokens = static_cast<std::int64_t>(prompt.ids.size()), .cached = 0, .blocks = prompt.blocks};
    const model::VisionRows rows{.firstRow = kTextTokens / 2, .embeddings = embeddings.view()};
    const auto last = static_cast<std::int32_t>(prompt.ids.size()) - 1;
    (void)model.forward({.ids = prompt.ids,
                         .positions = prompt.positions.rows,
                         .slices = {&whole, 1},
                         .vision = {&rows, 1},
                         .logitRows = {&last, 1}});
}

/// Ids after the prompt, one a step, on `sequences` conversations at once.
void decode(model::Qwen25VL& model, const Prompt& prompt, int sequences)
{
    for (int i = 0; i < kDecoded; ++i) {
        const auto index = static_cast<std::int32_t>(prompt.ids.size()) + i;
        const auto count = static_cast<std::size_t>(sequences);
        const std::vector<std::int32_t> ids(count, 300 + i);
        const std::vector<std::int32_t> positions(count * 3, index + prompt.positions.delta);
        std::vector<model::BatchSlice> slices;
        std::vector<std::int32_t> rows(count);
        std::iota(rows.begin(), rows.end(), 0);
        for (int row = 0; row < sequences; ++row) // one cache for all: the work is the same
            slices.push_back({.firstRow = row, .tokens = 1, .cached = index, .slot = row, .blocks = prompt.blocks});
        (void)model.forward({.ids = ids, .positions = positions, .slices = slices, .vision = {}, .logitRows = rows});
    }
}

void benchModel(int threads)
{
    const std::string folder = ARGUS_SOURCE_DIR "/resources/demo-model";
    ops::CpuOps ops(threads);
    const auto model = orThrow(model::Qwen25VL::load(
        ops, orThrow(model::loadConfig(folder)), orThrow(model::Checkpoint::open(folder)),
        {.kvBlocks = kBlocks, .kvBlockTokens = kBlockTokens, .maxBatchedTokens = 512, .maxSequences = 8}, {}));
    const Prompt prompt = makePrompt(model->config());
    const std::vector<model::Grid> grids{kPicture};
    ops::DeviceTensor embeddings;
    const double vision = median(9, [&] { embeddings = model->encodeVision(prompt.picture(), grids); });
    const double text = median(9, [&] { prefill(*model, prompt, embeddings); });
    fmt::print("{{\"name\": \"vision of 576 patches\", \"ms\": {:.2f}, \"threads\": {}}}\n", vision * 1e3,
               ops.threads());
    fmt::print("{{\"name\": \"prefill of 174 tokens\", \"ms\": {:.2f}, \"threads\": {}}}\n", text * 1e3, ops.threads());
    fmt::print("{{\"name\": \"first token\", \"ms\": {:.2f}, \"limit\": 250, \"threads\": {}}}\n",
               (vision + text) * 1e3, ops.threads());
    for (const int sequences : {1, 4, 8}) {
        const double seconds = median(5, [&] { decode(*model, prompt, sequences); });
        fmt::print("{{\"name\": \"decode at context 200, {} at once\", \"tokens_per_second\": {:.0f}, \"limit\": 150, "
                   "\"threads\": {}}}\n",
                   sequences, sequences * kDecoded / seconds, ops.threads());
    }
}

/// linear on bfloat16 weights beside oneDNN's sgemm on the same numbers already widened.
void benchProduct(int rows, int outputs, int inputs, kernels::cpu::Team& team)
{
    const auto count = [](int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); };
    const std::vector<float> x = noisyNumbers(count(rows, inputs));
    std::vector<float> wide = noisyNumbers(count(outputs, inputs));
    std::vector<std::uint16_t> weight(wide.size());
    for (std::size_t i = 0; i < wide.size(); ++i)
        wide[i] = fromBf16(weight[i] = toBf16(wide[i]));
    std::vector<float> y(count(rows, outputs));
    const kernels::LinearPart part{
        .y = y.data(), .yStride = outputs, .weight = weight.data(), .weightStride = inputs, .outputs = outputs};
    omp_set_num_threads(team.threads()); // what sgemm uses
    const double ours = median(25, [&] {
        kernels::cpu::linear({.x = x.data(), .xStride = inputs, .rows = rows, .inputs = inputs, .parts = {&part, 1}},
                             team);
    });
    const double theirs = median(25, [&] {
        dnnl_sgemm('N', 'T', rows, outputs, inputs, 1.0f, x.data(), inputs, wide.data(), inputs, 0.0f, y.data(),
                   outputs);
    });
    const double work = 2e-9 * rows * outputs * inputs;
    fmt::print("{{\"name\": \"linear {}x{}x{}\", \"gflops\": {:.1f}, \"sgemm_gflops\": {:.1f}, \"ratio\": {:.2f}, "
               "\"threads\": {}}}\n",
               rows, outputs, inputs, work / ours, work / theirs, theirs / ours, team.threads());
}

} // namespace

int main(int argc, char** argv)
{
    try {
        const int asked = argc > 1 ? std::atoi(argv[1]) : 0;
        benchModel(asked);
        kernels::cpu::Team team(ops::CpuOps(asked).threads());
        benchProduct(256, 1024, 512, team);
        benchProduct(576, 1280, 1280, team);
        benchProduct(8, 1024, 512, team);
        benchProduct(1, 1024, 512, team);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "bench_model: {}\n", problem.what());
        return 1;
    }
}
