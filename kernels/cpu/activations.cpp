#include "kernels/activations.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/activations.cpp"
#include "kernels/cpu/targets.h"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "kernels/cpu/team.h"

#include <cmath>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace argus::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::ScalableTag<float>;
using Vector = hn::Vec<Tag>;

/// Applies `step` to whole vectors of a row; the last, partial one passes through a padded buffer, so every column
/// meets the same arithmetic.
template <typename Step>
HWY_INLINE void alongRow(float* y, const float* a, const float* b, int columns, const Step& step)
{
    const Tag d;
    constexpr int kLanes = static_cast<int>(hn::MaxLanes(Tag()));
    int c = 0;
    for (; c + kLanes <= columns; c += kLanes)
        hn::StoreU(step(hn::LoadU(d, a + c), hn::LoadU(d, b + c)), d, y + c);
    if (const auto rest = static_cast<std::size_t>(columns - c) * sizeof(float); rest > 0) {
        HWY_ALIGN float tailA[kLanes] = {};
        HWY_ALIGN float tailB[kLanes] = {};
        std::memcpy(tailA, a + c, rest);
        std::memcpy(tailB, b + c, rest);
        hn::Store(step(hn::Load(d, tailA), hn::Load(d, tailB)), d, tailA);
        std::memcpy(y + c, tailA, rest);
    }
}

struct SiluMulStep {
    HWY_INLINE Vector operator()(Vector gate, Vector up) const
    {
        const Tag d;
        const auto bounded =
            hn::Min(hn::Neg(gate), hn::Set(d, 88.0f)); // e^88 is near the largest float; beyond it silu is 0 anyway
        return hn::Mul(hn::Div(gate, hn::Add(hn::Set(d, 1.0f), hn::Exp(d, bounded))), up);
    }
};

template <typename Step>
HWY_INLINE void alongRows(const Elementwise& work, int first, int count)
{
    for (int row = first; row < first + count; ++row)
        alongRow(work.y + row * work.yStride, work.a + row * work.aStride, work.b + row * work.bStride, work.columns,
                 Step());
}

void siluMulRows(const Elementwise& work, int first, int count)
{
    alongRows<SiluMulStep>(work, first, count);
}

} // namespace argus::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace argus::kernels::cpu {

HWY_EXPORT(siluMulRows);

namespace {

template <typename Run>
void overRows(const Elementwise& work, Team& team, int costOfOne, const Run& run)
{
    const std::int64_t cost = std::int64_t{work.rows} * work.columns * costOfOne;
    team.forEachPiece(cost, work.rows, [&](int first, int count) { run(work, first, count); });
}

void geluRows(const Elementwise& work, int first, int count)
{
    for (int row = first; row < first + count; ++row) {
        const float* a = work.a + row * work.aStride;
        float* y = work.y + row * work.yStride;
        for (int c = 0; c < work.columns; ++c)
            y[c] = 0.5f * a[c] * (1.0f + std::erf(a[c] * 0.70710678118654752f));
    }
}

} // namespace

void siluMul(const Elementwise& work, Team& team)
{
    overRows(work, team, 8, HWY_DYNAMIC_DISPATCH(siluMulRows));
}
void gelu(const Elementwise& work, Team& team)
{
    overRows(work, team, 64, geluRows);
}

} // namespace argus::kernels::cpu
#endif
