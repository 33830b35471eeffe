#pragma once
// Device memory is taken while a model is loaded, and never again: a step that had to ask for some could fail, or wait
// for everything that runs on the device. Whoever asks a driver for memory says so here first, and is found out when it
// is late.

#include <cstddef>

namespace argus {

/// While one lives, the thread that made it has started up: its ranks ask for no more device memory. Made and destroyed
/// on one thread.
class DeviceMemorySealed {
public:
    DeviceMemorySealed();
    ~DeviceMemorySealed();
    DeviceMemorySealed(const DeviceMemorySealed&) = delete;
    DeviceMemorySealed& operator=(const DeviceMemorySealed&) = delete;
};

/// To be called before each of our own requests to a driver (what it takes by itself, for recorded steps or for kernels
/// that it loads at their first use, is not seen); `purpose` completes "device memory for ...". On a sealed thread a
/// build with ARGUS_STRICT_DEVICE_MEMORY (debug builds and those with tests) writes what was asked for to stderr and
/// aborts; others log an error and go on.
void takingDeviceMemory(const char* purpose, std::size_t bytes);

} // namespace argus
