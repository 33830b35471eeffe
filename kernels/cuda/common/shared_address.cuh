#pragma once
// How instructions that are written out name shared memory.

namespace argus::kernels::cuda {

__device__ __forceinline__ unsigned sharedAddress(const void* shared)
{
    return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}

} // namespace argus::kernels::cuda
