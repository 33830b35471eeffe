#pragma once
// Memory that the GPUs of one executor write into directly, for our own kernels.

#include "engine/comm/meeting_point.h"
#include "engine/comm/nccl/device.h"
#include "engine/comm/world.h"
#include "kernels/cuda/all_reduce.h"

#include <memory>
#include <mutex>
#include <vector>

namespace argus::comm::nccl {

/// What the other ranks of the group write into on one rank's device.
struct PeerMemory {
    int device = 0;
    DeviceMemory inbox, flags, quick;
    ~PeerMemory();
};

/// A group of which every rank is a thread of this executor and every GPU sees the memory of all others. Lives on its
/// rank's thread, but for end().
class PeerGroup {
public:
    /// Called by every rank of a group; nothing when the group is not of that kind, or when what one GPU writes does
    /// not arrive at another: some virtual machines claim more than they do. Throws GroupBroken, NoDeviceMemory,
    /// OpsError.
    [[nodiscard]] static std::unique_ptr<PeerGroup> meet(const GroupPlace& place, int device, cudaStream_t stream,
                                                         std::int64_t slotBytes, Milliseconds operation,
                                                         MeetingPoint& meeting, Deadline forming);
    ~PeerGroup();
    PeerGroup(const PeerGroup&) = delete;
    PeerGroup& operator=(const PeerGroup&) = delete;

    [[nodiscard]] const kernels::cuda::Peers& peers() const { return m_peers; }
    [[nodiscard]] std::int64_t slotBytes() const { return m_peers.slotBytes; }
    /// Whether a kernel gave up waiting.
    [[nodiscard]] bool timedOut() const;
    /// Any thread: no kernel waits from here on.
    void end() noexcept;

private:
    /// The memories of a group, rank by rank. They go with the last rank, for the others may still write.
    struct Board {
        std::mutex mutex;
        std::vector<std::shared_ptr<PeerMemory>> memories;
    };
    PeerGroup() = default;
    void allocate(const GroupPlace& place, int device, std::int64_t slotBytes, MeetingPoint& meeting);
    void seeMemories();
    [[nodiscard]] bool delivers(std::byte* x, MeetingPoint& meeting, Deadline forming);

    std::shared_ptr<Board> m_board;
    DeviceMemory m_calls;
    std::uint32_t* m_broken = nullptr; ///< pinned
    cudaStream_t m_stream = nullptr;
    kernels::cuda::Peers m_peers;
};

} // namespace argus::comm::nccl
