#include "engine/media/decode_errors.h"

#include "engine/base/catalogue.h"
#include "engine/decoder/size_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>

namespace argus::media {
namespace {

using decoder::Answer;
using decoder::Format;
using decoder::Reason;
using decoder::Request;

Said formatName(Format format)
{
    switch (format) {
    case Format::Jpeg:
        return say("format-jpeg");
    case Format::Png:
        return say("format-png");
    case Format::WebP:
        return say("format-webp");
    case Format::Bmp:
        return say("format-bmp");
    case Format::Gif:
        return say("format-gif");
    case Format::Tiff:
        return say("format-tiff");
    case Format::Mp4:
        return say("format-mp4");
    case Format::Matroska:
        return say("format-matroska");
    case Format::Avi:
        return say("format-avi");
    case Format::Asf:
        return say("format-wmv");
    case Format::Flv:
        return say("format-flv");
    case Format::MpegTs:
    case Format::MpegPs:
    case Format::MpegVideo:
        return say("format-mpeg");
    case Format::Ogg:
        return say("format-ogg");
    case Format::Unknown:
    case Format::PlainText:
        break;
    }
    return say("format-file");
}

Error truncated(const Answer& answer, const Said& kind)
{
    if (answer.second > 0)
        return makeError(ErrorCode::Corrupt, say("ends-early-rows", kind, answer.first, answer.second),
                         say("do-other-copy"));
    return makeError(ErrorCode::Corrupt, say("ends-early", kind), say("do-other-copy"));
}

Error tooManyPixels(const Answer& answer, const Request& request)
{
    const bool video = decoder::isVideo(request.format);
    return makeError(ErrorCode::TooLarge,
                     video ? say("frame-too-large", answer.first, answer.second, request.maxVideoPixels)
                           : say("picture-too-large", answer.first, answer.second, request.maxImagePixels),
                     say("do-scale-down"));
}

} // namespace

Error errorOf(const Answer& answer, const Request& request)
{
    const Said kind = formatName(request.format);
    switch (answer.reason) {
    case Reason::Damaged:
        return makeError(ErrorCode::Corrupt, say("damaged", kind), say("do-other-copy"));
    case Reason::Truncated:
        return truncated(answer, kind);
    case Reason::FramesMissing:
        return makeError(ErrorCode::Corrupt, say("frames-missing", kind, answer.first, answer.second),
                         say("do-other-copy"));
    case Reason::NoPicture:
        return makeError(ErrorCode::Unsupported, say("no-moving-picture", kind), say("do-choose-format"));
    case Reason::UnknownCodec:
        return makeError(ErrorCode::Unsupported, say("unknown-compression", kind, answer.first), say("do-convert"));
    case Reason::TooManyPixels:
        return tooManyPixels(answer, request);
    case Reason::TooLong:
        return makeError(ErrorCode::TooLarge,
                         say("video-too-long", answer.first, fmt::format("{:.0f}", request.maxVideoSeconds)),
                         say("do-cut"));
    case Reason::TooMuchMemory:
        return makeError(ErrorCode::TooLarge, say("decoding-memory", kind, request.memoryBytes >> 20),
                         say("do-scale-down"));
    case Reason::BadShape:
        return makeError(ErrorCode::Unsupported, say("too-narrow", answer.first, answer.second), say("do-cut-parts"));
    case Reason::NoSandbox:
        return makeError(ErrorCode::Internal, say("no-sandbox", answer.first, answer.second),
                         say("do-install-seccomp"));
    case Reason::NoProgram:
        return answer.first == ENOENT
                   ? makeError(ErrorCode::Internal, say("file-missing", "argus-decoder-av"), say("do-install-whole"))
                   : makeError(ErrorCode::Internal, say("odd-answer", static_cast<unsigned>(answer.reason)),
                               say("do-install-whole"));
    case Reason::NoAnswer:
    case Reason::Fine:
    case Reason::BadRequest:
    case Reason::Survived:
    case Reason::Stopped:
        break;
    }
    return makeError(ErrorCode::Internal, say("odd-answer", static_cast<unsigned>(answer.reason)),
                     say("do-install-whole"));
}

Error notMedia(std::span<const std::byte> start, Format format)
{
    Said found = say("begins-plain");
    if (format != Format::PlainText) {
        std::string bytes;
        for (const std::byte byte : start.first(std::min<std::size_t>(start.size(), 8)))
            bytes += fmt::format("{}{:02x}", bytes.empty() ? "" : " ", static_cast<unsigned>(byte));
        found = say("begins-bytes", bytes);
    }
    return makeError(ErrorCode::Unsupported, say("no-media", std::move(found)), say("do-choose-format"));
}

Error crashed(const ExitReport& report)
{
    // The processor limit is part of the deadline: a file that loops the decoder is too slow, not a crash.
    if (report.signal == SIGXCPU)
        return makeError(ErrorCode::Timeout, say("decoding-busy"), say("do-shorter-file"));
    Said how = report.signal != 0 ? say("signal", report.signal) : say("status", report.code);
    return makeError(ErrorCode::Crashed, say("decoder-crashed", std::move(how)), say("do-other-copy"));
}

Error tooSlow(Milliseconds patience)
{
    return makeError(ErrorCode::Timeout, say("decoding-slow", patience.count()), say("do-shorter-file"));
}

} // namespace argus::media
