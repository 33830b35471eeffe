#include "engine/media/patchify.h"

#include <array>
#include <cstring>
#include <vector>

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

/// Cuts the patches of one row of merge blocks.
class BandCutter {
public:
    BandCutter(const Frames& frames, const PreprocessConfig& config)
        : m_frames(frames), m_config(config), m_table(normalisation(config)),
          m_area(static_cast<std::size_t>(config.patchSize * config.patchSize)),
          m_plane(m_area * static_cast<std::size_t>(config.temporalPatchSize))
    {
    }

    [[nodiscard]] int bandsDown() const { return m_frames.height / m_config.patchSize / m_config.mergeSize; }
    [[nodiscard]] std::size_t bandValues() const
    {
        return static_cast<std::size_t>(m_frames.width / m_config.patchSize * m_config.mergeSize) * 3 * m_plane;
    }

    void cut(int temporal, int blockY, float* out) const
    {
        const int merge = m_config.mergeSize;
        const int across = m_frames.width / m_config.patchSize / merge;
        for (int blockX = 0; blockX < across; ++blockX)
            for (int inBlock = 0; inBlock < merge * merge; ++inBlock, out += 3 * m_plane)
                cutRow(temporal, blockY * merge + inBlock / merge, blockX * merge + inBlock % merge, out);
    }

private:
    void cutRow(int temporal, int row, int column, float* out) const
    {
        const int side = m_config.patchSize;
        const auto stride = static_cast<std::size_t>(m_frames.width) * 3;
        for (int p = 0; p < m_config.temporalPatchSize; ++p) {
            const int wanted = temporal * m_config.temporalPatchSize + p;
            float* half = out + static_cast<std::size_t>(p) * m_area;
            if (p > 0 && wanted >= m_frames.count) { // a still picture, or an odd last frame: the same again
                for (std::size_t c = 0; c < 3; ++c)
                    std::memcpy(half + c * m_plane, half + c * m_plane - m_area, m_area * sizeof(float));
                continue;
            }
            const std::size_t line = static_cast<std::size_t>(wanted) * static_cast<std::size_t>(m_frames.height) +
                                     static_cast<std::size_t>(row * side);
            cutPatch(m_frames.rgb.data() + line * stride + static_cast<std::size_t>(column * side) * 3, stride, side,
                     m_table, half, m_plane);
        }
    }

    Frames m_frames;
    const PreprocessConfig& m_config;
    Table m_table;
    std::size_t m_area;
    std::size_t m_plane;
};

} // namespace

int temporalPatches(int frames, const PreprocessConfig& config)
{
    return (frames + config.temporalPatchSize - 1) / config.temporalPatchSize;
}

void patchify(const Frames& frames, const PreprocessConfig& config, std::span<float> result)
{
    const BandCutter cutter(frames, config);
    float* out = result.data();
    for (int t = 0; t < temporalPatches(frames.count, config); ++t)
        for (int band = 0; band < cutter.bandsDown(); ++band, out += cutter.bandValues())
            cutter.cut(t, band, out);
}

bool patchifyBands(const Frames& frames, const PreprocessConfig& config,
                   const std::function<bool(std::span<const float> band)>& take)
{
    const BandCutter cutter(frames, config);
    std::vector<float> values(cutter.bandValues());
    for (int t = 0; t < temporalPatches(frames.count, config); ++t)
        for (int band = 0; band < cutter.bandsDown(); ++band) {
            cutter.cut(t, band, values.data());
            if (!take(values))
                return false;
        }
    return true;
}

} // namespace argus::media
