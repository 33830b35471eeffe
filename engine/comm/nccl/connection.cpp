#include "engine/comm/nccl/connection.h"

#include "engine/base/catalogue.h"
#include "engine/comm/line_limit.h"
#include "engine/comm/nccl_version.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <future>
#include <thread>

namespace argus::comm::nccl {

namespace {

using Why = GroupBroken::Why;

constexpr Milliseconds kAbortPatience{2'000};
constexpr Milliseconds kPollPause{2};
constexpr Milliseconds kLockPatience{500};

/// ncclCommAbort may hang when a peer is gone, so it runs on a thread that nobody waits for longer than it is patient.
void abortComm(const std::shared_ptr<const Library>& library, Comm* comm, int device, Milliseconds patience) noexcept
{
    try {
        auto ended = std::make_shared<std::promise<void>>();
        std::future<void> end = ended->get_future();
        std::thread([library, comm, device, ended] {
            cudaSetDevice(device);
            library->commAbort(comm);
            ended->set_value();
        }).detach();
        end.wait_for(patience);
    } catch (...) { // no thread to be had: the process is ended instead
    }
}

} // namespace

Connection::Connection(std::shared_ptr<const Library> library, const GroupPlace& place, int device,
                       MeetingPoint& meeting, Deadline forming, Milliseconds operation)
    : m_library(std::move(library)), m_place(place), m_device(device), m_operation(operation)
{
    compareVersions(meeting, forming);
    form(meeting, forming);
}

Connection::~Connection()
{
    const std::lock_guard lock(m_mutex);
    if (Comm* comm = m_comm.exchange(nullptr))
        abortComm(m_library, comm, m_device, kAbortPatience);
}

/// Ranks of different releases would not always notice, and misbehave.
void Connection::compareVersions(MeetingPoint& meeting, Deadline forming)
{
    meeting.put(m_place.key("nccl-version", m_place.rank), std::to_string(m_library->version));
    for (int rank = 0; rank < m_place.size; ++rank) {
        const std::string text = meeting.get(m_place.key("nccl-version", rank), forming);
        int version = 0;
        std::from_chars(text.data(), text.data() + text.size(), version);
        if (version != m_library->version)
            throw GroupBroken(Why::Version, say("nccl-ranks-differ", m_place.rank, m_place.name,
                                                ncclVersionText(m_library->version), rank, ncclVersionText(version)));
    }
}

void Connection::form(MeetingPoint& meeting, Deadline forming)
{
    const std::string idKey = m_place.key("nccl-id", 0);
    UniqueId id{};
    if (m_place.rank == 0) {
        if (const Status status = m_library->getUniqueId(&id); status != Status::Success)
            throw GroupBroken(Why::PeerGone, say("nccl-no-port", textOf(status)));
        meeting.put(idKey, std::string(id.bytes, sizeof id.bytes));
    }
    const std::string bytes = meeting.get(idKey, forming);
    if (bytes.size() != sizeof id.bytes)
        throw GroupBroken(Why::PeerGone, fmt::format("rank 0 of {} left no id of NCCL", m_place.name));
    std::memcpy(id.bytes, bytes.data(), sizeof id.bytes);

    Config config;
    Comm* comm = nullptr;
    Status status = m_library->commInitRankConfig(&comm, m_place.size, id, m_place.rank, &config);
    try {
        while (status == Status::InProgress) {
            if (forming.passed())
                throw GroupBroken(Why::Timeout, say("nccl-waited", m_place.rank, m_place.name));
            meeting.pause(kPollPause);
            if (m_library->commGetAsyncError(comm, &status) != Status::Success)
                status = Status::InternalError;
        }
        if (status != Status::Success)
            throw GroupBroken(Why::PeerGone, say("nccl-cannot-connect", m_place.rank, m_place.name, textOf(status)));
    } catch (...) {
        if (comm != nullptr)
            abortComm(m_library, comm, m_device, kAbortPatience);
        throw;
    }
    m_comm = comm;
}

void Connection::requireUsable()
{
    if (!m_broken && m_comm == nullptr)
        m_broken.emplace(Why::Aborted, say("group-aborted", m_place.name));
    if (m_broken)
        throw GroupBroken(*m_broken);
}

void Connection::requireWhole()
{
    const std::lock_guard lock(m_mutex);
    requireUsable();
    Status status = Status::Success;
    if (m_library->commGetAsyncError(m_comm, &status) != Status::Success)
        status = Status::InternalError;
    if (status != Status::Success && status != Status::InProgress)
        fail("an operation", status);
}

void Connection::settle(std::unique_lock<std::timed_mutex>& lock, const char* operation, Status status,
                        Deadline deadline)
{
    while (status == Status::InProgress) {
        if (deadline.passed()) {
            breakLocked(Why::Timeout, say("nccl-not-taken", operation, m_operation.count()));
            requireUsable();
        }
        lock.unlock(); // abort() may pass
        std::this_thread::sleep_for(std::chrono::microseconds(20));
        lock.lock();
        requireUsable();
        if (m_library->commGetAsyncError(m_comm, &status) != Status::Success)
            status = Status::InternalError;
    }
    if (status != Status::Success)
        fail(operation, status);
}

void Connection::fail(const char* operation, Status status)
{
    const std::string text = textOf(status);
    breakLocked(isNoWay(text) ? Why::NoWay : Why::PeerGone,
                say("nccl-told", operation, m_place.rank, m_place.name, text));
    throw GroupBroken(*m_broken);
}

std::string Connection::textOf(Status status) const
{
    const char* last = m_library->getLastError(nullptr);
    const std::string text = m_library->getErrorString(status);
    return last != nullptr && *last != '\0' ? fmt::format("{} ({})", text, last) : text;
}

void Connection::breakOff(Why why, const Said& said) noexcept
{
    const std::unique_lock lock(m_mutex, kLockPatience);
    if (lock.owns_lock())
        breakLocked(why, said);
    else if (Comm* comm = m_comm.exchange(nullptr)) // the rank hangs in a call of NCCL, which this ends
        abortComm(m_library, comm, m_device, Milliseconds(0));
}

void Connection::breakLocked(Why why, const Said& said) noexcept
{
    if (m_broken)
        return;
    m_broken.emplace(why, said);
    if (Comm* comm = m_comm.exchange(nullptr))
        abortComm(m_library, comm, m_device, Milliseconds(0));
}

} // namespace argus::comm::nccl
