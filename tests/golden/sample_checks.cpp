#include "tests/golden/sample_checks.h"

#include "engine/base/files.h"
#include "engine/media/media.h"
#include "engine/model/positions.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/tensor/safetensors.h"
#include "engine/text/chat_template.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace argus::golden {

namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr double kTolerance = 1e-3; // float32 on both sides, sums in another order

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
    SampleOptions options;
    std::shared_ptr<const text::Tokenizer> tokenizer;
    model::GenerationConfig generation;
    media::MediaReader reader;
    ops::PixelScale scale;
    std::unique_ptr<ops::Ops> ops;
    std::unique_ptr<model::Qwen25VL> model;
    std::shared_ptr<const SafetensorsFile> scores;
};

/// One file as the decoder delivers it.
struct Item {
    model::Grid grid;
    media::MediaKind kind = media::MediaKind::Image;
    double secondsPerGrid = 0;
    HostTensor frames = {}; ///< U8 [frames, height, width, 3]
};

/// A case's media, in order of appearance.
struct Pictures {
    std::vector<Item> items;
    std::vector<model::Grid> grids;
    std::vector<model::Grid> imageGrids;
    std::vector<model::Grid> videoGrids;
    std::vector<double> secondsPerGrid;
};

HostTensor framesFor(const model::Grid& grid, int frames)
{
    return {DType::U8, {frames, std::int64_t{grid.h} * 14, std::int64_t{grid.w} * 14, 3}};
}

Item decode(const Bench& bench, const std::string& name)
{
    const fs::path file = bench.options.samples / (fs::path(name).has_extension() ? name : name + ".mkv");
    const media::Pixels pixels = orFail(bench.reader.read(file));
    Item item{.grid = {pixels.gridT, pixels.gridH, pixels.gridW},
              .kind = pixels.kind,
              .secondsPerGrid = pixels.secondsPerGrid};
    item.frames = framesFor(item.grid, pixels.frames);
    require(pixels.bytes == static_cast<std::size_t>(item.frames.shape().elements()),
            fmt::format("{}: {} bytes of pixels", name, pixels.bytes));
    require(::pread(pixels.memory.get(), item.frames.view().bytes(), pixels.bytes, 0) ==
                static_cast<ssize_t>(pixels.bytes),
            "pixels cannot be read");
    return item;
}

/// Pixels that an earlier run left behind, for machines where nothing can be decoded: grid, frames, kind and seconds as
/// a line of text, then the bytes.
std::optional<Item> readKept(const fs::path& file)
{
    std::ifstream from(file, std::ios::binary);
    Item item;
    int frames = 0;
    int video = 0;
    if (!(from >> item.grid.t >> item.grid.h >> item.grid.w >> frames >> video >> item.secondsPerGrid) ||
        from.get() != '\n')
        return std::nullopt;
    item.kind = video != 0 ? media::MediaKind::Video : media::MediaKind::Image;
    item.frames = framesFor(item.grid, frames);
    from.read(reinterpret_cast<char*>(item.frames.view().bytes()), item.frames.shape().elements());
    return from ? std::optional(std::move(item)) : std::nullopt;
}

void keep(const fs::path& file, const Item& item)
{
    std::ofstream to(file, std::ios::binary);
    to << fmt::format("{} {} {} {} {} {}\n", item.grid.t, item.grid.h, item.grid.w, item.frames.shape()[0],
                      item.kind == media::MediaKind::Video ? 1 : 0, item.secondsPerGrid);
    to.write(reinterpret_cast<const char*>(item.frames.view().bytes()), item.frames.shape().elements());
    require(to.good(), file.string() + " cannot be written");
}

Item readItem(const Bench& bench, const std::string& name)
{
    if (bench.options.pixels.empty())
        return decode(bench, name);
    const fs::path kept = bench.options.pixels / (name + ".pixels");
    if (auto item = readKept(kept))
        return std::move(*item);
    Item item = decode(bench, name);
    keep(kept, item);
    return item;
}

Pictures readPictures(const Bench& bench, const Json& testCase)
{
    Pictures pictures;
    for (const Json& entry : testCase.at("media")) {
        const Item& item = pictures.items.emplace_back(readItem(bench, entry.get<std::string>()));
        pictures.grids.push_back(item.grid);
        if (item.kind == media::MediaKind::Video) {
            pictures.videoGrids.push_back(item.grid);
            pictures.secondsPerGrid.push_back(item.secondsPerGrid);
        } else {
            pictures.imageGrids.push_back(item.grid);
        }
    }
    return pictures;
}

/// All items at once, as the device makes patches of them.
model::FrameSource sourceOf(const Bench& bench, const Pictures& pictures)
{
    std::vector<ConstTensorView> frames;
    for (const Item& item : pictures.items)
        frames.push_back(item.frames.view());
    return {std::move(frames), bench.scale};
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
            for (const Item& item : pictures.items)
                message.parts.push_back(
                    {.kind = item.kind == media::MediaKind::Video ? ChatPart::Kind::Video : ChatPart::Kind::Image,
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
                                          const Pictures& pictures, const ops::DeviceTensor& embeddings)
{
    std::vector<model::VisionRows> rows;
    std::int64_t used = 0;
    auto at = ids.begin();
    for (const model::Grid& grid : pictures.grids) {
        at = std::find_if(at, ids.end(), [&](std::int32_t id) {
            return id == bench.model->config().imageToken || id == bench.model->config().videoToken;
        });
        require(at != ids.end(), "fewer pads than pictures");
        rows.push_back({.firstRow = at - ids.begin(), .embeddings = embeddings.rows(used, grid.tokens())});
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

/// A case as the model takes it.
struct Prompt {
    std::vector<std::int32_t> ids = {};
    model::Positions positions = {};
    ops::DeviceTensor embeddings = {};
    std::vector<model::VisionRows> vision = {};
};

Prompt prepare(const Bench& bench, const Json& testCase)
{
    const Pictures pictures = readPictures(bench, testCase);
    checkGrids(pictures.imageGrids, testCase.at("image_grid_thw"), "image");
    checkGrids(pictures.videoGrids, testCase.at("video_grid_thw"), "video");
    Prompt prompt{.ids = promptIds(bench, testCase, pictures)};
    require(prompt.ids == testCase.at("input_ids").get<std::vector<std::int32_t>>(), "the prompt's ids differ");
    prompt.positions =
        orFail(model::ropePositions(bench.model->config(), prompt.ids, pictures.imageGrids, pictures.videoGrids,
                                    pictures.secondsPerGrid, model::PositionVariant::A));
    if (!pictures.grids.empty()) {
        prompt.embeddings = bench.model->encodeVision(sourceOf(bench, pictures), pictures.grids);
        prompt.vision = visionRows(bench, prompt.ids, pictures, prompt.embeddings);
    }
    return prompt;
}

/// Drawn greedily by the device, which goes on from its own tokens.
class Answering {
public:
    Answering(Bench& bench, const Prompt& prompt) : m_bench(bench), m_prompt(prompt), m_blocks(kSampleBlocks)
    {
        std::iota(m_blocks.begin(), m_blocks.end(), 0);
    }

    std::int32_t first()
    {
        m_length = static_cast<std::int32_t>(m_prompt.ids.size());
        const model::BatchSlice whole{.firstRow = 0, .tokens = m_length, .cached = 0, .slot = 0, .blocks = m_blocks};
        const std::int32_t last = m_length - 1;
        return draw({.ids = m_prompt.ids,
                     .positions = m_prompt.positions.rows,
                     .slices = {&whole, 1},
                     .vision = m_prompt.vision,
                     .logitRows = {&last, 1},
                     .sampling = {&kGreedy, 1}});
    }
    std::int32_t next()
    {
        const std::int32_t position = m_length + m_prompt.positions.delta;
        const std::int32_t triple[3] = {position, position, position};
        const model::BatchSlice one{.firstRow = 0, .tokens = 1, .cached = m_length++, .slot = 0, .blocks = m_blocks};
        const std::int32_t whatSlot0Drew = -1;
        const std::int32_t row = 0;
        return draw({.ids = {&whatSlot0Drew, 1},
                     .positions = triple,
                     .slices = {&one, 1},
                     .vision = {},
                     .logitRows = {&row, 1},
                     .sampling = {&kGreedy, 1}});
    }
    [[nodiscard]] bool full() const { return m_length == kSampleBlocks * kSampleBlockTokens; }

private:
    static constexpr ops::SamplingRow kGreedy{.slot = 0};

    std::int32_t draw(const model::Batch& batch)
    {
        m_bench.model->run(batch);
        std::int32_t id = -1;
        m_bench.ops->take(m_bench.model->fetchDrawn(), {&id, 1});
        return id;
    }

    Bench& m_bench;
    const Prompt& m_prompt;
    std::vector<std::int32_t> m_blocks;
    std::int32_t m_length = 0; ///< tokens in the cache
};

std::vector<std::int32_t> answerLike(Answering& answering, std::int32_t first,
                                     const std::vector<std::int32_t>& expected)
{
    std::vector<std::int32_t> ids{first};
    while (ids.size() < expected.size() && ids.back() == expected[ids.size() - 1])
        ids.push_back(answering.next());
    return ids;
}

std::vector<std::int32_t> answerToTheEnd(Answering& answering, std::int32_t first,
                                         const model::GenerationConfig& config)
{
    std::vector<std::int32_t> ids{first};
    const auto most = static_cast<std::size_t>(config.maxNewTokens.value_or(512));
    while (ids.size() < most && !answering.full() &&
           std::find(config.stopIds.begin(), config.stopIds.end(), ids.back()) == config.stopIds.end())
        ids.push_back(answering.next());
    return ids;
}

std::string check(Bench& bench, const Json& testCase)
{
    const Prompt prompt = prepare(bench, testCase);
    Answering answering(bench, prompt);
    const std::int32_t first = answering.first();
    const double difference = largestDifference(bench.model->scores(),
                                                orFail(bench.scores->tensor(testCase.at("logits").get<std::string>())));
    const auto expected = testCase.at("output_ids").get<std::vector<std::int32_t>>();
    std::vector<std::int32_t> ids;
    if (bench.options.answersOnly) {
        ids = answerToTheEnd(answering, first, bench.generation);
    } else {
        require(difference <= kTolerance, fmt::format("first scores differ by {:.2e}", difference));
        ids = answerLike(answering, first, expected);
        require(ids == expected, fmt::format("greedy ids differ at {}", ids.size() - 1));
    }
    const std::string text = bench.tokenizer->decode(ids, true);
    const auto wanted = testCase.at("answer").get<std::string>();
    require(text == wanted, fmt::format("the answer is \"{}\", expected \"{}\"", text, wanted));
    return fmt::format("{} prompt ids, first scores within {:.1e}, {} answer ids", prompt.ids.size(), difference,
                       ids.size());
}

Bench prepareBench(const SampleOptions& options, const MakeOps& makeOps)
{
    auto ops = makeOps();
    auto model = orFail(model::Qwen25VL::load(*ops, orFail(model::loadConfig(options.model)),
                                              orFail(model::Checkpoint::open(options.model)),
                                              {.kvBlocks = kSampleBlocks,
                                               .kvBlockTokens = kSampleBlockTokens,
                                               .maxBatchedTokens = kSampleRows,
                                               .maxSequences = 1},
                                              {}));
    const media::PreprocessConfig preprocess = orFail(media::loadPreprocessConfig(options.model));
    ops::PixelScale scale;
    std::copy(std::begin(preprocess.mean), std::end(preprocess.mean), scale.mean);
    std::copy(std::begin(preprocess.std), std::end(preprocess.std), scale.deviation);
    return {options,
            orFail(text::Tokenizer::load(options.model)),
            orFail(model::loadGenerationConfig(options.model)),
            media::MediaReader(options.decoder, {}, preprocess),
            scale,
            std::move(ops),
            std::move(model),
            orFail(SafetensorsFile::open(options.samples / "samples.safetensors"))};
}

int run(const SampleOptions& options, const MakeOps& makeOps)
{
    const Json cases = Json::parse(orFail(readFile(options.samples / "cases.json", 16 << 20)));
    Bench bench = prepareBench(options, makeOps);
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

void addOptions(CLI::App& app, SampleOptions& options)
{
    app.add_option("SAMPLES_DIR", options.samples, "Folder with cases.json and the files it names")
        ->required()
        ->check(CLI::ExistingDirectory);
    app.add_option("MODEL_DIR", options.model, "Folder of the model")->required()->check(CLI::ExistingDirectory);
    app.add_option("DECODER_PROGRAM", options.decoder, "The argus-decoder program")
        ->required()
        ->check(CLI::ExistingFile);
    app.add_option("--pixels", options.pixels,
                   "Folder of pixels: read where they are, decoded and left there where they are not")
        ->check(CLI::ExistingDirectory);
    app.add_flag("--answers-only", options.answersOnly, "Compare what is said, not scores and ids");
}

int checkSamples(const SampleOptions& options, const MakeOps& makeOps)
{
    try {
        return run(options, makeOps);
    } catch (const Failure& failure) {
        fmt::print(stderr, "samples check: {}\n", failure.why);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "samples check: {}\n", problem.what());
    }
    return 1;
}

} // namespace argus::golden
