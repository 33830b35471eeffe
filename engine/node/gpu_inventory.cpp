#include "engine/node/gpu_inventory.h"

#include "engine/base/catalogue.h"
#include "engine/node/nvlink_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>

namespace argus::node {
namespace {

constexpr unsigned kTextSize = 96; // NVML's longest name or UUID and its end
constexpr unsigned kMostGpus = 64;
constexpr unsigned kMostProcesses = 256;

/// CUDA cores of one multiprocessor, by compute capability.
unsigned coresPerProcessor(int major, int minor)
{
    const bool sixtyFour = major == 7 || (major == 8 && minor == 0);
    return sixtyFour ? 64 : 128;
}

/// More than any GPU has: sizes that follow from it are too large rather than too small.
constexpr int kMostProcessors = 192;

std::string_view trimmed(std::string_view word)
{
    const std::size_t first = word.find_first_not_of(' ');
    return first == word.npos ? std::string_view() : word.substr(first, word.find_last_not_of(' ') - first + 1);
}

/// The place of the GPU that one word of CUDA_VISIBLE_DEVICES means.
std::optional<std::size_t> placeOf(const std::vector<plan::Gpu>& gpus, std::string_view word)
{
    std::size_t number = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (problem == std::errc() && end == word.data() + word.size())
        return number < gpus.size() ? std::optional(number) : std::nullopt;
    const auto found =
        std::find_if(gpus.begin(), gpus.end(), [&](const plan::Gpu& gpu) { return gpu.uuid.starts_with(word); });
    return word.starts_with("GPU-") && found != gpus.end() ? std::optional<std::size_t>(found - gpus.begin())
                                                           : std::nullopt;
}

template <typename Read>
std::string textOf(Read&& read)
{
    std::array<char, kTextSize> text{};
    return read(text.data(), kTextSize) == kNvmlSuccess ? std::string(text.data()) : std::string();
}

} // namespace

std::vector<std::size_t> visibleGpus(const std::vector<plan::Gpu>& gpus, std::string_view visible)
{
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at <= visible.size();) {
        const std::size_t end = std::min(visible.find(',', at), visible.size());
        const std::optional<std::size_t> place = placeOf(gpus, trimmed(visible.substr(at, end - at)));
        if (!place || std::find(places.begin(), places.end(), *place) != places.end())
            break;
        places.push_back(*place);
        at = end + 1;
    }
    return places;
}

GpuInventory::GpuInventory(std::optional<Nvml> nvml, std::optional<std::string> visible) : m_nvml(std::move(nvml))
{
    if (m_nvml)
        m_facts.failure = read(visible);
}

GpuInventory::~GpuInventory()
{
    if (m_initialised)
        m_nvml->shutdown();
}

std::optional<Error> GpuInventory::read(const std::optional<std::string>& visible)
{
    const Nvml::Status begun = m_nvml->init();
    if (begun == kNvmlDriverNotLoaded) // the library is there, as in many containers, but no GPU
        return std::nullopt;
    if (begun != kNvmlSuccess)
        return failed("driver-not-started", begun);
    m_initialised = true;
    m_facts.driver = textOf([&](char* text, unsigned size) { return m_nvml->driverVersion(text, size); });
    m_nvml->cudaVersion(&m_facts.driverCuda);
    unsigned count = 0;
    if (const Nvml::Status status = m_nvml->count(&count); status != kNvmlSuccess)
        return failed("driver-not-counting", status);
    std::vector<plan::Gpu> gpus;
    std::vector<Nvml::Handle> handles(std::min(count, kMostGpus));
    for (unsigned i = 0; i < handles.size(); ++i)
        gpus.push_back(describe(i, handles[i]));
    std::vector<std::size_t> places(gpus.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    if (visible)
        places = visibleGpus(gpus, *visible);
    for (const std::size_t place : places) {
        gpus[place].index = static_cast<std::uint32_t>(m_facts.gpus.size());
        m_facts.gpus.push_back(std::move(gpus[place]));
        m_handles.push_back(handles[place]);
    }
    if (m_nvml->linkState != nullptr) {
        NvLinkMap map = nvlinkMap(*m_nvml, m_handles);
        for (std::size_t i = 0; i < m_handles.size(); ++i) {
            m_facts.gpus[i].nvlinksKnown = map[i].has_value();
            m_facts.gpus[i].nvlinks = std::move(map[i]).value_or(std::vector<plan::NvLinks>());
        }
    }
    return std::nullopt;
}

plan::Gpu GpuInventory::describe(unsigned place, Nvml::Handle& handle) const
{
    plan::Gpu gpu;
    gpu.name = "NVIDIA GPU";
    if (const Nvml::Status status = m_nvml->handle(place, &handle); status != kNvmlSuccess) {
        gpu.problem = say("gpu-not-opened", why(status));
        return gpu;
    }
    if (std::string name = textOf([&](char* text, unsigned size) { return m_nvml->name(handle, text, size); });
        !name.empty())
        gpu.name = std::move(name);
    gpu.uuid = textOf([&](char* text, unsigned size) { return m_nvml->uuid(handle, text, size); });
    if (const Nvml::Status status = m_nvml->capability(handle, &gpu.capabilityMajor, &gpu.capabilityMinor);
        status != kNvmlSuccess)
        gpu.problem = say("gpu-no-capability", why(status));
    Nvml::Memory memory;
    if (const Nvml::Status status = m_nvml->memory(handle, &memory); status != kNvmlSuccess)
        gpu.problem = say("gpu-no-memory", why(status));
    gpu.memoryTotal = memory.total;
    gpu.memoryFree = memory.free;
    unsigned cores = 0;
    const bool told = m_nvml->cores != nullptr && m_nvml->cores(handle, &cores) == kNvmlSuccess && cores > 0;
    gpu.processors =
        told ? static_cast<int>(cores / coresPerProcessor(gpu.capabilityMajor, gpu.capabilityMinor)) : kMostProcessors;
    unsigned current = 0;
    unsigned pending = 0;
    if (m_nvml->migMode != nullptr && m_nvml->migMode(handle, &current, &pending) == kNvmlSuccess && current != 0)
        gpu.problem = say("gpu-mig");
    return gpu;
}

std::optional<GpuMemory> GpuInventory::memory(std::uint32_t index, pid_t process) const
{
    Nvml::Memory memory;
    if (index >= m_handles.size() || m_nvml->memory(m_handles[index], &memory) != kNvmlSuccess)
        return std::nullopt;
    GpuMemory figures{.total = memory.total, .free = memory.free, .ofProcess = {}};
    std::array<Nvml::Process, kMostProcesses> processes{};
    unsigned count = kMostProcesses;
    if (m_nvml->processes == nullptr || process <= 0 ||
        m_nvml->processes(m_handles[index], &count, processes.data()) != kNvmlSuccess)
        return figures;
    for (unsigned i = 0; i < std::min(count, kMostProcesses); ++i)
        if (processes[i].pid == static_cast<unsigned>(process) && processes[i].usedBytes <= memory.total)
            figures.ofProcess = processes[i].usedBytes; // beyond the total: "not available"
    return figures;
}

std::string GpuInventory::why(Nvml::Status status) const
{
    const char* const text = m_nvml->errorString(status);
    return fmt::format("{} (NVML error {})", text != nullptr ? text : "no reason given", status);
}

Error GpuInventory::failed(SaidId<1> sentence, Nvml::Status status) const
{
    return makeError(ErrorCode::Io, say(sentence, why(status)), say("do-see-smi-or-restart"), "device");
}

} // namespace argus::node
