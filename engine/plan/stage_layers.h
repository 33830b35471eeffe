#pragma once
// How many decoder layers each pipeline stage has. Pure functions.

#include "engine/base/result.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace argus::plan {

/// The setting's "20,16".
/// Errors  BadRequest when it is no list of numbers, has not `stages` of them, one is 0, or the sum is not `layers`:
///         the cause says which; setting stage_layers
[[nodiscard]] Result<std::vector<int>> stageLayersFromText(std::string_view text, int stages, int layers);

/// As equal as can be; of a rest the stages before the last get one each, the last one none: it has the scores to
/// compute. Source  design/qwen2_5_vl.md §11.4
[[nodiscard]] std::vector<int> evenLayers(int stages, int layers);

/// The scarcest device of a stage.
struct StageRoom {
    double bytes = 0;          ///< for layers and cache, after everything else the stage holds
    double bytesOfLayer = 0;   ///< weights of one
    double bytesOfContext = 0; ///< cache of one token of one layer
};
/// The division under which the smallest cache of all stages is largest; as even as that allows. At least one layer
/// each; stages <= layers.
[[nodiscard]] std::vector<int> layersByRoom(std::span<const StageRoom> stages, int layers);

} // namespace argus::plan
