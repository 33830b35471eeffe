#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/row_parts.cuh"
#include "kernels/cuda/rows.h"

namespace argus::kernels::cuda {
namespace {

template <bool kAligned, typename To, typename From>
__global__ void __launch_bounds__(kMostThreads) copyRow(CopyRows work, int parts)
{
    const auto [row, part] = rowPartOfBlock(parts);
    waitForPrevious();
    const int target = work.index != nullptr ? work.index[row] : row;
    letNextStart();
    movePart<kAligned>(static_cast<To*>(work.y) + target * work.yStride,
                       static_cast<const From*>(work.x) + row * work.xStride, part, work.columns, work.columns,
                       Unseen());
}

template <bool kAligned, typename To, typename From>
Status copy(const CopyRows& work, Stream stream)
{
    const RowParts parts = movedParts<kAligned>(work.columns);
    return launch(copyRow<kAligned, To, From>, parts.grid(work.count), parts.block(), 0, stream, work, parts.count);
}

} // namespace

Status copyRows(const CopyRows& work, Stream stream)
{
    if (work.count == 0)
        return 0;
    const bool aligned = rowsAligned(work.y, work.yStride, work.to) && rowsAligned(work.x, work.xStride, work.from);
    return forFormat(work.from, [&]<typename From>() {
        return forFormat(work.to, [&]<typename To>() {
            return aligned ? copy<true, To, From>(work, stream) : copy<false, To, From>(work, stream);
        });
    });
}

} // namespace argus::kernels::cuda
