#pragma once
// FFmpeg kept on a short lead: our own bytes in, allow-listed containers and codecs only, one thread, bounded
// allocations.

#include "engine/decoder/child.h"

#include <memory>

struct AVCodecContext;
struct AVFormatContext;
struct AVFrame;
struct AVIOContext;
struct AVPacket;
struct AVStream;

namespace argus::decoder {

struct FreeAv {
    void operator()(AVCodecContext* codec) const noexcept;
    void operator()(AVFrame* frame) const noexcept;
    void operator()(AVPacket* packet) const noexcept;
};
using CodecPtr = std::unique_ptr<AVCodecContext, FreeAv>;
using FramePtr = std::unique_ptr<AVFrame, FreeAv>;
using PacketPtr = std::unique_ptr<AVPacket, FreeAv>;

/// Silence and the bound on a single allocation; before anything else of FFmpeg.
void prepareAv(const Session& session);

[[nodiscard]] FramePtr newFrame();
[[nodiscard]] PacketPtr newPacket();

/// A decoder of `codecId`, opened with the limits of the request. Refuses codecs that are not on the list.
/// `stream` gives its parameters; null for pictures, whose whole file is one packet.
[[nodiscard]] CodecPtr openCodec(const Session& session, int codecId, const AVStream* stream);

/// A container opened for reading, positioned at its first packet. Ends with the process; nothing closes it.
class AvInput {
public:
    /// Refuses what does not open and what has no video stream.
    explicit AvInput(const Session& session);
    [[nodiscard]] AVFormatContext* container() const { return m_container; }
    [[nodiscard]] AVStream* stream() const { return m_stream; }
    /// The next packet of the video stream; false at the end of what can be read.
    [[nodiscard]] bool next(AVPacket* packet);

private:
    AVFormatContext* m_container = nullptr;
    AVStream* m_stream = nullptr;
};

} // namespace argus::decoder
