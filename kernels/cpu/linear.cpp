// Two paths, one order of summation. Few rows: weights stream once from where they are mapped and widen in registers,
// since memory is the limit. Many rows: a panel of 32 weight rows by 1024 inputs is widened into scratch (130 KB, stays
// in the second-level cache) and meets the rows of x in tiles, each tile of x staying in the first-level cache for the
// whole panel.

#include "kernels/linear.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear.cpp"
#include "kernels/cpu/targets.h"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/dot_inl.h"
#include "kernels/cpu/team.h"

#include <algorithm>

#ifndef ARGUS_KERNELS_CPU_LINEAR_ONCE
#define ARGUS_KERNELS_CPU_LINEAR_ONCE
namespace argus::kernels::cpu {

constexpr int kMostBlock = 1024;  ///< inputs summed before lanes are added up; part of the promised order
constexpr int kPanelOutputs = 32; ///< weight rows of a panel
constexpr int kPanelStride =
    kMostBlock + 16;               ///< not a power of two, so that the rows of a panel fall into different cache sets
constexpr int kChunkRows = 192;    ///< rows of x that share one widening of a panel
constexpr int kDirectRows = 12;    ///< up to here widening in registers is cheaper than through scratch
constexpr int kDirectOutputs = 64; ///< weight rows of one task on the direct path

/// Inputs summed before lanes are added up: even shares of the whole, since every block costs one round of adding
/// lanes. Part of the promised order, hence a function of the inputs alone.
[[nodiscard]] constexpr int blockOf(int inputs)
{
    const int blocks = (inputs + kMostBlock - 1) / kMostBlock;
    return blocks <= 1 ? kMostBlock : ((inputs + blocks - 1) / blocks + 15) / 16 * 16;
}

/// A rectangle of one part's result.
struct LinearTask {
    const LinearPart* part = nullptr;
    int firstRow = 0;
    int rows = 0;
    int firstOutput = 0;
    int outputs = 0;
};

} // namespace argus::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace argus::kernels::cpu::HWY_NAMESPACE {

/// Adds bias and what y holds, in that order, so that both paths round alike.
HWY_INLINE void finish(const LinearPart& part, int row, int output, float total)
{
    float& y = part.y[row * part.yStride + output];
    const float value = part.bias ? total + part.bias[output] : total;
    y = part.accumulate ? y + value : value;
}

template <int Columns, typename Weight>
HWY_INLINE void directGroup(const Linear& work, const LinearTask& task, int output, int outputs)
{
    const auto* weight = static_cast<const Weight*>(task.part->weight);
    for (int row = 0; row < task.rows; row += kTileRows) {
        const int rows = std::min(kTileRows, task.rows - row);
        HWY_ALIGN float totals[kTileRows * Columns] = {};
        for (int begin = 0, block = blockOf(work.inputs); begin < work.inputs; begin += block) {
            const float* x[kTileRows];
            const Weight* w[Columns];
            for (int m = 0; m < rows; ++m)
                x[m] = work.x + (task.firstRow + row + m) * work.xStride + begin;
            for (int n = 0; n < Columns; ++n) // past the last row: the last row again, its results are dropped
                w[n] = weight + std::int64_t{output + std::min(n, outputs - 1)} * task.part->weightStride + begin;
            HWY_ALIGN float sums[kTileRows * Columns];
            dotRows<Columns>(rows, x, w, std::min(block, work.inputs - begin), sums);
            for (int i = 0; i < rows * Columns; ++i)
                totals[i] = begin == 0 ? sums[i] : totals[i] + sums[i];
        }
        for (int m = 0; m < rows; ++m)
            for (int n = 0; n < outputs; ++n)
                finish(*task.part, task.firstRow + row + m, output + n, totals[m * Columns + n]);
    }
}

template <typename Weight>
void direct(const Linear& work, const LinearTask& task)
{
    const int end = task.firstOutput + task.outputs;
    if (task.rows <= 2) { // eight streams hide the latency that one or two rows cannot
        for (int output = task.firstOutput; output < end; output += 8)
            directGroup<8, Weight>(work, task, output, std::min(8, end - output));
        return;
    }
    for (int output = task.firstOutput; output < end; output += 4)
        directGroup<4, Weight>(work, task, output, std::min(4, end - output));
}

template <typename Weight>
HWY_INLINE void widen(const Weight* from, int length, float* HWY_RESTRICT to)
{
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    int i = 0;
    for (; i + lanes <= length; i += lanes)
        hn::StoreU(loadWide(d, from + i), d, to + i);
    if (i < length) {
        Weight stored[hn::MaxLanes(FloatTag())];
        std::memset(static_cast<void*>(stored), 0, sizeof(stored));
        std::memcpy(static_cast<void*>(stored), from + i, static_cast<std::size_t>(length - i) * sizeof(Weight));
        hn::StoreU(loadWide(d, stored), d, to + i); // at most a vector beyond the length: kPanelStride leaves room
    }
}

/// totals += x · panelᵀ for one block of inputs.
HWY_INLINE void multiplyPanel(const Linear& work, const LinearTask& task, int begin, int length,
                              const float* HWY_RESTRICT panel, float* HWY_RESTRICT totals)
{
    for (int row = 0; row < task.rows; row += kTileRows) {
        const int rows = std::min(kTileRows, task.rows - row);
        const float* x[kTileRows];
        for (int m = 0; m < rows; ++m)
            x[m] = work.x + (task.firstRow + row + m) * work.xStride + begin;
        for (int n = 0; n < task.outputs; n += kSumGroup) {
            const float* start = panel + n * kPanelStride;
            const float* w[kSumGroup] = {start, start + kPanelStride, start + 2 * kPanelStride,
                                         start + 3 * kPanelStride};
            HWY_ALIGN float sums[kTileRows * kSumGroup];
            dotRows<kSumGroup>(rows, x, w, length, sums);
            for (int m = 0; m < rows; ++m) {
                float* total = totals + (row + m) * kPanelOutputs + n;
                for (int i = 0; i < kSumGroup; ++i)
                    total[i] = begin == 0 ? sums[m * kSumGroup + i] : total[i] + sums[m * kSumGroup + i];
            }
        }
    }
}

template <typename Weight>
void throughPanel(const Linear& work, const LinearTask& task)
{
    alignas(64) float panel[kPanelOutputs * kPanelStride];
    alignas(64) float totals[kChunkRows * kPanelOutputs];
    const auto* weight = static_cast<const Weight*>(task.part->weight);
    const int padded = (task.outputs + kSumGroup - 1) / kSumGroup * kSumGroup;
    for (int begin = 0, block = blockOf(work.inputs); begin < work.inputs; begin += block) {
        const int length = std::min(block, work.inputs - begin);
        for (int n = 0; n < padded; ++n)
            widen(weight + std::int64_t{task.firstOutput + std::min(n, task.outputs - 1)} * task.part->weightStride +
                      begin,
                  length, panel + n * kPanelStride);
        multiplyPanel(work, task, begin, length, panel, totals);
    }
    for (int m = 0; m < task.rows; ++m)
        for (int n = 0; n < task.outputs; ++n)
            finish(*task.part, task.firstRow + m, task.firstOutput + n,
                   work.inputs == 0 ? 0.0f : totals[m * kPanelOutputs + n]);
}

template <typename Weight>
void multiply(const Linear& work, const LinearTask& task)
{
    if (work.rows <= kDirectRows)
        direct<Weight>(work, task);
    else
        throughPanel<Weight>(work, task);
}

void runLinearTask(const Linear& work, const LinearTask& task)
{
    switch (task.part->format) {
    case Format::F32:
        return multiply<float>(work, task);
    case Format::F16:
        return multiply<hwy::float16_t>(work, task);
    case Format::BF16:
        return multiply<hwy::bfloat16_t>(work, task);
    }
}

} // namespace argus::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace argus::kernels::cpu {

HWY_EXPORT(runLinearTask);

namespace {

/// How one part is cut: `across` pieces of outputs times `down` pieces of rows.
struct Cut {
    int outputs = 0;
    int rows = 0;
    [[nodiscard]] std::int64_t across(const LinearPart& part) const { return (part.outputs + outputs - 1) / outputs; }
    [[nodiscard]] std::int64_t down(const Linear& work) const { return (work.rows + rows - 1) / rows; }
};

Cut cutOf(const Linear& work)
{
    if (work.rows <= kDirectRows)
        return {kDirectOutputs, work.rows};
    const int chunks = (work.rows + kChunkRows - 1) / kChunkRows;
    const int rows = (work.rows + chunks - 1) / chunks;
    return {kPanelOutputs, std::min(kChunkRows, (rows + 5) / 6 * 6)}; // even chunks, whole tiles
}

} // namespace

void linear(const Linear& work, Team& team)
{
    if (work.rows == 0)
        return;
    const Cut cut = cutOf(work);
    std::int64_t tasks = 0;
    std::int64_t products = 0;
    for (const LinearPart& part : work.parts) {
        tasks += cut.across(part) * cut.down(work);
        products += std::int64_t{work.rows} * part.outputs * work.inputs;
    }
    team.forEachTask(products, tasks, [&](std::int64_t index) {
        const LinearPart* part = work.parts.data();
        for (; index >= cut.across(*part) * cut.down(work); ++part)
            index -= cut.across(*part) * cut.down(work);
        LinearTask task{.part = part};
        task.firstRow = static_cast<int>(index % cut.down(work)) * cut.rows;
        task.rows = std::min(cut.rows, work.rows - task.firstRow);
        task.firstOutput = static_cast<int>(index / cut.down(work)) * cut.outputs;
        task.outputs = std::min(cut.outputs, part->outputs - task.firstOutput);
        HWY_DYNAMIC_DISPATCH(runLinearTask)(work, task);
    });
}

} // namespace argus::kernels::cpu
#endif
