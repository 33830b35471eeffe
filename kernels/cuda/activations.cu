#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/row_parts.cuh"
#include "kernels/cuda/rows.h"

namespace argus::kernels::cuda {
namespace {

/// a / (1 + e^-a). For 16-bit results the approximate exponential and quotient will do: they are off by less than 2^-17
/// of the result, a 256th of what is lost in rounding it, and below -87, where it is smaller than 2e-36, they give 0.
template <typename T>
__device__ __forceinline__ float silu(float a)
{
    if constexpr (sizeof(T) == 4)
        return a / (1.0f + expf(-a));
    else
        return __fdividef(a, 1.0f + __expf(-a));
}

__device__ __forceinline__ float gelu(float a)
{
    return 0.5f * a * (1.0f + erff(a * 0.70710678118654752f));
}

// Both operations give a thread the same eight columns of kRows neighbouring rows: all are loaded before the first is
// used, and what belongs to the columns is loaded once.

template <typename T>
__device__ __forceinline__ Eight<T> gated(const Eight<T>& first, const Eight<T>& second)
{
    float pairs[16];
    widenEight(reinterpret_cast<float(&)[8]>(pairs[0]), first);
    widenEight(reinterpret_cast<float(&)[8]>(pairs[8]), second);
    float values[8];
#pragma unroll
    for (int j = 0; j < 8; ++j)
        values[j] = silu<T>(pairs[2 * j]);
    widenEight(values, roundEight<T>(values));
#pragma unroll
    for (int j = 0; j < 8; ++j)
        values[j] *= pairs[2 * j + 1];
    return roundEight<T>(values);
}

template <int kRows, typename T>
__global__ void __launch_bounds__(kMostThreads) gateRows(SiluMulPairs work, int parts)
{
    const RowPart at = rowPartOfBlock(parts);
    const int column = pieceOfThread(at) * 8;
    waitForPrevious();
    if (column >= work.columns)
        return;
    Eight<T> first[kRows];
    Eight<T> second[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
        const int row = at.row * kRows + i;
        if (row >= work.rows)
            continue;
        const T* x = static_cast<const T*>(work.x) + row * work.xStride + std::int64_t{column} * 2;
        first[i] = loadEight(x);
        second[i] = loadEight(x + 8);
    }
    letNextStart();
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
        const int row = at.row * kRows + i;
        if (row < work.rows)
            storeEight(static_cast<T*>(work.y) + row * work.yStride + column, gated(first[i], second[i]));
    }
}

template <typename T>
__device__ __forceinline__ Eight<T> biased(const Eight<T>& x, const float (&bias)[8], bool withGelu)
{
    float values[8];
    widenEight(values, x);
#pragma unroll
    for (int j = 0; j < 8; ++j)
        values[j] += bias[j];
    if (withGelu) {
#pragma unroll
        for (float& value : values)
            value = gelu(value);
    }
    return roundEight<T>(values);
}

template <int kRows, typename T>
__global__ void __launch_bounds__(kMostThreads) biasRows(BiasGelu work, int parts)
{
    const RowPart at = rowPartOfBlock(parts);
    const int column = pieceOfThread(at) * 8;
    const bool inside = column < work.columns;
    float bias[8] = {};
    if (inside && work.bias != nullptr)
        widenEight(bias, loadEight(static_cast<const T*>(work.bias) + column));
    waitForPrevious();
    if (!inside)
        return;
    Eight<T> x[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
        const int row = at.row * kRows + i;
        if (row < work.rows)
            x[i] = loadEight(static_cast<const T*>(work.x) + row * work.xStride + column);
    }
    letNextStart();
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
        const int row = at.row * kRows + i;
        if (row < work.rows)
            storeEight(static_cast<T*>(work.y) + row * work.yStride + column, biased(x[i], bias, work.gelu));
    }
}

template <int kRows>
Status gateBy(const SiluMulPairs& work, Stream stream)
{
    const RowParts parts = rowParts(work.columns / 8, 1);
    return forFormat(work.type, [&]<typename T>() {
        return launch(gateRows<kRows, T>, parts.grid((work.rows + kRows - 1) / kRows), parts.block(), 0, stream, work,
                      parts.count);
    });
}

template <int kRows>
Status biasBy(const BiasGelu& work, Stream stream)
{
    const RowParts parts = rowParts(work.columns / 8, 1);
    return forFormat(work.type, [&]<typename T>() {
        return launch(biasRows<kRows, T>, parts.grid((work.rows + kRows - 1) / kRows), parts.block(), 0, stream, work,
                      parts.count);
    });
}

} // namespace

Status siluMulPairs(const SiluMulPairs& work, Stream stream)
{
    if (work.rows == 0)
        return 0;
    return work.rows <= kFewRows ? gateBy<1>(work, stream) : gateBy<2>(work, stream);
}

Status biasGelu(const BiasGelu& work, Stream stream)
{
    if (work.rows == 0)
        return 0;
    return work.rows <= kFewRows ? biasBy<1>(work, stream) : biasBy<4>(work, stream);
}

} // namespace argus::kernels::cuda
