#include "engine/media/decode_errors.h"

#include "engine/decoder/size_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <string_view>

namespace argus::media {
namespace {

using decoder::Answer;
using decoder::Format;
using decoder::Reason;
using decoder::Request;

constexpr const char* kReads =
    "choose a picture (PNG, JPEG, WebP, BMP, GIF, TIFF) or a video (MP4, MOV, MKV, WebM, AVI, WMV, FLV, MPEG, OGG)";
constexpr const char* kOther = "try another copy of the file, or save it anew with the program that made it";

std::string_view formatName(Format format)
{
    switch (format) {
    case Format::Jpeg:
        return "JPEG picture";
    case Format::Png:
        return "PNG picture";
    case Format::WebP:
        return "WebP picture";
    case Format::Bmp:
        return "BMP picture";
    case Format::Gif:
        return "GIF picture";
    case Format::Tiff:
        return "TIFF picture";
    case Format::Mp4:
        return "MP4 video";
    case Format::Matroska:
        return "Matroska video";
    case Format::Avi:
        return "AVI video";
    case Format::Asf:
        return "WMV video";
    case Format::Flv:
        return "FLV video";
    case Format::MpegTs:
    case Format::MpegPs:
    case Format::MpegVideo:
        return "MPEG video";
    case Format::Ogg:
        return "Ogg video";
    case Format::Unknown:
    case Format::PlainText:
        break;
    }
    return "file";
}

Error truncated(const Answer& answer, std::string_view kind)
{
    if (answer.second > 0)
        return {ErrorCode::Corrupt,
                fmt::format("this {} ends too early: {} of {} rows could be read", kind, answer.first, answer.second),
                kOther,
                {}};
    return {ErrorCode::Corrupt, fmt::format("this {} ends too early", kind), kOther, {}};
}

Error tooManyPixels(const Answer& answer, const Request& request)
{
    const bool video = decoder::isVideo(request.format);
    return {ErrorCode::TooLarge,
            fmt::format("{} × {} pixels are more than the limit of {} for {}", answer.first, answer.second,
                        video ? request.maxVideoPixels : request.maxImagePixels,
                        video ? "a frame of a video" : "a picture"),
            "scale it down first",
            {}};
}

} // namespace

Error errorOf(const Answer& answer, const Request& request)
{
    const std::string_view kind = formatName(request.format);
    switch (answer.reason) {
    case Reason::Damaged:
        return {ErrorCode::Corrupt, fmt::format("this {} is damaged and cannot be decoded", kind), kOther, {}};
    case Reason::Truncated:
        return truncated(answer, kind);
    case Reason::FramesMissing:
        return {ErrorCode::Corrupt,
                fmt::format("this {} is incomplete: {} of {} frames could be read", kind, answer.first, answer.second),
                kOther,
                {}};
    case Reason::NoPicture:
        return {ErrorCode::Unsupported, fmt::format("this {} holds no moving picture", kind), kReads, {}};
    case Reason::UnknownCodec:
        return {ErrorCode::Unsupported,
                fmt::format("this {} uses a compression that Argus does not decode (number {})", kind, answer.first),
                "convert it to H.264 in an MP4 file",
                {}};
    case Reason::TooManyPixels:
        return tooManyPixels(answer, request);
    case Reason::TooLong:
        return {ErrorCode::TooLarge,
                fmt::format("this video is {} s long, the limit is {:.0f} s", answer.first, request.maxVideoSeconds),
                "cut out the part the question is about",
                {}};
    case Reason::TooMuchMemory:
        return {ErrorCode::TooLarge,
                fmt::format("decoding this {} takes more than the {} MiB of memory it may use", kind,
                            request.memoryBytes >> 20),
                "scale it down first",
                {}};
    case Reason::BadShape:
        return {ErrorCode::Unsupported,
                fmt::format("{} × {} pixels are too narrow: one side is more than 200 times the other", answer.first,
                            answer.second),
                "cut it into several parts",
                {}};
    case Reason::NoSandbox:
        return {ErrorCode::Internal,
                fmt::format("the decoder could not lock itself in (step {}, error {}), so it read nothing",
                            answer.first, answer.second),
                "install Argus whole, on a Linux kernel with seccomp",
                {}};
    case Reason::NoAnswer:
    case Reason::Fine:
    case Reason::BadRequest:
    case Reason::Survived:
    case Reason::Stopped:
        break;
    }
    return {ErrorCode::Internal,
            fmt::format("the decoder gave an answer out of place (reason {})", static_cast<unsigned>(answer.reason)),
            "install Argus whole: its programs belong into one folder",
            {}};
}

Error notMedia(std::span<const std::byte> start, Format format)
{
    std::string found = "it begins with plain text";
    if (format != Format::PlainText) {
        found = "it begins with the bytes";
        for (const std::byte byte : start.first(std::min<std::size_t>(start.size(), 8)))
            found += fmt::format(" {:02x}", static_cast<unsigned>(byte));
    }
    return {
        ErrorCode::Unsupported, fmt::format("this is no picture or video that Argus reads ({})", found), kReads, {}};
}

Error crashed(const ExitReport& report)
{
    // The processor limit is part of the deadline: a file that loops the decoder is too slow, not a crash.
    if (report.signal == SIGXCPU)
        return {ErrorCode::Timeout,
                "decoding this file took more processor time than it may use",
                "choose a shorter or smaller file",
                {}};
    const std::string how =
        report.signal != 0 ? fmt::format("signal {}", report.signal) : fmt::format("status {}", report.code);
    return {
        ErrorCode::Crashed,
        fmt::format(
            "this file could not be decoded (decoder stopped, {}); the file may be damaged; nothing else was affected",
            how),
        kOther,
        {}};
}

Error tooSlow(Milliseconds patience)
{
    return {ErrorCode::Timeout,
            fmt::format("decoding this file took longer than {} ms", patience.count()),
            "choose a shorter or smaller file",
            {}};
}

} // namespace argus::media
