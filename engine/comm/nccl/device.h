#pragma once
// The few things that communicators ask of a GPU themselves.

#include "engine/comm/meeting_point.h"
#include "engine/tensor/tensor.h"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>

namespace argus::comm::nccl {

/// Throws OpsError when CUDA refused.
void require(const char* operation, int status);

/// Makes a GPU the thread's current one, and puts back what was.
class OnDevice {
public:
    explicit OnDevice(int device);
    ~OnDevice();
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;

private:
    int m_before = -1;
};

struct FreeDeviceMemory {
    void operator()(std::byte* memory) const noexcept { cudaFree(memory); }
};
using DeviceMemory = std::unique_ptr<std::byte, FreeDeviceMemory>;

/// No room on the device beside what the model takes.
class NoDeviceMemory : public OpsError {
    using OpsError::OpsError;
};
/// Zeros on the current device. Throws NoDeviceMemory.
[[nodiscard]] DeviceMemory allocate(std::size_t bytes);

/// Waits until the stream is through; also ends, with GroupBroken, at the deadline and when the meeting point is
/// aborted.
void waitFor(cudaStream_t stream, MeetingPoint& meeting, Deadline deadline);
/// Whether the stream is through before so much time has passed.
[[nodiscard]] bool settles(cudaStream_t stream, Milliseconds patience);

} // namespace argus::comm::nccl
