#include "engine/comm/nccl/peers.h"

#include "engine/comm/communicator.h"
#include "engine/comm/neighbours.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>

namespace argus::comm::nccl {

namespace {

using kernels::cuda::kMostPeerBlocks;
using kernels::cuda::kMostPeers;
using kernels::cuda::kMostQuickBytes;

constexpr Milliseconds kEndPatience{2'000};

int numberIn(const std::string& text)
{
    int number = -1;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// Opens the memory of the other ranks' devices to the current one. False when one of them cannot be seen.
bool seesOthers(const GroupPlace& place, int device, MeetingPoint& meeting, Deadline forming)
{
    meeting.put(place.key("device", place.rank), std::to_string(device));
    for (int rank = 0; rank < place.size; ++rank) {
        const int other = numberIn(meeting.get(place.key("device", rank), forming));
        if (rank == place.rank)
            continue;
        int can = 0;
        if (other == device || cudaDeviceCanAccessPeer(&can, device, other) != cudaSuccess || can == 0)
            return false;
        const cudaError_t status = cudaDeviceEnablePeerAccess(other, 0);
        cudaGetLastError();
        if (status != cudaSuccess && status != cudaErrorPeerAccessAlreadyEnabled)
            return false;
    }
    return true;
}

} // namespace

PeerMemory::~PeerMemory()
{
    try {
        const OnDevice on(device);
        inbox.reset();
        flags.reset();
        quick.reset();
    } catch (const OpsError&) { // the device is lost, and its memory with it
        (void)inbox.release();
        (void)flags.release();
        (void)quick.release();
    }
}

std::unique_ptr<PeerGroup> PeerGroup::meet(const GroupPlace& place, int device, cudaStream_t stream,
                                           std::int64_t slotBytes, Milliseconds operation, MeetingPoint& meeting,
                                           Deadline forming)
{
    if (!inOneExecutor(place, meeting, forming))
        return nullptr;
    const bool able = slotBytes > 0 && place.size <= kMostPeers && seesOthers(place, device, meeting, forming);
    if (!allAgree("sees-others", able, place, meeting, forming))
        return nullptr;
    std::unique_ptr<PeerGroup> group(new PeerGroup);
    group->m_stream = stream;
    group->m_peers.patience = static_cast<std::uint64_t>(std::chrono::nanoseconds(operation).count());
    group->allocate(place, device, slotBytes, meeting);
    DeviceMemory numbers = nccl::allocate(static_cast<std::size_t>(group->slotBytes()));
    // Nobody asks for memory while a kernel waits for another rank: whether that waits for the kernel is the driver's
    // affair.
    (void)allAgree("allocated", true, place, meeting, forming);
    group->seeMemories();
    const bool delivered = group->delivers(numbers.get(), meeting, forming);
    if (!allAgree("delivers", delivered, place, meeting, forming))
        return nullptr;
    return group;
}

void PeerGroup::allocate(const GroupPlace& place, int device, std::int64_t slotBytes, MeetingPoint& meeting)
{
    const auto ranks = static_cast<std::size_t>(place.size);
    m_peers.slotBytes = (slotBytes + 255) / 256 * 256;
    m_peers.rank = place.rank;
    m_peers.ranks = place.size;
    auto memory = std::make_shared<PeerMemory>();
    memory->device = device;
    memory->inbox = nccl::allocate(2 * ranks * static_cast<std::size_t>(m_peers.slotBytes));
    memory->flags = nccl::allocate(std::size_t{kMostPeerBlocks} * kMostPeers * sizeof(std::uint32_t));
    memory->quick = nccl::allocate(4 * ranks * std::size_t{kMostQuickBytes});
    m_calls = nccl::allocate(2 * sizeof(std::uint32_t));
    m_peers.calls = reinterpret_cast<std::uint32_t*>(m_calls.get());
    require("cudaHostAlloc",
            cudaHostAlloc(reinterpret_cast<void**>(&m_broken), sizeof(std::uint32_t), cudaHostAllocMapped));
    *m_broken = kernels::cuda::kPeersWhole;
    require("cudaHostGetDevicePointer",
            cudaHostGetDevicePointer(reinterpret_cast<void**>(&m_peers.broken), m_broken, 0));

    m_board = meeting.shared<Board>(place.name + "/peers");
    {
        const std::lock_guard lock(m_board->mutex);
        m_board->memories.resize(ranks);
        m_board->memories[static_cast<std::size_t>(place.rank)] = memory;
    }
}

void PeerGroup::seeMemories()
{
    const std::lock_guard lock(m_board->mutex);
    for (std::size_t rank = 0; rank < m_board->memories.size(); ++rank) {
        m_peers.inbox[rank] = m_board->memories[rank]->inbox.get();
        m_peers.quick[rank] = m_board->memories[rank]->quick.get();
        m_peers.flags[rank] = reinterpret_cast<std::uint32_t*>(m_board->memories[rank]->flags.get());
    }
}

/// Adds up what every rank can foretell, over a whole slot and over all that a quick sum takes, in both halves.
bool PeerGroup::delivers(std::byte* x, MeetingPoint& meeting, Deadline forming)
{
    constexpr int kRounds = 3; // of each
    std::vector<float> numbers(static_cast<std::size_t>(m_peers.slotBytes / 4));
    bool right = true;
    for (int round = 0; round < 2 * kRounds; ++round) { // to the end, for the others count on it
        const std::int64_t most = round < kRounds ? m_peers.slotBytes : std::min(m_peers.slotBytes, kMostQuickBytes);
        const std::int64_t elements = most / 4 / 8 * 8;
        const auto bytes = static_cast<std::size_t>(elements) * 4;
        const auto number = [&](int rank, std::int64_t i) {
            return static_cast<float>((rank + 1) * 1000 + i % 509 + round);
        };
        for (std::int64_t i = 0; i < elements; ++i)
            numbers[static_cast<std::size_t>(i)] = number(m_peers.rank, i);
        require("cudaMemcpy", cudaMemcpyAsync(x, numbers.data(), bytes, cudaMemcpyHostToDevice, m_stream));
        require("a sum of GPUs", kernels::cuda::sumOfPeers({.y = x,
                                                            .yStride = elements,
                                                            .x = x,
                                                            .rows = 1,
                                                            .columns = elements,
                                                            .type = kernels::Format::F32,
                                                            .out = kernels::Format::F32},
                                                           m_peers, m_stream));
        waitFor(m_stream, meeting, forming);
        require("cudaMemcpy", cudaMemcpy(numbers.data(), x, bytes, cudaMemcpyDeviceToHost));
        for (std::int64_t i = 0; i < elements; ++i) {
            float sum = 0;
            for (int rank = 0; rank < m_peers.ranks; ++rank)
                sum += number(rank, i);
            right = right && numbers[static_cast<std::size_t>(i)] == sum;
        }
    }
    return right && !timedOut();
}

PeerGroup::~PeerGroup()
{
    end();
    if (m_stream != nullptr && !settles(m_stream, kEndPatience)) {
        (void)m_calls.release(); // a kernel that does not end may still use them
        return;
    }
    m_calls.reset();
    if (m_broken != nullptr)
        cudaFreeHost(m_broken);
}

bool PeerGroup::timedOut() const
{
    return std::atomic_ref(*m_broken).load() == kernels::cuda::kPeersTimedOut;
}

void PeerGroup::end() noexcept
{
    if (m_broken == nullptr)
        return;
    std::uint32_t whole = kernels::cuda::kPeersWhole;
    std::atomic_ref(*m_broken).compare_exchange_strong(whole, kernels::cuda::kPeersAborted);
}

} // namespace argus::comm::nccl
