#pragma once
// Which frames of a clip the model sees and how large: pure arithmetic, the same in the sandboxed child and its parent.

#include "engine/decoder/message.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace argus::decoder {

struct Size {
    int width = 0;
    int height = 0;
    bool operator==(const Size&) const = default;
};

/// Size at which the model sees a picture, as qwen-vl-utils computes it (the product's rule).
///
/// Units    pixels; minPixels and maxPixels of the result, maxPixels may be fractional for videos
/// Errors   nothing when a side would vanish or the sides differ by more than 1 : 200
/// Source   design/qwen2_5_vl.md §6.2; ties round to even
[[nodiscard]] std::optional<Size> smartResize(Size from, int factor, double minPixels, double maxPixels);

/// The same as Hugging Face's image processor computes it: thin pictures come out shorter. For comparing with its
/// results.
[[nodiscard]] std::optional<Size> smartResizeHuggingFace(Size from, int factor, double minPixels, double maxPixels);

/// Frames that are taken of a clip, evenly from first to last; an even count unless the clip has one frame only.
struct Sampling {
    std::vector<std::int64_t> frames; ///< indices, ascending, each < total
    double framesPerSecond = 0;       ///< of the sampled clip
};
/// Source   design/qwen2_5_vl.md §7.1. A clip of a single frame, which qwen-vl-utils refuses, gives that frame.
[[nodiscard]] Sampling sampleFrames(std::int64_t total, double framesPerSecond, const SizeRules& rules);

/// Indices of `count` frames evenly spread over `total`, computed in float as torch.linspace does, ties to even.
[[nodiscard]] std::vector<std::int64_t> spreadEvenly(std::int64_t total, std::int64_t count);

/// Size of one frame of a clip of which `sampled` frames are taken.
///
/// With the usual limits: 128 to 768 tokens a frame and 0.9 · 128k tokens a clip, as qwen-vl-utils has it (§7.2).
/// With limits from the checkpoint: its own minimum, and the smaller of its maximum and the clip's share.
[[nodiscard]] std::optional<Size> frameSize(Size from, std::int64_t sampled, const SizeRules& rules);

/// Size of a still picture.
[[nodiscard]] std::optional<Size> imageSize(Size from, const SizeRules& rules);

/// Size with the longest side at most `side`, never enlarged, never empty.
[[nodiscard]] Size thumbnailSize(Size from, int side);

/// The most bytes of RGB frames that these rules can ask for.
[[nodiscard]] std::uint64_t largestOutput(const SizeRules& rules);

/// What a file is by its first bytes (at least 512 of them where the file has as many).
[[nodiscard]] Format sniff(std::span<const std::byte> start);
[[nodiscard]] bool isVideo(Format format);

} // namespace argus::decoder
