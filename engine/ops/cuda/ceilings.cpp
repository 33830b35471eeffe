#include "engine/ops/cuda/cuda_ops.h"

#include <algorithm>
#include <array>
#include <vector>

namespace argus::ops {

namespace {

/// Median seconds between events around `work`, after two rounds that warm up.
template <typename Work>
double medianSeconds(cudaStream_t stream, const Work& work)
{
    constexpr int kRounds = 9;
    std::array<cudaEvent_t, 2> events{};
    for (cudaEvent_t& event : events)
        cuda::check("ceilings", cudaEventCreate(&event));
    std::vector<float> milliseconds;
    for (int round = 0; round < kRounds + 2; ++round) {
        cuda::check("ceilings", cudaEventRecord(events[0], stream));
        work();
        cuda::check("ceilings", cudaEventRecord(events[1], stream));
        cuda::check("ceilings", cudaEventSynchronize(events[1]));
        float time = 0;
        cuda::check("ceilings", cudaEventElapsedTime(&time, events[0], events[1]));
        if (round >= 2)
            milliseconds.push_back(time);
    }
    for (const cudaEvent_t event : events)
        cudaEventDestroy(event);
    std::sort(milliseconds.begin(), milliseconds.end());
    return static_cast<double>(milliseconds[milliseconds.size() / 2]) * 1e-3;
}

} // namespace

CudaCeilings measureCeilings(Ops& cudaOps)
{
    auto& ops = static_cast<cuda::CudaOps&>(cudaOps);
    const cudaStream_t stream = ops.device().stream();
    CudaCeilings ceilings;
    {
        constexpr std::int64_t kBytes = std::int64_t{2} << 30;
        const DeviceTensor from = ops.allocate(DType::U8, {kBytes});
        const DeviceTensor to = ops.allocate(DType::U8, {kBytes});
        const double seconds = medianSeconds(stream, [&] {
            cuda::check("ceilings", cudaMemcpyAsync(to.view().bytes(), from.view().bytes(), kBytes,
                                                    cudaMemcpyDeviceToDevice, stream));
        });
        ceilings.copyBytesPerSecond = 2 * static_cast<double>(kBytes) / seconds;
    }
    constexpr std::int64_t kEdge = 8192;
    const DType type = ops.computeType();
    const ConstTensorView madeUp(nullptr, type, {kEdge, kEdge});
    const Weight a = ops.placeTable(madeUp);
    const Weight b = ops.placeTable(madeUp);
    const DeviceTensor y = ops.allocate(type, {kEdge, kEdge});
    const cuda::Gemm product{.y = y.view().bytes(),
                             .yStride = kEdge,
                             .x = a.view().bytes(),
                             .xStride = kEdge,
                             .weight = b.view().bytes(),
                             .weightStride = kEdge,
                             .rows = kEdge,
                             .outputs = kEdge,
                             .inputs = kEdge,
                             .type = type,
                             .yType = type,
                             .biasType = type};
    const double seconds = medianSeconds(stream, [&] { ops.blas().run(product, stream); });
    ceilings.productFlops = 2.0 * kEdge * kEdge * kEdge / seconds;
    return ceilings;
}

CudaMemory cudaMemory(const Ops& cudaOps)
{
    const auto& device = static_cast<const cuda::CudaOps&>(cudaOps).device();
    std::size_t free = 0;
    std::size_t total = 0;
    cuda::check("cudaMemGetInfo", cudaMemGetInfo(&free, &total));
    return {.total = total, .used = total - free, .arena = device.arena().bytes(), .arenaUsed = device.arena().used()};
}

void* cudaStream(const Ops& cudaOps)
{
    return static_cast<const cuda::CudaOps&>(cudaOps).device().stream();
}

} // namespace argus::ops
