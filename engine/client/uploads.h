#pragma once
// The sending side of uploads: which files the head has, which are on their way, with credit.

#include "engine/client/file_reader.h"
#include "engine/client/outlet.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace argus::client {

/// Where the bytes of an upload come from: a file, or memory when `file` is empty.
struct UploadSource {
    std::filesystem::path file;
    std::shared_ptr<const std::string> bytes;
    std::uint64_t size = 0;
};

/// Lives on the I/O thread. What the head has is believed for one connection only: after a reconnect it is asked again
/// before it is used.
class Uploads {
public:
    Uploads(Outlet outlet, FileReader& files) : m_outlet(std::move(outlet)), m_files(files) {}

    /// Somebody attached this. Events: UploadProgress, then UploadFinished or UploadFailed.
    void add(const Sha256& sha256, UploadSource source);
    /// Somebody needs it on the head: begins it again when it is not known to be there.
    void want(const Sha256& sha256);
    /// The head says that it is not there (any more).
    void doubt(const Sha256& sha256);

    enum class Standing { Unknown, OnTheWay, There, Failed };
    /// Unknown: never attached here, though the head may have it.
    [[nodiscard]] Standing standing(const Sha256& sha256) const;
    /// Why it failed; only when it did.
    [[nodiscard]] Error error(const Sha256& sha256) const;

    void connected(std::uint32_t chunkBytes);
    void disconnected();
    void onGrant(const wire::UploadGrant& grant);
    void onDone(const Sha256& sha256);
    void onFailed(const Sha256& sha256, Error error, Instant now);
    /// The head did not take a message about this digest (hexadecimal). False: nothing here is called that.
    [[nodiscard]] bool onRefused(const std::string& about, const Error& error, Instant now);
    /// Begins what waits for its turn or for a busy head, and again what a head that is there has said nothing about for
    /// too long; after some times it has failed, so that nobody waits for ever.
    void pump(Instant now);
    static constexpr Milliseconds kUnansweredPause{60'000};
    static constexpr int kUnansweredTries = 3;

private:
    enum class State { Idle, Waiting, Begun, Sending, There, Failed };
    struct Upload {
        UploadSource source;
        State state = State::Idle;
        bool announce = false;       ///< somebody waits for UploadFinished or UploadFailed
        std::uint64_t stored = 0;    ///< by the head, as far as it has said
        std::uint64_t windowEnd = 0; ///< may be sent up to here
        std::uint64_t asked = 0;     ///< requested from the disk up to here
        std::uint32_t turn = 0;      ///< rises when what is being read is out of date
        int busyTries = 0;
        bool answered = false; ///< the head has said something since the last pump()
        int unanswered = 0;    ///< how often in a row it has said nothing for too long
        Instant heard{};       ///< or begun
        std::optional<Instant> notBefore;
        std::optional<Error> error;
        std::uint64_t lastUse = 0;
    };

    void begin(const Sha256& sha256, Upload& upload, Instant now);
    void lookAfter(const Sha256& sha256, Upload& upload, Milliseconds patience, Instant now);
    [[nodiscard]] static bool active(const Upload& upload)
    {
        return upload.state == State::Begun || upload.state == State::Sending;
    }
    void fill(const Sha256& sha256, Upload& upload);
    void sendChunk(const Sha256& sha256, std::uint64_t offset, std::string bytes);
    void fail(const Sha256& sha256, Upload& upload, Error error);
    void forgetOldBytes();

    Outlet m_outlet;
    FileReader& m_files;
    std::map<Sha256, Upload> m_uploads;
    std::uint32_t m_chunkBytes = 0;
    bool m_connected = false;
    std::uint64_t m_clock = 0; ///< order of use
};

} // namespace argus::client
