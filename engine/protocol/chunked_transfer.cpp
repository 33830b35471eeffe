#include "engine/protocol/chunked_transfer.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/protocol/bounds.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace argus::protocol {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::uint64_t kGrantEvery =
    kUploadCredit / 2 * kChunkBytes; // half a window: the sender never runs dry waiting for us

std::string shortName(const Sha256& sha256)
{
    return hexOf(std::string_view(sha256).substr(0, 4));
}

bool writeAll(int fd, std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

/// Only what a store has written: 64 hexadecimal digits, or "upload-N.part".
bool isOurs(const std::string& name)
{
    const bool digest =
        name.size() == 2 * kDigestBytes && name.find_first_not_of("0123456789abcdef") == std::string::npos;
    return digest || (name.starts_with("upload-") && name.ends_with(".part"));
}

} // namespace

Result<std::unique_ptr<UploadStore>> UploadStore::open(Options options)
{
    if (auto made = makePrivateFolder(options.folder); !made)
        return made.error();
    const fs::path lockPath = options.folder / "lock";
    UniqueFd lock(::open(lockPath.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock.valid())
        return makeError(ErrorCode::Io, say("file-refused", lockPath.string(), systemError(errno)),
                         say("do-check-folder-and-disk"));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return makeError(ErrorCode::Busy, say("folder-of-other-head", options.folder.string()),
                         say("do-stop-other-head"));
    std::error_code problem;
    for (fs::directory_iterator entry(options.folder, problem), end; !problem && entry != end;
         entry.increment(problem)) {
        std::error_code ignored; // what cannot be removed stays as rubbish in a private folder
        if (isOurs(entry->path().filename().string()))
            fs::remove(entry->path(), ignored);
    }
    return std::unique_ptr<UploadStore>(new UploadStore(std::move(options), std::move(lock)));
}

UploadStore::~UploadStore()
{
    std::error_code ignored;
    for (const auto& [key, upload] : m_unfinished)
        fs::remove(upload.path, ignored);
    for (const auto& [sha256, file] : m_files)
        fs::remove(finishedPath(sha256), ignored);
}

UploadStore::BeginAnswer UploadStore::begin(const Uploader& uploader, const Sha256& sha256, std::uint64_t size,
                                            Instant now)
{
    expire(now);
    if (sha256.size() != kDigestBytes)
        return makeError(ErrorCode::BadRequest, say("digest-no-digest", kDigestBytes, sha256.size()),
                         say("do-send-digest"));
    const Key key{uploader.publicKey, sha256};
    if (const auto file = m_files.find(sha256); file != m_files.end()) {
        file->second.used = now;
        if (const auto own = m_unfinished.find(key); own != m_unfinished.end())
            drop(own); // somebody else was faster
        return Finished{};
    }
    if (const auto known = m_unfinished.find(key); known != m_unfinished.end() && known->second.size == size)
        return resume(known->second, uploader, now);
    else if (known != m_unfinished.end())
        drop(known); // its size was announced wrongly then or now; the digest at the end decides which
    if (auto error = refusal(uploader, sha256, size))
        return *std::move(error);
    if (auto error = makeRoom(size))
        return *std::move(error);

    Unfinished upload;
    upload.path = m_options.folder / fmt::format("upload-{}.part", ++m_serial);
    upload.fd.reset(::open(upload.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!upload.fd.valid())
        return diskError(errno);
    upload.session = uploader.session;
    upload.size = size;
    upload.touched = now;
    m_reservedBytes += size;
    m_unfinished.emplace(key, std::move(upload));
    return Grant{.offset = 0, .credit = kUploadCredit};
}

UploadStore::BeginAnswer UploadStore::resume(Unfinished& upload, const Uploader& uploader, Instant now)
{
    if (upload.session != uploader.session && uploadsOf(uploader.session) >= kMaxUploadsPerSession)
        return makeError(ErrorCode::Busy, say("uploads-of-session", kMaxUploadsPerSession), say("do-wait-one"));
    upload.session = uploader.session;
    upload.touched = now;
    upload.granted = upload.stored;
    return Grant{.offset = upload.stored, .credit = kUploadCredit};
}

std::optional<Error> UploadStore::refusal(const Uploader& uploader, const Sha256& sha256, std::uint64_t size) const
{
    if (size == 0)
        return makeError(ErrorCode::BadRequest, say("file-empty", shortName(sha256)), say("do-attach-media"));
    if (size > m_options.maxUploadBytes || size > m_options.maxTotalBytes)
        return makeError(ErrorCode::TooLarge,
                         say("upload-too-large", size, std::min(m_options.maxUploadBytes, m_options.maxTotalBytes)),
                         say("do-send-smaller"), "max_upload_bytes");
    if (uploadsOf(uploader.session) >= kMaxUploadsPerSession)
        return makeError(ErrorCode::Busy, say("uploads-of-session", kMaxUploadsPerSession), say("do-wait-one"));
    return std::nullopt;
}

std::optional<Error> UploadStore::makeRoom(std::uint64_t size)
{
    while (m_unfinished.size() >= m_options.maxUnfinished ||
           m_finishedBytes + m_reservedBytes + size > m_options.maxTotalBytes ||
           freeDiskBytes() < size + m_options.spareDiskBytes) {
        if (m_unfinished.size() >= m_options.maxUnfinished) {
            // Only one that waits for its key to come back may go; finished files do not help here.
            const auto idle = std::find_if(m_unfinished.begin(), m_unfinished.end(),
                                           [](const auto& entry) { return entry.second.session.empty(); });
            if (idle == m_unfinished.end())
                return makeError(ErrorCode::Busy, say("uploads-of-head", m_unfinished.size()), say("do-try-soon"));
            drop(idle);
        } else if (!evictOne()) {
            if (m_finishedBytes + m_reservedBytes + size > m_options.maxTotalBytes)
                return makeError(ErrorCode::Busy,
                                 say("head-holds", m_finishedBytes + m_reservedBytes, m_options.maxTotalBytes, size),
                                 say("do-after-asks"));
            return diskError(ENOSPC);
        }
    }
    return std::nullopt;
}

bool UploadStore::evictOne()
{
    auto oldest = m_files.end();
    for (auto file = m_files.begin(); file != m_files.end(); ++file)
        if (file->second.pins == 0 && (oldest == m_files.end() || file->second.used < oldest->second.used))
            oldest = file;
    if (oldest != m_files.end()) {
        dropStored(Sha256(oldest->first));
        return true;
    }
    auto idle = m_unfinished.end();
    for (auto upload = m_unfinished.begin(); upload != m_unfinished.end(); ++upload)
        if (upload->second.session.empty() &&
            (idle == m_unfinished.end() || upload->second.touched < idle->second.touched))
            idle = upload;
    if (idle == m_unfinished.end())
        return false;
    drop(idle);
    return true;
}

UploadStore::ChunkAnswer UploadStore::chunk(const Uploader& uploader, const Sha256& sha256, std::uint64_t offset,
                                            std::span<const std::byte> bytes, Instant now)
{
    const auto found = m_unfinished.find(Key{uploader.publicKey, sha256});
    if (found == m_unfinished.end() || found->second.session != uploader.session) {
        // The same person's other program has sent all of it meanwhile: without a word this one would wait for ever.
        if (m_files.contains(sha256))
            return Finished{};
        return makeError(ErrorCode::NotFound, say("upload-not-open", shortName(sha256)), say("do-begin-upload"));
    }
    Unfinished& upload = found->second;
    upload.touched = now;
    const auto refuse = [&](Said cause) {
        drop(found);
        return makeError(ErrorCode::BadRequest, std::move(cause), say("do-begin-upload"));
    };
    if (bytes.empty() || bytes.size() > kChunkBytes)
        return refuse(say("chunk-size", kChunkBytes, bytes.size()));
    if (offset > upload.size || bytes.size() > upload.size - offset)
        return refuse(say("chunk-beyond", offset, bytes.size(), upload.size));
    if (offset + bytes.size() <= upload.stored)
        return std::nullopt;
    if (offset != upload.stored)
        return refuse(say("chunk-out-of-turn", offset, upload.stored));
    if (!writeAll(upload.fd.get(), bytes)) {
        const int number = errno;
        drop(found);
        return diskError(number);
    }
    upload.hasher.add(bytes);
    upload.stored += bytes.size();
    if (upload.stored == upload.size)
        return finish(found, now);
    if (upload.stored - upload.granted < kGrantEvery)
        return std::nullopt;
    upload.granted = upload.stored;
    return Grant{.offset = upload.stored, .credit = kUploadCredit};
}

std::variant<UploadStore::Finished, UploadStore::Grant, Error> UploadStore::finish(UnfinishedMap::iterator upload,
                                                                                   Instant now)
{
    const Sha256 sha256 = upload->first.second;
    const std::uint64_t size = upload->second.size;
    const Sha256 actual = upload->second.hasher.finish();
    if (actual != sha256) {
        drop(upload);
        return makeError(ErrorCode::Corrupt, say("digest-differs", shortName(actual), shortName(sha256)),
                         say("do-send-again"));
    }
    // Another key may have finished the same file in the meantime; the rename replaces equal bytes by equal bytes.
    if (::rename(upload->second.path.c_str(), finishedPath(sha256).c_str()) != 0) {
        const int number = errno;
        drop(upload);
        return diskError(number);
    }
    m_reservedBytes -= size;
    m_unfinished.erase(upload);
    if (m_files.try_emplace(sha256, File{.size = size, .used = now, .pins = 0}).second)
        m_finishedBytes += size;
    return Finished{};
}

void UploadStore::abort(const Uploader& uploader, const Sha256& sha256)
{
    const auto found = m_unfinished.find(Key{uploader.publicKey, sha256});
    if (found != m_unfinished.end() && found->second.session == uploader.session)
        drop(found);
}

void UploadStore::sessionGone(const std::string& session, Instant now)
{
    if (session.empty())
        return;
    for (auto& [key, upload] : m_unfinished)
        if (upload.session == session) {
            upload.session.clear();
            upload.touched = now;
        }
}

void UploadStore::expire(Instant now)
{
    for (auto upload = m_unfinished.begin(); upload != m_unfinished.end();) {
        const auto current = upload++;
        if (current->second.session.empty() && now - current->second.touched >= m_options.keepUnfinished)
            drop(current);
    }
}

Result<fs::path> UploadStore::path(const Sha256& sha256, Instant now)
{
    const auto file = m_files.find(sha256);
    if (file == m_files.end())
        return makeError(ErrorCode::NotFound, say("attachment-gone", shortName(sha256)), say("do-attach-again"));
    file->second.used = now;
    return finishedPath(sha256);
}

std::uint64_t UploadStore::sizeOf(const Sha256& sha256) const
{
    const auto file = m_files.find(sha256);
    return file == m_files.end() ? 0 : file->second.size;
}

bool UploadStore::pin(const Sha256& sha256)
{
    const auto file = m_files.find(sha256);
    if (file == m_files.end())
        return false;
    ++file->second.pins;
    return true;
}

void UploadStore::unpin(const Sha256& sha256)
{
    if (const auto file = m_files.find(sha256); file != m_files.end() && file->second.pins > 0)
        --file->second.pins;
}

fs::path UploadStore::finishedPath(const Sha256& sha256) const
{
    return m_options.folder / hexOf(sha256);
}

Error UploadStore::diskError(int number) const
{
    return makeError(ErrorCode::Io,
                     say("attachment-not-stored", m_options.folder.string(), systemError(number), freeDiskBytes()),
                     say("do-free-head-disk"));
}

void UploadStore::drop(UnfinishedMap::iterator upload)
{
    std::error_code ignored;
    fs::remove(upload->second.path, ignored);
    m_reservedBytes -= upload->second.size;
    m_unfinished.erase(upload);
}

void UploadStore::dropStored(const Sha256& sha256)
{
    std::error_code ignored;
    fs::remove(finishedPath(sha256), ignored);
    m_finishedBytes -= m_files.at(sha256).size;
    m_files.erase(sha256);
}

std::uint64_t UploadStore::freeDiskBytes() const
{
    struct statvfs info = {};
    if (::statvfs(m_options.folder.c_str(), &info) != 0)
        return 0;
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

std::size_t UploadStore::uploadsOf(const std::string& session) const
{
    return static_cast<std::size_t>(std::count_if(m_unfinished.begin(), m_unfinished.end(),
                                                  [&](const auto& entry) { return entry.second.session == session; }));
}

} // namespace argus::protocol
