#pragma once
// Hashing and reading of files on a thread of their own, so that a slow disk never holds up the connection.

#include "engine/base/result.h"
#include "engine/base/sha256.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace argus::client {

struct HashedFile {
    Sha256 sha256;
    std::uint64_t size = 0;
};

/// One worker thread. Reads come before hashing, and long files are hashed in pieces that take turns, so nobody waits
/// for a large one.
class FileReader {
public:
    /// `post` hands a function over to the thread that wants the outcomes; it is called on the worker.
    explicit FileReader(std::function<void(std::function<void()>)> post);
    /// Joins the worker within one piece; outcomes that are not there yet never come.
    ~FileReader();
    FileReader(const FileReader&) = delete;
    FileReader& operator=(const FileReader&) = delete;

    /// Errors: NotFound, Denied, BadRequest (not a regular file, empty), TooLarge beyond `maxBytes`, Io.
    void hash(std::filesystem::path file, std::uint64_t maxBytes, std::function<void(Result<HashedFile>)> done);
    /// Exactly `count` bytes. Errors: those of opening it; Io when it has become shorter.
    void read(std::filesystem::path file, std::uint64_t offset, std::size_t count,
              std::function<void(Result<std::string>)> done);

private:
    struct HashJob;
    void run();
    void advance(const std::shared_ptr<HashJob>& job);

    std::function<void(std::function<void()>)> m_post;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<std::function<void()>> m_reads;
    std::deque<std::shared_ptr<HashJob>> m_hashes;
    bool m_stopping = false;
    std::thread m_thread; // last: it uses everything above
};

} // namespace argus::client
