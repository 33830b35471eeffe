#pragma once
// What ranks that are threads of one executor have in common: where they wait for each other, and what they show there.

#include "engine/base/clock.h"
#include "engine/comm/communicator.h"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace argus::comm::local {

/// Every rank shows a tensor; all meet; each reads what the others show and writes its part into `results`; all meet
/// again. Between the two a rank's memory is read by others, so a rank that ends there waits until nobody reads.
class LocalGroup {
public:
    static constexpr std::size_t kMostMessages = 4; ///< between two ranks; one more waits

    /// By every rank, before anything else.
    void join(const std::string& name, int size);

    void show(int rank, ConstTensorView x) { m_shown[static_cast<std::size_t>(rank)] = x; }
    [[nodiscard]] ConstTensorView shown(int rank) const { return m_shown[static_cast<std::size_t>(rank)]; }
    /// Of a rank; the others may read it until the next call's first meeting.
    [[nodiscard]] std::vector<std::byte>& result(int rank) { return m_results[static_cast<std::size_t>(rank)]; }

    // All of these throw GroupBroken.

    /// Waits for everybody; what the others show may be read from here on, until endReading().
    void beginReading(int rank, Deadline deadline);
    /// Waits until nobody reads any more.
    void endReading(int rank, Deadline deadline);
    void send(int from, int to, std::vector<std::byte> message, Deadline deadline);
    [[nodiscard]] std::vector<std::byte> receive(int from, int to, Deadline deadline);
    void requireWhole();

    /// Any thread. The first reason stays.
    void breakOff(GroupBroken::Why why, Said said);

private:
    using Lock = std::unique_lock<std::mutex>;
    void meet(int rank, Deadline deadline, bool reading);
    template <typename Ready>
    void await(Lock& lock, int rank, Deadline deadline, Ready&& ready);
    void throwIfBroken() const;
    [[noreturn]] void leaveLocked(Lock& lock);
    void breakLocked(GroupBroken::Why why, Said said);

    std::string m_name;
    int m_size = 0;
    std::vector<ConstTensorView> m_shown;
    std::vector<std::vector<std::byte>> m_results;

    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::atomic<std::uint64_t> m_meetings = 0; ///< that everybody came to
    std::atomic<bool> m_isBroken = false;      ///< for those who spin
    int m_arrived = 0;                         ///< at the next one
    int m_reading = 0;                         ///< ranks that read the memory of others
    std::optional<GroupBroken> m_broken;
    std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> m_messages; ///< by (from, to)
};

} // namespace argus::comm::local
