#pragma once
// A picture to the vision tower's patches on the GPU: Pillow's bicubic resize bit for bit, normalisation, patch order.

#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

/// out = the picture resized as Pillow does it with BICUBIC: horizontal pass, 8-bit rows between, vertical pass,
/// weights in 22-bit fixed point; a pass whose extent does not change is left out.
///
/// Shapes   in [inHeight, inWidth, 3] bytes, out [outHeight, outWidth, 3] bytes, dense, no alignment needed; scratch
///          [inHeight, outWidth, 3] bytes
/// Promises bit-exact with kernels::resizeBicubicFixed(). Weights are computed on the host in double, as there
/// Memory   weights: device memory of resizeWeightBytes() bytes that holds the tables while the launch runs;
/// hostWeights
///          the same number of bytes of host memory (pinned for an asynchronous copy), kept until the stream has passed
/// Source   design/qwen2_5_vl.md §6.4
struct ResizePicture {
    const std::uint8_t* in = nullptr;
    std::uint8_t* out = nullptr;
    std::uint8_t* scratch = nullptr;
    void* weights = nullptr;
    void* hostWeights = nullptr;
    int inWidth = 0;
    int inHeight = 0;
    int outWidth = 0;
    int outHeight = 0;
};
[[nodiscard]] std::size_t resizeWeightBytes(int inWidth, int inHeight, int outWidth, int outHeight);
[[nodiscard]] Status resizePicture(const ResizePicture& work, Stream stream);

/// Patches [t·h·w, 3·2·14·14] of frames that stand one after another: value (pixel/255 - mean[c]) / deviation[c] as the
/// host computes it (kernels/cpu/patchify.cpp: the same float operations in the same order), columns (channel, frame
/// of the pair, row, column), rows in merge-block order. frames 1: the picture stands for both frames of its pair; an
/// odd last frame likewise.
///
/// Shapes   frames [frames, 14·gridH, 14·gridW, 3] bytes; patches of `type`, rows patchStride apart
/// Source   design/qwen2_5_vl.md §5.1, §6.6
struct Patchify {
    void* patches = nullptr;
    std::int64_t patchStride = 0;
    const std::uint8_t* frames = nullptr;
    int frameCount = 1;
    int gridH = 0;
    int gridW = 0;
    float mean[3] = {0, 0, 0};
    float deviation[3] = {1, 1, 1};
    Format type = Format::BF16;
};
[[nodiscard]] Status patchify(const Patchify& work, Stream stream);

} // namespace argus::kernels::cuda
