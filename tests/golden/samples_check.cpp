// samples_check SAMPLES_DIR MODEL_DIR DECODER_PROGRAM
//
// Everything but processes and sockets, against what Hugging Face transformers computed for the demo model's samples
// (cases.json, samples.safetensors): files through the decoder to patches, conversation to ids, scores of the first
// answer token within 1e-3, greedy ids. A clip is its lossless NAME.mkv. Prints a line a case and "N passed, N failed".

#include "engine/base/files.h"
#include "engine/executor/sampler.h"
#include "engine/media/media.h"
#include "engine/model/positions.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "engine/tensor/safetensors.h"
#include "engine/text/chat_template.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace {

using namespace argus;
using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr double kTolerance = 1e-3; // float32 on both sides, sums in another order
constexpr int kBlockTokens = 16;
constexpr int kBlocks = 256;

struct Failure {
    std::string why;
};

template <typename T>
T orFail(Result<T> result)
{
    if (!result.ok())
        throw Failure{result.error().text()};
    return std::move(result).value();
}

void require(bool condition, const std::string& otherwise)
{
    if (!condition)
        throw Failure{otherwise};
}

/// Everything that is loaded once.
struct Bench {
    fs::path samples;
    std::shared_ptr<const text::Tokenizer> tokenizer;
    model::GenerationConfig generation;
    media::MediaReader reader;
    std::unique_ptr<ops::CpuOps> ops;
    std::unique_ptr<model::Qwen25VL> model;
    std::shared_ptr<const SafetensorsFile> scores;
};

/// Patches of a case's media, joined as the vision tower takes them.
struct Pictures {
    HostTensor patches;
    std::vector<model::Grid> grids; // in order of appearance
    std::vector<model::Grid> imageGrids;
    std::vector<model::Grid> videoGrids;
    std::vector<double> secondsPerGrid;
    std::vector<media::MediaKind> kinds;
};

Pictures readPictures(const Bench& bench, const Json& testCase)
{
    Pictures pictures;
    std::vector<float> joined;
    for (const Json& entry : testCase.at("media")) {
        const std::string name = entry.get<std::string>();
        const fs::path file = bench.samples / (fs::path(name).has_extension() ? name : name + ".mkv");
        const media::Patches patches = orFail(bench.reader.read(file));
        const model::Grid grid{patches.gridT, patches.gridH, patches.gridW};
        const auto count = static_cast<std::size_t>(grid.patches()) * 1176;
        require(patches.bytes == count * sizeof(float), fmt::format("{}: {} bytes of patches", name, patches.bytes));
        void* mapped = ::mmap(nullptr, patches.bytes, PROT_READ, MAP_SHARED, patches.memory.get(), 0);
        require(mapped != MAP_FAILED, "patches cannot be mapped");
        const auto* values = static_cast<const float*>(mapped);
        joined.insert(joined.end(), values, values + count);
        ::munmap(mapped, patches.bytes);
        pictures.grids.push_back(grid);
        pictures.kinds.push_back(patches.kind);
        if (patches.kind == media::MediaKind::Video) {
            pictures.videoGrids.push_back(grid);
            pictures.secondsPerGrid.push_back(patches.secondsPerGrid);
        } else {
            pictures.imageGrids.push_back(grid);
        }
    }
    pictures.patches = HostTensor(DType::F32, {static_cast<std::int64_t>(joined.size() / 1176), 1176});
    if (!joined.empty())
        std::memcpy(pictures.patches.view().bytes(), joined.data(), joined.size() * sizeof(float));
    return pictures;
}

void checkGrids(const std::vector<model::Grid>& got, const Json& expected, const char* what)
{
    require(got.size() == expected.size(), fmt::format("{} {} grids, {} expected", got.size(), what, expected.size()));
    for (std::size_t i = 0; i < got.size(); ++i)
        require(got[i].t == expected[i][0] && got[i].h == expected[i][1] && got[i].w == expected[i][2],
                fmt::format("{} grid {} is {}x{}x{}, expected {}", what, i, got[i].t, got[i].h, got[i].w,
                            expected[i].dump()));
}

std::vector<std::int32_t> promptIds(const Bench& bench, const Json& testCase, const Pictures& pictures)
{
    using text::ChatMessage;
    using text::ChatPart;
    std::vector<ChatMessage> messages;
    const auto say = [&](const std::string& role, const std::string& words) {
        ChatMessage message{.role = role, .parts = {}};
        if (messages.empty())
            for (const media::MediaKind kind : pictures.kinds)
                message.parts.push_back(
                    {.kind = kind == media::MediaKind::Video ? ChatPart::Kind::Video : ChatPart::Kind::Image,
                     .text = {}});
        message.parts.push_back({.kind = ChatPart::Kind::Text, .text = words});
        messages.push_back(std::move(message));
    };
    for (const Json& turn : testCase.at("history")) {
        say("user", turn.at(0));
        say("assistant", turn.at(1));
    }
    say("user", testCase.at("question"));
    std::vector<std::int64_t> counts;
    for (const model::Grid& grid : pictures.grids)
        counts.push_back(grid.tokens());
    const auto ids = orFail(text::renderChat(*bench.tokenizer, messages));
    return orFail(text::expandPads(ids, bench.model->config().imageToken, bench.model->config().videoToken, counts));
}

/// Runs of pads in the prompt and the rows of `embeddings` that belong there.
std::vector<model::VisionRows> visionRows(const Bench& bench, const std::vector<std::int32_t>& ids,
                                          const Pictures& pictures, const HostTensor& embeddings)
{
    std::vector<model::VisionRows> rows;
    std::int64_t used = 0;
    auto at = ids.begin();
    for (const model::Grid& grid : pictures.grids) {
        at = std::find_if(at, ids.end(), [&](std::int32_t id) {
            return id == bench.model->config().imageToken || id == bench.model->config().videoToken;
        });
        require(at != ids.end(), "fewer pads than pictures");
        rows.push_back({.firstRow = at - ids.begin(), .embeddings = embeddings.view().rows(used, grid.tokens())});
        used += grid.tokens();
        at += grid.tokens();
    }
    return rows;
}

double largestDifference(ConstTensorView got, ConstTensorView expected)
{
    const auto count = expected.shape().elements();
    require(got.shape().elements() == count, "the scores have another size");
    double largest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const double difference =
            std::abs(double{got.data<const float>()[i]} - double{expected.data<const float>()[i]});
        largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(largest, difference);
    }
    return largest;
}

std::string check(Bench& bench, const Json& testCase)
{
    const Pictures pictures = readPictures(bench, testCase);
    checkGrids(pictures.imageGrids, testCase.at("image_grid_thw"), "image");
    checkGrids(pictures.videoGrids, testCase.at("video_grid_thw"), "video");
    const std::vector<std::int32_t> ids = promptIds(bench, testCase, pictures);
    require(ids == testCase.at("input_ids").get<std::vector<std::int32_t>>(), "the prompt's ids differ");
    const model::Positions positions =
        orFail(model::ropePositions(bench.model->config(), ids, pictures.imageGrids, pictures.videoGrids,
                                    pictures.secondsPerGrid, model::PositionVariant::A));

    std::vector<std::int32_t> blocks(kBlocks);
    std::iota(blocks.begin(), blocks.end(), 0);
    HostTensor embeddings;
    std::vector<model::VisionRows> rows;
    if (!pictures.grids.empty()) {
        embeddings = bench.model->encodeVision(std::as_const(pictures.patches).view(), pictures.grids);
        rows = visionRows(bench, ids, pictures, embeddings);
    }
    const auto length = static_cast<std::int32_t>(ids.size());
    const model::BatchSlice whole{.firstRow = 0, .tokens = length, .cached = 0, .blocks = blocks};
    const std::int32_t last = length - 1;
    ConstTensorView scores = bench.model->forward(
        {.ids = ids, .positions = positions.rows, .slices = {&whole, 1}, .vision = rows, .logitRows = {&last, 1}});
    const double difference =
        largestDifference(scores, orFail(bench.scores->tensor(testCase.at("logits").get<std::string>())));
    require(difference <= kTolerance, fmt::format("first scores differ by {:.2e}", difference));

    const auto expected = testCase.at("output_ids").get<std::vector<std::int32_t>>();
    std::vector<std::int32_t> output;
    while (output.size() < expected.size()) {
        std::vector<float> copy(scores.data<const float>(), scores.data<const float>() + scores.shape().elements());
        output.push_back(executor::sampleToken(copy, {}, {}, 0));
        if (output.size() == expected.size() || output.back() != expected[output.size() - 1])
            break;
        const std::int32_t index = length + static_cast<std::int32_t>(output.size()) - 1;
        const std::int32_t position = index + positions.delta;
        const std::int32_t triple[3] = {position, position, position};
        const model::BatchSlice one{.firstRow = 0, .tokens = 1, .cached = index, .blocks = blocks};
        const std::int32_t row = 0;
        scores = bench.model->forward({.ids = {&output.back(), 1},
                                       .positions = triple,
                                       .slices = {&one, 1},
                                       .vision = {},
                                       .logitRows = {&row, 1}});
    }
    require(output == expected, fmt::format("greedy ids differ at {}", output.size() - 1));
    std::vector<std::int32_t> spoken = output;
    require(bench.tokenizer->decode(spoken, true) == testCase.at("answer").get<std::string>(),
            "the answer's text differs");
    return fmt::format("{} prompt ids, first scores within {:.1e}, {} answer ids", ids.size(), difference,
                       output.size());
}

int run(const fs::path& samples, const fs::path& folder, const fs::path& decoder)
{
    const Json cases = Json::parse(orFail(readFile(samples / "cases.json", 16 << 20)));
    auto checkpoint = orFail(model::Checkpoint::open(folder));
    auto ops = std::make_unique<ops::CpuOps>(0);
    auto model = orFail(model::Qwen25VL::load(
        *ops, orFail(model::loadConfig(folder)), checkpoint,
        {.kvBlocks = kBlocks, .kvBlockTokens = kBlockTokens, .maxBatchedTokens = 4096, .maxSequences = 1}, {}));
    Bench bench{samples,
                orFail(text::Tokenizer::load(folder)),
                orFail(model::loadGenerationConfig(folder)),
                media::MediaReader(decoder, {}, orFail(media::loadPreprocessConfig(folder))),
                std::move(ops),
                std::move(model),
                orFail(SafetensorsFile::open(samples / "samples.safetensors"))};
    int passed = 0;
    int failed = 0;
    for (const Json& testCase : cases.at("cases")) {
        const std::string name = testCase.at("name");
        try {
            fmt::print("ok    {}: {}\n", name, check(bench, testCase));
            ++passed;
        } catch (const Failure& failure) {
            fmt::print("FAIL  {}: {}\n", name, failure.why);
            ++failed;
        }
    }
    fmt::print("{} passed, {} failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 4) {
        fmt::print(stderr, "usage: samples_check SAMPLES_DIR MODEL_DIR DECODER_PROGRAM\n");
        return 2;
    }
    try {
        return run(argv[1], argv[2], argv[3]);
    } catch (const Failure& failure) {
        fmt::print(stderr, "samples_check: {}\n", failure.why);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "samples_check: {}\n", problem.what());
    }
    return 1;
}
