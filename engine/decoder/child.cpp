#include "engine/decoder/child.h"

#include "engine/decoder/sandbox.h"
#include "engine/decoder/self_test.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace argus::decoder {
namespace {

/// Where the answer goes. One process, one file, one answer: the only variable of this kind.
std::byte* page = nullptr;

std::byte* map(int descriptor, std::size_t bytes)
{
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
}

} // namespace

void finish(const Answer& answer)
{
    Answer complete = answer;
    complete.magic = kMagic;
    std::memcpy(page + kAnswerOffset, &complete, sizeof complete);
    // Not exit(): destructors and exit handlers of the libraries have nothing left to do here and may be confused by a
    // damaged file.
    ::_exit(0);
}

void refuse(Reason reason, std::uint64_t first, std::uint64_t second)
{
    Answer answer;
    answer.reason = reason;
    answer.first = first;
    answer.second = second;
    finish(answer);
}

void checkPixels(const Session& session, std::uint64_t width, std::uint64_t height, bool video)
{
    const std::uint64_t limit = video ? session.request.maxVideoPixels : session.request.maxImagePixels;
    if (width == 0 || height == 0)
        refuse(Reason::Damaged);
    if (width > limit || height > limit / width)
        refuse(Reason::TooManyPixels, width, height);
    if (std::max(width, height) > 200 * std::min(width, height))
        refuse(Reason::BadShape, width, height);
}

std::size_t readAt(std::uint64_t offset, std::span<std::uint8_t> into)
{
    std::size_t done = 0;
    while (done < into.size()) {
        const ssize_t got =
            ::pread(kFileDescriptor, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

std::vector<std::uint8_t> readAll(const Session& session)
{
    if (session.request.fileBytes > session.request.memoryBytes / 4)
        refuse(Reason::TooMuchMemory);
    std::vector<std::uint8_t> bytes(session.request.fileBytes);
    bytes.resize(readAt(0, bytes));
    return bytes;
}

int runChild(void (*beforeSandbox)(const Request&), void (*decode)(const Session&))
{
    page = map(kPageDescriptor, kPageBytes);
    if (page == nullptr)
        return 2; // started by hand, or by something that is not the media room
    Session session;
    std::memcpy(&session.request, page, sizeof session.request);
    if (session.request.magic != kMagic)
        refuse(Reason::BadRequest);
    beforeSandbox(session.request);
    if (session.request.outputBytes > 0) {
        std::byte* output = map(kOutputDescriptor, session.request.outputBytes);
        if (output == nullptr)
            refuse(Reason::BadRequest);
        session.output = {reinterpret_cast<std::uint8_t*>(output), session.request.outputBytes};
    }
    if (const SandboxFailure failure = enterSandbox(session.request); failure.step != 0)
        refuse(Reason::NoSandbox, static_cast<std::uint64_t>(failure.step), static_cast<std::uint64_t>(failure.number));
    try {
        if (session.request.task == Task::SelfTest)
            attempt(session.request.attempt);
        else
            decode(session);
    } catch (const std::bad_alloc&) {
        refuse(Reason::TooMuchMemory);
    }
    refuse(Reason::BadRequest);
}

} // namespace argus::decoder
