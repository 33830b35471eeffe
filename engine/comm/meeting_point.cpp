#include "engine/comm/meeting_point.h"

#include "engine/base/catalogue.h"
#include "engine/base/ids.h"
#include "engine/comm/communicator.h"

#include <fmt/format.h>

namespace argus::comm {

namespace {

constexpr std::size_t kMostKeyBytes = 256;
constexpr std::size_t kMostValueBytes = std::size_t{64} << 10;
constexpr std::size_t kMostValues = 4096;

bool bounded(const std::string& key, const std::string& value)
{
    return !key.empty() && key.size() <= kMostKeyBytes && value.size() <= kMostValueBytes;
}

} // namespace

MeetingPoint::MeetingPoint(Publish publish) : m_publish(std::move(publish)), m_executor(randomId()) {}

void MeetingPoint::put(const std::string& key, const std::string& value)
{
    if (!bounded(key, value))
        throw OpsError(
            fmt::format("a meeting point takes keys of 1 to {} bytes and values of up to {}; this key has {} "
                        "and its value {}",
                        kMostKeyBytes, kMostValueBytes, key.size(), value.size()));
    {
        const std::lock_guard lock(m_mutex);
        if (m_aborted)
            throw GroupBroken(GroupBroken::Why::Aborted, *m_aborted);
        if (m_values.contains(key))
            throw OpsError(fmt::format("\"{}\" was already left at the meeting point", key));
        if (m_values.size() >= kMostValues)
            throw OpsError(fmt::format("the meeting point holds {} values, its most, before \"{}\"", kMostValues, key));
        m_values.emplace(key, value);
    }
    m_changed.notify_all();
    if (m_publish)
        m_publish(key, value);
}

void MeetingPoint::arrived(const std::string& key, const std::string& value)
{
    {
        const std::lock_guard lock(m_mutex);
        if (!bounded(key, value) || m_values.size() >= kMostValues)
            return; // who waits for it ends at its deadline
        m_values.emplace(key, value);
    }
    m_changed.notify_all();
}

std::string MeetingPoint::get(const std::string& key, Deadline deadline)
{
    std::unique_lock lock(m_mutex);
    const auto settled = [&] { return m_aborted || m_values.contains(key); };
    const bool inTime = m_changed.wait_until(lock, deadline.at(), settled);
    if (m_aborted)
        throw GroupBroken(GroupBroken::Why::Aborted, *m_aborted);
    if (!inTime)
        throw GroupBroken(GroupBroken::Why::Timeout, say("rank-not-come", key));
    return m_values.at(key);
}

bool MeetingPoint::has(const std::string& key)
{
    const std::lock_guard lock(m_mutex);
    return m_values.contains(key);
}

void MeetingPoint::pause(Milliseconds time)
{
    std::unique_lock lock(m_mutex);
    if (m_changed.wait_for(lock, time, [&] { return m_aborted.has_value(); }))
        throw GroupBroken(GroupBroken::Why::Aborted, *m_aborted);
}

void MeetingPoint::abort(const std::string& why)
{
    {
        const std::lock_guard lock(m_mutex);
        if (!m_aborted)
            m_aborted = why;
    }
    m_changed.notify_all();
}

std::shared_ptr<void> MeetingPoint::sharedObject(const std::string& key,
                                                 const std::function<std::shared_ptr<void>()>& make)
{
    const std::lock_guard lock(m_mutex);
    std::weak_ptr<void>& place = m_shared[key];
    std::shared_ptr<void> object = place.lock();
    if (!object) {
        object = make();
        place = object;
    }
    return object;
}

} // namespace argus::comm
