#pragma once
// RGB frames to the rows the vision tower takes: normalised and cut in one pass.

#include "engine/media/media.h"

#include <cstdint>
#include <functional>
#include <span>

namespace argus::media {

/// Frames of one size whose sides are multiples of patchSize · mergeSize.
struct Frames {
    std::span<const std::uint8_t> rgb; ///< [frames, height, width, 3]
    int count = 0;
    int width = 0;
    int height = 0;
};

/// Temporal patches of `frames` frames: pairs, the last repeated when it is alone.
[[nodiscard]] int temporalPatches(int frames, const PreprocessConfig& config);

/// Shapes   result [t·h·w, 3 · temporalPatchSize · patchSize²]: rows in merge-block order, columns (channel, frame, y,
/// x) Promises value v of channel c becomes (v/255 − mean[c]) / std[c] with the rounding of the reference's slow path:
/// v/255 in double, the rest in float Source   design/qwen2_5_vl.md §5.1, §6.6
void patchify(const Frames& frames, const PreprocessConfig& config, std::span<float> result);

/// The same piece by piece, in order, for writing them out while they are in the cache. Ends early, with false, when
/// `take` says false.
[[nodiscard]] bool patchifyPieces(const Frames& frames, const PreprocessConfig& config,
                                  const std::function<bool(std::span<const float> piece)>& take);

} // namespace argus::media
