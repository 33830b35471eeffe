// A tile of dot products, the heart of linear and attention. Included once per instruction set, hence no #pragma once.

#if defined(ARGUS_KERNELS_CPU_DOT_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef ARGUS_KERNELS_CPU_DOT_INL_H
#undef ARGUS_KERNELS_CPU_DOT_INL_H
#else
#define ARGUS_KERNELS_CPU_DOT_INL_H
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace argus::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVector = hn::Vec<FloatTag>;

/// Rows of x in one tile: as many accumulators as the register file holds beside the weights of one step (32 registers
/// with AVX-512, else 16).
#if HWY_TARGET == HWY_AVX3
constexpr int kTileRows = 6;
#else
constexpr int kTileRows = 3;
#endif
/// Dot products whose lanes are summed together; see storeSums().
constexpr int kSumGroup = 4;

HWY_INLINE FloatVector loadWide(FloatTag d, const float* from)
{
    return hn::LoadU(d, from);
}
HWY_INLINE FloatVector loadWide(FloatTag d, const hwy::bfloat16_t* from)
{
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::bfloat16_t, FloatTag>(), from));
}
HWY_INLINE FloatVector loadWide(FloatTag d, const hwy::float16_t* from)
{
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, FloatTag>(), from));
}

/// out[i] = sum of the lanes of v[i], i in 0 … 3, the same tree for each.
HWY_INLINE void storeSums(FloatTag d, FloatVector a, FloatVector b, FloatVector c, FloatVector e, float* out)
{
#if HWY_TARGET == HWY_SCALAR
    out[0] = hn::GetLane(a);
    out[1] = hn::GetLane(b);
    out[2] = hn::GetLane(c);
    out[3] = hn::GetLane(e);
    (void)d;
#else
    const hn::Repartition<double, FloatTag> pairs;
    const auto ab = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)));
    const auto ce = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e)));
    const auto blocks =
        hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)), hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce)));
    const hn::Half<FloatTag> half;
    const auto halves = hn::Add(hn::LowerHalf(half, blocks), hn::UpperHalf(half, blocks));
#if HWY_TARGET == HWY_AVX3
    const hn::Half<decltype(half)> quarter;
    hn::StoreU(hn::Add(hn::LowerHalf(quarter, halves), hn::UpperHalf(quarter, halves)), quarter, out);
#else
    hn::StoreU(halves, half, out);
#endif
#endif
}

/// Ragged: the length is no whole number of vectors. Apart, so that the sums of whole ones never leave the registers.
///
/// out[m][n] = sum over i < length of x[m][i] · w[n][i]. Every element is summed in the same order, whatever Rows and
/// Columns are.
template <int Rows, int Columns, bool Ragged, typename Weight>
HWY_INLINE void dotTile(const float* const* x, const Weight* const* w, int length, float* HWY_RESTRICT out)
{
    static_assert(Columns % kSumGroup == 0);
    const FloatTag d;
    constexpr int kLanes = static_cast<int>(hn::MaxLanes(FloatTag()));
    FloatVector sums[Rows][Columns];
    for (int m = 0; m < Rows; ++m)
        for (int n = 0; n < Columns; ++n)
            sums[m][n] = hn::Zero(d);
    const float* xRow[Rows];
    for (int m = 0; m < Rows; ++m)
        xRow[m] = x[m];
    const Weight* wRow[Columns];
    for (int n = 0; n < Columns; ++n)
        wRow[n] = w[n];

    const int whole = length - length % kLanes;
    for (int i = 0; i < whole; i += kLanes) {
        FloatVector weights[Columns];
        for (int n = 0; n < Columns; ++n)
            weights[n] = loadWide(d, wRow[n] + i);
        for (int m = 0; m < Rows; ++m) {
            const FloatVector activation = hn::LoadU(d, xRow[m] + i);
            for (int n = 0; n < Columns; ++n)
                sums[m][n] = hn::MulAdd(activation, weights[n], sums[m][n]);
        }
    }
    if constexpr (Ragged) {
        const int rest = length - whole;
        HWY_ALIGN float tail[kLanes] = {};
        Weight stored[kLanes];
        FloatVector weights[Columns];
        for (int n = 0; n < Columns; ++n) {
            std::memset(static_cast<void*>(stored), 0, sizeof(stored));
            std::memcpy(static_cast<void*>(stored), wRow[n] + whole, static_cast<std::size_t>(rest) * sizeof(Weight));
            weights[n] = loadWide(d, stored);
        }
        for (int m = 0; m < Rows; ++m) {
            std::memcpy(tail, xRow[m] + whole, static_cast<std::size_t>(rest) * sizeof(float));
            const FloatVector activation = hn::Load(d, tail);
            for (int n = 0; n < Columns; ++n)
                sums[m][n] = hn::MulAdd(activation, weights[n], sums[m][n]);
        }
    }
    for (int m = 0; m < Rows; ++m)
        for (int n = 0; n < Columns; n += kSumGroup)
            storeSums(d, sums[m][n], sums[m][n + 1], sums[m][n + 2], sums[m][n + 3], out + m * Columns + n);
}

template <int Columns, bool Ragged, typename Weight>
HWY_INLINE void dotRowsOf(int rows, const float* const* x, const Weight* const* w, int length, float* HWY_RESTRICT out)
{
    switch (rows) {
    case 1:
        return dotTile<1, Columns, Ragged>(x, w, length, out);
    case 2:
        return dotTile<2, Columns, Ragged>(x, w, length, out);
    case 3:
        return dotTile<3, Columns, Ragged>(x, w, length, out);
#if HWY_TARGET == HWY_AVX3
    case 4:
        return dotTile<4, Columns, Ragged>(x, w, length, out);
    case 5:
        return dotTile<5, Columns, Ragged>(x, w, length, out);
    case 6:
        return dotTile<6, Columns, Ragged>(x, w, length, out);
#endif
    default:
        return;
    }
}

/// dotTile for a number of rows known at run time, 1 … kTileRows.
template <int Columns, typename Weight>
HWY_INLINE void dotRows(int rows, const float* const* x, const Weight* const* w, int length, float* HWY_RESTRICT out)
{
    if (length % static_cast<int>(hn::MaxLanes(FloatTag())) == 0)
        dotRowsOf<Columns, false>(rows, x, w, length, out);
    else
        dotRowsOf<Columns, true>(rows, x, w, length, out);
}

} // namespace argus::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
