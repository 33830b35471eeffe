#pragma once
// One NCCL communicator: formed with a deadline, called without blocking, aborted from any thread.

#include "engine/comm/communicator.h"
#include "engine/comm/meeting_point.h"
#include "engine/comm/nccl/api.h"
#include "engine/comm/world.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace argus::comm::nccl {

/// Lives on its rank's thread, with its device current, but for abort().
class Connection {
public:
    /// Throws GroupBroken (also when the ranks have different versions) and OpsError.
    Connection(std::shared_ptr<const Library> library, const GroupPlace& place, int device, MeetingPoint& meeting,
               Deadline forming, Milliseconds operation);
    /// Ends what is under way; does not wait for others.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] const GroupPlace& place() const { return m_place; }

    /// Enqueues something: call(library, comm) -> Status. Throws GroupBroken.
    template <typename Call>
    void enqueue(const char* operation, Call&& call)
    {
        std::unique_lock lock(m_mutex);
        requireUsable();
        settle(lock, operation, call(*m_library, m_comm), Deadline::in(m_operation));
    }
    /// Throws GroupBroken when NCCL has noticed that something failed, or after abort().
    void requireWhole();
    /// Remembers why the group is broken, unless it is already known; ends what is under way.
    void breakOff(GroupBroken::Why why, const Said& said) noexcept;

private:
    void compareVersions(MeetingPoint& meeting, Deadline forming);
    void form(MeetingPoint& meeting, Deadline forming);
    void requireUsable();
    void settle(std::unique_lock<std::timed_mutex>& lock, const char* operation, Status status, Deadline deadline);
    [[noreturn]] void fail(const char* operation, Status status);
    void breakLocked(GroupBroken::Why why, const Said& said) noexcept;
    [[nodiscard]] std::string textOf(Status status) const;

    std::shared_ptr<const Library> m_library;
    GroupPlace m_place;
    int m_device = 0;
    Milliseconds m_operation;

    std::timed_mutex m_mutex;            ///< held while NCCL is called
    std::atomic<Comm*> m_comm = nullptr; ///< null after it was aborted
    std::optional<GroupBroken> m_broken;
};

} // namespace argus::comm::nccl
