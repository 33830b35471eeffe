#pragma once
// What the media room and its sandboxed child say to each other: two plain structs in one shared page. No pointers, no
// paths, no text.
//
// Descriptor 3 is the file (read-only), 4 the page (Request at its start, Answer at kAnswerOffset), 5 the output: RGB
// frames of one size, 3 bytes a pixel, without padding. The parent writes the request before the child starts and reads
// the answer after it has ended, so neither sees a half-written one; the parent still takes every number of the answer
// for a claim.

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace argus::decoder {

constexpr int kFileDescriptor = 3;
constexpr int kPageDescriptor = 4;
constexpr int kOutputDescriptor = 5;
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kAnswerOffset = 2048;
constexpr std::uint32_t kMagic = 0x41524744; // "ARGD"

/// What a file is by its first bytes; decides which one parser may touch it.
enum class Format : std::uint32_t {
    Unknown,
    PlainText,
    Jpeg,
    Png,
    WebP,
    Bmp,
    Gif,
    Tiff,
    Mp4,
    Matroska,
    Avi,
    Asf,
    Flv,
    MpegTs,
    MpegPs,
    MpegVideo,
    Ogg,
};

enum class Task : std::uint32_t { Inspect = 1, Frames = 2, SelfTest = 3 };

/// What a self-test tries from inside the sandbox; each must end in the child's death or a refusal.
enum class Attempt : std::uint32_t {
    None,
    OpenFile,
    Socket,
    Fork,
    Exec,
    ExecutableMemory,
    TooMuchMemory,
    TooMuchTime,
    GrowFile,
    Wait
};

/// How a decoding ended; `first` and `second` of the answer hold the numbers named here.
enum class Reason : std::uint32_t {
    NoAnswer, ///< the child ended without one
    Fine,
    Damaged,       ///< the bytes do not decode
    Truncated,     ///< rows read, rows expected
    FramesMissing, ///< frames read, frames expected
    NoPicture,     ///< a container without a video stream
    UnknownCodec,  ///< FFmpeg's number of the codec
    TooManyPixels, ///< width, height
    TooLong,       ///< seconds
    TooMuchMemory,
    BadShape,   ///< width, height: thinner than 1 : 200
    BadRequest, ///< the request itself is wrong: a bug in the parent
    NoSandbox,  ///< step that failed, errno
    Survived,   ///< a self-test was not stopped
    Stopped,    ///< a self-test was refused, as it should be: errno
    NoProgram,  ///< argus-decoder-av cannot be started: errno
};

/// How frames become patches, as far as sizes and counts go.
struct SizeRules {
    std::int64_t minPixels = 3136;
    std::int64_t maxPixels = 12'845'056;
    std::uint32_t limitsFromCheckpoint = 0; ///< 1: they hold for frames of clips too
    std::uint32_t factor = 28;              ///< patch side × merge side
    double framesPerSecond = 2.0;
    std::int64_t minFrames = 4;
    std::int64_t maxFrames = 768;
};

struct Request {
    std::uint32_t magic = kMagic;
    Task task = Task::Frames;
    Format format = Format::Unknown;
    Attempt attempt = Attempt::None;
    std::uint64_t fileBytes = 0;
    std::uint64_t outputBytes = 0;
    std::uint64_t memoryBytes = 0; ///< of the child beyond the output
    std::uint64_t maxImagePixels = 0;
    std::uint64_t maxVideoPixels = 0;
    double maxVideoSeconds = 0;
    std::uint32_t cpuSeconds = 0;
    std::uint32_t side = 0; ///< longest side of the thumbnail; 0: none
    SizeRules rules = {};
};

struct Answer {
    std::uint32_t magic = 0;
    Reason reason = Reason::NoAnswer;
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::int32_t isVideo = 0;
    std::int32_t width = 0; ///< of the source, turned upright
    std::int32_t height = 0;
    std::int32_t outputWidth = 0; ///< of the frames in the output
    std::int32_t outputHeight = 0;
    std::int32_t outputFrames = 0;
    std::int64_t frames = 0; ///< of the source; 1 for pictures
    double framesPerSecond = 0;
    double durationSeconds = 0;
};
static_assert(std::is_trivially_copyable_v<Request> && sizeof(Request) <= kAnswerOffset);
static_assert(std::is_trivially_copyable_v<Answer> && sizeof(Answer) <= kPageBytes - kAnswerOffset);

} // namespace argus::decoder
