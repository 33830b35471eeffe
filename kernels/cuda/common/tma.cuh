#pragma once
// Tiles of matrices that the hardware copies between global and shared memory by itself, the barriers on which it says
// that they are there. Compute capability 9.0 and later: only kernels that end in a trap on anything older use this.

#include "kernels/cuda/common/cluster.cuh"

#include <cuda.h>

#include <cstdint>

namespace argus::kernels::cuda {

// A barrier of 8 bytes in shared memory has phases, 0, 1, 2, …; a phase ends when all its arrivals and all bytes that
// it was told to expect have come. Who waits names the parity of the phase whose end is waited for: of a new barrier
// the phase "before the first", of parity 1, has ended.

__device__ __forceinline__ void initBarrier(std::uint64_t* barrier, int arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(barrier)), "r"(arrivals) : "memory");
}
/// After initBarrier(), by the same thread, before syncCluster().
__device__ __forceinline__ void publishBarriers()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
/// Arrives, and has the phase wait for so many bytes more.
__device__ __forceinline__ void arriveExpecting(std::uint64_t* barrier, int bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(sharedAddress(barrier)), "r"(bytes)
                 : "memory");
}
/// Arrives at the barrier that lies at the same place in block `rank` of the cluster. What this thread wrote is not
/// published to other blocks by it (that would wait for all its memory operations): it says that something was read.
__device__ __forceinline__ void arriveAt(std::uint64_t* barrier, unsigned rank)
{
    asm volatile("{\n.reg .b32 remote;\n"
                 "mapa.shared::cluster.u32 remote, %0, %1;\n"
                 "mbarrier.arrive.shared::cluster.b64 _, [remote];\n}" ::"r"(sharedAddress(barrier)),
                 "r"(rank)
                 : "memory");
}
__device__ __forceinline__ void waitForPhase(std::uint64_t* barrier, unsigned parity)
{
    asm volatile("{\n.reg .pred ended;\n"
                 "again:\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n"
                 "@ended bra done;\n"
                 "bra again;\n"
                 "done:\n}" ::"r"(sharedAddress(barrier)),
                 "r"(parity)
                 : "memory");
}

__device__ __forceinline__ void fetchMap(const CUtensorMap& map)
{
    asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}
/// The map's box that begins at (column, row), to `shared`; `barrier` counts its bytes.
__device__ __forceinline__ void loadBox(void* shared, const CUtensorMap& map, int column, int row,
                                        std::uint64_t* barrier)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
                 "[%0], [%1, {%2, %3}], [%4];" ::"r"(sharedAddress(shared)),
                 "l"(&map), "r"(column), "r"(row), "r"(sharedAddress(barrier))
                 : "memory");
}
/// The same to the same place in every block of the cluster whose bit is set; each block's own barrier counts.
__device__ __forceinline__ void loadBoxForAll(void* shared, const CUtensorMap& map, int column, int row,
                                              std::uint64_t* barrier, std::uint16_t blocks)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"
                 " [%0], [%1, {%2, %3}], [%4], %5;" ::"r"(sharedAddress(shared)),
                 "l"(&map), "r"(column), "r"(row), "r"(sharedAddress(barrier)), "h"(blocks)
                 : "memory");
}

/// What this thread wrote to shared memory may be read by storeBox() and by products.
__device__ __forceinline__ void showWrites()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
/// The box at `shared` to its place in global memory; what lies beyond the matrix is left out.
__device__ __forceinline__ void storeBox(const CUtensorMap& map, int column, int row, const void* shared)
{
    asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&map), "r"(column),
                 "r"(row), "r"(sharedAddress(shared))
                 : "memory");
}
__device__ __forceinline__ void closeStoreGroup()
{
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}
/// Until this thread's stores have read shared memory.
__device__ __forceinline__ void waitForStoresRead()
{
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}
/// Until they have written.
__device__ __forceinline__ void waitForStores()
{
    asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
}

/// Gives back all registers of this warpgroup's threads but so many each, or takes more of those given back.
template <int kRegisters>
__device__ __forceinline__ void shrinkRegisters()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ __forceinline__ void growRegisters()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

/// `Threads` threads meet at one of the block's barriers 1 … 15.
template <int kThreads>
__device__ __forceinline__ void meet(int barrier)
{
    asm volatile("bar.sync %0, %1;" ::"r"(barrier), "n"(kThreads) : "memory");
}
/// Counts as having come, without waiting.
template <int kThreads>
__device__ __forceinline__ void passBy(int barrier)
{
    asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "n"(kThreads) : "memory");
}

} // namespace argus::kernels::cuda
