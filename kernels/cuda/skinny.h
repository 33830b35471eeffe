#pragma once
// Products of a few rows with a stored matrix: what a decode step consists of. The matrix streams through once, at the
// speed of memory; everything around the product happens in the same launch.

#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

/// What becomes of a product.
enum class SkinnyEpilogue : std::uint8_t {
    Store,      ///< y = x·Wᵀ + bias
    Accumulate, ///< y += x·Wᵀ + bias; y of type `out`: the residual stream
    SiluMul, ///< rows 2i and 2i+1 of W are gate and up: y[:,i] = round(silu(g)) · u, y [rows, outputs / 2], with g and
             ///< u rounded to the type first
};

/// y = epilogue(x · weightᵀ + bias)
///
/// Shapes   x [rows, inputs]; weight [outputs, inputs] dense; bias [outputs] of type `type` or null; y [rows, outputs]
///          of type `out` (SiluMul: [rows, outputs / 2] of type `type`)
/// Promises rows 1 … kMostSkinnyRows; inputs a multiple of 64, outputs of 16; F16 and BF16 only; sums in float; a row's
///          result does not depend on the other rows' values
/// Norm     with `gain`: x stands for the normalised x of RmsNorm (kernels/cuda/rows.h: x of type `xType`, gain,
///          epsilon, the same two roundings), computed inside the launch
/// Memory   workspace of skinnyWorkspace() bytes, zeroed once when allocated, used by one launch at a time
struct Skinny {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t xStride = 0;
    const void* weight = nullptr;
    const void* bias = nullptr;
    const void* gain = nullptr; ///< [inputs]; null: x is taken as it is and has type `type`
    float epsilon = 1e-6f;
    int rows = 0;
    int inputs = 0;
    int outputs = 0;
    SkinnyEpilogue epilogue = SkinnyEpilogue::Store;
    Format type = Format::BF16;
    Format out = Format::BF16;   ///< of y for Store and Accumulate: the type, or F32
    Format xType = Format::BF16; ///< of x when there is a gain: the type, or F32
    void* workspace = nullptr;
    std::size_t workspaceBytes = 0;
    int processors = 132; ///< multiprocessors of the device
};
constexpr int kMostSkinnyRows = 64;
[[nodiscard]] std::size_t skinnyWorkspace(int outputs, int processors);
[[nodiscard]] Status skinny(const Skinny& work, Stream stream);

/// skinny() of one row, whose result is a layer's q, k and v, and rotateIntoCache() (kernels/cuda/rows.h) of that, in
/// one launch and with the same bits, except that the k and v columns of y stay as they were.
///
/// Shapes   work.y [1, (heads + 2·kvHeads) · headDim] = [1, work.outputs]; the others as RotateIntoCache has them
/// Promises one row, Store, y of the type; headDim a multiple of 16; fitsIntoCache() says whether the row is short
///          enough
struct SkinnyIntoCache {
    const float* cosines = nullptr;
    const float* sines = nullptr;
    void* keys = nullptr;
    void* values = nullptr;
    const std::int32_t* places = nullptr;
    int heads = 0;
    int kvHeads = 0;
    int headDim = 0;
    int blockTokens = 0;
};
[[nodiscard]] bool fitsIntoCache(const Skinny& work);
[[nodiscard]] Status skinnyIntoCache(const Skinny& work, const SkinnyIntoCache& target, Stream stream);

} // namespace argus::kernels::cuda
