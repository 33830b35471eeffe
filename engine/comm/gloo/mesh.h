#pragma once
// Connections of one rank to all others of its group, and exchanges over them. The only file that knows Gloo's API.

#include "engine/base/clock.h"
#include "engine/comm/communicator.h"
#include "engine/comm/meeting_point.h"
#include "engine/comm/world.h"

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace argus::comm::gloo {

/// Gloo's thread and the address it binds to, shared by the groups of a rank.
class Device;
/// Throws GroupBroken when there is no such address or interface.
[[nodiscard]] std::shared_ptr<Device> openDevice(const std::string& address, const std::string& interface);

/// One message of an exchange.
struct Outgoing {
    int to = 0;
    const void* from = nullptr;
    std::size_t bytes = 0;
};
struct Incoming {
    int from = 0;
    void* to = nullptr;
    std::size_t bytes = 0;
};

/// Lives on its rank's thread, but for abort(). After the first GroupBroken every call throws it again.
class Mesh {
public:
    /// Sends under way at most; one more waits for the oldest.
    static constexpr std::size_t kMostSendsUnderWay = 4;

    /// Connects to every other rank of the group. Throws GroupBroken.
    Mesh(std::shared_ptr<Device> device, const GroupPlace& place, MeetingPoint& meeting, Deadline forming,
         Milliseconds operation);
    ~Mesh();
    Mesh(const Mesh&) = delete;
    Mesh& operator=(const Mesh&) = delete;

    [[nodiscard]] int rank() const { return m_place.rank; }
    [[nodiscard]] int size() const { return m_place.size; }

    /// Receives all of them, and sends copies; messages between two ranks meet in order, with the same bytes on both
    /// sides. Either only receives, or is called by every rank of the group, each of which sends to all others.
    void exchange(std::span<const Outgoing> outgoing, std::span<const Incoming> incoming);
    /// Takes a copy and returns, as a rule at once.
    void post(const Outgoing& outgoing);
    /// Any thread, any time.
    void abort() noexcept;

private:
    class Connections;
    class Buffer;
    struct Sends; ///< what is under way, with its memory

    void connect(MeetingPoint& meeting, Deadline forming);
    [[nodiscard]] Sends send(std::span<const Outgoing> outgoing);
    void finish(Sends& sends, Deadline deadline);
    void finish(Buffer& buffer, bool sending, Deadline deadline);
    void requireWhole();
    [[noreturn]] void breakOff(GroupBroken::Why why, Said said);
    template <typename Work>
    void guarded(Deadline deadline, Work&& work);

    GroupPlace m_place;
    Milliseconds m_operation;
    std::shared_ptr<Device> m_device;
    std::unique_ptr<Connections> m_connections;
    std::vector<std::uint64_t> m_sent, m_received; ///< messages to and from each rank: the tag of the next
    std::unique_ptr<GroupBroken> m_broken;
    std::atomic<bool> m_aborted = false;
    std::mutex m_waitingMutex;
    std::vector<Buffer*> m_waiting;     ///< what abort() wakes
    std::unique_ptr<Sends> m_exchanged; ///< of the last exchange
    std::deque<Sends> m_posted;         ///< these two go first: their buffers leave m_waiting
};

} // namespace argus::comm::gloo
