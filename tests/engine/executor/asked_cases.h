#pragma once
// The reference file's questions as a node would ask them: ids, positions, pixels, and what Hugging Face answers.

#include "engine/base/files.h"
#include "engine/base/unique_fd.h"
#include "engine/model/positions.h"
#include "engine/protocol/executor.pb.h"
#include "engine/tensor/safetensors.h"

#include <QTemporaryDir>
#include <QtGlobal>

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace argus::executor::testing {

inline constexpr const char* kReference = ARGUS_SOURCE_DIR "/tests/data/reference/tiny";
inline constexpr int kPatchElements = 1176;

/// A question of the reference file, and what Hugging Face answers.
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
        std::vector<float> pixels;
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
        item.pixels.resize(static_cast<std::size_t>(item.grid.patches()) * kPatchElements);
        std::memcpy(item.pixels.data(), pixels->bytes() + patch * kPatchElements * 4, item.pixels.size() * 4);
        patch += item.grid.patches();
        made.items.push_back(std::move(item));
    }
}

inline std::map<std::string, Case> readCases()
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
        vision.set_video(item.video);
        vision.set_first_row(item.firstRow);
        const std::size_t bytes = item.pixels.size() * sizeof(float) - less;
        auto file = memoryFile("pixels", bytes);
        if (!file || ::pwrite(file->get(), item.pixels.data(), bytes, 0) != static_cast<ssize_t>(bytes))
            qFatal("pixels cannot be written");
        files.push_back(std::move(*file));
    }
}

/// A folder laid out like a checkpoint.
class ModelFolder {
public:
    ModelFolder()
    {
        std::filesystem::create_symlink(std::string(kReference) + ".config.json", path() + "/config.json");
        std::filesystem::create_symlink(std::string(kReference) + ".model.safetensors", path() + "/model.safetensors");
    }
    [[nodiscard]] std::string path() const { return m_folder.path().toStdString(); }

private:
    QTemporaryDir m_folder;
};

} // namespace argus::executor::testing
