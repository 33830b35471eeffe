#pragma once
// The NVIDIA GPUs of this machine: what they are, read once, and how their memory is used, read whenever asked.

#include "engine/base/catalogue.h"
#include "engine/base/result.h"
#include "engine/node/nvml.h"
#include "engine/plan/device.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace argus::node {

/// What does not change while the machine runs, but for the free memory of each GPU, which is that of the reading.
struct GpuFacts {
    std::string driver; ///< "580.65.06"
    int driverCuda = 0; ///< 13000 for 13.0
    std::vector<plan::Gpu> gpus;
    std::optional<Error> failure; ///< why there may be more
};

struct GpuMemory {
    std::uint64_t total = 0;
    std::uint64_t free = 0;
    std::optional<std::uint64_t> ofProcess; ///< what one process takes of it, where the driver tells
};

/// Lives on one thread. A call may take as long as the driver likes: seconds when no program keeps it awake.
class GpuInventory {
public:
    /// `visible`: what CUDA_VISIBLE_DEVICES says, nothing when it is not set. Without a library there are no GPUs.
    GpuInventory(std::optional<Nvml> nvml, std::optional<std::string> visible);
    ~GpuInventory();
    GpuInventory(const GpuInventory&) = delete;
    GpuInventory& operator=(const GpuInventory&) = delete;

    [[nodiscard]] const GpuFacts& facts() const { return m_facts; }
    /// Nothing when there is no such GPU or the driver does not say.
    [[nodiscard]] std::optional<GpuMemory> memory(std::uint32_t index, pid_t process) const;

private:
    [[nodiscard]] std::optional<Error> read(const std::optional<std::string>& visible);
    [[nodiscard]] plan::Gpu describe(unsigned place, Nvml::Handle& handle) const;
    [[nodiscard]] std::string why(Nvml::Status status) const;
    [[nodiscard]] Error failed(SaidId<1> sentence,
                               Nvml::Status status) const; ///< of the catalogue, with the driver's reason

    std::optional<Nvml> m_nvml;
    bool m_initialised = false;
    GpuFacts m_facts;
    std::vector<Nvml::Handle> m_handles; ///< beside m_facts.gpus
};

/// Which of `gpus`, by their place in the order of the PCI bus, a program sees under CUDA_VISIBLE_DEVICES, in the order
/// in which it counts them: numbers or the beginnings of UUIDs; the first word that is neither ends the list.
[[nodiscard]] std::vector<std::size_t> visibleGpus(const std::vector<plan::Gpu>& gpus, std::string_view visible);

} // namespace argus::node
