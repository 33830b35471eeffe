#pragma once
// Row operations on the GPU: normalisation, embedding rows, rotary embedding with the cache written, gates.

#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

/// y[t,:] = round(gain[:] · round(x[t,:] / sqrt(mean(x[t,:]²) + epsilon)))
///
/// Shapes   x [tokens, hidden] of type `residual`; y of type `type`; gain [hidden] of type `type`
/// Promises x is only read; y may be x when the types agree; squares are summed in float
/// Source   design/qwen2_5_vl.md §3.2
struct RmsNorm {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t xStride = 0;
    const void* gain = nullptr;
    int tokens = 0;
    int hidden = 0;
    float epsilon = 1e-6f;
    Format type = Format::BF16;     ///< of y and gain
    Format residual = Format::BF16; ///< of x: the type, or F32
};
[[nodiscard]] Status rmsNorm(const RmsNorm& work, Stream stream);

/// y[i,:] = table[id(i) - firstId,:] where id(i) = ids[i] when that is not negative, else last[-1 - ids[i]]
///
/// Shapes   y [count, columns] of type `out`; table [rows, columns] of type `type`; ids [count]; last [slots] (may be
///          null when no id is negative)
/// Promises an id outside [firstId, firstId + rows) writes zeros. With `seen`: bit id(i) of row slots[i] of seen
///          [slots, seenStride words] is set when id(i) is in [0, knownIds) (rows whose slot is negative leave no
///          mark). `resolved` (may be null) receives id(i). No columns: marks are all there is, y and table may be null
struct GatherRows {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* table = nullptr;
    std::int64_t tableStride = 0;
    const std::int32_t* ids = nullptr;
    const std::int32_t* last = nullptr;
    std::uint32_t* seen = nullptr;
    std::int64_t seenStride = 0;
    const std::int32_t* slots = nullptr; ///< [count], of each row
    std::int32_t* resolved = nullptr;    ///< [count]
    int count = 0;
    int columns = 0;
    int rows = 0;
    int firstId = 0;  ///< of the table's first row
    int knownIds = 0; ///< 0: those of the table
    Format type = Format::BF16;
    Format out = Format::BF16; ///< the type, or F32
};
[[nodiscard]] Status gatherRows(const GatherRows& work, Stream stream);

/// y[index[i],:] = x[i,:], index null: y[i,:] = x[i,:]; converts between the types. Columns need no alignment: rows
/// whose pointers or columns are not multiples of 16 bytes go element by element.
struct CopyRows {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t xStride = 0;
    const std::int32_t* index = nullptr;
    int count = 0;
    int columns = 0;
    Format from = Format::BF16;
    Format to = Format::BF16;
};
[[nodiscard]] Status copyRows(const CopyRows& work, Stream stream);

/// cosines, sines [tokens, half] float: cos and sin of float(positions[axis(j), t]) · frequencies[j], rounded to `type`
/// and widened again; column j belongs to the axis whose section it lies in. Sine and cosine with full range reduction.
///
/// Shapes   positions [axes, tokens], rows positionStride apart; frequencies [half] float; at most 3 sections
/// Source   design/qwen2_5_vl.md §3.3 (text: rounded to the type), §5.2 (vision: pass F32, nothing is rounded)
struct RopeTables {
    float* cosines = nullptr;
    float* sines = nullptr;
    const std::int32_t* positions = nullptr;
    std::int64_t positionStride = 0;
    const float* frequencies = nullptr;
    int sections[3] = {0, 0, 0};
    int tokens = 0;
    int half = 0;
    Format type = Format::BF16;
};
[[nodiscard]] Status ropeTables(const RopeTables& work, Stream stream);

/// Half-split rotation of every head of x in place, in float with one rounding.
///
/// Shapes   x [tokens, heads · 2·half]; cosines, sines [tokens, half] float
struct Rotate {
    void* x = nullptr;
    std::int64_t xStride = 0;
    const float* cosines = nullptr;
    const float* sines = nullptr;
    int tokens = 0;
    int heads = 0;
    int half = 0;
    Format type = Format::BF16;
};
[[nodiscard]] Status rotate(const Rotate& work, Stream stream);

/// One pass over the projections of a layer: q heads rotated in place, k heads rotated and written to the cache, v
/// heads written to the cache.
///
/// Shapes   qkv [tokens, (heads + 2·kvHeads) · headDim]: q, then k, then v; cosines, sines [tokens, headDim/2] float;
///          keys, values [blocks, kvHeads, blockTokens, headDim] dense; places [tokens]: block · blockTokens + offset,
///          negative: a row of padding, nothing is written for it
struct RotateIntoCache {
    void* qkv = nullptr;
    std::int64_t qkvStride = 0;
    const float* cosines = nullptr;
    const float* sines = nullptr;
    void* keys = nullptr;
    void* values = nullptr;
    const std::int32_t* places = nullptr;
    int tokens = 0;
    int heads = 0;
    int kvHeads = 0;
    int headDim = 0;
    int blockTokens = 0;
    Format type = Format::BF16;
};
[[nodiscard]] Status rotateIntoCache(const RotateIntoCache& work, Stream stream);

/// y[r,c] = round(round(silu(x[r,2c])) · x[r,2c+1]): gate and up stand in alternate columns
///
/// Shapes   y [rows, columns]; x [rows, 2·columns]
struct SiluMulPairs {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t xStride = 0;
    int rows = 0;
    int columns = 0;
    Format type = Format::BF16;
};
[[nodiscard]] Status siluMulPairs(const SiluMulPairs& work, Stream stream);

/// y[r,c] = gelu(x[r,c]) = x · (1 + erf(x/√2)) / 2, or y = x + bias when `bias` is given without gelu; y may be x.
/// The order is bias first, then gelu.
struct BiasGelu {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t xStride = 0;
    const void* bias = nullptr; ///< [columns] of type `type`; may be null
    int rows = 0;
    int columns = 0;
    bool gelu = true;
    Format type = Format::BF16;
};
[[nodiscard]] Status biasGelu(const BiasGelu& work, Stream stream);

} // namespace argus::kernels::cuda
