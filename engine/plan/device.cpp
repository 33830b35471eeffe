#include "engine/plan/device.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace argus::plan {
namespace {

/// The oldest GPUs that argus-executor-cuda has kernels for: Turing.
constexpr std::pair kOldestCapability{7, 5};

/// The first driver that knows a major release of CUDA. Every later minor release runs on it too.
int firstDriver(int cuda)
{
    switch (cuda) {
    case 11:
        return 450;
    case 12:
        return 525;
    default:
        return 580; // 13; of later ones at least this
    }
}

Said orOnTheCpu(Said remedy)
{
    return say("or", std::move(remedy), say("do-cpu"));
}

Error aboutDevice(ErrorCode code, Said cause, Said remedy)
{
    return makeError(code, std::move(cause), orOnTheCpu(std::move(remedy)), "device");
}

/// What keeps a model off this one GPU.
std::optional<Error> problemOf(const Gpu& gpu)
{
    if (!gpu.problem.empty())
        return aboutDevice(ErrorCode::Unsupported, say("device-is", gpu.text(), gpu.problem), say("do-other-gpu"));
    if (std::pair(gpu.capabilityMajor, gpu.capabilityMinor) < kOldestCapability)
        return aboutDevice(ErrorCode::Unsupported,
                           say("capability-below", gpu.text(), gpu.capability(),
                               fmt::format("{}.{}", kOldestCapability.first, kOldestCapability.second)),
                           say("do-newer-gpu"));
    return std::nullopt;
}

/// What keeps models off all GPUs of the machine.
std::optional<Error> commonProblem(const Devices& devices)
{
    if (!devices.cudaInstalled)
        return aboutDevice(ErrorCode::NotFound, say("cuda-executor-missing"), say("do-install-cuda"));
    if (devices.failure) {
        const Error& failure = *devices.failure;
        return aboutDevice(failure.code, failure.saidCause(), failure.saidRemedy());
    }
    if (devices.gpus.empty())
        return aboutDevice(ErrorCode::NotFound, say("no-gpu"), say("do-see-nvidia-smi"));
    if (devices.driverCuda != 0 && devices.driverCuda / 1000 < devices.cudaNeeded)
        return aboutDevice(ErrorCode::Unsupported,
                           say("driver-knows", devices.driver,
                               fmt::format("{}.{}", devices.driverCuda / 1000, devices.driverCuda % 1000 / 10),
                               devices.cudaNeeded),
                           say("do-update-driver", firstDriver(devices.cudaNeeded)));
    return std::nullopt;
}

std::string listOf(const std::vector<Gpu>& gpus)
{
    std::vector<std::string> texts;
    for (const Gpu& gpu : gpus)
        texts.push_back(gpu.text());
    return fmt::format("{}", fmt::join(texts, ", "));
}

} // namespace

std::string Gpu::text() const
{
    return fmt::format("cuda:{} ({})", index, name);
}

std::string Gpu::capability() const
{
    return fmt::format("{}.{}", capabilityMajor, capabilityMinor);
}

std::string Device::name() const
{
    return gpu ? fmt::format("cuda:{}", gpu->index) : "cpu";
}

std::optional<std::uint32_t> cudaIndex(std::string_view device)
{
    constexpr std::string_view kPrefix = "cuda:";
    constexpr std::size_t kMostDigits = 3;
    if (!device.starts_with(kPrefix) || device.size() == kPrefix.size() || device.size() > kPrefix.size() + kMostDigits)
        return std::nullopt;
    std::uint32_t index = 0;
    const char* const last = device.data() + device.size();
    const auto [end, problem] = std::from_chars(device.data() + kPrefix.size(), last, index);
    return problem == std::errc() && end == last ? std::optional(index) : std::nullopt;
}

std::optional<Error> gpuProblem(const Devices& devices)
{
    if (std::optional<Error> common = commonProblem(devices))
        return common;
    std::optional<Error> first;
    for (const Gpu& gpu : devices.gpus) {
        std::optional<Error> problem = problemOf(gpu);
        if (!problem)
            return std::nullopt;
        if (!first)
            first = std::move(problem);
    }
    return first;
}

Result<Device> chooseDevice(std::string_view device, const Devices& devices)
{
    Device chosen{.gpu = {}, .hostMemoryFree = devices.hostMemoryFree};
    if (device == "cpu")
        return chosen;
    const std::optional<std::uint32_t> index = cudaIndex(device);
    if (!index) {
        if (gpuProblem(devices))
            return chosen;
        for (const Gpu& gpu : devices.gpus)
            if (!problemOf(gpu) && (!chosen.gpu || gpu.memoryFree > chosen.gpu->memoryFree))
                chosen.gpu = gpu;
        return chosen;
    }
    if (std::optional<Error> common = commonProblem(devices))
        return std::move(*common).in(fmt::format("device {}", device));
    const auto found =
        std::find_if(devices.gpus.begin(), devices.gpus.end(), [&](const Gpu& gpu) { return gpu.index == *index; });
    if (found == devices.gpus.end())
        return aboutDevice(ErrorCode::NotFound, say("no-such-gpu", device, listOf(devices.gpus)),
                           devices.gpus.size() > 1 ? say("do-use-gpus", devices.gpus.size() - 1)
                                                   : say("do-use-first-gpu"));
    if (std::optional<Error> problem = problemOf(*found))
        return std::move(*problem);
    chosen.gpu = *found;
    return chosen;
}

} // namespace argus::plan
