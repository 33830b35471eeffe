#include "engine/decoder/av_input.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/mem.h>
}

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace argus::decoder {
namespace {

constexpr int kBufferBytes = 256 << 10;
constexpr unsigned kMostStreams = 32;

/// Position in the file: a plain counter over pread, so nothing depends on the descriptor's own offset.
struct Cursor {
    std::uint64_t at = 0;
    std::uint64_t size = 0;
};

int readCallback(void* opaque, std::uint8_t* buffer, int size)
{
    auto* cursor = static_cast<Cursor*>(opaque);
    const std::size_t got = readAt(cursor->at, {buffer, static_cast<std::size_t>(size)});
    cursor->at += got;
    return got == 0 ? AVERROR_EOF : static_cast<int>(got);
}

std::int64_t seekCallback(void* opaque, std::int64_t offset, int whence)
{
    auto* cursor = static_cast<Cursor*>(opaque);
    const auto size = static_cast<std::int64_t>(cursor->size);
    if ((whence & AVSEEK_SIZE) != 0)
        return size;
    std::int64_t target = offset;
    if ((whence & ~AVSEEK_FORCE) == SEEK_CUR)
        target += static_cast<std::int64_t>(cursor->at);
    else if ((whence & ~AVSEEK_FORCE) == SEEK_END)
        target += size;
    if (target < 0)
        return AVERROR(EINVAL);
    cursor->at = static_cast<std::uint64_t>(target);
    return target;
}

/// Playlists and references inside a file ask for other files here; there are none.
int refuseToOpen(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**)
{
    return AVERROR(EACCES);
}

const char* demuxerName(Format format)
{
    switch (format) {
    case Format::Mp4:
        return "mp4";
    case Format::Matroska:
        return "matroska";
    case Format::Avi:
        return "avi";
    case Format::Asf:
        return "asf";
    case Format::Flv:
        return "flv";
    case Format::MpegTs:
        return "mpegts";
    case Format::MpegPs:
        return "mpeg";
    case Format::MpegVideo:
        return "mpegvideo";
    case Format::Ogg:
        return "ogg";
    default:
        return "";
    }
}

/// The decoders that may run, by FFmpeg's names. Also handed to avformat, whose probing opens decoders of its own.
constexpr const char* kDecoders =
    "h264,hevc,vp8,vp9,libdav1d,mpeg1video,mpeg2video,mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,mjpeg,flv,"
    "h263,"
    "vp6,vp6f,vp6a,theora,ffv1,huffyuv,ffvhuff,utvideo,prores,dnxhd,rawvideo,png,webp,bmp,gif,tiff";

bool isAllowed(const AVCodec* codec)
{
    const std::string_view list(kDecoders);
    const std::string_view name(codec->name);
    for (std::size_t at = list.find(name); at != std::string_view::npos; at = list.find(name, at + 1))
        if ((at == 0 || list[at - 1] == ',') && (at + name.size() == list.size() || list[at + name.size()] == ','))
            return true;
    return false;
}

} // namespace

void FreeAv::operator()(AVCodecContext* codec) const noexcept
{
    avcodec_free_context(&codec);
}
void FreeAv::operator()(AVFrame* frame) const noexcept
{
    av_frame_free(&frame);
}
void FreeAv::operator()(AVPacket* packet) const noexcept
{
    av_packet_free(&packet);
}

void prepareAv(const Session& session)
{
    av_log_set_level(AV_LOG_QUIET);
    av_max_alloc(static_cast<std::size_t>(session.request.memoryBytes / 2));
}

FramePtr newFrame()
{
    FramePtr frame(av_frame_alloc());
    if (!frame)
        refuse(Reason::TooMuchMemory);
    return frame;
}

PacketPtr newPacket()
{
    PacketPtr packet(av_packet_alloc());
    if (!packet)
        refuse(Reason::TooMuchMemory);
    return packet;
}

CodecPtr openCodec(const Session& session, int codecId, const AVStream* stream)
{
    const AVCodec* decoder = avcodec_find_decoder(static_cast<AVCodecID>(codecId));
    if (decoder == nullptr || !isAllowed(decoder))
        refuse(Reason::UnknownCodec, static_cast<std::uint64_t>(codecId));
    CodecPtr codec(avcodec_alloc_context3(decoder));
    if (!codec)
        refuse(Reason::TooMuchMemory);
    if (stream != nullptr && avcodec_parameters_to_context(codec.get(), stream->codecpar) < 0)
        refuse(Reason::Damaged);
    codec->thread_count = 1;
    codec->max_pixels =
        static_cast<std::int64_t>(stream != nullptr ? session.request.maxVideoPixels : session.request.maxImagePixels);
    // A damaged picture is refused, not guessed at: PNG can tell by its checksums. The TIFF decoder would refuse
    // unknown tags, which are harmless.
    if (codecId == AV_CODEC_ID_PNG)
        codec->err_recognition = AV_EF_CRCCHECK | AV_EF_EXPLODE;
    if (stream != nullptr)
        codec->pkt_timebase = stream->time_base;
    if (const int failed = avcodec_open2(codec.get(), decoder, nullptr); failed < 0)
        refuse(failed == AVERROR(ENOMEM) ? Reason::TooMuchMemory : Reason::Damaged);
    return codec;
}

AvInput::AvInput(const Session& session)
{
    const AVInputFormat* demuxer = av_find_input_format(demuxerName(session.request.format));
    if (demuxer == nullptr)
        refuse(Reason::BadRequest);
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(kBufferBytes));
    auto* cursor = new Cursor{
        0, session.request.fileBytes}; // the container's own, and like it never freed: the process ends first
    m_container = avformat_alloc_context();
    if (buffer == nullptr || m_container == nullptr)
        refuse(Reason::TooMuchMemory);
    m_container->pb = avio_alloc_context(buffer, kBufferBytes, 0, cursor, readCallback, nullptr, seekCallback);
    m_container->io_open = refuseToOpen;
    m_container->flags |= AVFMT_FLAG_CUSTOM_IO;
    m_container->codec_whitelist = av_strdup(kDecoders);
    m_container->protocol_whitelist = av_strdup("none");
    m_container->max_streams = static_cast<int>(kMostStreams);
    if (const int failed = avformat_open_input(&m_container, "", demuxer, nullptr); failed < 0)
        refuse(failed == AVERROR(ENOMEM) ? Reason::TooMuchMemory : Reason::Damaged);
    for (unsigned i = 0; i < m_container->nb_streams; ++i)
        m_container->streams[i]->discard =
            m_container->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_VIDEO ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    if (avformat_find_stream_info(m_container, nullptr) < 0)
        refuse(Reason::Damaged);
    for (unsigned i = 0; i < m_container->nb_streams && m_stream == nullptr; ++i) {
        AVStream* stream = m_container->streams[i];
        if (stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
            (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0)
            m_stream = stream;
    }
    if (m_stream == nullptr)
        refuse(Reason::NoPicture);
    for (unsigned i = 0; i < m_container->nb_streams; ++i)
        m_container->streams[i]->discard = m_container->streams[i] == m_stream ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
}

bool AvInput::next(AVPacket* packet)
{
    for (;;) {
        av_packet_unref(packet);
        if (av_read_frame(m_container, packet) < 0)
            return false;
        if (packet->stream_index == m_stream->index)
            return true;
    }
}

} // namespace argus::decoder
