#include "engine/ops/cuda/status.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>

namespace argus::ops::cuda {

namespace {

/// Errors after which the context still works.
bool recoverable(cudaError_t error)
{
    switch (error) {
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorMemoryAllocation:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
        return true;
    default:
        return false;
    }
}

} // namespace

void check(const char* operation, int status)
{
    const auto error = static_cast<cudaError_t>(status);
    if (error == cudaSuccess)
        return;
    const std::string text = fmt::format("{}: {} ({})", operation, cudaGetErrorString(error), cudaGetErrorName(error));
    if (!recoverable(error))
        throw DeviceLost(say("gpu-failed", text));
    cudaGetLastError(); // it is told now, and no later call shall tell it again
    throw OpsError(text);
}

} // namespace argus::ops::cuda
