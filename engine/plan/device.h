#pragma once
// What a model can be put on, and which of it is taken. Pure functions: engine/node finds out what there is.

#include "engine/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace argus::plan {

/// Links that join a GPU to another one of its machine.
struct NvLinks {
    std::uint32_t device = 0;   ///< index of the other
    std::uint32_t links = 0;    ///< that work, in one direction
    bool throughSwitch = false; ///< NVSwitch stands between them
    friend bool operator==(const NvLinks&, const NvLinks&) = default;
};

/// One NVIDIA GPU as its driver describes it.
struct Gpu {
    std::uint32_t index = 0; ///< the N of cuda:N: as CUDA counts in the order of the PCI bus
    std::string name;        ///< "NVIDIA H100 80GB HBM3"
    std::string uuid;
    int capabilityMajor = 0;
    int capabilityMinor = 0;
    int processors = 0; ///< multiprocessors
    std::uint64_t memoryTotal = 0;
    std::uint64_t memoryFree = 0;
    std::vector<NvLinks> nvlinks{}; ///< by the other's index
    bool nvlinksKnown = false;      ///< the driver tells of them; else having none says nothing
    Said problem;                   ///< why no program can compute on it, "is ..."; empty: one can

    /// "cuda:0 (NVIDIA H100 80GB HBM3)"
    [[nodiscard]] std::string text() const;
    /// "7.5"
    [[nodiscard]] std::string capability() const;
};

/// What a machine offers.
struct Devices {
    std::uint64_t hostMemoryFree = 0;
    bool cudaInstalled = false; ///< argus-executor-cuda stands beside argus-node
    int cudaNeeded = 0;         ///< the major release of CUDA it was built with
    int driverCuda = 0;         ///< what the driver knows: 13000 for 13.0; 0: it does not say
    std::string driver;         ///< its own version: "580.65.06"
    std::vector<Gpu> gpus;
    std::optional<Error> failure; ///< why there may be more GPUs than the driver tells of
};

/// Where a model runs: on one GPU, or on the CPU.
struct Device {
    std::optional<Gpu> gpu;
    std::uint64_t hostMemoryFree = 0;

    [[nodiscard]] const char* kind() const { return gpu ? "cuda" : "cpu"; }
    /// As the setting names it: "cpu", "cuda:1".
    [[nodiscard]] std::string name() const;
};

/// The N of "cuda:N"; nothing for other names.
[[nodiscard]] std::optional<std::uint32_t> cudaIndex(std::string_view device);

/// Why no GPU of this machine can be used; nothing when one can.
[[nodiscard]] std::optional<Error> gpuProblem(const Devices& devices);

/// "auto" takes the usable GPU with most free memory, else the CPU; "cpu" and "cuda:N" take what they say.
/// Errors  NotFound, Unsupported, or the driver's own: the cause says what is missing, the remedy ends with the CPU;
/// setting device
[[nodiscard]] Result<Device> chooseDevice(std::string_view device, const Devices& devices);

} // namespace argus::plan
