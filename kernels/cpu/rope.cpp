#include "kernels/rope.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rope.cpp"
#include "kernels/cpu/targets.h"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/team.h"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace argus::kernels::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE void rotateHead(float* HWY_RESTRICT x, const float* HWY_RESTRICT cosines, const float* HWY_RESTRICT sines,
                           int half)
{
    const hn::CappedTag<float, 8> d; // halves are 64 and 40 long: both are whole vectors of eight
    const int lanes = static_cast<int>(hn::Lanes(d));
    int j = 0;
    for (; j + lanes <= half; j += lanes) {
        const auto low = hn::LoadU(d, x + j);
        const auto high = hn::LoadU(d, x + j + half);
        const auto cosine = hn::LoadU(d, cosines + j);
        const auto sine = hn::LoadU(d, sines + j);
        hn::StoreU(hn::Sub(hn::Mul(low, cosine), hn::Mul(high, sine)), d, x + j);
        hn::StoreU(hn::Add(hn::Mul(high, cosine), hn::Mul(low, sine)), d, x + j + half);
    }
    for (; j < half; ++j) {
        const float low = x[j];
        const float high = x[j + half];
        x[j] = low * cosines[j] - high * sines[j];
        x[j + half] = high * cosines[j] + low * sines[j];
    }
}

void rotateRows(const Rotate& work, int first, int count)
{
    for (int token = first; token < first + count; ++token) {
        const std::int64_t table = std::int64_t{token} * work.half;
        for (int head = 0; head < work.heads; ++head)
            rotateHead(work.x + token * work.xStride + std::int64_t{head} * 2 * work.half, work.cosines + table,
                       work.sines + table, work.half);
    }
}

} // namespace argus::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace argus::kernels::cpu {

HWY_EXPORT(rotateRows);

void rotate(const Rotate& work, Team& team)
{
    const std::int64_t products = std::int64_t{work.tokens} * work.heads * work.half * 4;
    team.forEachPiece(products, work.tokens, [&](int first, int count) {
        HWY_DYNAMIC_DISPATCH(rotateRows)(work, first, count);
    });
}

void ropeTables(const RopeTables& work, Team& team)
{
    constexpr int kCostOfAnAngle = 64; // a sine and a cosine, in multiplications
    const std::int64_t cost = std::int64_t{work.tokens} * work.half * kCostOfAnAngle;
    team.forEachPiece(cost, work.tokens, [&](int first, int count) {
        for (int token = first; token < first + count; ++token) {
            std::int64_t at = std::int64_t{token} * work.half;
            int j = 0;
            for (std::size_t axis = 0; axis < work.sections.size(); ++axis) {
                const auto position =
                    static_cast<float>(work.positions[static_cast<std::int64_t>(axis) * work.positionStride + token]);
                for (const int end = j + work.sections[axis]; j < end; ++j, ++at) {
                    const float angle = position * work.frequencies[j];
                    work.cosines[at] = std::cos(angle);
                    work.sines[at] = std::sin(angle);
                }
            }
        }
    });
}

} // namespace argus::kernels::cpu
#endif
