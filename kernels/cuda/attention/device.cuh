#pragma once
// What the launches need to know of the current device.

#include "kernels/cuda/types.h"

#include <cuda_runtime.h>

namespace argus::kernels::cuda::attention {

/// 0 when the device does not answer: the launch that follows says why.
[[nodiscard]] inline int deviceAttribute(cudaDeviceAttr attribute)
{
    int device = 0;
    int value = 0;
    if (cudaGetDevice(&device) != cudaSuccess || cudaDeviceGetAttribute(&value, attribute, device) != cudaSuccess)
        return 0;
    return value;
}

/// Lets blocks of the kernel have so much dynamic shared memory.
template <typename... Parameters>
[[nodiscard]] Status allowShared(void (*kernel)(Parameters...), int bytes)
{
    return static_cast<Status>(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                    cudaFuncAttributeMaxDynamicSharedMemorySize, bytes));
}

} // namespace argus::kernels::cuda::attention
