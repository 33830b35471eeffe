#pragma once
// The way to an NVIDIA GPU as Ops, without a CUDA header.

#include "engine/base/result.h"
#include "engine/ops/ops.h"

#include <cstdint>
#include <memory>

namespace argus::ops {

struct CudaSettings {
    int device = 0;               ///< as CUDA counts
    DType compute = DType::BF16;  ///< BF16 (sm_80 and later), F16 or F32
    std::uint64_t arenaBytes = 0; ///< everything on the device is placed in one piece of this size; 0: all that is free
    bool packed = false;          ///< weights are AWQ's
    int mostFewRows = 8; ///< products of up to so many rows go to our own kernels: beyond, cuBLASLt's tiles are
                         ///< full enough (measured on an H100)
};

/// Opens the GPU: context, one arena, workspaces, pinned staging. After that no device memory is ever asked for.
///
/// Errors  NotFound (no such GPU, no cuBLASLt), Unsupported (a GPU before sm_75, bfloat16 before sm_80, a driver too
/// old),
///         DoesNotFit (the arena is larger than what is free, with both numbers)
/// A row's result may differ in its last bits with the number of rows it is computed with: other kernels serve other
/// sizes.
[[nodiscard]] Result<std::unique_ptr<Ops>> openCuda(const CudaSettings& settings);

/// What the GPU can do at most, measured now: a copy of 2 GiB (bytes read and written) and a bfloat16 (before sm_80:
/// float16) product of 8192³ of random numbers through cuBLASLt. Takes some 6 GiB of the arena for a moment.
struct CudaCeilings {
    double copyBytesPerSecond = 0;
    double productFlops = 0;
};
[[nodiscard]] CudaCeilings measureCeilings(Ops& cudaOps);

/// Memory of the GPU that `cudaOps` has opened.
struct CudaMemory {
    std::uint64_t total = 0;
    std::uint64_t used = 0;  ///< by everybody
    std::uint64_t arena = 0; ///< of this process, for tensors
    std::uint64_t arenaUsed = 0;
};
[[nodiscard]] CudaMemory cudaMemory(const Ops& cudaOps);

/// The cudaStream_t on which `cudaOps` enqueues everything: what shares its tensors has to be enqueued there too.
[[nodiscard]] void* cudaStream(const Ops& cudaOps);

} // namespace argus::ops
