#pragma once
// From a product to its kernels.

#include "kernels/cuda/products/few_rows.cuh"
#include "kernels/cuda/products/many_rows.cuh"
#include "kernels/cuda/rows.h"

namespace argus::kernels::cuda::products {

/// Shared memory that a block may take. Where kernels may overlap, half of a multiprocessor's: then blocks of the next
/// product fit beside ours and fetch their first weights while we finish.
[[nodiscard]] inline std::size_t sharedBudget()
{
    int device = 0;
    int ofBlock = 48 * 1024;
    int ofProcessor = ofBlock;
    if (cudaGetDevice(&device) != cudaSuccess ||
        cudaDeviceGetAttribute(&ofBlock, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) != cudaSuccess ||
        cudaDeviceGetAttribute(&ofProcessor, cudaDevAttrMaxSharedMemoryPerMultiprocessor, device) != cudaSuccess)
        return 48 * 1024;
    constexpr int kReserved = 1024; // of each block, by the driver
    return static_cast<std::size_t>(programmaticLaunchAllowed() ? std::min(ofBlock, ofProcessor / 2 - kReserved)
                                                                : ofBlock);
}

template <typename Kernel, typename... Arguments>
[[nodiscard]] Status launchShared(Kernel* kernel, int blocks, int threads, std::size_t sharedBytes, Stream stream,
                                  const Arguments&... arguments)
{
    // Always the most that any of these launches takes: two threads with ranks on one GPU would else lower it for each
    // other between this call and the launch.
    const int bytes = static_cast<int>(std::max(sharedBytes, sharedBudget()));
    if (const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
        error != cudaSuccess)
        return static_cast<Status>(error);
    // Kernels that want different divisions of a multiprocessor's memory cannot overlap on it.
    if (const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                                                       cudaSharedmemCarveoutMaxShared);
        error != cudaSuccess)
        return static_cast<Status>(error);
    return launch(kernel, dim3(static_cast<unsigned>(blocks)), dim3(static_cast<unsigned>(threads)), sharedBytes,
                  stream, arguments...);
}

template <int kStages, typename Slabs>
[[nodiscard]] Status launchFew(const Skinny& work, const Slabs& slabs, const FewPlan& plan, Stream stream)
{
    return launchShared(multiplyFewRows<Slabs, kStages>, plan.blocks, kFewWarps * 32, plan.sharedBytes, stream, work,
                        slabs, plan);
}

template <int kColumns, typename Slabs>
[[nodiscard]] Status launchMany(const Skinny& work, const Slabs& slabs, std::size_t budget, Stream stream)
{
    const ManyTraits traits = ManyShape<Slabs, kColumns>::traits();
    ManyPlan plan = planMany(traits, work, budget);
    if (plan.warps == 0)
        return static_cast<Status>(cudaErrorInvalidConfiguration);
    const Workspace places(work.processors);
    if (plan.splits > 1 && work.workspaceBytes < places.bytes)
        return static_cast<Status>(cudaErrorInvalidValue);
    char* const memory = static_cast<char*>(work.workspace);
    plan.arrivals = reinterpret_cast<unsigned*>(memory);
    plan.pieces = reinterpret_cast<float4*>(memory + places.pieces);
    return launchShared(multiplyManyRows<Slabs, kColumns>, plan.blocks(), plan.warps * 32,
                        traits.sharedBytes(plan.warps), stream, work, slabs, plan);
}

template <typename Slabs>
[[nodiscard]] Status runMany(const Skinny& work, const Slabs& slabs, std::size_t budget, Stream stream)
{
    if (work.rows <= 8)
        return launchMany<1>(work, slabs, budget, stream);
    if (work.rows <= 16)
        return launchMany<2>(work, slabs, budget, stream);
    if (work.rows <= 32)
        return launchMany<4>(work, slabs, budget, stream);
    return launchMany<8>(work, slabs, budget, stream);
}

/// With the rows normalised first, into the workspace; as many at a time as have place there.
template <typename Slabs>
[[nodiscard]] Status runNormalised(const Skinny& work, const Slabs& slabs, std::size_t budget, Stream stream)
{
    const Workspace places(work.processors);
    const int most = static_cast<int>(Workspace::kNormalisedBytes / 2) / work.inputs;
    if (work.workspaceBytes < places.bytes || most == 0)
        return static_cast<Status>(cudaErrorInvalidValue);
    void* const normalised = static_cast<char*>(work.workspace) + places.normalised;
    for (int first = 0; first < work.rows; first += most) {
        Skinny part = work;
        part.rows = std::min(most, work.rows - first);
        part.x = static_cast<const char*>(work.x) + first * work.xStride * bytesOf(work.xType);
        part.y = static_cast<char*>(work.y) + first * work.yStride * bytesOf(work.out);
        const Status status = rmsNorm({.y = normalised,
                                       .yStride = work.inputs,
                                       .x = part.x,
                                       .xStride = work.xStride,
                                       .gain = work.gain,
                                       .tokens = part.rows,
                                       .hidden = work.inputs,
                                       .epsilon = work.epsilon,
                                       .type = work.type,
                                       .residual = work.xType},
                                      stream);
        if (status != 0)
            return status;
        part.x = normalised;
        part.xStride = work.inputs;
        part.gain = nullptr;
        if (const Status product = runMany(part, slabs, budget, stream); product != 0)
            return product;
    }
    return 0;
}

template <typename Slabs>
[[nodiscard]] Status runProduct(const Skinny& work, const Slabs& slabs, Stream stream)
{
    if (work.rows == 0)
        return 0;
    const std::size_t budget = sharedBudget();
    const FewPlan few = planFew(FewShape<Slabs>::kTraits, work, budget);
    switch (few.stages) {
    case 6:
        return launchFew<6>(work, slabs, few, stream);
    case 4:
        return launchFew<4>(work, slabs, few, stream);
    case 3:
        return launchFew<3>(work, slabs, few, stream);
    default:
        return work.gain == nullptr ? runMany(work, slabs, budget, stream) : runNormalised(work, slabs, budget, stream);
    }
}

} // namespace argus::kernels::cuda::products
