#include "engine/media/media.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/decoder/size_rules.h"
#include "engine/media/decode_client.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace argus::media {
namespace {

using decoder::Answer;
using decoder::Request;
using decoder::Task;

// What an idle head may hold for the next question: the memory of a picture like this for each of its two media
// threads.
constexpr std::size_t kKeptPictures = 2;
constexpr std::uint64_t kKeptPixels = 2'800'000;
constexpr std::uint64_t kPixelBytes = 3;

decoder::SizeRules sizeRules(const PreprocessConfig& config)
{
    return {.minPixels = config.minPixels,
            .maxPixels = config.maxPixels,
            .limitsFromCheckpoint = config.limitsFromCheckpoint ? 1U : 0U,
            .factor = static_cast<std::uint32_t>(config.patchSize * config.mergeSize),
            .framesPerSecond = config.framesPerSecond,
            .minFrames = config.minFrames,
            .maxFrames = config.maxFrames};
}

Request requestFor(Task task, const MediaFile& file, const DecodeLimits& limits, const PreprocessConfig& config,
                   int side)
{
    Request request{.task = task, .format = file.format, .fileBytes = file.bytes, .rules = sizeRules(config)};
    request.rules.maxFrames = std::min<std::int64_t>(config.maxFrames, limits.maxFrames);
    request.maxImagePixels = limits.maxImagePixels;
    request.maxVideoPixels = limits.maxVideoPixels;
    request.maxVideoSeconds = limits.maxVideoSeconds;
    request.memoryBytes = limits.maxMemoryBytes;
    request.cpuSeconds = static_cast<std::uint32_t>(std::max<std::int64_t>(1, limits.patience.count() / 1000));
    request.side = static_cast<std::uint32_t>(std::clamp(side, 0, 4096));
    request.outputBytes =
        task == Task::Inspect ? std::uint64_t{request.side} * request.side * 3 : decoder::largestOutput(request.rules);
    return request;
}

MediaInfo infoFrom(const Answer& answer, const decoder::SizeRules& rules, const PreprocessConfig& config)
{
    MediaInfo info;
    info.kind = answer.isVideo != 0 ? MediaKind::Video : MediaKind::Image;
    info.width = answer.width;
    info.height = answer.height;
    info.durationSeconds = answer.durationSeconds;
    info.framesPerSecond = answer.framesPerSecond;
    info.frames = answer.frames;
    info.modelFrames = 1;
    auto size = decoder::imageSize({answer.width, answer.height}, rules);
    if (info.kind == MediaKind::Video) {
        info.modelFrames =
            static_cast<int>(decoder::sampleFrames(answer.frames, answer.framesPerSecond, rules).frames.size());
        size = decoder::frameSize({answer.width, answer.height}, info.modelFrames, rules);
    }
    if (size) {
        const int factor = config.patchSize * config.mergeSize;
        info.modelWidth = size->width;
        info.modelHeight = size->height;
        info.modelTokens =
            std::int64_t{temporalPatches(info.modelFrames, config)} * (size->width / factor) * (size->height / factor);
    }
    return info;
}

Result<Decoded> decode(const std::filesystem::path& program, const std::filesystem::path& path,
                       const DecodeLimits& limits, const PreprocessConfig& config, Task task, int side,
                       decoder::SizeRules& rules, int output)
{
    auto file = openMedia(path, limits.maxFileBytes);
    if (!file)
        return file.error();
    const Request request = requestFor(task, *file, limits, config, side);
    rules = request.rules;
    auto decoded = runDecoder({.program = program,
                               .file = file->descriptor.get(),
                               .output = output,
                               .request = request,
                               .patience = limits.patience,
                               .started = {}});
    if (!decoded)
        return std::move(decoded).error().in(path.filename().string());
    return decoded;
}

/// Writes zeroes over a file that another decoder has written, and that may have been anybody's picture. Written, not
/// mapped: to fault pages in one by one costs more. Errors: Io.
Result<Done> blacken(int file)
{
    struct stat info {};
    if (::fstat(file, &info) != 0)
        return makeError(ErrorCode::Io, say("pixels-not-seen", systemError(errno)));
    static constexpr std::array<std::byte, 64 * 1024> kBlack{};
    for (off_t at = 0; at < info.st_size;) {
        const auto piece = std::min(static_cast<std::size_t>(info.st_size - at), kBlack.size());
        const ssize_t put = ::pwrite(file, kBlack.data(), piece, at);
        if (put <= 0)
            return makeError(ErrorCode::Io, say("pixels-not-cleared", systemError(errno)));
        at += put;
    }
    return Done{};
}

Pixels pixelsOf(const Decoded& decoded, const decoder::SizeRules& rules, const PreprocessConfig& config,
                ShelvedFile memory)
{
    const Answer& answer = decoded.answer;
    Pixels pixels;
    pixels.memory = std::move(memory);
    pixels.bytes = decoded.pixels.bytes().size();
    pixels.kind = answer.isVideo != 0 ? MediaKind::Video : MediaKind::Image;
    pixels.frames = answer.outputFrames;
    pixels.gridT = temporalPatches(answer.outputFrames, config);
    pixels.gridH = answer.outputHeight / config.patchSize;
    pixels.gridW = answer.outputWidth / config.patchSize;
    if (pixels.kind == MediaKind::Video)
        pixels.secondsPerGrid = config.temporalPatchSize /
                                decoder::sampleFrames(answer.frames, answer.framesPerSecond, rules).framesPerSecond;
    return pixels;
}

} // namespace

int temporalPatches(int frames, const PreprocessConfig& config)
{
    return (frames + config.temporalPatchSize - 1) / config.temporalPatchSize;
}

MediaReader::MediaReader(std::filesystem::path decoder, DecodeLimits limits, PreprocessConfig config)
    : m_decoder(std::move(decoder)), m_limits(limits), m_config(config),
      m_memory(std::make_shared<MemoryShelf>(kKeptPictures, kKeptPixels * kPixelBytes))
{
}

Result<Inspection> MediaReader::inspect(const std::filesystem::path& file, int side) const
{
    decoder::SizeRules rules;
    const auto output = memoryFile("argus-thumbnail", 0);
    if (!output)
        return output.error();
    auto decoded = decode(m_decoder, file, m_limits, m_config, Task::Inspect, side, rules, output->get());
    if (!decoded)
        return decoded.error();
    Inspection inspection{infoFrom(decoded->answer, rules, m_config), {}};
    inspection.thumbnail.width = decoded->answer.outputWidth;
    inspection.thumbnail.height = decoded->answer.outputHeight;
    const auto pixels = decoded->pixels.bytes();
    inspection.thumbnail.rgb.assign(reinterpret_cast<const char*>(pixels.data()), pixels.size());
    return inspection;
}

Result<Pixels> MediaReader::read(const std::filesystem::path& file) const
{
    decoder::SizeRules rules;
    auto output = m_memory->take();
    if (!output)
        return output.error();
    if (auto black = blacken(output->get()); !black)
        return black.error();
    // Where decoding fails, the memory goes as it is.
    auto decoded = decode(m_decoder, file, m_limits, m_config, Task::Frames, 0, rules, output->get());
    if (!decoded)
        return decoded.error();
    return pixelsOf(*decoded, rules, m_config, ShelvedFile(std::move(*output), m_memory));
}

} // namespace argus::media
