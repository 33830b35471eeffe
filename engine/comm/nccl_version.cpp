#include "engine/comm/nccl_version.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace argus::comm {

namespace {

constexpr const char* kPlaces[] = {"libnccl.so.2", "/usr/local/cuda/lib64/libnccl.so.2",
                                   "/usr/local/cuda/lib/libnccl.so.2"};

} // namespace

void* openNcclLibrary()
{
    for (const char* place : kPlaces)
        if (void* handle = ::dlopen(place, RTLD_NOW | RTLD_LOCAL))
            return handle;
    return nullptr;
}

std::string ncclVersionText(int version)
{
    // Two digits a part since 2.9; before that one, as in 2804.
    const int major = version >= 10'000 ? version / 10'000 : version / 1'000;
    const int minor = version >= 10'000 ? version / 100 % 100 : version / 100 % 10;
    return fmt::format("{}.{}.{}", major, minor, version % 100);
}

std::optional<std::string> ncclLibraryVersion()
{
    void* library = openNcclLibrary();
    if (library == nullptr)
        return std::nullopt;
    std::optional<std::string> text;
    const auto version = reinterpret_cast<int (*)(int*)>(::dlsym(library, "ncclGetVersion"));
    int number = 0;
    if (version != nullptr && version(&number) == 0)
        text = ncclVersionText(number);
    ::dlclose(library);
    return text;
}

std::vector<std::pair<std::string, std::string>> ncclEnvironment(const std::string& interface)
{
    std::vector<std::pair<std::string, std::string>> environment{{"NCCL_RAS_ENABLE", "0"}};
    if (!interface.empty()) {
        environment.emplace_back("NCCL_SOCKET_IFNAME", "=" + interface); // without "=" eth1 would take eth10, too
        environment.emplace_back("NCCL_SOCKET_FAMILY", "AF_INET");
    }
    return environment;
}

} // namespace argus::comm
