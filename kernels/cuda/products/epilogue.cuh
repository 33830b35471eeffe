#pragma once
// What becomes of a product: pairs of neighbouring outputs of a row on their way from registers to memory.

#include "kernels/cuda/common/numeric.cuh"
#include "kernels/cuda/products/pieces.cuh"
#include "kernels/cuda/skinny.h"

namespace argus::kernels::cuda::products {

template <typename T>
__device__ __forceinline__ float2 widenTwo(unsigned two)
{
    if constexpr (__is_same(T, __half))
        return __half22float2(reinterpret_cast<const __half2&>(two));
    else
        return __bfloat1622float2(reinterpret_cast<const __nv_bfloat162&>(two));
}
template <typename T>
__device__ __forceinline__ void storeTwo(T* to, float2 values)
{
    if constexpr (sizeof(T) == 4) {
        *reinterpret_cast<float2*>(to) = values;
    } else if constexpr (__is_same(T, __half)) {
        *reinterpret_cast<__half2*>(to) = __floats2half2_rn(values.x, values.y);
    } else {
        *reinterpret_cast<__nv_bfloat162*>(to) = __floats2bfloat162_rn(values.x, values.y);
    }
}

/// Zeros without a bias.
template <typename T>
__device__ __forceinline__ float2 biasOf(const Skinny& work, int output)
{
    if (work.bias == nullptr)
        return make_float2(0, 0);
    return widenTwo<T>(*reinterpret_cast<const unsigned*>(static_cast<const T*>(work.bias) + output));
}

// The three epilogues have one shape. before() reads what is in memory already, so that many reads are under way before the
// first is needed; then the pair is written.

template <typename Y>
class StorePair {
public:
    struct Before {};
    __device__ explicit StorePair(const Skinny& work) : m_y(static_cast<Y*>(work.y)), m_stride(work.yStride) {}
    [[nodiscard]] __device__ __forceinline__ Before before(int, int) const { return {}; }
    __device__ __forceinline__ void write(int row, int output, float2 pair, Before) const
    {
        storeTwo(m_y + row * m_stride + output, pair);
    }

private:
    Y* m_y;
    std::int64_t m_stride;
};

template <typename Y>
class AccumulatePair {
public:
    using Before = float2;
    __device__ explicit AccumulatePair(const Skinny& work) : m_y(static_cast<Y*>(work.y)), m_stride(work.yStride) {}
    [[nodiscard]] __device__ __forceinline__ Before before(int row, int output) const
    {
        const Y* y = m_y + row * m_stride + output;
        if constexpr (sizeof(Y) == 4)
            return __ldcg(reinterpret_cast<const float2*>(y));
        else
            return widenTwo<Y>(__ldcg(reinterpret_cast<const unsigned*>(y)));
    }
    __device__ __forceinline__ void write(int row, int output, float2 pair, Before before) const
    {
        storeTwo(m_y + row * m_stride + output, make_float2(before.x + pair.x, before.y + pair.y));
    }

private:
    Y* m_y;
    std::int64_t m_stride;
};

/// The pair is gate and up of one result.
template <typename T>
class GatePair {
public:
    struct Before {};
    __device__ explicit GatePair(const Skinny& work) : m_y(static_cast<T*>(work.y)), m_stride(work.yStride) {}
    [[nodiscard]] __device__ __forceinline__ Before before(int, int) const { return {}; }
    __device__ __forceinline__ void write(int row, int output, float2 pair, Before) const
    {
        const float gate = rounded(pair.x);
        // The approximate exponential and quotient are off by less than 2^-17 of the result, a small part of its rounding.
        const float open = rounded(__fdividef(gate, 1.0f + __expf(-gate)));
        m_y[row * m_stride + output / 2] = fromFloat<T>(open * rounded(pair.y));
    }

private:
    static __device__ __forceinline__ float rounded(float value) { return toFloat(fromFloat<T>(value)); }

    T* m_y;
    std::int64_t m_stride;
};

/// Calls `use` with the epilogue of the work; the same in every thread.
template <typename T, typename Use>
__device__ __forceinline__ void withEpilogue(const Skinny& work, Use&& use)
{
    const bool wide = work.out == Format::F32;
    if (work.epilogue == SkinnyEpilogue::SiluMul)
        use(GatePair<T>(work));
    else if (work.epilogue == SkinnyEpilogue::Store && wide)
        use(StorePair<float>(work));
    else if (work.epilogue == SkinnyEpilogue::Store)
        use(StorePair<T>(work));
    else if (wide)
        use(AccumulatePair<float>(work));
    else
        use(AccumulatePair<T>(work));
}

} // namespace argus::kernels::cuda::products
