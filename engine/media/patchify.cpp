#include "engine/media/patchify.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace argus::media {
namespace {

using Table = std::array<std::array<float, 256>, 3>;

Table normalisation(const PreprocessConfig& config)
{
    Table table{};
    for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t v = 0; v < 256; ++v) {
            const auto unit = static_cast<float>(static_cast<double>(v) * (1.0 / 255.0));
            table[c][v] = (unit - config.mean[c]) / config.std[c];
        }
    return table;
}

/// One frame's part of one patch: `side` rows of `side` pixels, a plane a channel.
void cutPatch(const std::uint8_t* pixel, std::size_t stride, int side, const Table& table, float* out,
              std::size_t plane)
{
    for (int y = 0; y < side; ++y, pixel += stride) {
        float* row = out + static_cast<std::size_t>(y * side);
        for (int x = 0; x < side; ++x)
            for (std::size_t c = 0; c < 3; ++c)
                row[c * plane + static_cast<std::size_t>(x)] = table[c][pixel[3 * x + static_cast<int>(c)]];
    }
}

} // namespace

int temporalPatches(int frames, const PreprocessConfig& config)
{
    return (frames + config.temporalPatchSize - 1) / config.temporalPatchSize;
}

void patchify(const Frames& frames, const PreprocessConfig& config, std::span<float> result)
{
    const Table table = normalisation(config);
    const int side = config.patchSize;
    const int merge = config.mergeSize;
    const int depth = config.temporalPatchSize;
    const auto area = static_cast<std::size_t>(side * side);
    const std::size_t plane = area * static_cast<std::size_t>(depth); // from one channel to the next
    const auto stride = static_cast<std::size_t>(frames.width) * 3;
    float* out = result.data();
    const auto cut = [&](int temporal, int row, int column) {
        for (int p = 0; p < depth; ++p) {
            const int frame = std::min(temporal * depth + p, frames.count - 1);
            if (p > 0 &&
                frame == std::min(temporal * depth + p - 1, frames.count - 1)) { // a still picture: the same again
                for (std::size_t c = 0; c < 3; ++c)
                    std::memcpy(out + c * plane + static_cast<std::size_t>(p) * area,
                                out + c * plane + static_cast<std::size_t>(p - 1) * area, area * sizeof(float));
                continue;
            }
            const std::uint8_t* pixel = frames.rgb.data() +
                                        (static_cast<std::size_t>(frame) * static_cast<std::size_t>(frames.height) +
                                         static_cast<std::size_t>(row * side)) *
                                            stride +
                                        static_cast<std::size_t>(column * side) * 3;
            cutPatch(pixel, stride, side, table, out + static_cast<std::size_t>(p) * area, plane);
        }
        out += 3 * plane;
    };
    const int blocksDown = frames.height / side / merge;
    const int blocksAcross = frames.width / side / merge;
    for (int t = 0; t < temporalPatches(frames.count, config); ++t)
        for (int blockY = 0; blockY < blocksDown; ++blockY)
            for (int blockX = 0; blockX < blocksAcross; ++blockX)
                for (int inBlock = 0; inBlock < merge * merge; ++inBlock)
                    cut(t, blockY * merge + inBlock / merge, blockX * merge + inBlock % merge);
}

} // namespace argus::media
