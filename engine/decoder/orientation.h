#pragma once
// Turning pictures upright as their EXIF orientation asks.

#include "engine/decoder/size_rules.h"

#include <cstdint>
#include <span>
#include <vector>

namespace argus::decoder {

/// RGB, 3 bytes a pixel, rows without padding.
struct Picture {
    Size size;
    std::vector<std::uint8_t> rgb;
};

/// The orientation (1..8) of a TIFF structure as EXIF has it ("II*\0" or "MM\0*" at its start); 1 when it has none or
/// is damaged: a picture with broken metadata is still a picture.
[[nodiscard]] int orientationOfTiff(std::span<const std::uint8_t> tiff);

/// Value of a SHORT or LONG tag of the first directory of a TIFF structure; 0 when absent or damaged.
[[nodiscard]] std::uint32_t tagOfTiff(std::span<const std::uint8_t> tiff, std::uint16_t tag);

/// Orientation 5 to 8 exchange width and height.
[[nodiscard]] Size upright(Size size, int orientation);
[[nodiscard]] Picture turned(Picture picture, int orientation);

} // namespace argus::decoder
