#include "engine/node/nvml.h"

#include <dlfcn.h>

namespace argus::node {
namespace {

template <typename Function>
bool find(void* library, const char* name, Function*& function)
{
    function = reinterpret_cast<Function*>(::dlsym(library, name));
    return function != nullptr;
}

} // namespace

std::optional<Nvml> loadNvml()
{
    // The name without a version belongs to the toolkit's stub; this one comes with the driver.
    void* const library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        return std::nullopt;
    Nvml nvml;
    nvml.library = std::shared_ptr<void>(library, [](void* handle) { ::dlclose(handle); });
    const bool complete = find(library, "nvmlInit_v2", nvml.init) && find(library, "nvmlShutdown", nvml.shutdown) &&
                          find(library, "nvmlErrorString", nvml.errorString) &&
                          find(library, "nvmlSystemGetDriverVersion", nvml.driverVersion) &&
                          find(library, "nvmlSystemGetCudaDriverVersion_v2", nvml.cudaVersion) &&
                          find(library, "nvmlDeviceGetCount_v2", nvml.count) &&
                          find(library, "nvmlDeviceGetHandleByIndex_v2", nvml.handle) &&
                          find(library, "nvmlDeviceGetName", nvml.name) &&
                          find(library, "nvmlDeviceGetUUID", nvml.uuid) &&
                          find(library, "nvmlDeviceGetCudaComputeCapability", nvml.capability) &&
                          find(library, "nvmlDeviceGetMemoryInfo", nvml.memory);
    if (!complete)
        return std::nullopt;
    find(library, "nvmlDeviceGetNumGpuCores", nvml.cores);
    find(library, "nvmlDeviceGetMigMode", nvml.migMode);
    find(library, "nvmlDeviceGetComputeRunningProcesses_v3", nvml.processes);
    const bool links = find(library, "nvmlDeviceGetPciInfo_v3", nvml.pci) &&
                       find(library, "nvmlDeviceGetNvLinkState", nvml.linkState) &&
                       find(library, "nvmlDeviceGetNvLinkRemotePciInfo_v2", nvml.linkEnd);
    if (links)
        find(library, "nvmlDeviceGetNvLinkRemoteDeviceType", nvml.linkEndType);
    else
        nvml.linkState = nullptr;
    return nvml;
}

} // namespace argus::node
