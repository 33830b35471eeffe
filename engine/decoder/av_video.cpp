#include "engine/decoder/av.h"
#include "engine/decoder/av_input.h"
#include "engine/decoder/av_pixels.h"
#include "engine/decoder/frame_writer.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
}

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>

namespace argus::decoder {
namespace {

constexpr double kFallbackRate = 25; // a clip that states neither rate nor duration
constexpr std::int64_t kMostPackets = 50'000'000;

/// EXIF orientation that turns a frame upright: the container's display matrix in quarter turns.
int orientationOf(const AVStream* stream)
{
    std::size_t bytes = 0;
    const std::uint8_t* data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
    if (data == nullptr || bytes < 9 * sizeof(std::int32_t))
        return 1;
    const double anticlockwise = av_display_rotation_get(reinterpret_cast<const std::int32_t*>(data));
    if (std::isnan(anticlockwise))
        return 1;
    const int quarters = static_cast<int>(std::lround(anticlockwise / 90)) & 3;
    constexpr int kOrientation[4] = {1, 8, 3, 6};
    return kOrientation[quarters];
}

/// What the packets of the stream say; one pass over the file without decoding.
struct Census {
    std::int64_t packets = 0;
    double lastEnd = 0; ///< seconds
};

Census countPackets(AvInput& input, double base)
{
    Census census;
    const PacketPtr packet = newPacket();
    double first = std::numeric_limits<double>::quiet_NaN();
    while (census.packets < kMostPackets && input.next(packet.get())) {
        if ((packet->flags & AV_PKT_FLAG_DISCARD) != 0)
            continue;
        ++census.packets;
        if (packet->pts != AV_NOPTS_VALUE) {
            const double at = static_cast<double>(packet->pts) * base;
            first = std::isnan(first) ? at : std::min(first, at);
            census.lastEnd = std::max(
                census.lastEnd, at - first + static_cast<double>(std::max<std::int64_t>(packet->duration, 0)) * base);
        }
    }
    return census;
}

std::uint64_t number(std::uint64_t offset, std::size_t width, bool big)
{
    std::uint8_t bytes[8] = {};
    if (readAt(offset, {bytes, width}) != width)
        return 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i)
        value = value << 8 | bytes[big ? i : width - 1 - i];
    return value;
}

/// A Matroska element's size; nothing when it is unknown (as in live recordings). `at` moves behind it.
bool matroskaSize(std::uint64_t& at, std::uint64_t& size)
{
    const auto lead = static_cast<std::uint8_t>(number(at, 1, true));
    if (lead == 0)
        return false;
    std::size_t width = 1;
    for (std::uint8_t bit = 0x80; (lead & bit) == 0; bit = static_cast<std::uint8_t>(bit >> 1))
        ++width;
    const std::uint64_t mask = (std::uint64_t{1} << (7 * width)) - 1;
    size = number(at, width, true) & mask;
    at += width;
    return size != mask;
}

/// Where the file should end by its own account; 0 when it does not say.
std::uint64_t claimedEnd(Format format, std::uint64_t fileBytes)
{
    if (format == Format::Avi)
        return number(4, 4, false) + 8;
    if (format == Format::Matroska) {
        std::uint64_t at = 4;
        std::uint64_t size = 0;
        if (!matroskaSize(at, size))
            return 0;
        at += size + 4; // the EBML header's body and the segment's id
        return matroskaSize(at, size) ? at + size : 0;
    }
    if (format != Format::Mp4)
        return 0;
    std::uint64_t at = 0;
    for (int box = 0; box < 10'000 && at + 8 <= fileBytes; ++box) {
        std::uint64_t size = number(at, 4, true);
        if (size == 1)
            size = number(at + 8, 8, true);
        if (size < 8 || size > std::numeric_limits<std::uint64_t>::max() / 2)
            return 0; // 0: to the end of the file
        at += size;
    }
    return at;
}

double ratio(AVRational value)
{
    return value.num > 0 && value.den > 0 ? av_q2d(value) : 0;
}

/// Frames, rate and length of the clip. Refuses one that was cut off.
struct Length {
    std::int64_t frames = 0;
    double framesPerSecond = 0;
    double seconds = 0;
};

Length measure(const Session& session, AvInput& input)
{
    const AVStream* stream = input.stream();
    const Census census = countPackets(input, av_q2d(stream->time_base));
    double claimedSeconds = 0;
    if (stream->duration > 0)
        claimedSeconds = static_cast<double>(stream->duration) * av_q2d(stream->time_base);
    else if (input.container()->duration > 0)
        claimedSeconds = static_cast<double>(input.container()->duration) / AV_TIME_BASE;
    Length length{census.packets, ratio(stream->avg_frame_rate), 0};
    if (length.framesPerSecond <= 0)
        length.framesPerSecond = ratio(stream->r_frame_rate);
    if (length.framesPerSecond <= 0 || length.framesPerSecond > 1000)
        length.framesPerSecond =
            census.lastEnd > 0 ? static_cast<double>(census.packets) / census.lastEnd : kFallbackRate;
    length.seconds = static_cast<double>(census.packets) / length.framesPerSecond;
    const double longest = std::max({length.seconds, census.lastEnd});
    if (longest > session.request.maxVideoSeconds)
        refuse(Reason::TooLong, static_cast<std::uint64_t>(std::ceil(longest)));
    if (claimedEnd(session.request.format, session.request.fileBytes) > session.request.fileBytes) {
        const auto claimed =
            stream->nb_frames > 0 ? stream->nb_frames : std::llround(claimedSeconds * length.framesPerSecond);
        if (claimed > census.packets)
            refuse(Reason::FramesMissing, static_cast<std::uint64_t>(census.packets),
                   static_cast<std::uint64_t>(claimed));
    }
    if (census.packets == 0)
        refuse(Reason::FramesMissing, 0, static_cast<std::uint64_t>(std::max<std::int64_t>(stream->nb_frames, 1)));
    return length;
}

/// Decodes from the start and hands the wanted frames to the writer.
class ClipReader {
public:
    ClipReader(const Session& session, AvInput& input, ClipWriter& writer, int orientation)
        : m_session(session), m_input(input), m_writer(writer), m_orientation(orientation),
          m_codec(openCodec(session, input.stream()->codecpar->codec_id, input.stream()))
    {
    }

    /// False when the stream ended before the last wanted frame.
    bool readAll()
    {
        const PacketPtr packet = newPacket();
        while (!complete() && m_input.next(packet.get())) {
            if ((packet->flags & AV_PKT_FLAG_DISCARD) != 0)
                continue;
            // A packet that does not decode costs its frame; how many are missing is judged at the end.
            if (avcodec_send_packet(m_codec.get(), packet.get()) == AVERROR(ENOMEM))
                refuse(Reason::TooMuchMemory);
            receive();
        }
        if (!complete()) {
            avcodec_send_packet(m_codec.get(), nullptr);
            receive();
        }
        return complete();
    }

    [[nodiscard]] std::int64_t decoded() const { return m_decoded; }

    /// Containers miscount by a frame or two at the end (torchvision goes by what it decodes); the last frame then
    /// stands for those.
    bool repeatLast(std::int64_t allowed, std::int64_t total)
    {
        if (m_last.rgb.empty() || total - m_decoded > allowed)
            return false;
        for (; !complete(); ++m_next)
            m_writer.add(m_last);
        return true;
    }

private:
    [[nodiscard]] bool complete() const { return m_next == m_writer.wanted().size(); }

    void receive()
    {
        while (!complete()) {
            const int result = avcodec_receive_frame(m_codec.get(), m_frame.get());
            if (result == AVERROR(ENOMEM))
                refuse(Reason::TooMuchMemory);
            if (result < 0)
                return;
            take();
            av_frame_unref(m_frame.get());
        }
    }

    void take()
    {
        const std::int64_t index = m_decoded++;
        const auto& wanted = m_writer.wanted();
        const bool mayBeLast = index + 2 >= wanted.back(); // needed should the count prove too high
        if (index != wanted[m_next] && !mayBeLast)
            return;
        checkPixels(m_session, static_cast<std::uint64_t>(std::max(m_frame->width, 0)),
                    static_cast<std::uint64_t>(std::max(m_frame->height, 0)), true);
        m_last = turned(m_converter.toRgb(*m_frame), m_orientation);
        for (; !complete() && wanted[m_next] == index; ++m_next)
            m_writer.add(m_last);
    }

    const Session& m_session;
    AvInput& m_input;
    ClipWriter& m_writer;
    int m_orientation;
    CodecPtr m_codec;
    FramePtr m_frame = newFrame();
    FrameConverter m_converter;
    Picture m_last;
    std::size_t m_next = 0;
    std::int64_t m_decoded = 0;
};

} // namespace

void decodeVideo(const Session& session)
{
    prepareAv(session);
    Length length;
    {
        AvInput counting(session);
        const AVCodecParameters* parameters = counting.stream()->codecpar;
        checkPixels(session, static_cast<std::uint64_t>(std::max(parameters->width, 0)),
                    static_cast<std::uint64_t>(std::max(parameters->height, 0)), true);
        length = measure(session, counting);
    }
    // Opened anew instead of sought back: containers without an index cannot seek to their start reliably.
    AvInput input(session);
    const AVCodecParameters* parameters = input.stream()->codecpar;
    const int orientation = orientationOf(input.stream());
    const Size size = upright({parameters->width, parameters->height}, orientation);
    ClipWriter writer(session, size, length.frames, length.framesPerSecond, length.seconds);
    if (writer.wanted().empty())
        writer.deliver();
    ClipReader reader(session, input, writer, orientation);
    if (!reader.readAll() && !reader.repeatLast(2, length.frames))
        refuse(Reason::FramesMissing, static_cast<std::uint64_t>(reader.decoded()),
               static_cast<std::uint64_t>(length.frames));
    writer.deliver();
}

} // namespace argus::decoder
