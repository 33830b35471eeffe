#include "engine/node/gpu_watch.h"

#include "engine/base/catalogue.h"

#include <pthread.h>

#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace argus::node {
namespace {

constexpr std::chrono::seconds kBetween{1};

std::optional<std::string> visibleDevices()
{
    const char* const value = std::getenv("CUDA_VISIBLE_DEVICES");
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

} // namespace

/// Shared with the thread, which may outlive the watch.
struct GpuWatch::State {
    Open open;
    std::mutex mutex; // guards what stands below
    std::condition_variable changed;
    bool started = false;
    bool stopping = false;
    bool ended = false;
    pid_t process = 0;
    std::vector<std::uint32_t> followed;
    std::optional<GpuFacts> facts;
    std::map<std::uint32_t, GpuMemory> latest; ///< by index

    void run()
    {
        ::pthread_setname_np(::pthread_self(), "argus-gpus");
        std::optional<GpuInventory> inventory(std::in_place, open(), visibleDevices());
        std::unique_lock lock(mutex);
        facts = inventory->facts();
        changed.notify_all();
        changed.wait(lock, [&] { return stopping || !followed.empty(); });
        while (!stopping) {
            const std::vector<std::uint32_t> indices = followed;
            const pid_t whose = process;
            lock.unlock();
            std::map<std::uint32_t, GpuMemory> readings;
            for (const std::uint32_t index : indices)
                if (const std::optional<GpuMemory> reading = inventory->memory(index, whose))
                    readings[index] = *reading;
            lock.lock();
            for (const auto& [index, reading] : readings)
                latest[index] = reading;
            changed.notify_all();
            changed.wait_for(lock, kBetween, [&] { return stopping; });
        }
        lock.unlock();
        inventory.reset();
        lock.lock();
        ended = true;
        changed.notify_all();
    }
};

GpuWatch::GpuWatch(Open open) : m_state(std::make_shared<State>())
{
    m_state->open = std::move(open);
}

GpuWatch::~GpuWatch()
{
    stop(Deadline(now()));
}

GpuFacts GpuWatch::find(Deadline deadline)
{
    std::unique_lock lock(m_state->mutex);
    m_state->started = true;
    std::thread([state = m_state] { state->run(); }).detach();
    const Instant begun = now();
    m_state->changed.wait_until(lock, deadline.at(), [&] { return m_state->facts || m_state->stopping; });
    if (m_state->facts)
        return *m_state->facts;
    GpuFacts none;
    none.failure =
        makeError(ErrorCode::Timeout,
                  say("driver-silent", std::chrono::duration_cast<std::chrono::seconds>(now() - begun).count()),
                  say("do-see-driver"), "device");
    return none;
}

void GpuWatch::follow(std::vector<std::uint32_t> indices)
{
    const std::scoped_lock lock(m_state->mutex);
    m_state->followed = std::move(indices);
    m_state->changed.notify_all();
}

void GpuWatch::setProcess(pid_t process)
{
    const std::scoped_lock lock(m_state->mutex);
    m_state->process = process;
}

std::optional<GpuMemory> GpuWatch::latest(std::uint32_t index) const
{
    const std::scoped_lock lock(m_state->mutex);
    const auto found = m_state->latest.find(index);
    return found == m_state->latest.end() ? std::nullopt : std::optional(found->second);
}

void GpuWatch::stop(Deadline deadline)
{
    std::unique_lock lock(m_state->mutex);
    m_state->stopping = true;
    m_state->changed.notify_all();
    if (m_state->started)
        m_state->changed.wait_until(lock, deadline.at(), [&] { return m_state->ended; });
}

} // namespace argus::node
