#include "engine/decoder/av_pixels.h"

extern "C" {
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <array>
#include <cstring>

namespace argus::decoder {
namespace {

std::size_t rowBytes(const AVFrame& frame)
{
    return static_cast<std::size_t>(frame.width) * 3;
}

/// One colour over white, with the rounding of Pillow's alpha_composite.
std::uint8_t overWhite(unsigned colour, unsigned alpha)
{
    const unsigned t = 255U * (255U - alpha) + colour * alpha + 128U;
    return static_cast<std::uint8_t>(((t >> 8) + t) >> 8);
}

/// A sample of `depth` bits as 8 bits.
unsigned toEightBits(unsigned value, int depth)
{
    if (depth >= 8)
        return std::min(value >> (depth - 8), 255U);
    return value * 255U / ((1U << depth) - 1U);
}

void copyRgb(const AVFrame& frame, std::uint8_t* out)
{
    for (int y = 0; y < frame.height; ++y)
        std::memcpy(out + static_cast<std::size_t>(y) * rowBytes(frame),
                    frame.data[0] + static_cast<std::ptrdiff_t>(y) * frame.linesize[0], rowBytes(frame));
}

void rgbaOverWhite(const AVFrame& frame, std::uint8_t* out)
{
    for (int y = 0; y < frame.height; ++y) {
        const std::uint8_t* in = frame.data[0] + static_cast<std::ptrdiff_t>(y) * frame.linesize[0];
        for (int x = 0; x < frame.width; ++x, in += 4, out += 3)
            for (int c = 0; c < 3; ++c)
                out[c] = overWhite(in[c], in[3]);
    }
}

void palette(const AVFrame& frame, std::uint8_t* out)
{
    std::array<std::uint32_t, 256> colours{};
    std::memcpy(colours.data(), frame.data[1], sizeof colours);
    for (int y = 0; y < frame.height; ++y) {
        const std::uint8_t* in = frame.data[0] + static_cast<std::ptrdiff_t>(y) * frame.linesize[0];
        for (int x = 0; x < frame.width; ++x, out += 3) {
            const std::uint32_t argb = colours[in[x]];
            for (int c = 0; c < 3; ++c)
                out[c] = overWhite(argb >> (16 - 8 * c) & 255U, argb >> 24);
        }
    }
}

/// Any packed or planar format of RGB or grey, through FFmpeg's description of it: exact, not fast.
void described(const AVFrame& frame, const AVPixFmtDescriptor& format, std::uint8_t* out)
{
    const bool alpha = (format.flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    const int colours = format.nb_components - (alpha ? 1 : 0);
    const auto width = static_cast<std::size_t>(frame.width);
    std::vector<std::uint16_t> samples(width * 4);
    for (int y = 0; y < frame.height; ++y) {
        for (int c = 0; c < format.nb_components; ++c)
            av_read_image_line2(samples.data() + width * static_cast<std::size_t>(c),
                                const_cast<const std::uint8_t**>(frame.data), frame.linesize, &format, 0, y, c,
                                frame.width, 0, 2);
        for (std::size_t x = 0; x < width; ++x, out += 3) {
            const auto sample = [&](int c) {
                return toEightBits(samples[width * static_cast<std::size_t>(c) + x], format.comp[c].depth);
            };
            const unsigned opacity = alpha ? sample(colours) : 255U;
            for (int c = 0; c < 3; ++c)
                out[c] = overWhite(sample(colours == 1 ? 0 : c), opacity);
        }
    }
}

bool isYuv(const AVPixFmtDescriptor& format)
{
    return format.nb_components >= 3 && (format.flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) == 0;
}

int matrixOf(const AVFrame& frame)
{
    switch (frame.colorspace) {
    case AVCOL_SPC_BT709:
        return SWS_CS_ITU709;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return SWS_CS_BT2020;
    case AVCOL_SPC_SMPTE240M:
        return SWS_CS_SMPTE240M;
    case AVCOL_SPC_FCC:
        return SWS_CS_FCC;
    default:
        return SWS_CS_ITU601;
    }
}

/// The planar formats whose name says "full range"; FFmpeg keeps them for old decoders.
bool isFullRange(const AVFrame& frame)
{
    return frame.color_range == AVCOL_RANGE_JPEG || frame.format == AV_PIX_FMT_YUVJ420P ||
           frame.format == AV_PIX_FMT_YUVJ422P || frame.format == AV_PIX_FMT_YUVJ444P ||
           frame.format == AV_PIX_FMT_YUVJ440P || frame.format == AV_PIX_FMT_YUVJ411P;
}

AVPixelFormat withoutJ(int format)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P:
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
        return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
        return AV_PIX_FMT_YUV411P;
    default:
        return static_cast<AVPixelFormat>(format);
    }
}

void alphaPlaneOverWhite(const AVFrame& frame, const AVPixFmtDescriptor& format, Picture& picture)
{
    const int last = format.nb_components - 1;
    std::vector<std::uint16_t> alpha(static_cast<std::size_t>(frame.width));
    std::uint8_t* out = picture.rgb.data();
    for (int y = 0; y < frame.height; ++y) {
        av_read_image_line2(alpha.data(), const_cast<const std::uint8_t**>(frame.data), frame.linesize, &format, 0, y,
                            last, frame.width, 0, 2);
        for (const std::uint16_t a : alpha)
            for (int c = 0; c < 3; ++c, ++out)
                *out = overWhite(*out, toEightBits(a, format.comp[last].depth));
    }
}

} // namespace

void FrameConverter::FreeScaler::operator()(SwsContext* scaler) const noexcept
{
    sws_freeContext(scaler);
}

Picture FrameConverter::toRgb(const AVFrame& frame)
{
    const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
    if (format == nullptr || frame.width <= 0 || frame.height <= 0 || frame.data[0] == nullptr ||
        (format->flags & AV_PIX_FMT_FLAG_HWACCEL) != 0)
        refuse(Reason::Damaged);
    if (isYuv(*format))
        return throughScaler(frame);
    Picture picture{{frame.width, frame.height},
                    std::vector<std::uint8_t>(rowBytes(frame) * static_cast<std::size_t>(frame.height))};
    switch (frame.format) {
    case AV_PIX_FMT_RGB24:
        copyRgb(frame, picture.rgb.data());
        break;
    case AV_PIX_FMT_RGBA:
        rgbaOverWhite(frame, picture.rgb.data());
        break;
    case AV_PIX_FMT_PAL8:
        palette(frame, picture.rgb.data());
        break;
    default:
        if ((format->flags & (AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_PAL)) != 0)
            refuse(Reason::Damaged);
        described(frame, *format, picture.rgb.data());
        if (frame.format == AV_PIX_FMT_MONOWHITE)
            for (std::uint8_t& byte : picture.rgb)
                byte = static_cast<std::uint8_t>(255 - byte);
    }
    return picture;
}

Picture FrameConverter::throughScaler(const AVFrame& frame)
{
    const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
    const int key[5] = {frame.width, frame.height, frame.format, matrixOf(frame), isFullRange(frame) ? 1 : 0};
    if (!m_scaler || !std::equal(std::begin(key), std::end(key), m_key)) {
        m_scaler.reset(sws_getContext(
            frame.width, frame.height, withoutJ(frame.format), frame.width, frame.height, AV_PIX_FMT_RGB24,
            SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP, nullptr, nullptr, nullptr));
        if (!m_scaler)
            refuse(Reason::Damaged);
        sws_setColorspaceDetails(m_scaler.get(), sws_getCoefficients(key[3]), key[4],
                                 sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
        std::copy(std::begin(key), std::end(key), m_key);
    }
    // swscale writes whole vectors: rows get their own aligned, padded buffer.
    const int stride = (static_cast<int>(rowBytes(frame)) + 127) / 64 * 64;
    std::vector<std::uint8_t> rows(static_cast<std::size_t>(stride) * static_cast<std::size_t>(frame.height) + 64);
    std::uint8_t* const target[4] = {rows.data(), nullptr, nullptr, nullptr};
    const int strides[4] = {stride, 0, 0, 0};
    if (sws_scale(m_scaler.get(), frame.data, frame.linesize, 0, frame.height, target, strides) != frame.height)
        refuse(Reason::Damaged);
    Picture picture{{frame.width, frame.height},
                    std::vector<std::uint8_t>(rowBytes(frame) * static_cast<std::size_t>(frame.height))};
    for (std::size_t y = 0; y < static_cast<std::size_t>(frame.height); ++y)
        std::memcpy(picture.rgb.data() + y * rowBytes(frame), rows.data() + y * static_cast<std::size_t>(stride),
                    rowBytes(frame));
    if ((format->flags & AV_PIX_FMT_FLAG_ALPHA) != 0)
        alphaPlaneOverWhite(frame, *format, picture);
    return picture;
}

} // namespace argus::decoder
