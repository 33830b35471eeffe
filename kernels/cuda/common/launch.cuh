#pragma once
// Launching with programmatic dependence: a kernel may start while its predecessor in the stream still drains.
//
// The rule that makes it safe: a kernel launched by launch() calls waitForPrevious() in every thread before it touches
// memory that any other kernel writes or reads as an activation. Only weights and tables that never change while the
// model runs, and what copies put there before a step's first kernel, may be fetched earlier. A block that touches none
// of that memory may end without the call, as long as one block of its launch makes it: so a launch ends after all
// those before it, and who waits for it has waited for them, however early each began. On processors before sm_90 the
// attribute is left out and both calls are nothing.

#include "kernels/cuda/types.h"

#include <cuda_runtime.h>

namespace argus::kernels::cuda {

__device__ __forceinline__ void waitForPrevious()
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// The next kernel may begin its prologue (everything before its waitForPrevious()). Call once this block has its loads
/// under way; results written later are still seen by the successor, for its wait is for the end of this grid.
__device__ __forceinline__ void letNextStart()
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// Only to be asked what it was compiled for.
template <typename>
__global__ void compiledKernel()
{
}

/// Whether `device` takes kernels with programmatic dependence. One of sm_90 may be running code that was compiled for
/// an older one, in which waitForPrevious() is nothing; and drivers before CUDA 12.3 cannot record such launches.
[[nodiscard]] inline bool takesProgrammaticLaunch(int device)
{
    constexpr int kFirstDriver = 12030;
    int driver = 0;
    int major = 0;
    cudaFuncAttributes code{};
    return cudaDriverGetVersion(&driver) == cudaSuccess && driver >= kFirstDriver &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess && major >= 9 &&
           cudaFuncGetAttributes(&code, compiledKernel<void>) == cudaSuccess && code.ptxVersion >= 90;
}

/// The same for the device of the calling thread, found out at its first launch: a rank's thread has one for ever, but
/// the ranks of a process may have different ones.
[[nodiscard]] inline bool programmaticLaunchAllowed()
{
    thread_local const bool allowed = [] {
        int device = 0;
        return cudaGetDevice(&device) == cudaSuccess && takesProgrammaticLaunch(device);
    }();
    return allowed;
}

/// Has a multiprocessor give 44 % of its memory to blocks, and to the first-level cache the rest. Kernels that want
/// different divisions cannot overlap on it: all that one answer's decode step consists of want the same. It is two of
/// the longest rows of a product (products/one_row.cuh): loads of weights are under way in the cache, with twice as
/// much for rows they stand in each other's way, and with little, neighbours of other widths do.
template <typename... Parameters>
[[nodiscard]] Status divideAsProductsDo(void (*kernel)(Parameters...))
{
    constexpr int kSharedPercent = 44;
    if (!programmaticLaunchAllowed())
        return 0;
    return static_cast<Status>(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                    cudaFuncAttributePreferredSharedMemoryCarveout, kSharedPercent));
}

template <typename... Parameters, typename... Arguments>
[[nodiscard]] Status launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t sharedBytes,
                            Stream stream, Arguments&&... arguments)
{
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = sharedBytes;
    config.stream = stream;
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    config.attrs = &attribute;
    config.numAttrs = programmaticLaunchAllowed() ? 1 : 0;
    return static_cast<Status>(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...));
}

} // namespace argus::kernels::cuda
