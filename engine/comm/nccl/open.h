#pragma once
// Groups of GPU ranks, by NCCL and by our own kernels where GPUs of one executor see each other. No CUDA header.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/comm/communicator.h"
#include "engine/comm/meeting_point.h"
#include "engine/comm/world.h"

#include <cstdint>

namespace argus::comm {

struct NcclSettings {
    World world;
    int device = 0;                 ///< as CUDA counts; no other rank has it
    void* stream = nullptr;         ///< the cudaStream_t that everything is enqueued on
    Milliseconds forming{60'000};   ///< until every rank must have come and be connected
    Milliseconds operation{30'000}; ///< that our own kernels wait for the others
    /// Sums and gathers of up to so many bytes of each rank go through our own kernels; 0: none, negative:
    /// ownKernelBytes(). Device memory taken: 2 · size of the group · (this + 64 KiB).
    std::int64_t ownKernelBytes = -1;
};

/// Up to where our own kernels are used by a group of so many ranks.
[[nodiscard]] std::int64_t ownKernelBytes(int ranks);

/// Meets the other ranks and connects to those of the same groups; called on the rank's thread, by every rank, before
/// anything is recorded. Every kind of operation has run once when it returns. What the process was started with
/// (ncclEnvironment()) decides about interfaces.
///
/// Errors   NotFound (no NCCL here), Unsupported (versions that differ or are too old, both named), Timeout (a rank
///          did not come in time), Cancelled (the meeting point was aborted), Unreachable (NCCL could not connect),
///          DoesNotFit (no device memory), BadRequest (sizes that make no world)
/// Sums through our own kernels are in rank order in float32; NCCL rounds to the type of what is added on the way.
/// Groups are not thread safe but for abort(); destroying one ends what is still under way.
/// Recordings go before the groups whose operations they hold, and the groups before the stream.
[[nodiscard]] Result<Groups> openNccl(const NcclSettings& settings, MeetingPoint& meeting);

} // namespace argus::comm
