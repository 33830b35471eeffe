#include "engine/decoder/av.h"
#include "engine/decoder/av_input.h"
#include "engine/decoder/av_pixels.h"
#include "engine/decoder/frame_writer.h"

extern "C" {
#include <libavcodec/avcodec.h>
}

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace argus::decoder {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::uint32_t bigEndian(Bytes file, std::size_t at)
{
    if (at > file.size() || file.size() - at < 4)
        return 0;
    return std::uint32_t{file[at]} << 24 | std::uint32_t{file[at + 1]} << 16 | std::uint32_t{file[at + 2]} << 8 |
           file[at + 3];
}

std::uint32_t littleEndian(Bytes file, std::size_t at, std::size_t width)
{
    std::uint32_t value = 0;
    for (std::size_t i = width; i-- > 0;)
        value = value << 8 | (at + i < file.size() ? std::uint32_t{file[at + i]} : 0U);
    return value;
}

/// What the header says, read by hand before FFmpeg sees the file.
struct Header {
    std::uint64_t width = 0;
    std::uint64_t height = 0;
    int orientation = 1;
    int codec = AV_CODEC_ID_NONE;
};

/// Walks the chunks to the end: a file without IEND was cut off, whatever the decoder would make of it.
Header pngHeader(Bytes file)
{
    Header header{bigEndian(file, 16), bigEndian(file, 20), 1, AV_CODEC_ID_PNG};
    std::size_t at = 8;
    bool ended = false;
    while (!ended && file.size() - at >= 12) {
        const std::size_t length = bigEndian(file, at);
        if (length > file.size() - at - 12)
            break;
        const Bytes body = file.subspan(at + 8, length);
        if (std::memcmp(&file[at + 4], "eXIf", 4) == 0)
            header.orientation = orientationOfTiff(body);
        ended = std::memcmp(&file[at + 4], "IEND", 4) == 0;
        at += 12 + length;
    }
    // The rows that are there cannot be counted without unpacking them; bytes say the same.
    if (!ended && header.width > 0)
        header.codec = AV_CODEC_ID_NONE;
    return header;
}

Header webpHeader(Bytes file)
{
    Header header{0, 0, 1, AV_CODEC_ID_WEBP};
    std::size_t at = 12;
    while (at + 8 <= file.size()) {
        const std::size_t length = littleEndian(file, at + 4, 4);
        const char* kind = reinterpret_cast<const char*>(&file[at]);
        const bool unknown = header.width == 0;
        if (std::memcmp(kind, "VP8X", 4) == 0) {
            header.width = littleEndian(file, at + 12, 3) + 1;
            header.height = littleEndian(file, at + 15, 3) + 1;
        } else if (std::memcmp(kind, "VP8 ", 4) == 0 && unknown) {
            header.width = littleEndian(file, at + 14, 2) & 0x3FFF;
            header.height = littleEndian(file, at + 16, 2) & 0x3FFF;
        } else if (std::memcmp(kind, "VP8L", 4) == 0 && unknown) {
            const std::uint32_t bits = littleEndian(file, at + 9, 4);
            header.width = (bits & 0x3FFF) + 1;
            header.height = (bits >> 14 & 0x3FFF) + 1;
        } else if (std::memcmp(kind, "EXIF", 4) == 0 && length <= file.size() - at - 8) {
            Bytes exif = file.subspan(at + 8, length);
            if (exif.size() > 6 && std::memcmp(exif.data(), "Exif\0", 5) == 0)
                exif = exif.subspan(6);
            header.orientation = orientationOfTiff(exif);
        }
        if (length > file.size() - at - 8) { // the last chunk is cut off
            header.codec = AV_CODEC_ID_NONE;
            break;
        }
        at += 8 + length + (length & 1);
    }
    return header;
}

Header bmpHeader(Bytes file)
{
    if (littleEndian(file, 14, 4) == 12) // the header of OS/2
        return {littleEndian(file, 18, 2), littleEndian(file, 20, 2), 1, AV_CODEC_ID_BMP};
    const auto height = static_cast<std::int32_t>(littleEndian(file, 22, 4)); // negative: rows from the top
    return {littleEndian(file, 18, 4), static_cast<std::uint64_t>(std::abs(static_cast<std::int64_t>(height))), 1,
            AV_CODEC_ID_BMP};
}

Header headerOf(Bytes file, Format format)
{
    switch (format) {
    case Format::Png:
        return pngHeader(file);
    case Format::WebP:
        return webpHeader(file);
    case Format::Bmp:
        return bmpHeader(file);
    case Format::Gif:
        return {littleEndian(file, 6, 2), littleEndian(file, 8, 2), 1, AV_CODEC_ID_GIF};
    case Format::Tiff:
        return {tagOfTiff(file, 256), tagOfTiff(file, 257), orientationOfTiff(file), AV_CODEC_ID_TIFF};
    default:
        refuse(Reason::BadRequest);
    }
}

FramePtr decodeWhole(const Session& session, std::vector<std::uint8_t>& file, int codecId)
{
    const std::size_t size = file.size();
    file.resize(size + AV_INPUT_BUFFER_PADDING_SIZE); // FFmpeg's readers look that far ahead
    const CodecPtr codec = openCodec(session, codecId, nullptr);
    const PacketPtr packet = newPacket();
    packet->data = file.data();
    packet->size = static_cast<int>(size);
    FramePtr frame = newFrame();
    int result = avcodec_send_packet(codec.get(), packet.get());
    if (result >= 0)
        result = avcodec_send_packet(codec.get(), nullptr);
    if (result >= 0 || result == AVERROR_EOF)
        result = avcodec_receive_frame(codec.get(), frame.get());
    if (result < 0)
        refuse(result == AVERROR(ENOMEM) ? Reason::TooMuchMemory : Reason::Damaged);
    return frame;
}

} // namespace

void decodePicture(const Session& session)
{
    prepareAv(session);
    std::vector<std::uint8_t> file = readAll(session);
    const Header header = headerOf(file, session.request.format);
    checkPixels(session, header.width, header.height, false);
    if (header.codec == AV_CODEC_ID_NONE)
        refuse(Reason::Truncated);
    if (file.size() > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE)
        refuse(Reason::TooMuchMemory);
    const FramePtr frame = decodeWhole(session, file, header.codec);
    checkPixels(session, static_cast<std::uint64_t>(std::max(frame->width, 0)),
                static_cast<std::uint64_t>(std::max(frame->height, 0)), false);
    FrameConverter converter;
    const Picture picture = turned(converter.toRgb(*frame), header.orientation);
    deliverImage(session, rowsOf(picture), picture.size);
}

} // namespace argus::decoder
