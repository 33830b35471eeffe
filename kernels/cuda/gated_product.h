#pragma once
// Gate and up projection of many rows with their gate, in one launch: what siluMulPairs() would read and write again
// never reaches memory.

#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

/// y[r,i] = round(round(silu(g)) · u), where g and u are outputs 2i and 2i+1 of x · weightᵀ + bias, rounded to the type
///
/// Shapes   x [rows, inputs]; weight [outputs, inputs] dense; bias [outputs] or null; y [rows, outputs / 2]; all of
///          type `type`
/// Promises F16 and BF16; inputs a multiple of 8, outputs of 16 (rows of y end with whole 16 bytes: the copying hardware
///          writes no less), of any number of rows; sums in float, and the bias added before they are rounded; a row's
///          result does not depend on the other rows' values nor on their number; the bits of one launch are those of
///          every other
/// Runs     on what takesGatedProduct() says yes to; asked for anything else, gatedProduct() returns
///          cudaErrorNotSupported and launches nothing
struct GatedProduct {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t xStride = 0;
    const void* weight = nullptr;
    const void* bias = nullptr;
    int rows = 0;
    int inputs = 0;
    int outputs = 0; ///< of gate and up together
    Format type = Format::BF16;
    int processors = 132; ///< multiprocessors of the device
};

/// Whether the current device can do it: compute capability 9.0, with code for it (sm_90a), and pointers, strides and
/// extents as the copying hardware wants them.
[[nodiscard]] bool takesGatedProduct(const GatedProduct& work);
[[nodiscard]] Status gatedProduct(const GatedProduct& work, Stream stream);

/// Of fewer rows most of a tile would be empty: two launches are as fast, or faster.
constexpr int kFewestGatedRows = 256;

} // namespace argus::kernels::cuda
