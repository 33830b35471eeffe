#pragma once
// In which order the vision tower sees patches, and which of them see each other: integer arithmetic, no device.

#include "engine/model/config.h"
#include "engine/model/positions.h"

#include <cstdint>
#include <span>
#include <vector>

namespace argus::model {

/// Patches of several items, window by window.
///
/// Units    a merged token is mergeSize² patches, which stay together and in order; ends count patches
/// Source   design/qwen2_5_vl.md §5.2, §5.3 (worked examples §5.6)
struct VisionWindows {
    std::vector<std::int32_t> order;      ///< [merged tokens]: the token that stands at each place
    std::vector<std::int32_t> windowEnds; ///< 0 … patches, where windows end
    std::vector<std::int32_t> sliceEnds; ///< 0 … patches, where temporal slices end: "full" attention stays within one
    std::vector<std::int32_t> positions; ///< [2, patches]: row and column of each patch in its picture, in window order
};

/// Height and width of every grid are multiples of mergeSize.
[[nodiscard]] VisionWindows visionWindows(const VisionConfig& config, std::span<const Grid> grids);

} // namespace argus::model
