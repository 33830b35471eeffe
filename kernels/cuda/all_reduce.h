#pragma once
// Sums and gathers over GPUs that see each other's memory: every rank writes what it has into the memory of all others,
// raises a flag there, waits for theirs and finishes alone. Few rows carry their flags with them, four bytes with every
// four, and nobody waits until what was written before a flag has arrived: one way over the link.

#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

inline constexpr int kMostPeers = 8;
inline constexpr int kMostPeerBlocks = 64;             ///< of a launch; all of them run at once on every supported GPU
inline constexpr std::int64_t kMostQuickBytes = 32768; ///< of a sum whose flags go with it

/// What Peers::broken holds.
enum PeersBroken : std::uint32_t { kPeersWhole = 0, kPeersAborted = 1, kPeersTimedOut = 2 };

/// The ranks of a group, as one of them sees them. Every rank makes the same calls in the same order with the same
/// extents, each on a stream of its own device. Nothing of a call is kept on the host, so launches may be recorded.
///
/// Two calls in a row use two halves of an inbox: a rank that has seen the flags of a call knows that everybody is
/// through with the call before.
struct Peers {
    void* inbox[kMostPeers] = {};          ///< of each rank [2, ranks, slotBytes], as this device addresses it
    std::uint32_t* flags[kMostPeers] = {}; ///< of each rank [kMostPeerBlocks, kMostPeers], zero before the first call
    /// Of each rank [2, ranks, 2 · kMostQuickBytes], zero before the first call: data and flags in turn. Only sums with
    /// flags write here, so that nothing else is ever taken for a flag.
    void* quick[kMostPeers] = {};
    std::uint32_t* calls = nullptr;  ///< own [2]: calls so far, blocks that are through; zero before the first
    std::uint32_t* broken = nullptr; ///< a word of the host, as this device addresses it: PeersBroken
    std::int64_t slotBytes = 0;      ///< a multiple of 16: the most that one call moves of each rank
    std::uint64_t patience = 0;      ///< nanoseconds to wait for a flag; then `broken` becomes kPeersTimedOut
    int rank = 0;
    int ranks = 1;
};
// While `broken` is not zero no call waits; results are worth nothing then.

/// y[r,c] = sum over the ranks of x[r,c], in rank order in float, rounded once; with `accumulate` y[r,c] += that. The
/// bits are the same on every rank when y's were.
///
/// Shapes   x [rows, columns] dense of type `type`; y [rows, columns] of type `out`; y may be x
/// Promises sumFits()
struct PeerSum {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    Format type = Format::BF16;
    Format out = Format::BF16;
    bool accumulate = false;
};
/// Whether pointers, columns and stride are aligned for eights, and the rows go into a slot.
[[nodiscard]] bool sumFits(const PeerSum& work, std::int64_t slotBytes);
[[nodiscard]] Status sumOfPeers(const PeerSum& work, const Peers& peers, Stream stream);

/// y[r, p·columns + c] = x[r,c] of rank p
///
/// Shapes   x [rows, columns] and y [rows, ranks · columns] of type `type`, not overlapping
/// Promises gatherFits()
struct PeerGather {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t xStride = 0;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    Format type = Format::F32;
};
[[nodiscard]] bool gatherFits(const PeerGather& work, std::int64_t slotBytes);
[[nodiscard]] Status gatherOfPeers(const PeerGather& work, const Peers& peers, Stream stream);

/// y[r,c] += x[r,c], in float, rounded once. No alignment beyond the elements' is needed.
///
/// Shapes   x [rows, columns] dense of type `type`; y [rows, columns] of type `out`
struct AddRows {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    Format type = Format::BF16;
    Format out = Format::F32;
};
[[nodiscard]] Status addRows(const AddRows& work, Stream stream);

} // namespace argus::kernels::cuda
