#include "engine/media/decode_client.h"

#include "engine/base/catalogue.h"
#include "engine/base/child_process.h"
#include "engine/base/files.h"
#include "engine/decoder/size_rules.h"
#include "engine/media/decode_errors.h"
#include "engine/media/memory_shelf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

namespace argus::media {

using decoder::Answer;
using decoder::Format;
using decoder::Reason;
using decoder::Request;
using decoder::Task;

Result<Mapping> Mapping::of(int descriptor, std::size_t bytes)
{
    Mapping mapping;
    if (bytes == 0)
        return mapping;
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (at == MAP_FAILED)
        return makeError(ErrorCode::Io, say("memory-not-mapped", bytes, systemError(errno)), say("do-free-some"));
    mapping.m_data = static_cast<std::uint8_t*>(at);
    mapping.m_size = bytes;
    return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept
    : m_data(std::exchange(other.m_data, nullptr)), m_size(std::exchange(other.m_size, 0))
{
}

Mapping& Mapping::operator=(Mapping&& other) noexcept
{
    std::swap(m_data, other.m_data);
    std::swap(m_size, other.m_size);
    return *this;
}

Mapping::~Mapping()
{
    if (m_data != nullptr)
        ::munmap(m_data, m_size);
}

Result<MediaFile> openMedia(const std::filesystem::path& path, std::uint64_t maxBytes)
{
    const std::string name = path.filename().string();
    // Not blocking: a named pipe in place of a file must not hold the thread.
    MediaFile file{UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), 0, Format::Unknown};
    struct stat about {};
    if (!file.descriptor.valid() || ::fstat(file.descriptor.get(), &about) != 0)
        return makeError(errno == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
                         say("media-open", name, systemError(errno)), say("do-check-file"));
    if (!S_ISREG(about.st_mode))
        return makeError(ErrorCode::Unsupported, say("media-no-file", name), say("do-choose-media"));
    file.bytes = static_cast<std::uint64_t>(about.st_size);
    if (file.bytes == 0)
        return makeError(ErrorCode::Corrupt, say("file-empty", name), say("do-choose-full"));
    if (file.bytes > maxBytes)
        return makeError(ErrorCode::TooLarge, say("media-too-large", name, file.bytes, maxBytes),
                         say("do-choose-smaller"));
    std::array<std::byte, 1024> start{};
    const ssize_t got = ::pread(file.descriptor.get(), start.data(), start.size(), 0);
    if (got <= 0)
        return makeError(ErrorCode::Io, say("media-unread", name, systemError(errno)), say("do-check-disk"));
    const std::span begin(start.data(), static_cast<std::size_t>(got));
    file.format = decoder::sniff(begin);
    if (file.format == Format::Unknown || file.format == Format::PlainText)
        return notMedia(begin, file.format).in(name);
    return file;
}

namespace {

/// Whether the answer's numbers are possible under the request: a decoder that was taken over may say anything.
bool isPossible(const Answer& answer, const Request& request)
{
    const decoder::Size source{answer.width, answer.height};
    const std::uint64_t limit = answer.isVideo != 0 ? request.maxVideoPixels : request.maxImagePixels;
    if (source.width < 1 || source.height < 1 ||
        static_cast<std::uint64_t>(source.width) * static_cast<std::uint64_t>(source.height) > limit)
        return false;
    if ((answer.isVideo != 0) != decoder::isVideo(request.format) || answer.frames < 1 || answer.frames > 100'000'000)
        return false;
    if (answer.isVideo != 0 &&
        !(std::isfinite(answer.framesPerSecond) && answer.framesPerSecond > 0 && std::isfinite(answer.durationSeconds)))
        return false;
    std::optional<decoder::Size> size = decoder::imageSize(source, request.rules);
    std::size_t frames = 1;
    if (answer.isVideo != 0) {
        frames = decoder::sampleFrames(answer.frames, answer.framesPerSecond, request.rules).frames.size();
        size = decoder::frameSize(source, static_cast<std::int64_t>(frames), request.rules);
    }
    if (!size)
        return false;
    if (request.task == Task::Inspect) {
        frames = request.side > 0 ? 1 : 0;
        size = frames > 0 ? decoder::thumbnailSize(source, static_cast<int>(request.side)) : decoder::Size{};
    }
    return decoder::Size{answer.outputWidth, answer.outputHeight} == *size &&
           static_cast<std::size_t>(answer.outputFrames) == frames &&
           frames * static_cast<std::size_t>(size->width) * static_cast<std::size_t>(size->height) * 3 <=
               request.outputBytes;
}

} // namespace

Result<Answer> rawAnswer(const DecoderRun& run)
{
    auto page = memoryFile("argus-decoder-page", decoder::kPageBytes);
    if (!page)
        return page.error();
    auto mapped = Mapping::of(page->get(), decoder::kPageBytes);
    if (!mapped)
        return mapped.error();
    std::memcpy(mapped->bytes().data(), &run.request, sizeof run.request);
    const Deadline deadline = Deadline::in(run.patience);
    auto child = ChildProcess::start({.program = run.program,
                                      .arguments = {},
                                      .descriptors = {{run.file, decoder::kFileDescriptor},
                                                      {page->get(), decoder::kPageDescriptor},
                                                      {run.output, decoder::kOutputDescriptor}},
                                      .quiet = true,
                                      .diesWithThread = true});
    if (!child)
        return child.error();
    if (run.started)
        run.started(child->pid());
    const auto report = child->wait(deadline);
    if (!report) {
        child->kill();
        return tooSlow(run.patience);
    }
    if (report->signal != 0 || report->code != 0)
        return crashed(*report);
    Answer answer;
    std::memcpy(&answer, mapped->bytes().data() + decoder::kAnswerOffset, sizeof answer);
    if (answer.magic != decoder::kMagic)
        return crashed(*report);
    return answer;
}

Result<Decoded> runDecoder(const DecoderRun& run)
{
    // Sparse: memory is taken only where the child writes.
    if (auto grown = setSize(run.output, std::max<std::uint64_t>(run.request.outputBytes, decoder::kPageBytes)); !grown)
        return grown.error();
    auto answer = rawAnswer(run);
    if (!answer)
        return answer.error();
    if (answer->reason != Reason::Fine)
        return errorOf(*answer, run.request);
    if (!isPossible(*answer, run.request))
        return makeError(ErrorCode::Crashed, say("decoder-contradicts"), say("do-choose-other"));
    const auto bytes = static_cast<std::size_t>(answer->outputFrames) * static_cast<std::size_t>(answer->outputWidth) *
                       static_cast<std::size_t>(answer->outputHeight) * 3;
    if (auto cut = setSize(run.output, bytes); !cut)
        return cut.error();
    auto pixels = Mapping::of(run.output, bytes);
    if (!pixels)
        return pixels.error();
    return Decoded{*answer, std::move(*pixels)};
}

} // namespace argus::media
