#include "kernels/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/rows.cpp"
#include "kernels/cpu/targets.h"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/dot_inl.h"
#include "kernels/cpu/team.h"

#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace argus::kernels::cpu::HWY_NAMESPACE {

template <typename Weight>
HWY_INLINE void widenRow(const Weight* from, int columns, float* to)
{
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    int c = 0;
    for (; c + lanes <= columns; c += lanes)
        hn::StoreU(loadWide(d, from + c), d, to + c);
    if (const int rest = columns - c; rest > 0) {
        Weight stored[hn::MaxLanes(FloatTag())];
        HWY_ALIGN float wide[hn::MaxLanes(FloatTag())];
        std::memset(static_cast<void*>(stored), 0, sizeof(stored));
        std::memcpy(static_cast<void*>(stored), from + c, static_cast<std::size_t>(rest) * sizeof(Weight));
        hn::Store(loadWide(d, stored), d, wide);
        std::memcpy(to + c, wide, static_cast<std::size_t>(rest) * sizeof(float));
    }
}

template <typename Weight>
HWY_INLINE void gather(const GatherRows& work, int first, int count)
{
    for (int i = first; i < first + count; ++i)
        widenRow(static_cast<const Weight*>(work.table) + work.index[i] * work.tableStride, work.columns,
                 work.y + i * work.yStride);
}

void gatherPiece(const GatherRows& work, int first, int count)
{
    switch (work.format) {
    case Format::F32:
        return gather<float>(work, first, count);
    case Format::F16:
        return gather<hwy::float16_t>(work, first, count);
    case Format::BF16:
        return gather<hwy::bfloat16_t>(work, first, count);
    }
}

} // namespace argus::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace argus::kernels::cpu {

HWY_EXPORT(gatherPiece);

void gatherRows(const GatherRows& work, Team& team)
{
    team.forEachPiece(std::int64_t{work.count} * work.columns, work.count, [&](int first, int count) {
        HWY_DYNAMIC_DISPATCH(gatherPiece)
        (work, first, count);
    });
}

void scatterRows(const ScatterRows& work, Team& team)
{
    team.forEachPiece(std::int64_t{work.count} * work.columns, work.count, [&](int first, int count) {
        for (int i = first; i < first + count; ++i)
            std::memcpy(work.y + work.index[i] * work.yStride, work.x + i * work.xStride,
                        static_cast<std::size_t>(work.columns) * sizeof(float));
    });
}

} // namespace argus::kernels::cpu
#endif
