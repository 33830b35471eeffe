#include "tests/golden/reference_cases.h"

#include "engine/base/files.h"

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
                 const HostTensor& embeddings)
{
    const auto& ids = conversation.from->ids;
    std::int64_t used = 0;
    auto at = ids.begin();
    for (const model::Grid& grid : items) {
        at = std::find(at, ids.end(), pad);
        conversation.vision.push_back(
            {.firstRow = at - ids.begin(), .embeddings = embeddings.view().rows(used, grid.tokens())});
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
            if (scoreEveryRow || i == begin + count - 1)
                logitRows.push_back(static_cast<std::int32_t>(first + i - begin));
        }
        slices.push_back({.firstRow = first, .tokens = count, .cached = begin, .blocks = conversation.blocks});
        for (const model::VisionRows& rows : conversation.vision) {
            const std::int64_t from = std::max(rows.firstRow, begin);
            const std::int64_t to = std::min(rows.firstRow + rows.embeddings.extent(0), begin + count);
            if (from < to)
                vision.push_back({.firstRow = first + from - begin,
                                  .embeddings = rows.embeddings.rows(from - rows.firstRow, to - from)});
        }
    }
};

} // namespace

ReferenceModel ReferenceModel::load(const std::filesystem::path& folder, const std::string& name, int threads,
                                    model::Compatibility compatibility)
{
    constexpr std::uint64_t kMostBytes = 64 << 20;
    const auto file = [&](const char* kind) { return folder / (name + kind); };
    ReferenceModel reference;
    reference.name = name;
    const auto config = orThrow(model::parseConfig(orThrow(readFile(file(".config.json"), kMostBytes)), name));
    reference.expected = orThrow(SafetensorsFile::open(file(".cases.safetensors")));
    reference.ops = std::make_unique<ops::CpuOps>(threads);
    reference.model = orThrow(model::Qwen25VL::load(*reference.ops, config,
                                                    orThrow(model::Checkpoint::openFile(file(".model.safetensors"))),
                                                    {.kvBlocks = kKvBlocks,
                                                     .kvBlockTokens = kBlockTokens,
                                                     .maxBatchedTokens = kMostRows,
                                                     .maxSequences = kMostScores},
                                                    {}, compatibility));
    const Json cases = Json::parse(orThrow(readFile(file(".cases.json"), kMostBytes)));
    for (const auto& [caseName, each] : cases.items())
        reference.cases.push_back({.name = caseName,
                                   .ids = each.at("input_ids"),
                                   .imageGrids = grids(each.at("image_grid_thw")),
                                   .videoGrids = grids(each.at("video_grid_thw")),
                                   .secondsPerGrid = each.at("second_per_grid_ts"),
                                   .greedy = each.at("greedy"),
                                   .delta = each.at("rope_delta")});
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
                   std::vector<std::int32_t> blocks)
{
    const model::ModelConfig& config = reference.model->config();
    Conversation conversation;
    conversation.from = &from;
    conversation.blocks = std::move(blocks);
    conversation.positions =
        orThrow(model::ropePositions(config, from.ids, from.imageGrids, from.videoGrids, from.secondsPerGrid, variant));
    if (!from.imageGrids.empty())
        conversation.imageEmbeds =
            reference.model->encodeVision(reference.tensor(from, "pixel_values"), from.imageGrids);
    if (!from.videoGrids.empty())
        conversation.videoEmbeds =
            reference.model->encodeVision(reference.tensor(from, "pixel_values_videos"), from.videoGrids);
    placeVision(conversation, config.imageToken, from.imageGrids, conversation.imageEmbeds);
    placeVision(conversation, config.videoToken, from.videoGrids, conversation.videoEmbeds);
    return conversation;
}

ConstTensorView step(ReferenceModel& reference, std::span<Conversation* const> conversations, std::int64_t most,
                     bool scoreEveryRow)
{
    Assembly assembly;
    for (Conversation* each : conversations) {
        const std::int64_t count = std::min(most, each->known() - each->cached);
        assembly.add(*each, count, scoreEveryRow);
        each->cached += count;
    }
    std::vector<std::int32_t> positions;
    for (const auto& axis : assembly.positions)
        positions.insert(positions.end(), axis.begin(), axis.end());
    return reference.model->forward({.ids = assembly.ids,
                                     .positions = positions,
                                     .slices = assembly.slices,
                                     .vision = assembly.vision,
                                     .logitRows = assembly.logitRows});
}

void takeBest(std::span<Conversation* const> conversations, ConstTensorView scores)
{
    for (std::size_t i = 0; i < conversations.size(); ++i) {
        if (conversations[i]->cached < conversations[i]->known())
            continue;
        const auto* row = scores.data<const float>() + static_cast<std::int64_t>(i) * scores.rowStride();
        conversations[i]->answer.push_back(
            static_cast<std::int32_t>(std::max_element(row, row + scores.extent(1)) - row));
    }
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
