#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/row_parts.cuh"
#include "kernels/cuda/rows.h"

namespace argus::kernels::cuda {
namespace {

template <typename To, typename From>
__global__ void __launch_bounds__(kMostThreads) gatherRow(GatherRows work, int parts)
{
    const auto [row, part] = rowPartOfBlock(parts);
    const bool first = part == 0 && threadIdx.x == 0; // of the row: leaves the marks
    waitForPrevious();
    const int slot = first && work.seen != nullptr ? work.slots[row] : -1;
    int id = work.ids[row];
    if (id < 0 && work.last != nullptr)
        id = work.last[-1 - id];
    letNextStart();
    const bool held = id >= work.firstId && id - work.firstId < work.rows;
    const From* from = static_cast<const From*>(work.table) + (held ? (id - work.firstId) * work.tableStride : 0);
    movePart<true>(static_cast<To*>(work.y) + row * work.yStride, from, part, held ? work.columns : 0, work.columns,
                   Unseen());
    if (first && work.resolved != nullptr)
        work.resolved[row] = id;
    if (slot >= 0 && id >= 0 && id < work.knownIds)
        atomicOr(work.seen + slot * work.seenStride + id / 32, 1u << (id % 32)); // rows of a slot may share a word
}

template <typename To, typename From>
Status gather(const GatherRows& work, Stream stream)
{
    const RowParts parts = movedParts<true>(work.columns);
    return launch(gatherRow<To, From>, parts.grid(work.count), parts.block(), 0, stream, work, parts.count);
}

} // namespace

Status gatherRows(const GatherRows& work, Stream stream)
{
    if (work.count == 0)
        return 0;
    GatherRows all = work;
    if (all.knownIds == 0)
        all.knownIds = work.firstId + work.rows;
    return forFormat(work.type, [&]<typename T>() {
        return work.out == Format::F32 ? gather<float, T>(all, stream) : gather<T, T>(all, stream);
    });
}

} // namespace argus::kernels::cuda
