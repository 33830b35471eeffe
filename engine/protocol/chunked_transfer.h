#pragma once
// Receiving uploads: chunks in order, a bound on what is on its way, the digest checked at the end. No sockets, no
// clock: the head's service calls it with what arrived and sends what it answers.
//
//   UploadBegin ──▶ begin() ──▶ Grant (send from here) | Finished (nothing to send) | Error
//   UploadChunk ──▶ chunk() ──▶ nothing | Grant | Finished | Error (the upload is over; UploadFailed)
//
// A Grant is a window, not an increment: bytes [offset, offset + credit chunks) may be on their way. So a grant may be
// lost or merged with the next one and nothing stands still or overflows.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/base/sha256.h"
#include "engine/base/unique_fd.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace argus::protocol {

/// Who uploads: the session (never empty) ends with its connection, the key is the person's (Z85) and may come back to
/// resume.
struct Uploader {
    std::string session;
    std::string publicKey;
};

/// Uploaded files of one head, named by their digest. Lives on one thread; a path it gave may be read on any while the
/// file is pinned.
class UploadStore {
public:
    struct Options {
        std::filesystem::path folder;               ///< made with mode 0700; used by one store at a time
        std::uint64_t maxUploadBytes = 1ULL << 30;  ///< of one file (EngineSettings.max_upload_bytes)
        std::uint64_t maxTotalBytes = 8ULL << 30;   ///< of all files, unfinished ones with the size they will have
        std::uint64_t spareDiskBytes = 64ULL << 20; ///< never taken: a full disk stops more than Argus
        std::size_t maxUnfinished = 64;             ///< of all sessions together, those waiting to be resumed included
        Milliseconds keepUnfinished = Milliseconds(900'000); ///< after their session has gone
    };

    struct Finished {};
    struct Grant {
        std::uint64_t offset = 0; ///< stored up to here
        std::uint32_t credit = 0; ///< this many chunks of kChunkBytes from there may be on their way
    };
    using BeginAnswer = std::variant<Finished, Grant, Error>;
    /// nullopt: stored, and nothing to say yet (grants come every few chunks).
    using ChunkAnswer = std::optional<std::variant<Finished, Grant, Error>>;

    /// Starts empty: what an earlier head left in the folder is removed. Errors: Busy when another process uses the
    /// folder, Denied, Io.
    [[nodiscard]] static Result<std::unique_ptr<UploadStore>> open(Options options);
    ~UploadStore();
    UploadStore(const UploadStore&) = delete;
    UploadStore& operator=(const UploadStore&) = delete;

    /// Starts or resumes. The same key's unfinished upload of that digest goes on where it was, in whatever session it
    /// began. Errors: BadRequest (digest length, size 0, another size than before), TooLarge, Busy (too many at once,
    /// or everything stored is in use), Io (disk full, naming the free bytes). An error leaves other uploads alone.
    [[nodiscard]] BeginAnswer begin(const Uploader& uploader, const Sha256& sha256, std::uint64_t size, Instant now);
    /// Errors end the upload: NotFound (no such upload of this session), BadRequest (empty or too long, out of order,
    /// beyond the size), Corrupt (the digest of the whole is another), Io. A repeated chunk that is stored already is
    /// ignored: it may cross a resume. A chunk of a file that somebody else has finished is answered by Finished.
    [[nodiscard]] ChunkAnswer chunk(const Uploader& uploader, const Sha256& sha256, std::uint64_t offset,
                                    std::span<const std::byte> bytes, Instant now);
    /// Forgets the session's unfinished upload of that digest. Finished ones stay.
    void abort(const Uploader& uploader, const Sha256& sha256);
    /// The session has ended: its unfinished uploads wait for their key to come back, for keepUnfinished.
    void sessionGone(const std::string& session, Instant now);
    /// Drops unfinished uploads that waited long enough. Call it about once a second.
    void expire(Instant now);

    /// The finished file, for reading. Errors: NotFound.
    [[nodiscard]] Result<std::filesystem::path> path(const Sha256& sha256, Instant now);
    [[nodiscard]] std::uint64_t sizeOf(const Sha256& sha256) const; ///< 0 when it is not there
    /// A pinned file is not removed to make room. Pins count; false: not there.
    [[nodiscard]] bool pin(const Sha256& sha256);
    void unpin(const Sha256& sha256);

    [[nodiscard]] std::uint64_t finishedBytes() const { return m_finishedBytes; }
    [[nodiscard]] std::size_t unfinishedCount() const { return m_unfinished.size(); }

private:
    struct File {
        std::uint64_t size = 0;
        Instant used;
        int pins = 0;
    };
    struct Unfinished {
        std::string session; ///< empty: waits for its key to come back
        std::filesystem::path path;
        UniqueFd fd;
        Sha256Hasher hasher;
        std::uint64_t size = 0;
        std::uint64_t stored = 0;
        std::uint64_t granted = 0; ///< offset of the last grant
        Instant touched;
    };
    using Key = std::pair<std::string, Sha256>; ///< public key, digest
    using UnfinishedMap = std::map<Key, Unfinished>;

    UploadStore(Options options, UniqueFd lock) : m_options(std::move(options)), m_lock(std::move(lock)) {}
    [[nodiscard]] std::filesystem::path finishedPath(const Sha256& sha256) const;
    [[nodiscard]] BeginAnswer resume(Unfinished& upload, const Uploader& uploader, Instant now);
    [[nodiscard]] std::optional<Error> refusal(const Uploader& uploader, const Sha256& sha256,
                                               std::uint64_t size) const;
    [[nodiscard]] std::optional<Error> makeRoom(std::uint64_t size);
    [[nodiscard]] bool evictOne();
    [[nodiscard]] Error diskError(int number) const;
    [[nodiscard]] std::variant<Finished, Grant, Error> finish(UnfinishedMap::iterator upload, Instant now);
    void drop(UnfinishedMap::iterator upload);
    void dropStored(const Sha256& sha256);
    [[nodiscard]] std::uint64_t freeDiskBytes() const;
    [[nodiscard]] std::size_t uploadsOf(const std::string& session) const;

    Options m_options;
    UniqueFd m_lock;
    std::map<Sha256, File> m_files;
    UnfinishedMap m_unfinished;
    std::uint64_t m_finishedBytes = 0;
    std::uint64_t m_reservedBytes = 0; ///< announced sizes of the unfinished ones
    std::uint64_t m_serial = 0;        ///< names unfinished files
};

} // namespace argus::protocol
