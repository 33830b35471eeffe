#include "engine/ops/cuda/device.h"

#include "engine/base/catalogue.h"
#include "engine/base/device_memory.h"
#include "engine/base/log.h"
#include "engine/ops/cuda_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace argus::ops::cuda {

namespace {

constexpr std::size_t kHalfBytes = kStagingBytes / 2;
constexpr int kOldestCapability = 75;

double gib(std::uint64_t bytes)
{
    return static_cast<double>(bytes) / static_cast<double>(1ULL << 30);
}

Error cannotOpen(int device, cudaError_t why)
{
    const bool old = why == cudaErrorInsufficientDriver || why == cudaErrorNoDevice;
    return makeError(old ? ErrorCode::Unsupported : ErrorCode::NotFound,
                     say("gpu-unusable", device, cudaGetErrorString(why)),
                     old ? say("do-current-driver") : say("do-see-gpus"), "device");
}

} // namespace

Result<std::unique_ptr<Device>> Device::open(const CudaSettings& settings)
{
    std::unique_ptr<Device> device(new Device);
    if (auto chosen = device->choose(settings); !chosen)
        return std::move(chosen).error();
    if (auto reserved = device->reserve(settings); !reserved)
        return std::move(reserved).error();
    return device;
}

Result<Done> Device::choose(const CudaSettings& settings)
{
    m_index = settings.device;
    int count = 0;
    if (const cudaError_t status = cudaGetDeviceCount(&count); status != cudaSuccess)
        return cannotOpen(settings.device, status);
    if (settings.device < 0 || settings.device >= count)
        return makeError(ErrorCode::NotFound, say("gpu-not-there", settings.device, count),
                         say("do-gpu-or-cpu", std::max(count - 1, 0)), "device");
    cudaDeviceProp facts{};
    if (const cudaError_t status = cudaGetDeviceProperties(&facts, settings.device); status != cudaSuccess)
        return cannotOpen(settings.device, status);
    m_name = facts.name;
    m_processors = facts.multiProcessorCount;
    m_capability = {facts.major, facts.minor};
    const int capability = facts.major * 10 + facts.minor;
    if (capability < kOldestCapability)
        return makeError(
            ErrorCode::Unsupported,
            say("capability-below", m_name, fmt::format("{}.{}", facts.major, facts.minor), "7.5 (Turing)"),
            say("do-other-gpu-or-cpu"), "device");
    if (settings.compute == DType::BF16 && facts.major < 8)
        return makeError(ErrorCode::Unsupported, say("gpu-no-bfloat16", m_name, "8.0"), say("do-auto-float16"),
                         "dtype");
    // Spinning answers a microsecond sooner and burns a core; the rank's thread sleeps while it waits.
    cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync);
    if (const cudaError_t status = cudaSetDevice(settings.device); status != cudaSuccess)
        return cannotOpen(settings.device, status);
    if (const cudaError_t status = cudaFree(nullptr); status != cudaSuccess) // makes the context
        return cannotOpen(settings.device, status);
    return Done{};
}

Result<Done> Device::reserve(const CudaSettings& settings)
{
    std::size_t free = 0;
    std::size_t total = 0;
    check("cudaMemGetInfo", cudaMemGetInfo(&free, &total));
    constexpr std::uint64_t kSpare = std::uint64_t{512} << 20; // for modules and cuBLASLt's own
    const std::uint64_t bytes = settings.arenaBytes > 0 ? settings.arenaBytes : free > kSpare ? free - kSpare : 0;
    takingDeviceMemory("weights, cache and activations", bytes);
    if (const cudaError_t status = cudaMalloc(reinterpret_cast<void**>(&m_memory), bytes); status != cudaSuccess) {
        cudaGetLastError();
        return makeError(
            ErrorCode::DoesNotFit,
            say("gpu-piece", m_name, fmt::format("{:.2f} GiB", gib(free)), fmt::format("{:.2f} GiB", gib(bytes))),
            say("do-end-or-lower"), "gpu_memory_utilization");
    }
    m_arena = Arena(bytes);
    check("cudaStreamCreate", cudaStreamCreateWithFlags(&m_stream, cudaStreamNonBlocking));
    for (cudaEvent_t& event : m_halfDone)
        check("cudaEventCreate", cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync));
    for (cudaEvent_t& event : m_ringDone)
        check("cudaEventCreate", cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync));
    check("cudaHostAlloc", cudaHostAlloc(reinterpret_cast<void**>(&m_pinned), 2 * kHalfBytes + kRings * kSmallBytes,
                                         cudaHostAllocDefault));
    m_staging = take(kStagingBytes);
    log::info("{}: {:.2f} GiB taken of {:.2f} GiB free", m_name, gib(bytes), gib(free));
    return Done{};
}

Device::~Device()
{
    if (m_stream != nullptr)
        cudaStreamSynchronize(m_stream);
    m_staging.reset();
    for (const cudaEvent_t event : m_halfDone)
        if (event != nullptr)
            cudaEventDestroy(event);
    for (const cudaEvent_t event : m_ringDone)
        if (event != nullptr)
            cudaEventDestroy(event);
    if (m_stream != nullptr)
        cudaStreamDestroy(m_stream);
    cudaFreeHost(m_pinned);
    cudaFree(m_memory);
}

std::shared_ptr<std::byte> Device::take(std::uint64_t bytes)
{
    const std::optional<std::uint64_t> offset = m_arena.take(bytes);
    if (!offset)
        throw OpsError(say("gpu-spoken-for", fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)),
                           fmt::format("{:.1f} MiB", static_cast<double>(m_arena.largestFree()) / (1 << 20)),
                           fmt::format("{:.2f} GiB", gib(m_arena.used())),
                           fmt::format("{:.2f} GiB", gib(m_arena.bytes()))));
    // Work in the stream that still uses a place comes before the work of its next owner.
    return {m_memory + *offset, [this, at = *offset](std::byte*) { m_arena.giveBack(at); }};
}

Device::Half Device::beginStaging()
{
    m_half = 1 - m_half;
    check("upload", cudaEventSynchronize(m_halfDone[m_half]));
    const std::size_t offset = static_cast<std::size_t>(m_half) * kHalfBytes;
    return {.host = m_pinned + offset, .device = m_staging.get() + offset, .bytes = kHalfBytes};
}

void Device::endStaging()
{
    check("upload", cudaEventRecord(m_halfDone[m_half], m_stream));
}

void Device::uploadSmall(std::byte* device, const std::byte* host, std::size_t bytes)
{
    m_ring = (m_ring + 1) % kRings;
    check("upload", cudaEventSynchronize(m_ringDone[m_ring]));
    std::byte* const pinned = m_pinned + 2 * kHalfBytes + static_cast<std::size_t>(m_ring) * kSmallBytes;
    std::memcpy(pinned, host, bytes);
    check("upload", cudaMemcpyAsync(device, pinned, bytes, cudaMemcpyHostToDevice, m_stream));
    check("upload", cudaEventRecord(m_ringDone[m_ring], m_stream));
}

} // namespace argus::ops::cuda
