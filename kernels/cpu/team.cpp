#include "kernels/cpu/team.h"

#include <pthread.h>

namespace argus::kernels::cpu {

namespace {

constexpr int kWatches = 1200; ///< looks at the next operation before sleeping, some forty nanoseconds each

void pause()
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

} // namespace

Team::Team(int threads)
{
    for (int i = 1; i < threads; ++i) {
        m_helpers.emplace_back([this] { help(); });
        pthread_setname_np(m_helpers.back().native_handle(), "argus-helper");
    }
}

Team::~Team()
{
    m_ending = true;
    ++m_number;
    m_number.notify_all();
    for (std::thread& helper : m_helpers)
        helper.join();
}

void Team::work()
{
    for (std::int64_t index = m_next.fetch_add(1); index < m_count; index = m_next.fetch_add(1))
        m_call(m_context, index);
}

// A helper first says that it is inside, then looks whether the operation is open; the caller first closes it, then
// looks whether anyone is inside. With both in one total order (the default of atomics) either the helper sees it
// closed or the caller sees the helper.
void Team::share(std::int64_t count, Call call, const void* context)
{
    m_call = call;
    m_context = context;
    m_count = count;
    m_next = 0;
    m_open = true;
    ++m_number;
    if (m_sleepers > 0)
        m_number.notify_all();
    work();
    m_open = false;
    for (int looks = 0; m_inside > 0; ++looks) {
        if (looks < kWatches)
            pause();
        else
            std::this_thread::yield(); // a helper lost its core in the middle of a task
    }
}

void Team::help()
{
    std::uint32_t seen = 0;
    while (!m_ending) {
        for (int looks = 0; m_number == seen && looks < kWatches; ++looks)
            pause();
        if (m_number == seen) {
            ++m_sleepers;
            m_number.wait(seen); // returns at once when the number has changed since
            --m_sleepers;
        }
        seen = m_number;
        ++m_inside;
        if (m_open)
            work();
        --m_inside;
    }
}

} // namespace argus::kernels::cpu
