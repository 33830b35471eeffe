#pragma once
// Memory fetched as far as the second-level cache.

namespace argus::kernels::cuda {

/// Tells the second-level cache of bytes (a multiple of 16) that are wanted soon. Nothing before sm_90.
__device__ __forceinline__ void fetchToCache(const void* global, int bytes)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(__cvta_generic_to_global(global)), "r"(bytes)
                 : "memory");
#endif
}

} // namespace argus::kernels::cuda
