#pragma once
// Rotary positions of a prompt with pictures and clips: integer arithmetic on ids and grids, no device.

#include "engine/base/result.h"
#include "engine/model/config.h"

#include <cstdint>
#include <span>
#include <vector>

namespace argus::model {

/// Patches of one item: time, height, width.
struct Grid {
    int t = 1;
    int h = 0;
    int w = 0;
    [[nodiscard]] std::int64_t patches() const { return std::int64_t{t} * h * w; }
    [[nodiscard]] std::int64_t tokens() const { return patches() / 4; }
};

/// Which transformers generation's rule for clips. A (4.49, vLLM) is the default. Source: design/qwen2_5_vl.md §4.1
enum class PositionVariant { A, B, C };

struct Positions {
    std::vector<std::int32_t> rows; ///< [3, length]: time, height, width
    std::int32_t delta = 0;         ///< position of a decoded token = its index + delta, on all rows
};

/// Shapes   ids [length] with pads expanded; imageGrids and videoGrids in order of appearance; secondsPerGrid one a
/// video Errors   BadRequest when pads and grids do not agree; the cause names the item and both counts
[[nodiscard]] Result<Positions> ropePositions(const ModelConfig& config, std::span<const std::int32_t> ids,
                                              std::span<const Grid> imageGrids, std::span<const Grid> videoGrids,
                                              std::span<const double> secondsPerGrid, PositionVariant variant);

} // namespace argus::model
