#include "engine/node/media_pool.h"

#include "engine/base/log.h"

#include <pthread.h>

#include <utility>

namespace argus::node {
namespace {

constexpr Milliseconds kLook{500}; // how long a thread sleeps before it looks whether the queue has ended

}

void MediaPool::start(std::shared_ptr<const media::MediaReader> reader, unsigned threads)
{
    use(std::move(reader));
    for (unsigned i = 0; i < threads; ++i) {
        m_working->fetch_add(1);
        m_threads.emplace_back([reader = m_reader, jobs = m_jobs, working = m_working, stopping = m_stopping] {
            ::pthread_setname_np(::pthread_self(), "argus-media");
            while (!jobs->ended() && !stopping->load())
                if (std::optional<Job> job = jobs->pop(Deadline::in(kLook)); job && !stopping->load()) {
                    std::shared_ptr<const media::MediaReader> current;
                    {
                        const std::scoped_lock lock(reader->mutex);
                        current = reader->current;
                    }
                    (*job)(*current);
                }
            working->fetch_sub(1);
        });
    }
}

void MediaPool::use(std::shared_ptr<const media::MediaReader> reader)
{
    const std::scoped_lock lock(m_reader->mutex);
    m_reader->current = std::move(reader);
}

bool MediaPool::stop(Deadline deadline)
{
    m_stopping->store(true);
    m_jobs->close();
    while (m_working->load() > 0 && !deadline.passed())
        std::this_thread::sleep_for(Milliseconds(5));
    const bool ended = m_working->load() == 0;
    for (std::thread& thread : m_threads)
        ended ? thread.join() : thread.detach();
    m_threads.clear();
    return ended;
}

MediaPool::~MediaPool()
{
    if (!m_threads.empty() && !stop(Deadline::in(Milliseconds(1000))))
        log::warn("a decoder was still running when the head ended");
}

} // namespace argus::node
