#include "engine/comm/gloo/mesh.h"

#include "engine/base/catalogue.h"
#include "engine/comm/line_limit.h"

#include <gloo/context.h>
#include <gloo/transport/address.h>
#include <gloo/transport/context.h>
#include <gloo/transport/device.h>
#include <gloo/transport/pair.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/transport/unbound_buffer.h>
#include <ifaddrs.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

namespace argus::comm::gloo {

namespace {

/// Between ranks that are all there and wait for each other: on a line that works it takes milliseconds.
constexpr Milliseconds kConnecting{15'000};
constexpr Milliseconds kLongest = std::chrono::hours(24); // Gloo adds time limits to now without looking

using Why = GroupBroken::Why;

/// Whether an interface of this machine has an address that sockets can use. Asked before Gloo is: it loses the list of
/// interfaces when the one that it looks for is not among them.
bool hasAddress(const std::string& interface)
{
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0)
        return false;
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
        if (entry->ifa_addr == nullptr || interface != entry->ifa_name)
            continue;
        if (entry->ifa_addr->sa_family == AF_INET || entry->ifa_addr->sa_family == AF_INET6)
            return true;
    }
    return false;
}

} // namespace

class Device {
public:
    explicit Device(std::shared_ptr<::gloo::transport::Device> opened) : device(std::move(opened)) {}
    std::shared_ptr<::gloo::transport::Device> device;
};

std::shared_ptr<Device> openDevice(const std::string& address, const std::string& interface)
{
    const Said noInterface = say("interface-without", interface);
    if (address.empty() && !interface.empty() && !hasAddress(interface))
        throw GroupBroken(Why::PeerGone, noInterface);
    ::gloo::transport::tcp::attr where;
    if (!address.empty())
        where.hostname = address;
    else if (!interface.empty())
        where.iface = interface;
    else
        where.hostname = "127.0.0.1";
    try {
        return std::make_shared<Device>(::gloo::transport::tcp::CreateDevice(where));
    } catch (const std::exception&) {
        throw GroupBroken(Why::PeerGone, address.empty() ? noInterface : say("address-not-here", address));
    }
}

/// Gloo's context, connected by ourselves: its own rendezvous waits 30 s for every rank whatever time limit was set.
class Mesh::Connections final : public ::gloo::Context {
public:
    Connections(const Device& device, int ownRank, int ranks, Milliseconds patience) : ::gloo::Context(ownRank, ranks)
    {
        setTimeout(std::min(patience, kLongest));
        device_ = device.device;
        transportContext_ = device_->createContext(rank, size);
        // A pair waits five of its time limits for the other side to connect.
        transportContext_->setTimeout(std::clamp(patience / (5 * std::max(size - 1, 1)), Milliseconds(1), kLongest));
    }
    ~Connections() override { closeConnections(); }

    /// The address under which the other rank reaches us.
    [[nodiscard]] std::string createPair(int other)
    {
        const std::vector<char> bytes = transportContext_->createPair(other)->address().bytes();
        return {bytes.begin(), bytes.end()};
    }
    void connectPair(int other, const std::string& address)
    {
        transportContext_->getPair(other)->connect({address.begin(), address.end()});
    }
};

/// Memory as Gloo sends it or fills it; known to abort() for as long as it exists.
class Mesh::Buffer {
public:
    Buffer(Mesh& mesh, void* memory, std::size_t bytes)
        : gloo(mesh.m_connections->createUnboundBuffer(memory, bytes)), m_mesh(mesh)
    {
        const std::lock_guard lock(m_mesh.m_waitingMutex);
        m_mesh.m_waiting.push_back(this);
    }
    ~Buffer()
    {
        const std::lock_guard lock(m_mesh.m_waitingMutex);
        std::erase(m_mesh.m_waiting, this);
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    std::unique_ptr<::gloo::transport::UnboundBuffer> gloo;

private:
    Mesh& m_mesh;
};

struct Mesh::Sends {
    std::vector<std::unique_ptr<std::byte[]>> memory;
    std::vector<std::unique_ptr<Buffer>> buffers; ///< go first
};

Mesh::Mesh(std::shared_ptr<Device> device, const GroupPlace& place, MeetingPoint& meeting, Deadline forming,
           Milliseconds operation)
    : m_place(place), m_operation(std::min(operation, kLongest)), m_device(std::move(device)),
      m_sent(static_cast<std::size_t>(place.size)), m_received(static_cast<std::size_t>(place.size))
{
    connect(meeting, forming);
}

Mesh::~Mesh() = default;

void Mesh::connect(MeetingPoint& meeting, Deadline forming)
{
    m_connections = std::make_unique<Connections>(*m_device, rank(), size(), forming.left());
    // A rank has one address for each of the others; it leaves them side by side, rank by rank, all of one length.
    std::vector<std::string> addresses(static_cast<std::size_t>(size()));
    std::size_t length = 0;
    for (int other = 0; other < size(); ++other)
        if (other != rank())
            length = (addresses[static_cast<std::size_t>(other)] = m_connections->createPair(other)).size();
    addresses[static_cast<std::size_t>(rank())].resize(length);
    std::string together;
    for (const std::string& address : addresses)
        together += address;
    meeting.put(m_place.key("addresses", rank()), together);
    for (int other = 0; other < size(); ++other)
        if (other != rank()) {
            const std::string theirs = meeting.get(m_place.key("addresses", other), forming);
            if (theirs.size() != together.size())
                throw GroupBroken(Why::Version, say("gloo-differs", other, m_place.name, rank()));
            addresses[static_cast<std::size_t>(other)] =
                theirs.substr(static_cast<std::size_t>(rank()) * length, length);
        }

    // Connecting takes no deadline and cannot be aborted, but it ends when the pairs are closed: another thread waits
    // at the meeting point for the deadline, for an abort, or for our own word that all is well.
    const Deadline connecting(std::min(forming.at(), Deadline::in(kConnecting).at()));
    std::atomic<bool> ended = false;
    std::atomic<int> reaching = -1;
    const std::string done = m_place.key("connected", rank());
    std::optional<GroupBroken> broken;
    std::jthread watch([&] {
        try {
            (void)meeting.get(done, connecting);
        } catch (const GroupBroken& end) {
            broken = end;
            ended = true;
            m_connections->closeConnections();
        }
    });
    std::string failure;
    try {
        for (int other = 0; other < size() && !ended; ++other)
            if (other != rank()) {
                reaching = other;
                m_connections->connectPair(other, addresses[static_cast<std::size_t>(other)]);
            }
    } catch (const std::exception& error) {
        failure = error.what();
    }
    meeting.arrived(done, {});
    watch.join();
    if (broken && broken->why() != Why::Timeout)
        throw GroupBroken(*broken);
    if (broken || !failure.empty())
        throw GroupBroken(broken || isNoWay(failure) ? Why::NoWay : Why::PeerGone,
                          failure.empty()
                              ? say("rank-cannot-connect", rank(), m_place.name, reaching.load())
                              : say("rank-cannot-connect-why", rank(), m_place.name, reaching.load(), failure));
    limitSilenceOnLines();
}

// Gloo forgets to tell a send whose connection breaks while it is being written: waitSend() would sleep until its time
// limit. So an exchange waits only for what it receives, which Gloo does tell. Its sends are waited for in the next
// exchange: whoever has sent to us then has received them, so they are through.
void Mesh::exchange(std::span<const Outgoing> outgoing, std::span<const Incoming> incoming)
{
    const Deadline deadline = Deadline::in(m_operation);
    guarded(deadline, [&] {
        std::vector<std::unique_ptr<Buffer>> receiving;
        for (const Incoming& message : incoming) {
            if (message.bytes == 0)
                continue;
            const std::unique_ptr<Buffer>& buffer =
                receiving.emplace_back(std::make_unique<Buffer>(*this, message.to, message.bytes));
            buffer->gloo->recv(message.from, m_received[static_cast<std::size_t>(message.from)]++);
        }
        auto sends = std::make_unique<Sends>(send(outgoing));
        for (const std::unique_ptr<Buffer>& buffer : receiving)
            finish(*buffer, false, deadline);
        if (receiving.empty() || sends->buffers.empty()) { // says nothing about who has received what
            if (!sends->buffers.empty())
                m_posted.push_back(std::move(*sends));
            return;
        }
        if (m_exchanged)
            finish(*m_exchanged, deadline);
        m_exchanged = std::move(sends);
    });
}

void Mesh::post(const Outgoing& outgoing)
{
    const Deadline deadline = Deadline::in(m_operation);
    guarded(deadline, [&] {
        m_posted.push_back(send(std::span(&outgoing, 1))); // throws when the connection is known to be broken
        for (; m_posted.size() > kMostSendsUnderWay; m_posted.pop_front())
            finish(m_posted.front(), deadline);
    });
}

/// Messages that follow each other may have the same memory, which is then copied once.
Mesh::Sends Mesh::send(std::span<const Outgoing> outgoing)
{
    Sends sends;
    const Outgoing* before = nullptr;
    for (const Outgoing& message : outgoing) {
        if (message.bytes == 0)
            continue;
        if (before == nullptr || before->from != message.from || before->bytes != message.bytes) {
            sends.memory.push_back(std::make_unique<std::byte[]>(message.bytes));
            std::memcpy(sends.memory.back().get(), message.from, message.bytes);
        }
        before = &message;
        const std::unique_ptr<Buffer>& buffer =
            sends.buffers.emplace_back(std::make_unique<Buffer>(*this, sends.memory.back().get(), message.bytes));
        buffer->gloo->send(message.to, m_sent[static_cast<std::size_t>(message.to)]++);
    }
    return sends;
}

void Mesh::finish(Sends& sends, Deadline deadline)
{
    for (const std::unique_ptr<Buffer>& buffer : sends.buffers)
        finish(*buffer, true, deadline);
}

void Mesh::finish(Buffer& buffer, bool sending, Deadline deadline)
{
    requireWhole(); // a flag set later is followed by a wake-up
    const Milliseconds left = std::max(deadline.left(), Milliseconds(1));
    const bool done = sending ? buffer.gloo->waitSend(left) : buffer.gloo->waitRecv(left);
    if (!done) {
        m_aborted = true; // nobody else ends a wait
        requireWhole();
    }
}

template <typename Work>
void Mesh::guarded(Deadline deadline, Work&& work)
{
    requireWhole();
    try {
        work();
    } catch (const GroupBroken&) {
        throw;
    } catch (const std::exception& error) {
        requireWhole(); // abort() closes connections, too
        if (deadline.passed())
            breakOff(Why::Timeout, say("rank-waited", rank(), m_place.name, m_operation.count()));
        breakOff(isNoWay(error.what()) ? Why::NoWay : Why::PeerGone,
                 say("rank-lost-another", rank(), m_place.name, error.what()));
    }
}

void Mesh::requireWhole()
{
    if (m_broken)
        throw GroupBroken(*m_broken);
    if (m_aborted)
        breakOff(Why::Aborted, say("group-aborted", m_place.name));
}

void Mesh::breakOff(Why why, Said said)
{
    m_broken = std::make_unique<GroupBroken>(why, std::move(said));
    m_connections->closeConnections(); // so that the others need not wait for their time limit
    throw GroupBroken(*m_broken);
}

void Mesh::abort() noexcept
{
    m_aborted = true;
    {
        const std::lock_guard lock(m_waitingMutex);
        for (Buffer* buffer : m_waiting) {
            buffer->gloo->abortWaitRecv();
            buffer->gloo->abortWaitSend();
        }
    }
    try {
        m_connections->closeConnections();
    } catch (...) { // they are closed when the mesh goes, at the latest
    }
}

} // namespace argus::comm::gloo
