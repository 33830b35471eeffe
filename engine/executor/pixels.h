#pragma once
// Pixels of a picture or clip, from the shared memory in which they came.

#include "engine/base/result.h"
#include "engine/model/positions.h"
#include "engine/tensor/tensor.h"

namespace argus::executor {

/// Copies the patches out. Reading instead of mapping costs one pass over the bytes, and a sender that shortens its
/// file meanwhile costs an error instead of this process.
///
/// Shapes   result F32 [grid.patches(), elements]
/// Errors   Corrupt when the file has another size than its grid, or is no file; Io
[[nodiscard]] Result<HostTensor> readPixels(int file, const model::Grid& grid, int elements);

} // namespace argus::executor
