#include "engine/comm/local/local_group.h"

#include "engine/base/catalogue.h"

namespace argus::comm::local {

namespace {

/// Ranks that compute the same arrive within microseconds of each other; sleeping and being woken takes longer.
constexpr auto kSpinning = std::chrono::microseconds(20);

} // namespace

void LocalGroup::join(const std::string& name, int size)
{
    const std::lock_guard lock(m_mutex);
    if (m_size != 0)
        return;
    m_name = name;
    m_size = size;
    m_shown.resize(static_cast<std::size_t>(size));
    m_results.resize(static_cast<std::size_t>(size));
}

void LocalGroup::beginReading(int rank, Deadline deadline)
{
    meet(rank, deadline, false);
    Lock lock(m_mutex);
    if (m_broken)
        leaveLocked(lock);
    ++m_reading;
}

void LocalGroup::endReading(int rank, Deadline deadline)
{
    meet(rank, deadline, true);
}

/// `reading`: this rank has read what the others show, and is through.
void LocalGroup::meet(int rank, Deadline deadline, bool reading)
{
    Lock lock(m_mutex);
    const std::uint64_t meeting = m_meetings;
    if (reading) {
        --m_reading;
        m_changed.notify_all();
    } else {
        throwIfBroken();
    }
    if (++m_arrived == m_size) {
        m_arrived = 0;
        ++m_meetings;
        m_changed.notify_all();
        return;
    }
    lock.unlock();
    for (const Instant end = now() + kSpinning; now() < end && !m_isBroken;)
        if (m_meetings != meeting)
            return;
    lock.lock();
    try {
        await(lock, rank, deadline, [&] { return m_meetings != meeting; });
    } catch (const GroupBroken&) {
        leaveLocked(lock);
    }
}

/// Out of a group that is broken: nobody begins to read any more, and those who do only compute; what they read is
/// ours.
void LocalGroup::leaveLocked(Lock& lock)
{
    m_changed.wait(lock, [&] { return m_reading == 0; });
    throw GroupBroken(*m_broken);
}

template <typename Ready>
void LocalGroup::await(Lock& lock, int rank, Deadline deadline, Ready&& ready)
{
    const bool inTime = m_changed.wait_until(lock, deadline.at(), [&] { return ready() || m_broken; });
    if (ready())
        return;
    if (!inTime)
        breakLocked(GroupBroken::Why::Timeout, say("rank-waited-limit", rank, m_name));
    throwIfBroken();
}

void LocalGroup::send(int from, int to, std::vector<std::byte> message, Deadline deadline)
{
    Lock lock(m_mutex);
    throwIfBroken();
    std::deque<std::vector<std::byte>>& messages = m_messages[{from, to}];
    await(lock, from, deadline, [&] { return messages.size() < kMostMessages; });
    messages.push_back(std::move(message));
    m_changed.notify_all();
}

std::vector<std::byte> LocalGroup::receive(int from, int to, Deadline deadline)
{
    Lock lock(m_mutex);
    std::deque<std::vector<std::byte>>& messages = m_messages[{from, to}];
    await(lock, to, deadline, [&] { return !messages.empty(); });
    std::vector<std::byte> message = std::move(messages.front());
    messages.pop_front();
    m_changed.notify_all();
    return message;
}

void LocalGroup::requireWhole()
{
    const Lock lock(m_mutex);
    throwIfBroken();
}

void LocalGroup::breakOff(GroupBroken::Why why, Said said)
{
    const Lock lock(m_mutex);
    breakLocked(why, std::move(said));
}

void LocalGroup::throwIfBroken() const
{
    if (m_broken)
        throw GroupBroken(*m_broken);
}

void LocalGroup::breakLocked(GroupBroken::Why why, Said said)
{
    if (m_broken)
        return;
    m_broken.emplace(why, std::move(said));
    m_isBroken = true;
    m_changed.notify_all();
}

} // namespace argus::comm::local
