#include "engine/model/patch_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace argus::model {
namespace {

constexpr std::int64_t kSide = 14;  // of a patch
constexpr std::int64_t kFrames = 2; // of a patch

std::int64_t patchesOfFrame(const ConstTensorView& item)
{
    return item.extent(1) / kSide * (item.extent(2) / kSide);
}

std::int64_t patchesOf(const ConstTensorView& item)
{
    return (item.extent(0) + kFrames - 1) / kFrames * patchesOfFrame(item);
}

void requireFrames(const ConstTensorView& item)
{
    constexpr std::int64_t kBlock = 2 * kSide; // a merge block
    if (item.dtype() != DType::U8 || item.rank() != 4 || item.extent(0) < 1 || item.extent(1) < kBlock ||
        item.extent(2) < kBlock || item.extent(1) % kBlock != 0 || item.extent(2) % kBlock != 0 ||
        item.extent(3) != 3 || !item.dense())
        throw OpsError(fmt::format("vision tower: {} {} are no frames; sides must be multiples of {}",
                                   nameOf(item.dtype()), item.shape().text(), kBlock));
}

/// To the device, row by row of pixels: a whole frame may be larger than the memory that copies go through.
ConstTensorView upload(ops::Ops& ops, TensorView scratch, const ConstTensorView& frames)
{
    const std::int64_t count = frames.extent(0);
    const std::int64_t height = frames.extent(1);
    const std::int64_t rowBytes = frames.extent(2) * frames.extent(3);
    const TensorView target = scratch.rows(0, count * height * rowBytes);
    ops.upload(target.reshaped({count * height, rowBytes}), frames.reshaped({count * height, rowBytes}));
    return target.reshaped(frames.shape());
}

} // namespace

FrameSource::FrameSource(std::vector<ConstTensorView> items, const ops::PixelScale& scale)
    : m_items(std::move(items)), m_scale(scale)
{
    for (const ConstTensorView& item : m_items) {
        requireFrames(item);
        m_patches += patchesOf(item);
    }
}

void FrameSource::put(ops::Ops& ops, TensorView to, TensorView scratch, std::int64_t first) const
{
    const std::int64_t end = first + to.extent(0);
    std::int64_t start = 0; // of the item
    for (const ConstTensorView& item : m_items) {
        const std::int64_t from = std::max(first, start);
        const std::int64_t until = std::min(end, start + patchesOf(item));
        if (from < until) {
            const std::int64_t slice = patchesOfFrame(item);
            const std::int64_t frame = (from - start) / slice * kFrames;
            const std::int64_t frames = std::min((until - from) / slice * kFrames, item.extent(0) - frame);
            // The next item may use the scratch again: the device works in order.
            ops.cutPatches(to.rows(from - first, until - from), upload(ops, scratch, item.rows(frame, frames)),
                           m_scale);
        }
        start += patchesOf(item);
    }
}

} // namespace argus::model
