#include "engine/media/media.h"

#include "engine/base/files.h"
#include "engine/decoder/size_rules.h"
#include "engine/media/decode_client.h"
#include "engine/media/patchify.h"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace argus::media {
namespace {

using decoder::Answer;
using decoder::Request;
using decoder::Task;

// What an idle head may hold for the next question: the memory of a picture like this for each of its two media
// threads.
constexpr std::size_t kKeptPictures = 2;
constexpr std::uint64_t kKeptPixels = 2'800'000;
constexpr std::uint64_t kFrameBytes = 3; // of a pixel; its patches are floats, and two frames of them
constexpr std::uint64_t kPatchBytes = 24;

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

Result<Patches> patchesOf(const Decoded& decoded, const decoder::SizeRules& rules, const PreprocessConfig& config,
                          const std::shared_ptr<MemoryShelf>& shelf)
{
    const Answer& answer = decoded.answer;
    Patches patches;
    patches.kind = answer.isVideo != 0 ? MediaKind::Video : MediaKind::Image;
    patches.gridT = temporalPatches(answer.outputFrames, config);
    patches.gridH = answer.outputHeight / config.patchSize;
    patches.gridW = answer.outputWidth / config.patchSize;
    if (patches.kind == MediaKind::Video)
        patches.secondsPerGrid = config.temporalPatchSize /
                                 decoder::sampleFrames(answer.frames, answer.framesPerSecond, rules).framesPerSecond;
    const auto rows = static_cast<std::size_t>(patches.gridT) * static_cast<std::size_t>(patches.gridH) *
                      static_cast<std::size_t>(patches.gridW);
    const std::size_t columns =
        3 * static_cast<std::size_t>(config.temporalPatchSize * config.patchSize * config.patchSize);
    patches.bytes = rows * columns * sizeof(float);
    auto memory = shelf->take();
    if (!memory)
        return memory.error();
    if (auto sized = setSize(memory->get(), patches.bytes); !sized)
        return sized.error();
    // Written, not mapped: whole pages that are written need not be cleared first, nor faulted in one by one.
    off_t at = 0;
    const bool written = patchifyPieces({.rgb = decoded.pixels.bytes(),
                                         .count = answer.outputFrames,
                                         .width = answer.outputWidth,
                                         .height = answer.outputHeight},
                                        config, [&](std::span<const float> piece) {
                                            const ssize_t put =
                                                ::pwrite(memory->get(), piece.data(), piece.size_bytes(), at);
                                            at += put;
                                            return put == static_cast<ssize_t>(piece.size_bytes());
                                        });
    if (!written)
        return Error{ErrorCode::Io,
                     fmt::format("cannot keep {} bytes of pixels in memory: {}", patches.bytes, systemError(errno)),
                     "free some memory, or ask about a smaller file",
                     {}};
    patches.memory = ShelvedFile(std::move(*memory), shelf);
    return patches;
}

} // namespace

MediaReader::MediaReader(std::filesystem::path decoder, DecodeLimits limits, PreprocessConfig config)
    : m_decoder(std::move(decoder)), m_limits(limits), m_config(config),
      m_frames(std::make_shared<MemoryShelf>(kKeptPictures, kKeptPixels * kFrameBytes)),
      m_patches(std::make_shared<MemoryShelf>(kKeptPictures, kKeptPixels * kPatchBytes))
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

Result<Patches> MediaReader::read(const std::filesystem::path& file) const
{
    decoder::SizeRules rules;
    auto output = m_frames->take();
    if (!output)
        return output.error();
    auto decoded = decode(m_decoder, file, m_limits, m_config, Task::Frames, 0, rules, output->get());
    if (!decoded)
        return decoded.error();
    auto patches = patchesOf(*decoded, rules, m_config, m_patches);
    // The decoder of the next file must not see this one. Where decoding failed, the memory goes as it is.
    std::ranges::fill(decoded->pixels.bytes(), std::uint8_t{0});
    m_frames->putBack(std::move(*output));
    return patches;
}

} // namespace argus::media
