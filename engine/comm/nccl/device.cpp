#include "engine/comm/nccl/device.h"

#include "engine/base/catalogue.h"
#include "engine/base/device_memory.h"
#include "engine/comm/communicator.h"

#include <fmt/format.h>

#include <thread>

namespace argus::comm::nccl {

void require(const char* operation, int status)
{
    const auto error = static_cast<cudaError_t>(status);
    if (error == cudaSuccess)
        return;
    cudaGetLastError();
    throw OpsError(fmt::format("{}: {} ({})", operation, cudaGetErrorString(error), cudaGetErrorName(error)));
}

OnDevice::OnDevice(int device)
{
    cudaGetDevice(&m_before);
    require("cudaSetDevice", cudaSetDevice(device));
}

OnDevice::~OnDevice()
{
    if (m_before >= 0)
        cudaSetDevice(m_before);
}

DeviceMemory allocate(std::size_t bytes)
{
    takingDeviceMemory("messages between GPUs", bytes);
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        throw NoDeviceMemory(say("nccl-no-memory", bytes >> 20));
    }
    require("cudaMalloc", status);
    DeviceMemory owned(static_cast<std::byte*>(memory));
    require("cudaMemset", cudaMemset(memory, 0, bytes));
    require("cudaDeviceSynchronize", cudaDeviceSynchronize());
    return owned;
}

void waitFor(cudaStream_t stream, MeetingPoint& meeting, Deadline deadline)
{
    for (;;) {
        const cudaError_t status = cudaStreamQuery(stream);
        if (status == cudaSuccess)
            return;
        if (status != cudaErrorNotReady)
            require("connecting GPUs", status);
        if (deadline.passed())
            throw GroupBroken(GroupBroken::Why::Timeout, say("gpus-late"));
        meeting.pause(Milliseconds(1));
    }
}

bool settles(cudaStream_t stream, Milliseconds patience)
{
    const Deadline deadline = Deadline::in(patience);
    while (cudaStreamQuery(stream) == cudaErrorNotReady) {
        if (deadline.passed())
            return false;
        std::this_thread::sleep_for(Milliseconds(1));
    }
    return true;
}

} // namespace argus::comm::nccl
