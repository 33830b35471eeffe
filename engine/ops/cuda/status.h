#pragma once
// From CUDA's return codes to exceptions of a rank's thread.

#include "engine/ops/ops.h"

#include <cuda_runtime_api.h>

namespace argus::ops::cuda {

/// Throws when `status` (a cudaError_t) is no success: DeviceLost when the device will not answer again, else OpsError.
/// Errors of kernels surface at any later call, so what `operation` names may be innocent.
void check(const char* operation, int status);

} // namespace argus::ops::cuda
