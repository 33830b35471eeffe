#include "engine/client/file_reader.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/unique_fd.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace argus::client {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPieceBytes = 4U << 20; // some 10 ms of hashing: as long as a read or the end may have to wait

enum class Doing { Open, Read };

Error fileError(const fs::path& file, Doing doing, int number)
{
    const ErrorCode code = number == ENOENT   ? ErrorCode::NotFound
                           : number == EACCES ? ErrorCode::Denied
                                              : ErrorCode::Io;
    const std::string reason = systemError(number);
    return makeError(code,
                     doing == Doing::Open ? say("file-refused", file.string(), reason)
                                          : say("file-unread", file.string(), reason),
                     say("do-check-path"));
}

struct OpenFile {
    UniqueFd fd;
    std::uint64_t size = 0;
};

Result<OpenFile> openRegular(const fs::path& file)
{
    // O_NONBLOCK: opening a pipe somebody dropped on the window must not wait for a writer.
    OpenFile open{.fd = UniqueFd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), .size = 0};
    struct stat info = {};
    if (!open.fd.valid() || ::fstat(open.fd.get(), &info) != 0)
        return fileError(file, Doing::Open, errno);
    if (!S_ISREG(info.st_mode))
        return makeError(ErrorCode::BadRequest, say("not-regular", file.string()), say("do-attach-media"));
    open.size = static_cast<std::uint64_t>(info.st_size);
    return open;
}

/// Fills `bytes` from `offset`; returns how many came before the end of the file, or -1.
ssize_t readAt(int fd, std::string& bytes, std::uint64_t offset)
{
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::pread(fd, bytes.data() + have, bytes.size() - have, static_cast<off_t>(offset + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(have);
}

Result<std::string> readPiece(const fs::path& file, std::uint64_t offset, std::size_t count)
{
    auto open = openRegular(file);
    if (!open)
        return std::move(open).error();
    std::string bytes(count, '\0');
    const ssize_t got = readAt(open->fd.get(), bytes, offset);
    if (got < 0)
        return fileError(file, Doing::Read, errno);
    if (static_cast<std::size_t>(got) < count)
        return makeError(ErrorCode::Io, say("file-shrank-sent", file.string()), say("do-attach-unwritten"));
    return bytes;
}

} // namespace

struct FileReader::HashJob {
    fs::path file;
    std::uint64_t maxBytes = 0;
    std::function<void(Result<HashedFile>)> done;
    UniqueFd fd = {};
    Sha256Hasher hasher = {};
    std::uint64_t size = 0;
    std::uint64_t hashed = 0;
};

FileReader::FileReader(std::function<void(std::function<void()>)> post)
    : m_post(std::move(post)), m_thread([this] { run(); })
{
}

FileReader::~FileReader()
{
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
    }
    m_changed.notify_all();
    m_thread.join();
}

void FileReader::hash(fs::path file, std::uint64_t maxBytes, std::function<void(Result<HashedFile>)> done)
{
    auto job = std::make_shared<HashJob>();
    job->file = std::move(file);
    job->maxBytes = maxBytes;
    job->done = std::move(done);
    const std::lock_guard lock(m_mutex);
    m_hashes.push_back(std::move(job));
    m_changed.notify_all();
}

void FileReader::read(fs::path file, std::uint64_t offset, std::size_t count,
                      std::function<void(Result<std::string>)> done)
{
    const std::lock_guard lock(m_mutex);
    m_reads.emplace_back([this, file = std::move(file), offset, count, done = std::move(done)] {
        auto bytes = std::make_shared<Result<std::string>>(readPiece(file, offset, count));
        m_post([done, bytes] { done(std::move(*bytes)); });
    });
    m_changed.notify_all();
}

void FileReader::run()
{
    ::pthread_setname_np(::pthread_self(), "argus-files");
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_changed.wait(lock, [this] { return m_stopping || !m_reads.empty() || !m_hashes.empty(); });
        if (m_stopping)
            return;
        if (!m_reads.empty()) {
            const auto read = std::move(m_reads.front());
            m_reads.pop_front();
            lock.unlock();
            read();
        } else {
            const auto job = std::move(m_hashes.front());
            m_hashes.pop_front();
            lock.unlock();
            advance(job);
        }
        lock.lock();
    }
}

/// Hashes one more piece and either reports or queues the job again, behind the others.
void FileReader::advance(const std::shared_ptr<HashJob>& job)
{
    const auto report = [&](Result<HashedFile> outcome) {
        m_post([done = job->done, outcome = std::move(outcome)] { done(outcome); });
    };
    if (!job->fd.valid()) {
        auto open = openRegular(job->file);
        if (!open)
            return report(std::move(open).error());
        job->fd = std::move(open->fd);
        job->size = open->size;
        if (job->size == 0)
            return report(
                makeError(ErrorCode::BadRequest, say("file-empty", job->file.string()), say("do-attach-media")));
        if (job->size > job->maxBytes)
            return report(makeError(ErrorCode::TooLarge,
                                    say("file-too-large", job->file.string(), job->size, job->maxBytes),
                                    say("do-attach-smaller"), "max_upload_bytes"));
    }
    std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, job->size - job->hashed)), '\0');
    const ssize_t got = readAt(job->fd.get(), piece, job->hashed);
    if (got < 0)
        return report(fileError(job->file, Doing::Read, errno));
    if (static_cast<std::size_t>(got) < piece.size())
        return report(
            makeError(ErrorCode::Io, say("file-shrank-read", job->file.string()), say("do-attach-unwritten")));
    job->hasher.add(std::as_bytes(std::span(piece)));
    job->hashed += piece.size();
    if (job->hashed == job->size)
        return report(HashedFile{.sha256 = job->hasher.finish(), .size = job->size});
    const std::lock_guard lock(m_mutex);
    m_hashes.push_back(job);
}

} // namespace argus::client
