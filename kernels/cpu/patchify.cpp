#include "kernels/patchify.h"

#include "kernels/cpu/team.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace argus::kernels::cpu {
namespace {

constexpr int kChannels = 3;
constexpr int kSide = 14;  // of a patch
constexpr int kMerge = 2;  // patches of a merge block along each axis
constexpr int kFrames = 2; // of a patch
constexpr std::int64_t kPlane = kSide * kSide;
constexpr std::int64_t kColumns = kChannels * kFrames * kPlane;

/// What each value of each channel becomes.
using Table = std::array<std::array<float, 256>, kChannels>;

Table tableOf(const Patchify& work)
{
    Table table{};
    for (std::size_t c = 0; c < kChannels; ++c)
        for (std::size_t v = 0; v < 256; ++v) {
            const auto unit = static_cast<float>(static_cast<double>(v) * (1.0 / 255.0));
            table[c][v] = (unit - work.mean[c]) / work.deviation[c];
        }
    return table;
}

/// One frame's part of one patch: a plane a channel, kFrames planes apart.
void cutFrame(const std::uint8_t* pixel, std::int64_t stride, const Table& table, float* out)
{
    for (std::size_t c = 0; c < kChannels; ++c, ++pixel, out += kFrames * kPlane) {
        const std::uint8_t* row = pixel;
        for (int y = 0; y < kSide; ++y, row += stride)
            for (int x = 0; x < kSide; ++x)
                out[y * kSide + x] = table[c][row[kChannels * x]];
    }
}

void repeatFrame(float* out)
{
    for (int c = 0; c < kChannels; ++c, out += kFrames * kPlane)
        std::memcpy(out + kPlane, out, kPlane * sizeof(float));
}

/// Row `row` of the grid, column `column`, both frames of pair `pair`.
void cutPatch(const Patchify& work, const Table& table, int pair, int row, int column, float* out)
{
    const std::int64_t stride = std::int64_t{work.gridW} * kSide * kChannels;
    for (int f = 0; f < kFrames; ++f) {
        const int frame = pair * kFrames + f;
        if (f > 0 && frame >= work.frameCount)
            return repeatFrame(out);
        const std::int64_t line = (std::int64_t{frame} * work.gridH + row) * kSide;
        cutFrame(work.frames + line * stride + std::int64_t{column} * kSide * kChannels, stride, table,
                 out + f * kPlane);
    }
}

} // namespace

void patchify(const Patchify& work, Team& team)
{
    const Table table = tableOf(work);
    const int pairs = (work.frameCount + kFrames - 1) / kFrames;
    const int down = work.gridH / kMerge;
    const int across = work.gridW / kMerge;
    const std::int64_t rowPatches = std::int64_t{kMerge} * work.gridW; // of a row of merge blocks
    const std::int64_t rows = std::int64_t{pairs} * down;
    team.forEachTask(rows * rowPatches * kColumns, rows, [&](std::int64_t index) {
        const int pair = static_cast<int>(index / down);
        const int top = static_cast<int>(index % down) * kMerge;
        float* out = work.patches + index * rowPatches * work.patchStride;
        for (int block = 0; block < across; ++block)
            for (int patch = 0; patch < kMerge * kMerge; ++patch, out += work.patchStride)
                cutPatch(work, table, pair, top + patch / kMerge, block * kMerge + patch % kMerge, out);
    });
}

} // namespace argus::kernels::cpu
