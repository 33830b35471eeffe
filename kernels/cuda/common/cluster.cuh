#pragma once
// Blocks of a cluster: they run at the same time, near each other, and reach into each other's shared memory. Compute
// capability 9.0 and later: only kernels that end in a trap on anything older use this.

#include "kernels/cuda/common/shared_address.cuh"

namespace argus::kernels::cuda {

/// This block's number in its cluster.
__device__ __forceinline__ unsigned rankInCluster()
{
    unsigned rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

/// All threads of all blocks of the cluster meet here; what they wrote to shared memory before is seen after.
__device__ __forceinline__ void syncCluster()
{
    asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory");
}
/// The two halves of a meeting before which nothing was written: a block has begun, all blocks have.
__device__ __forceinline__ void comeToCluster()
{
    asm volatile("barrier.cluster.arrive.relaxed;" ::: "memory");
}
__device__ __forceinline__ void waitForCluster()
{
    asm volatile("barrier.cluster.wait.acquire;" ::: "memory");
}

/// Writes to where `shared` is in block `rank` of the cluster, which must have begun; seen there after syncCluster().
__device__ __forceinline__ void storeInBlock(float4* shared, unsigned rank, const float4& value)
{
    asm volatile("{\n.reg .b32 remote;\n"
                 "mapa.shared::cluster.u32 remote, %0, %1;\n"
                 "st.shared::cluster.v4.f32 [remote], {%2, %3, %4, %5};\n}" ::"r"(sharedAddress(shared)),
                 "r"(rank), "f"(value.x), "f"(value.y), "f"(value.z), "f"(value.w)
                 : "memory");
}
__device__ __forceinline__ void storeInBlock(float2* shared, unsigned rank, const float2& value)
{
    asm volatile("{\n.reg .b32 remote;\n"
                 "mapa.shared::cluster.u32 remote, %0, %1;\n"
                 "st.shared::cluster.v2.f32 [remote], {%2, %3};\n}" ::"r"(sharedAddress(shared)),
                 "r"(rank), "f"(value.x), "f"(value.y)
                 : "memory");
}

} // namespace argus::kernels::cuda
