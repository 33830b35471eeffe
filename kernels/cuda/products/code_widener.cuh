#pragma once
// Four-bit codes of AWQ matrices as numbers.

#include "kernels/cuda/common/numeric.cuh"
#include "kernels/cuda/products/awq_layout.cuh"

namespace argus::kernels::cuda::products {

/// (word & mask) | bits, which is one instruction.
__device__ __forceinline__ unsigned maskedOr(unsigned word, unsigned mask, unsigned bits)
{
#ifdef __CUDA_ARCH__
    unsigned result;
    asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(result) : "r"(word), "r"(mask), "r"(bits));
    return result;
#else
    return (word & mask) | bits;
#endif
}

/// Two 16-bit elements as one.
template <typename T>
struct TwoOf;
template <>
struct TwoOf<__half> {
    using Type = __half2;
};
template <>
struct TwoOf<__nv_bfloat16> {
    using Type = __nv_bfloat162;
};

/// Turns codes into code - zero, which both types hold exactly. A code becomes a number when it is put into the mantissa of a
/// power of two: 1024 + code in float16, 128 + code in bfloat16.
template <typename T>
class CodeWidener {
public:
    /// zeros: of outputs g and g + 8.
    __device__ __forceinline__ void setZeros(__half2 zeros)
    {
        if constexpr (__is_same(T, __half)) {
            const __half2 offsets = __hsub2(__floats2half2_rn(-1024.0f, -64.0f), zeros);
            m_upper = __low2half2(offsets);
            m_lower = __high2half2(offsets);
        } else {
            const float2 wide = __half22float2(zeros);
            m_upper = __float2bfloat162_rn(-128.0f - wide.x);
            m_lower = __float2bfloat162_rn(-128.0f - wide.y);
        }
    }

    __device__ __forceinline__ void widen(unsigned (&a)[4], unsigned word) const
    {
#pragma unroll
        for (int i = 0; i < 4; i += 2) {
            a[i] = upper(word);
            if constexpr (!__is_same(T, __half))
                word >>= 4;
            a[i + 1] = lower(word);
            word >>= __is_same(T, __half) ? 8 : 4;
        }
    }

private:
    __device__ __forceinline__ unsigned upper(unsigned word) const
    {
        if constexpr (__is_same(T, __half))
            return bits(__hadd2(fromBits(maskedOr(word, 0x000f000fu, 0x64006400u)), m_upper));
        else
            return bits(__hadd2(fromBits(maskedOr(word, 0x000f000fu, 0x43004300u)), m_upper));
    }
    /// For float16 the code stands four bits higher, is 16 times as large, and one multiply-add sets both right.
    __device__ __forceinline__ unsigned lower(unsigned word) const
    {
        if constexpr (__is_same(T, __half))
            return bits(__hfma2(fromBits(maskedOr(word, 0x00f000f0u, 0x64006400u)), __float2half2_rn(0.0625f), m_lower));
        else
            return bits(__hadd2(fromBits(maskedOr(word, 0x000f000fu, 0x43004300u)), m_lower));
    }
    using Two = typename TwoOf<T>::Type;
    static __device__ __forceinline__ Two fromBits(unsigned word) { return reinterpret_cast<const Two&>(word); }
    static __device__ __forceinline__ unsigned bits(Two two) { return reinterpret_cast<const unsigned&>(two); }

    Two m_upper;
    Two m_lower;
};

} // namespace argus::kernels::cuda::products
