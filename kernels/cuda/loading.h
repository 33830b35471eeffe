#pragma once
// What happens to weights once, while a model is loaded.

#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

/// Rows of a stored matrix into a larger one: target row firstRow + r · rowStep, columns [0, columns), converted;
/// columns from `columns` to `targetColumns` of those rows become zero.
///
/// Promises no alignment beyond the element's; the number of finite values that left float16's range is added to
///          *overflows (may be null when `to` is not F16)
struct PlaceRows {
    void* target = nullptr;
    std::int64_t targetStride = 0;
    const void* source = nullptr;
    std::int64_t sourceStride = 0;
    int rows = 0;
    int columns = 0;
    int targetColumns = 0;
    int firstRow = 0;
    int rowStep = 1;
    Format from = Format::BF16;
    Format to = Format::BF16;
    unsigned long long* overflows = nullptr;
};
[[nodiscard]] Status placeRows(const PlaceRows& work, Stream stream);

/// values[i] = mean + deviation · normal(seed, i): counter-based, the same on every device and in any order. `count`
/// may be any number; memory aligned to the element.
[[nodiscard]] Status fillNormal(void* values, std::int64_t count, Format type, float mean, float deviation,
                                std::uint64_t seed, Stream stream);

} // namespace argus::kernels::cuda
