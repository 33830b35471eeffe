#pragma once
// The NVIDIA driver's management library (NVML), as far as it is used here. It is loaded at run time, so that Argus is
// built and runs without it; NVML counts GPUs and memory without ever making a CUDA context.

#include <memory>
#include <optional>

namespace argus::node {

/// Its functions by the names of its C interface less the prefix; a test hands in its own. Each returns kNvmlSuccess or
/// a number that errorString() explains. Those that older drivers lack may be null.
struct Nvml {
    using Status = int;
    using Handle = void*; ///< of one GPU
    struct Memory {
        unsigned long long total = 0;
        unsigned long long free = 0;
        unsigned long long used = 0; ///< what the driver keeps for itself included
    };
    struct Process {
        unsigned int pid = 0; ///< as the driver's own machine counts: another one inside a container
        unsigned long long usedBytes = 0;
        unsigned int gpuInstance = 0;
        unsigned int computeInstance = 0;
    };
    struct Pci { ///< its name for a place on the bus; `domain`, `bus` and `device` say it as numbers
        char shortId[16] = {};
        unsigned int domain = 0;
        unsigned int bus = 0;
        unsigned int device = 0;
        unsigned int kind = 0; ///< vendor and product
        unsigned int subsystem = 0;
        char id[32] = {};
    };

    Status (*init)() = nullptr;
    Status (*shutdown)() = nullptr;
    const char* (*errorString)(Status) = nullptr;
    Status (*driverVersion)(char* text, unsigned int size) = nullptr;
    Status (*cudaVersion)(int* version) = nullptr; ///< 13000 for 13.0
    Status (*count)(unsigned int* gpus) = nullptr;
    Status (*handle)(unsigned int index, Handle* gpu) = nullptr; ///< in the order of the PCI bus
    Status (*name)(Handle gpu, char* text, unsigned int size) = nullptr;
    Status (*uuid)(Handle gpu, char* text, unsigned int size) = nullptr;
    Status (*capability)(Handle gpu, int* major, int* minor) = nullptr;
    Status (*memory)(Handle gpu, Memory* memory) = nullptr;
    Status (*cores)(Handle gpu, unsigned int* cores) = nullptr;                            ///< may be null
    Status (*migMode)(Handle gpu, unsigned int* current, unsigned int* pending) = nullptr; ///< may be null
    Status (*processes)(Handle gpu, unsigned int* count, Process* processes) = nullptr;    ///< may be null
    // NVLink: `link` counts those that a GPU has, up to kNvmlMostLinks. All four, or the first three, or none.
    Status (*pci)(Handle gpu, Pci* place) = nullptr;
    Status (*linkState)(Handle gpu, unsigned int link, int* active) = nullptr;
    Status (*linkEnd)(Handle gpu, unsigned int link, Pci* place) = nullptr;
    Status (*linkEndType)(Handle gpu, unsigned int link, int* type) = nullptr; ///< may be null where the others are not

    std::shared_ptr<void> library; ///< where the functions live; null in tests
};

constexpr Nvml::Status kNvmlSuccess = 0;
constexpr Nvml::Status kNvmlDriverNotLoaded = 9;
constexpr unsigned kNvmlMostLinks = 36; ///< twice what any GPU of 2026 has; a link that is not there is an error
constexpr int kNvmlLinkToSwitch = 2;    ///< a type

/// The library of this machine; nothing when it is not installed or too old to have what is needed.
[[nodiscard]] std::optional<Nvml> loadNvml();

} // namespace argus::node
