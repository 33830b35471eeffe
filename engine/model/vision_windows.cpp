#include "engine/model/vision_windows.h"

#include <algorithm>

namespace argus::model {

namespace {

/// One temporal slice of merged tokens, gh by gw of them, the first at `offset`.
struct Slice {
    int offset = 0;
    int gh = 0;
    int gw = 0;
};

void appendToken(VisionWindows& windows, std::vector<std::int32_t>& columns, const Slice& slice, int y, int x,
                 int merge)
{
    windows.order.push_back(slice.offset + y * slice.gw + x);
    for (int row = 0; row < merge; ++row) {
        for (int column = 0; column < merge; ++column) {
            windows.positions.push_back(y * merge + row);
            columns.push_back(x * merge + column);
        }
    }
}

void appendSlice(VisionWindows& windows, std::vector<std::int32_t>& columns, const Slice& slice, int side, int merge)
{
    for (int top = 0; top < slice.gh; top += side) {
        for (int left = 0; left < slice.gw; left += side) {
            for (int y = top; y < std::min(top + side, slice.gh); ++y)
                for (int x = left; x < std::min(left + side, slice.gw); ++x)
                    appendToken(windows, columns, slice, y, x, merge);
            windows.windowEnds.push_back(static_cast<std::int32_t>(columns.size()));
        }
    }
    windows.sliceEnds.push_back(static_cast<std::int32_t>(columns.size()));
}

} // namespace

// The reference pads every grid to whole windows, even by a whole one, and drops the empty windows afterwards; stepping
// over the real tokens gives the same list.
VisionWindows visionWindows(const VisionConfig& config, std::span<const Grid> grids)
{
    const int side = config.windowSize / config.mergeSize / config.patchSize;
    VisionWindows windows;
    windows.windowEnds.push_back(0);
    windows.sliceEnds.push_back(0);
    std::vector<std::int32_t> columns;
    Slice slice;
    for (const Grid& grid : grids) {
        slice.gh = grid.h / config.mergeSize;
        slice.gw = grid.w / config.mergeSize;
        for (int a = 0; a < grid.t; ++a) {
            appendSlice(windows, columns, slice, side, config.mergeSize);
            slice.offset += slice.gh * slice.gw;
        }
    }
    windows.positions.insert(windows.positions.end(), columns.begin(), columns.end());
    return windows;
}

} // namespace argus::model
