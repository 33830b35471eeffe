#pragma once
// Pictures and clips for tests, written with libjpeg and FFmpeg's encoders: what a user's programs would have written.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace argus::media::test {

/// RGB, rows without padding.
struct Rgb {
    int width = 0;
    int height = 0;
    std::vector<std::uint8_t> pixels;
    [[nodiscard]] const std::uint8_t* at(int x, int y) const
    {
        return pixels.data() +
               3 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x));
    }
};

/// Smooth colours that differ in every corner, so that turns and mirrors show.
[[nodiscard]] Rgb gradient(int width, int height);

enum class JpegKind { Colour, Grey, Cmyk };
/// `orientation` 1..8 writes an EXIF block; 0 none. CMYK is written as Adobe does: inverted.
[[nodiscard]] std::string jpeg(const Rgb& picture, int orientation = 0, JpegKind kind = JpegKind::Colour);

/// One picture through an encoder of FFmpeg ("png", "bmp", "gif", "tiff"). `format` is a pixel format's name; `row`
/// fills a frame's row from `picture` (plane 0 only; palettes stand in plane 1 as 256 ARGB words, `palette` fills it).
struct PictureJob {
    std::string encoder;
    std::string format;
    int width = 0;
    int height = 0;
    std::function<void(int y, std::uint8_t* row)> row;
    std::function<void(std::uint32_t* argb)> palette;
};
/// Empty when this build of FFmpeg lacks the encoder.
[[nodiscard]] std::string picture(const PictureJob& job);

/// A clip of `frames` grey-stepping gradients in a container of FFmpeg ("mp4", "avi", "matroska" ...), written to
/// `path`. False when a muxer or encoder is missing.
struct ClipJob {
    std::string path;
    std::string container;
    std::string encoder;
    int width = 64;
    int height = 48;
    int frames = 10;
    int framesPerSecond = 10;
    int quarterTurns = 0; ///< of the display matrix, clockwise
};
[[nodiscard]] bool writeClip(const ClipJob& job);

} // namespace argus::media::test
