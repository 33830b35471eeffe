#include "tests/golden/reference_cases.h"

#include "engine/base/files.h"
#include "tests/golden/stored_patches.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace argus::golden {

namespace {

using Json = nlohmann::json;

template <typename T>
T orThrow(Result<T> result)
{
    if (!result.ok())
        throw std::runtime_error(result.error().text());
    return std::move(result).value();
}

std::vector<model::Grid> grids(const Json& list)
{
    std::vector<model::Grid> result;
    for (const Json& each : list)
        result.push_back({.t = each.at(0), .h = each.at(1), .w = each.at(2)});
    return result;
}

/// Hands out the rows of `embeddings` to the runs of `pad`, in order.
void placeVision(Conversation& conversation, std::int32_t pad, std::span<const model::Grid> items,
                 const ops::DeviceTensor& embeddings)
{
    const auto& ids = conversation.from->ids;
    std::int64_t used = 0;
    auto at = ids.begin();
    for (const model::Grid& grid : items) {
        at = std::find(at, ids.end(), pad);
        conversation.vision.push_back(
            {.firstRow = at - ids.begin(), .embeddings = embeddings.rows(used, grid.tokens())});
        used += grid.tokens();
        at += grid.tokens();
    }
}

/// One step being put together.
struct Assembly {
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> positions[3];
    std::vector<model::BatchSlice> slices;
    std::vector<model::VisionRows> vision;
    std::vector<std::int32_t> logitRows;
    std::vector<ops::SamplingRow> sampling;

    void add(const Conversation& conversation, std::int64_t count, bool scoreEveryRow)
    {
        const auto first = static_cast<std::int64_t>(ids.size());
        const std::int64_t begin = conversation.cached;
        const auto& prompt = conversation.from->ids;
        const auto length = static_cast<std::int64_t>(prompt.size());
        for (std::int64_t i = begin; i < begin + count; ++i) {
            const auto index = static_cast<std::size_t>(i);
            ids.push_back(i < length ? prompt[index] : conversation.answer[index - prompt.size()]);
            for (std::size_t axis = 0; axis < 3; ++axis)
                positions[axis].push_back(i < length ? conversation.positions.rows[axis * prompt.size() + index]
                                                     : static_cast<std::int32_t>(i) + conversation.positions.delta);
            const bool last = i == begin + count - 1;
            if (!scoreEveryRow && !last)
                continue;
            logitRows.push_back(static_cast<std::int32_t>(first + i - begin));
            sampling.emplace_back(); // of no slot: scored, not drawn from
            if (last && begin + count == conversation.known())
                sampling.back().slot = conversation.slot;
        }
        slices.push_back({.firstRow = first,
                          .tokens = count,
                          .cached = begin,
                          .slot = conversation.slot,
                          .blocks = conversation.blocks});
        for (const model::VisionRows& rows : conversation.vision) {
            const std::int64_t from = std::max(rows.firstRow, begin);
            const std::int64_t to = std::min(rows.firstRow + rows.embeddings.extent(0), begin + count);
            if (from < to)
                vision.push_back({.firstRow = first + from - begin,
                                  .embeddings = rows.embeddings.rows(from - rows.firstRow, to - from)});
        }
    }
};

constexpr std::uint64_t kMostBytes = 64 << 20;

std::filesystem::path fileOf(std::filesystem::path prefix, const char* ending)
{
    return prefix += ending;
}

std::vector<ReferenceCase> readCases(const std::filesystem::path& file)
{
    std::vector<ReferenceCase> cases;
    const Json json = Json::parse(orThrow(readFile(file, kMostBytes)));
    for (const auto& [name, each] : json.items())
        cases.push_back({.name = name,
                         .ids = each.at("input_ids"),
                         .imageGrids = grids(each.at("image_grid_thw")),
                         .videoGrids = grids(each.at("video_grid_thw")),
                         .secondsPerGrid = each.at("second_per_grid_ts"),
                         .greedy = each.at("greedy"),
                         .delta = each.at("rope_delta")});
    return cases;
}

/// Of the largest picture or clip, so that a pass of the vision tower holds any of them.
int mostPatches(const std::vector<ReferenceCase>& cases)
{
    std::int64_t most = 0;
    for (const ReferenceCase& each : cases)
        for (const auto* items : {&each.imageGrids, &each.videoGrids})
            for (const model::Grid& grid : *items)
                most = std::max(most, grid.patches());
    return static_cast<int>(most);
}

} // namespace

ReferenceModel ReferenceModel::load(const std::filesystem::path& checkpoint, const std::filesystem::path& cases,
                                    const MakeOps& makeOps, model::Compatibility compatibility,
                                    const Division& division)
{
    ReferenceModel reference;
    reference.name = checkpoint.filename();
    reference.cases = readCases(fileOf(cases, ".cases.json"));
    reference.expected = orThrow(SafetensorsFile::open(fileOf(cases, ".cases.safetensors")));
    const auto config =
        orThrow(model::parseConfig(orThrow(readFile(fileOf(checkpoint, ".config.json"), kMostBytes)), reference.name));
    const model::RuntimeSizes sizes{.kvBlocks = kKvBlocks,
                                    .kvBlockTokens = kBlockTokens,
                                    .maxBatchedTokens = kMostRows,
                                    .maxSequences = kMostScores,
                                    .maxVisionPatches = mostPatches(reference.cases)};
    reference.model = std::make_unique<ModelRanks>(
        config, orThrow(model::Checkpoint::openFile(fileOf(checkpoint, ".model.safetensors"))), sizes, compatibility,
        division, makeOps);
    return reference;
}

ConstTensorView ReferenceModel::tensor(const ReferenceCase& from, const std::string& what) const
{
    return orThrow(expected->tensor(from.name + '.' + what));
}

std::vector<std::string> referenceNames(const std::filesystem::path& folder)
{
    constexpr std::string_view kEnding = ".config.json";
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (const std::string file = entry.path().filename(); file.ends_with(kEnding))
            names.push_back(file.substr(0, file.size() - kEnding.size()));
    std::sort(names.begin(), names.end());
    return names;
}

Conversation begin(ReferenceModel& reference, const ReferenceCase& from, model::PositionVariant variant,
                   std::vector<std::int32_t> blocks, std::int32_t slot)
{
    const model::ModelConfig& config = reference.model->config();
    Conversation conversation;
    conversation.from = &from;
    conversation.blocks = std::move(blocks);
    conversation.slot = slot;
    conversation.positions =
        orThrow(model::ropePositions(config, from.ids, from.imageGrids, from.videoGrids, from.secondsPerGrid, variant));
    if (!from.imageGrids.empty())
        conversation.imageEmbeds =
            reference.model->encodeVision(StoredPatches(reference.tensor(from, "pixel_values")), from.imageGrids);
    if (!from.videoGrids.empty())
        conversation.videoEmbeds = reference.model->encodeVision(
            StoredPatches(reference.tensor(from, "pixel_values_videos")), from.videoGrids);
    placeVision(conversation, config.imageToken, from.imageGrids, conversation.imageEmbeds);
    placeVision(conversation, config.videoToken, from.videoGrids, conversation.videoEmbeds);
    return conversation;
}

Outcome step(ReferenceModel& reference, std::span<Conversation* const> conversations, std::int64_t most,
             bool scoreEveryRow)
{
    Assembly assembly;
    std::vector<std::size_t> lastRows; // of each conversation, among the scored ones
    for (Conversation* each : conversations) {
        const std::int64_t count = std::min(most, each->known() - each->cached);
        assembly.add(*each, count, scoreEveryRow);
        lastRows.push_back(assembly.logitRows.size() - 1);
        each->cached += count;
    }
    std::vector<std::int32_t> positions;
    for (const auto& axis : assembly.positions)
        positions.insert(positions.end(), axis.begin(), axis.end());
    reference.model->run({.ids = assembly.ids,
                          .positions = positions,
                          .slices = assembly.slices,
                          .vision = assembly.vision,
                          .logitRows = assembly.logitRows,
                          .sampling = assembly.sampling});
    const std::vector<std::int32_t> drawn = reference.model->drawn();
    Outcome outcome{.scores = reference.model->scores(), .drawn = {}};
    for (const std::size_t row : lastRows)
        outcome.drawn.push_back(assembly.sampling[row].slot < 0 ? -1 : drawn[row]);
    return outcome;
}

void takeDrawn(std::span<Conversation* const> conversations, std::span<const std::int32_t> drawn)
{
    for (std::size_t i = 0; i < conversations.size(); ++i)
        if (conversations[i]->cached == conversations[i]->known())
            conversations[i]->answer.push_back(drawn[i]);
}

double largestDifference(ConstTensorView got, ConstTensorView expected)
{
    if (!(got.shape() == expected.shape()) || !got.dense())
        return std::numeric_limits<double>::infinity();
    double largest = 0;
    for (std::int64_t i = 0; i < expected.shape().elements(); ++i) {
        const double difference =
            std::abs(double{got.data<const float>()[i]} - double{expected.data<const float>()[i]});
        largest = std::isnan(difference) ? std::numeric_limits<double>::infinity() : std::max(largest, difference);
    }
    return largest;
}

} // namespace argus::golden
