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

#include <array>
#include <atomic>
#include <cstddef>

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

/// Whether `device` takes kernels with programmatic dependence. One of sm_90 may be running code that was compiled for an
/// older one, in which waitForPrevious() is nothing; and drivers before CUDA 12.3 cannot record such launches.
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

/// The same for the calling thread's device, found out once for each: the ranks of a process may have different ones.
[[nodiscard]] inline bool programmaticLaunchAllowed()
{
    constexpr int kMostDevices = 64;
    enum Known : signed char { kUnknown, kNo, kYes };
    static std::array<std::atomic<signed char>, kMostDevices> known{};
    int device = 0;
    if (cudaGetDevice(&device) != cudaSuccess || device < 0 || device >= kMostDevices)
        return false;
    std::atomic<signed char>& mine = known[static_cast<std::size_t>(device)];
    if (mine.load(std::memory_order_relaxed) == kUnknown)
        mine.store(takesProgrammaticLaunch(device) ? kYes : kNo, std::memory_order_relaxed);
    return mine.load(std::memory_order_relaxed) == kYes;
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
