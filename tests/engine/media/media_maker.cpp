#include "tests/engine/media/media_maker.h"

#include <cstdio>

#include <jpeglib.h>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace argus::media::test {
namespace {

struct Free {
    void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
    void operator()(AVFrame* frame) const { av_frame_free(&frame); }
    void operator()(AVPacket* packet) const { av_packet_free(&packet); }
    void operator()(AVFormatContext* container) const
    {
        if (container->pb != nullptr)
            avio_closep(&container->pb);
        avformat_free_context(container);
    }
};
template <typename T>
using Ptr = std::unique_ptr<T, Free>;

Ptr<AVCodecContext> openEncoder(const std::string& name, AVPixelFormat format, int width, int height, int rate,
                                bool globalHeader)
{
    const AVCodec* codec = avcodec_find_encoder_by_name(name.c_str());
    if (codec == nullptr)
        return nullptr;
    Ptr<AVCodecContext> context(avcodec_alloc_context3(codec));
    context->width = width;
    context->height = height;
    context->pix_fmt = format;
    context->time_base = {1, rate};
    context->framerate = {rate, 1};
    context->gop_size = 5;
    context->bit_rate = 2'000'000;
    context->thread_count = 1;
    context->strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL;
    if (globalHeader)
        context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    return avcodec_open2(context.get(), codec, nullptr) < 0 ? nullptr : std::move(context);
}

Ptr<AVFrame> newFrame(AVPixelFormat format, int width, int height)
{
    Ptr<AVFrame> frame(av_frame_alloc());
    frame->format = format;
    frame->width = width;
    frame->height = height;
    av_frame_get_buffer(frame.get(), 0);
    return frame;
}

std::string exif(int orientation)
{
    // Little-endian TIFF with one entry: orientation, SHORT, one value.
    std::string block("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 24);
    block += static_cast<char>(orientation);
    block += std::string(7, '\0');
    return block;
}

} // namespace

Rgb gradient(int width, int height)
{
    Rgb result{width, height, {}};
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            for (const int v : {x * 255 / std::max(width - 1, 1), y * 255 / std::max(height - 1, 1), 128})
                result.pixels.push_back(static_cast<std::uint8_t>(v));
    return result;
}

std::string jpeg(const Rgb& picture, int orientation, JpegKind kind)
{
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = static_cast<JDIMENSION>(picture.width);
    info.image_height = static_cast<JDIMENSION>(picture.height);
    info.input_components = kind == JpegKind::Grey ? 1 : kind == JpegKind::Cmyk ? 4 : 3;
    info.in_color_space = kind == JpegKind::Grey ? JCS_GRAYSCALE : kind == JpegKind::Cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 98, TRUE);
    info.write_Adobe_marker = kind == JpegKind::Cmyk ? TRUE : FALSE;
    jpeg_start_compress(&info, TRUE);
    if (orientation > 0) {
        const std::string block = exif(orientation);
        jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(block.data()),
                          static_cast<unsigned>(block.size()));
    }
    std::vector<std::uint8_t> row;
    while (info.next_scanline < info.image_height) {
        row.clear();
        for (int x = 0; x < picture.width; ++x) {
            const std::uint8_t* p = picture.at(x, static_cast<int>(info.next_scanline));
            if (kind == JpegKind::Grey)
                row.push_back(p[0]);
            else
                row.insert(row.end(), {p[0], p[1], p[2]}); // inverted inks of Adobe: 255 - (255 - colour)
            if (kind == JpegKind::Cmyk)
                row.push_back(255); // no black, inverted
        }
        JSAMPROW line = row.data();
        jpeg_write_scanlines(&info, &line, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    std::string file(reinterpret_cast<const char*>(memory), size);
    std::free(memory);
    return file;
}

std::string picture(const PictureJob& job)
{
    const AVPixelFormat format = av_get_pix_fmt(job.format.c_str());
    const auto encoder = openEncoder(job.encoder, format, job.width, job.height, 1, false);
    if (!encoder)
        return {};
    const auto frame = newFrame(format, job.width, job.height);
    for (int y = 0; y < job.height; ++y)
        job.row(y, frame->data[0] + static_cast<std::ptrdiff_t>(y) * frame->linesize[0]);
    if (job.palette)
        job.palette(reinterpret_cast<std::uint32_t*>(frame->data[1]));
    frame->pts = 0;
    const Ptr<AVPacket> packet(av_packet_alloc());
    if (avcodec_send_frame(encoder.get(), frame.get()) < 0 || avcodec_send_frame(encoder.get(), nullptr) < 0 ||
        avcodec_receive_packet(encoder.get(), packet.get()) < 0)
        return {};
    return {reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size)};
}

namespace {

/// Frame `index`: luma rises with the index, chroma neutral, a bright left upper quarter to see turns by.
void paint(AVFrame& frame, int index)
{
    for (int y = 0; y < frame.height; ++y)
        for (int x = 0; x < frame.width; ++x)
            frame.data[0][y * frame.linesize[0] + x] =
                static_cast<std::uint8_t>(x < frame.width / 2 && y < frame.height / 2 ? 235 : 16 + index * 10);
    for (int plane = 1; plane < 3; ++plane)
        for (int y = 0; y < frame.height / 2; ++y)
            for (int x = 0; x < frame.width / 2; ++x)
                frame.data[plane][y * frame.linesize[plane] + x] = 128;
}

void drain(AVCodecContext* encoder, AVFormatContext* container, const AVStream* stream)
{
    const Ptr<AVPacket> packet(av_packet_alloc());
    while (avcodec_receive_packet(encoder, packet.get()) >= 0) {
        if (packet->duration == 0)
            packet->duration = 1;
        av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
        av_interleaved_write_frame(container, packet.get());
    }
}

} // namespace

bool writeClip(const ClipJob& job)
{
    av_log_set_level(AV_LOG_ERROR);
    AVFormatContext* raw = nullptr;
    if (avformat_alloc_output_context2(&raw, nullptr, job.container.c_str(), job.path.c_str()) < 0)
        return false;
    const Ptr<AVFormatContext> container(raw);
    const auto encoder = openEncoder(job.encoder, AV_PIX_FMT_YUV420P, job.width, job.height, job.framesPerSecond,
                                     (container->oformat->flags & AVFMT_GLOBALHEADER) != 0);
    AVStream* stream = avformat_new_stream(container.get(), nullptr);
    if (!encoder || stream == nullptr || avcodec_parameters_from_context(stream->codecpar, encoder.get()) < 0)
        return false;
    stream->time_base = encoder->time_base;
    stream->avg_frame_rate = encoder->framerate;
    if (job.quarterTurns != 0) {
        auto* matrix = reinterpret_cast<std::int32_t*>(
            av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(std::int32_t)));
        av_display_rotation_set(matrix, 90.0 * job.quarterTurns);
    }
    if (avio_open(&container->pb, job.path.c_str(), AVIO_FLAG_WRITE) < 0 ||
        avformat_write_header(container.get(), nullptr) < 0)
        return false;
    for (int i = 0; i < job.frames; ++i) {
        const auto frame = newFrame(AV_PIX_FMT_YUV420P, job.width, job.height);
        paint(*frame, i);
        frame->pts = i;
        if (avcodec_send_frame(encoder.get(), frame.get()) < 0)
            return false;
        drain(encoder.get(), container.get(), stream);
    }
    avcodec_send_frame(encoder.get(), nullptr);
    drain(encoder.get(), container.get(), stream);
    return av_write_trailer(container.get()) >= 0;
}

} // namespace argus::media::test
