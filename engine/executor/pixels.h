#pragma once
// Pixels of a picture or clip, from the shared memory in which they came.

#include "engine/base/result.h"
#include "engine/model/positions.h"
#include "engine/tensor/tensor.h"

namespace argus::executor {

/// Frames of a grid that have one size, 14 · grid.h rows of 14 · grid.w pixels: [frames, height, width, 3]
[[nodiscard]] Shape frameShape(const model::Grid& grid, int frames, int patchSide);

/// Copies the frames out. Reading instead of mapping costs one pass over the bytes, and a sender that shortens its
/// file meanwhile costs an error instead of this process.
///
/// Shapes   result U8 frameShape()
/// Errors   Corrupt when the file has another size than its grid, or is no file; Io
[[nodiscard]] Result<HostTensor> readPixels(int file, const model::Grid& grid, int frames, int patchSide);

} // namespace argus::executor
