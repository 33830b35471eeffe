#pragma once
// The reference file's questions as a node would ask them: ids, positions, pixels, and what is answered.

#include "engine/base/files.h"
#include "engine/base/unique_fd.h"
#include "engine/model/positions.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/cpu/cpu_ops.h"
#include "engine/protocol/executor.pb.h"
#include "engine/tensor/safetensors.h"
#include "tests/golden/stored_patches.h"

#include <QTemporaryDir>
#include <QtGlobal>

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace argus::executor::testing {

inline constexpr const char* kReference = ARGUS_SOURCE_DIR "/tests/data/reference/tiny";
inline constexpr int kPatchElements = 1176;
/// A token that no case has. Its row in the embedding table of ModelFolder is no number.
inline constexpr std::int32_t kPoisonousToken = 1013;

/// What the bytes of these pictures become. The file's numbers are normally distributed, from -5.2 to 5.2, which no
/// picture reaches on the published scale.
inline ops::PixelScale pixelScale()
{
    ops::PixelScale scale;
    for (int c = 0; c < 3; ++c) {
        scale.mean[c] = 0.5F;
        scale.deviation[c] = 0.5F / 5.2F;
    }
    return scale;
}

/// Calls take(place in the patches, place in the frames, channel) for every value of a grid. Frames: both of every
/// patch, as a decoder would have delivered them, [2 · t, 14 · h, 14 · w, 3]
template <typename Take>
void forEachValue(const model::Grid& grid, const Take& take)
{
    for (std::int64_t n = 0; n < grid.patches(); ++n) {
        const std::int64_t inFrame = n % (grid.h * grid.w);
        const std::int64_t block = inFrame / 4;
        const std::int64_t row = block / (grid.w / 2) * 2 + inFrame % 4 / 2;
        const std::int64_t column = block % (grid.w / 2) * 2 + inFrame % 2;
        for (int k = 0; k < kPatchElements; ++k) {
            const int c = k / 392;
            const std::int64_t frame = n / (grid.h * grid.w) * 2 + k / 196 % 2;
            const std::int64_t y = (frame * grid.h + row) * 14 + k / 14 % 14;
            const std::int64_t x = column * 14 + k % 14;
            take(static_cast<std::size_t>(n * kPatchElements + k),
                 static_cast<std::size_t>((y * grid.w * 14 + x) * 3 + c), c);
        }
    }
}

/// Patches rounded to what bytes can be.
inline std::vector<std::uint8_t> framesOf(const model::Grid& grid, const float* patches)
{
    const ops::PixelScale scale = pixelScale();
    std::vector<std::uint8_t> frames(static_cast<std::size_t>(grid.patches()) * kPatchElements);
    forEachValue(grid, [&](std::size_t patchValue, std::size_t byte, int c) {
        const float unit = patches[patchValue] * scale.deviation[c] + scale.mean[c];
        frames[byte] = static_cast<std::uint8_t>(std::lround(std::clamp(unit * 255, 0.0F, 255.0F)));
    });
    return frames;
}

/// A question of the reference file with its pictures rounded to bytes, and what the model answers then.
struct Case {
    std::string name;
    std::vector<std::int32_t> ids;
    std::vector<std::int32_t> positions; ///< [3, ids]
    std::int32_t delta = 0;
    std::vector<std::int32_t> greedy;
    struct Item {
        model::Grid grid;
        bool video = false;
        std::uint32_t firstRow = 0;
        std::vector<std::uint8_t> pixels; ///< 2 · grid.t frames
    };
    std::vector<Item> items;

    [[nodiscard]] std::int32_t position(int axis, std::size_t index) const
    {
        return index < ids.size() ? positions[static_cast<std::size_t>(axis) * ids.size() + index]
                                  : static_cast<std::int32_t>(index) + delta;
    }
};

inline void readItems(Case& made, const nlohmann::json& grids, bool video, int pad, const SafetensorsFile& tensors)
{
    if (grids.empty())
        return;
    const auto pixels = tensors.tensor(made.name + (video ? ".pixel_values_videos" : ".pixel_values"));
    if (!pixels)
        qFatal("%s", pixels.error().text().c_str());
    std::int64_t patch = 0;
    std::size_t row = 0;
    for (const auto& grid : grids) {
        Case::Item item{
            .grid = {.t = grid[0], .h = grid[1], .w = grid[2]}, .video = video, .firstRow = 0, .pixels = {}};
        while (made.ids[row] != pad)
            ++row;
        item.firstRow = static_cast<std::uint32_t>(row);
        row += static_cast<std::size_t>(item.grid.tokens());
        item.pixels = framesOf(item.grid, pixels->data<const float>() + patch * kPatchElements);
        patch += item.grid.patches();
        made.items.push_back(std::move(item));
    }
}

inline std::map<std::string, Case> storedCases()
{
    const auto text = readFile(std::string(kReference) + ".cases.json", 1 << 20);
    const auto tensors = SafetensorsFile::open(std::string(kReference) + ".cases.safetensors");
    if (!text || !tensors)
        qFatal("the reference data cannot be read");
    std::map<std::string, Case> cases;
    const auto json = nlohmann::json::parse(*text);
    for (const auto& [name, entry] : json.items()) {
        Case made{.name = name,
                  .ids = entry["input_ids"],
                  .positions = {},
                  .delta = entry["rope_delta"],
                  .greedy = entry["greedy"],
                  .items = {}};
        const auto positions = (*tensors)->tensor(name + ".position_ids");
        made.positions.resize(3 * made.ids.size());
        std::memcpy(made.positions.data(), positions->bytes(), made.positions.size() * 4);
        readItems(made, entry["image_grid_thw"], false, 1019, **tensors);
        readItems(made, entry["video_grid_thw"], true, 1020, **tensors);
        std::sort(made.items.begin(), made.items.end(),
                  [](const auto& a, const auto& b) { return a.firstRow < b.firstRow; });
        cases.emplace(name, std::move(made));
    }
    return cases;
}

/// The patches of an item by arithmetic of this file alone.
inline std::vector<float> patchesOf(const Case::Item& item)
{
    const ops::PixelScale scale = pixelScale();
    std::vector<float> patches(item.pixels.size());
    forEachValue(item.grid, [&](std::size_t patchValue, std::size_t byte, int c) {
        patches[patchValue] =
            (static_cast<float>(item.pixels[byte] * (1.0 / 255.0)) - scale.mean[c]) / scale.deviation[c];
    });
    return patches;
}

/// Fills in what the model itself says to each case, alone and without an executor. reference_check compares the model
/// with Hugging Face, whose pictures no decoder could deliver.
inline void answerAlone(std::map<std::string, Case>& cases)
{
    constexpr int kBlocks = 32;
    const std::string prefix(kReference);
    ops::CpuOps ops(1);
    const auto model = model::Qwen25VL::load(
                           ops, model::parseConfig(*readFile(prefix + ".config.json", 1 << 20), "tiny").value(),
                           model::Checkpoint::openFile(prefix + ".model.safetensors").value(),
                           {.kvBlocks = kBlocks, .kvBlockTokens = 16, .maxBatchedTokens = 512, .maxSequences = 1}, {})
                           .value();
    std::vector<std::int32_t> blocks(kBlocks);
    std::iota(blocks.begin(), blocks.end(), 0);
    for (auto& [name, asked] : cases) {
        std::vector<ops::DeviceTensor> embeddings;
        std::vector<model::VisionRows> rows;
        for (const Case::Item& item : asked.items) {
            const std::vector<float> patches = patchesOf(item);
            const ConstTensorView view(reinterpret_cast<const std::byte*>(patches.data()), DType::F32,
                                       {item.grid.patches(), kPatchElements});
            embeddings.push_back(model->encodeVision(golden::StoredPatches(view), {&item.grid, 1}));
            rows.push_back({.firstRow = item.firstRow, .embeddings = embeddings.back().view()});
        }
        std::vector<std::int32_t> known = asked.ids;
        for (std::size_t start = 0; known.size() < asked.ids.size() + asked.greedy.size();) {
            const std::span<const std::int32_t> ids(known.begin() + static_cast<std::ptrdiff_t>(start), known.end());
            std::vector<std::int32_t> positions;
            for (int axis = 0; axis < 3; ++axis)
                for (std::size_t index = start; index < known.size(); ++index)
                    positions.push_back(asked.position(axis, index));
            const model::BatchSlice slice{.tokens = static_cast<std::int64_t>(ids.size()),
                                          .cached = static_cast<std::int64_t>(start),
                                          .blocks = blocks};
            const auto last = static_cast<std::int32_t>(ids.size()) - 1;
            const ConstTensorView scores =
                model->forward({.ids = ids,
                                .positions = positions,
                                .slices = {&slice, 1},
                                .vision = start == 0 ? std::span(rows) : std::span(rows).first(0),
                                .logitRows = {&last, 1}});
            start = known.size();
            const float* const first = scores.data<const float>();
            known.push_back(static_cast<std::int32_t>(std::max_element(first, first + scores.extent(1)) - first));
        }
        const std::vector<std::int32_t> said(known.begin() + static_cast<std::ptrdiff_t>(asked.ids.size()),
                                             known.end());
        if (asked.items.empty() && said != asked.greedy)
            qFatal("without pictures the answer should be Hugging Face's");
        asked.greedy = said;
    }
}

inline std::map<std::string, Case> readCases()
{
    auto cases = storedCases();
    answerAlone(cases);
    return cases;
}

/// Pictures and clips for the first slice of a sequence; their pixels, `less` bytes too few, go to files behind those
/// that are there.
inline void addItems(wire::SequenceSlice& slice, const Case& asked, std::vector<UniqueFd>& files, std::size_t less = 0)
{
    for (const Case::Item& item : asked.items) {
        wire::VisionItem& vision = *slice.add_vision();
        vision.set_pixels_descriptor(static_cast<std::uint32_t>(files.size()));
        vision.set_grid_t(static_cast<std::uint32_t>(item.grid.t));
        vision.set_grid_h(static_cast<std::uint32_t>(item.grid.h));
        vision.set_grid_w(static_cast<std::uint32_t>(item.grid.w));
        vision.set_frames(static_cast<std::uint32_t>(2 * item.grid.t));
        vision.set_video(item.video);
        vision.set_first_row(item.firstRow);
        const std::size_t bytes = item.pixels.size() - less;
        auto file = memoryFile("pixels", bytes);
        if (!file || ::pwrite(file->get(), item.pixels.data(), bytes, 0) != static_cast<ssize_t>(bytes))
            qFatal("pixels cannot be written");
        files.push_back(std::move(*file));
    }
}

/// The same question with a token in it that makes its scores not finite.
inline Case poisoned(Case asked)
{
    asked.ids.front() = kPoisonousToken;
    return asked;
}

/// A folder laid out like a checkpoint: the reference's, with a poisonous token.
class ModelFolder {
public:
    ModelFolder()
    {
        std::filesystem::create_symlink(std::string(kReference) + ".config.json", path() + "/config.json");
        const auto file = readFile(std::string(kReference) + ".model.safetensors", 64 << 20);
        if (!file)
            qFatal("%s", file.error().text().c_str());
        std::string content = *file;
        std::uint64_t header = 0;
        std::memcpy(&header, content.data(), sizeof header);
        const auto table = nlohmann::json::parse(content.substr(8, header))["model.embed_tokens.weight"];
        const std::size_t begin = table["data_offsets"][0];
        const std::size_t end = table["data_offsets"][1];
        const std::size_t row = (end - begin) / table["shape"][0].get<std::size_t>();
        // All bits set is no number in any float format.
        std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(8 + header + begin + kPoisonousToken * row), row,
                    static_cast<char>(0xFF));
        std::ofstream(path() + "/model.safetensors", std::ios::binary) << content;
    }
    [[nodiscard]] std::string path() const { return m_folder.path().toStdString(); }

private:
    QTemporaryDir m_folder;
};

} // namespace argus::executor::testing
