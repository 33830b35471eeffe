#pragma once
// The threads that wait for argus-decoder: job in, patches or inspection out. They own nothing between two jobs.

#include "engine/base/clock.h"
#include "engine/base/inbox.h"
#include "engine/media/media.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace argus::node {

class MediaPool {
public:
    using Job = std::function<void(const media::MediaReader&)>;
    static constexpr std::size_t kMaxQueued = 1024;

    /// Jobs may be queued at once; they start once start() has said how to read.
    MediaPool() : m_jobs(std::make_shared<Inbox<Job>>(kMaxQueued)) {}
    ~MediaPool();
    MediaPool(const MediaPool&) = delete;
    MediaPool& operator=(const MediaPool&) = delete;

    /// Any thread. False: the queue is full or the pool has stopped.
    [[nodiscard]] bool add(Job job) { return m_jobs->push(std::move(job)); }
    /// Once, on the owner's thread.
    void start(std::shared_ptr<const media::MediaReader> reader, unsigned threads);
    /// Jobs that begin from now on read like this: another model is served.
    void use(std::shared_ptr<const media::MediaReader> reader);
    /// Ends the pool; jobs that wait are forgotten. False: a decoder still runs at the deadline; its thread is left
    /// alone, and the process has to end soon (the decoder dies with it).
    [[nodiscard]] bool stop(Deadline deadline);

private:
    struct Reader {
        std::mutex mutex;
        std::shared_ptr<const media::MediaReader> current;
    };
    std::shared_ptr<Inbox<Job>> m_jobs;
    std::shared_ptr<Reader> m_reader = std::make_shared<Reader>();
    std::shared_ptr<std::atomic<unsigned>> m_working = std::make_shared<std::atomic<unsigned>>(0);
    std::shared_ptr<std::atomic<bool>> m_stopping = std::make_shared<std::atomic<bool>>(false);
    std::vector<std::thread> m_threads;
};

} // namespace argus::node
