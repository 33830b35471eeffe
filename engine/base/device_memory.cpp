#include "engine/base/device_memory.h"

#include "engine/base/log.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace argus {

namespace {

#ifdef ARGUS_STRICT_DEVICE_MEMORY
constexpr bool kStrict = true;
#else
constexpr bool kStrict = false;
#endif

thread_local int seals = 0;

} // namespace

DeviceMemorySealed::DeviceMemorySealed()
{
    ++seals;
}
DeviceMemorySealed::~DeviceMemorySealed()
{
    --seals;
}

void takingDeviceMemory(const char* purpose, std::size_t bytes)
{
    if (seals == 0)
        return;
    const std::string late =
        fmt::format("{} bytes of device memory for {} are asked for after start-up, when all of it has been taken: "
                    "plan them with the rest (engine/model/footprint.h)",
                    bytes, purpose);
    if constexpr (kStrict) {
        fmt::print(stderr, "{}\n", late);
        std::fflush(stderr);
        std::abort();
    }
    log::error("{}", late);
}

} // namespace argus
