#pragma once
// RGB frames to the rows the vision tower takes: normalised and cut in one pass.

#include <cstdint>

namespace argus::kernels {

/// Patches [t·h·w, 3·2·14·14] of frames that stand one after another. Value v of channel c becomes
/// (v/255 − mean[c]) / deviation[c] with the rounding of the reference's slow path: v/255 in double, the rest in float.
/// Rows stand in merge-block order, columns are (channel, frame of the pair, y, x). An odd last frame, as a picture is,
/// stands for both of its pair.
///
/// Shapes   frames [frames, 14·gridH, 14·gridW, 3] bytes, gridH and gridW even; patches
///          [(frames + 1) / 2 · gridH · gridW, 1176], rows patchStride apart
/// Source   design/qwen2_5_vl.md §5.1, §6.6
struct Patchify {
    float* patches = nullptr;
    std::int64_t patchStride = 0;
    const std::uint8_t* frames = nullptr;
    int frameCount = 1;
    int gridH = 0;
    int gridW = 0;
    float mean[3] = {0, 0, 0};
    float deviation[3] = {1, 1, 1};
};

namespace cpu {
class Team;
void patchify(const Patchify& work, Team& team);
} // namespace cpu

} // namespace argus::kernels
