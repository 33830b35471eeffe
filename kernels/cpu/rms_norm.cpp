#include "kernels/rms_norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rms_norm.cpp"
#include "kernels/cpu/targets.h"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/team.h"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace argus::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE float sumOfSquares(const float* row, int hidden)
{
    const hn::ScalableTag<float> d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    auto squares = hn::Zero(d);
    int h = 0;
    for (; h + lanes <= hidden; h += lanes) {
        const auto value = hn::LoadU(d, row + h);
        squares = hn::MulAdd(value, value, squares);
    }
    float total = hn::GetLane(hn::SumOfLanes(d, squares));
    for (; h < hidden; ++h)
        total += row[h] * row[h];
    return total;
}

void rmsNormRows(const RmsNorm& work, int first, int count)
{
    const hn::ScalableTag<float> d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    for (int token = first; token < first + count; ++token) {
        const float* x = work.x + token * work.xStride;
        float* y = work.y + token * work.yStride;
        const float squares = sumOfSquares(x, work.hidden);
        const float scale = 1.0f / std::sqrt(squares / static_cast<float>(work.hidden) + work.epsilon);
        const auto scales = hn::Set(d, scale);
        int h = 0;
        for (; h + lanes <= work.hidden; h += lanes)
            hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, x + h), scales), hn::LoadU(d, work.gain + h)), d, y + h);
        for (; h < work.hidden; ++h)
            y[h] = x[h] * scale * work.gain[h];
    }
}

} // namespace argus::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace argus::kernels::cpu {

HWY_EXPORT(rmsNormRows);

void rmsNorm(const RmsNorm& work, Team& team)
{
    team.forEachPiece(std::int64_t{work.tokens} * work.hidden, work.tokens, [&](int first, int count) {
        HWY_DYNAMIC_DISPATCH(rmsNormRows)
        (work, first, count);
    });
}

} // namespace argus::kernels::cpu
#endif
