#include "engine/decoder/orientation.h"

#include <cstring>
#include <utility>

namespace argus::decoder {
namespace {

/// Numbers of a TIFF structure; 0 beyond its end.
class TiffReader {
public:
    explicit TiffReader(std::span<const std::uint8_t> bytes) : m_bytes(bytes), m_big(!bytes.empty() && bytes[0] == 'M')
    {
    }

    [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t width) const
    {
        if (at > m_bytes.size() || m_bytes.size() - at < width)
            return 0;
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < width; ++i)
            value = value << 8 | m_bytes[at + (m_big ? i : width - 1 - i)];
        return value;
    }

private:
    std::span<const std::uint8_t> m_bytes;
    bool m_big;
};

constexpr std::uint16_t kOrientationTag = 274;

} // namespace

std::uint32_t tagOfTiff(std::span<const std::uint8_t> tiff, std::uint16_t tag)
{
    if (tiff.size() < 8 || (std::memcmp(tiff.data(), "II*\0", 4) != 0 && std::memcmp(tiff.data(), "MM\0*", 4) != 0))
        return 0;
    const TiffReader reader(tiff);
    const std::size_t directory = reader.number(4, 4);
    const std::uint32_t entries = reader.number(directory, 2);
    for (std::size_t i = 0; i < entries; ++i) {
        const std::size_t entry = directory + 2 + i * 12;
        if (entry > tiff.size())
            break;
        if (reader.number(entry, 2) == tag)
            return reader.number(entry + 8, reader.number(entry + 2, 2) == 3 ? 2 : 4);
    }
    return 0;
}

int orientationOfTiff(std::span<const std::uint8_t> tiff)
{
    const std::uint32_t value = tagOfTiff(tiff, kOrientationTag);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

Size upright(Size size, int orientation)
{
    return orientation >= 5 ? Size{size.height, size.width} : size;
}

Picture turned(Picture picture, int orientation)
{
    if (orientation <= 1 || orientation > 8)
        return picture;
    const Size from = picture.size;
    Picture result{upright(from, orientation), std::vector<std::uint8_t>(picture.rgb.size())};
    // EXIF: 2 mirrored, 3 half turn, 4 upside down, 5 transposed, 6 needs a quarter turn clockwise, 7 transversed, 8
    // anticlockwise.
    const bool flipX = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool flipY = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    for (int y = 0; y < result.size.height; ++y) {
        for (int x = 0; x < result.size.width; ++x) {
            int sourceX = orientation >= 5 ? y : x;
            int sourceY = orientation >= 5 ? x : y;
            sourceX = flipX ? from.width - 1 - sourceX : sourceX;
            sourceY = flipY ? from.height - 1 - sourceY : sourceY;
            const auto source = (static_cast<std::size_t>(sourceY) * static_cast<std::size_t>(from.width) +
                                 static_cast<std::size_t>(sourceX)) *
                                3;
            const auto target = (static_cast<std::size_t>(y) * static_cast<std::size_t>(result.size.width) +
                                 static_cast<std::size_t>(x)) *
                                3;
            std::memcpy(&result.rgb[target], &picture.rgb[source], 3);
        }
    }
    return result;
}

} // namespace argus::decoder
