#include "engine/media/patchify.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <vector>

namespace argus::media {
namespace {

using Table = std::array<std::array<float, 256>, 3>;

constexpr int kPublishedSide = 14; // of a patch, in every checkpoint so far

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

/// One frame's part of one patch: `side` rows of `side` pixels, a plane a channel. Side: int, or a constant that the
/// compiler can unroll by.
template <typename Side>
void cutPatch(const std::uint8_t* pixel, std::size_t stride, Side side, const Table& table, float* out,
              std::size_t plane)
{
    for (std::size_t c = 0; c < 3; ++c, ++pixel, out += plane) {
        const std::uint8_t* row = pixel;
        for (int y = 0; y < side; ++y, row += stride)
            for (int x = 0; x < side; ++x)
                out[y * side + x] = table[c][row[3 * x]];
    }
}

/// Cuts merge blocks, which stand one after another in the result.
class BlockCutter {
public:
    BlockCutter(const Frames& frames, const PreprocessConfig& config)
        : m_frames(frames), m_config(config), m_table(normalisation(config)),
          m_across(frames.width / config.patchSize / config.mergeSize),
          m_down(frames.height / config.patchSize / config.mergeSize),
          m_area(static_cast<std::size_t>(config.patchSize * config.patchSize)),
          m_plane(m_area * static_cast<std::size_t>(config.temporalPatchSize))
    {
    }

    [[nodiscard]] int blocks() const { return temporalPatches(m_frames.count, m_config) * m_down * m_across; }
    [[nodiscard]] std::size_t blockValues() const
    {
        return static_cast<std::size_t>(m_config.mergeSize * m_config.mergeSize) * 3 * m_plane;
    }

    void cut(int block, float* out) const
    {
        const int merge = m_config.mergeSize;
        const int row = block / m_across % m_down * merge;
        const int column = block % m_across * merge;
        for (int patch = 0; patch < merge * merge; ++patch, out += 3 * m_plane)
            cutRow(block / m_across / m_down, row + patch / merge, column + patch % merge, out);
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
            const std::uint8_t* pixel =
                m_frames.rgb.data() + line * stride + static_cast<std::size_t>(column * side) * 3;
            if (side == kPublishedSide)
                cutPatch(pixel, stride, std::integral_constant<int, kPublishedSide>(), m_table, half, m_plane);
            else
                cutPatch(pixel, stride, side, m_table, half, m_plane);
        }
    }

    Frames m_frames;
    const PreprocessConfig& m_config;
    Table m_table;
    int m_across;
    int m_down;
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
    const BlockCutter cutter(frames, config);
    float* out = result.data();
    for (int block = 0; block < cutter.blocks(); ++block, out += cutter.blockValues())
        cutter.cut(block, out);
}

bool patchifyPieces(const Frames& frames, const PreprocessConfig& config,
                    const std::function<bool(std::span<const float> piece)>& take)
{
    constexpr std::size_t kPieceValues = 65'536; // a quarter of a megabyte: half of a small second cache
    const BlockCutter cutter(frames, config);
    const int atOnce = static_cast<int>(std::max<std::size_t>(kPieceValues / cutter.blockValues(), 1));
    std::vector<float> piece(static_cast<std::size_t>(atOnce) * cutter.blockValues());
    for (int first = 0; first < cutter.blocks(); first += atOnce) {
        const int end = std::min(first + atOnce, cutter.blocks());
        float* out = piece.data();
        for (int block = first; block < end; ++block, out += cutter.blockValues())
            cutter.cut(block, out);
        if (!take({piece.data(), out}))
            return false;
    }
    return true;
}

} // namespace argus::media
