#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/row_parts.cuh"
#include "kernels/cuda/common/turn.cuh"
#include "kernels/cuda/rows.h"

#include <algorithm>

namespace argus::kernels::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kMostThreads) fillTables(RopeTables work, int parts)
{
    const RowPart at = rowPartOfBlock(parts);
    const int j = pieceOfThread(at);
    const bool inside = j < work.half;
    const float frequency = inside ? work.frequencies[j] : 0.0f;
    waitForPrevious();
    letNextStart();
    if (!inside)
        return;
    const int axis = j < work.sections[0] ? 0 : j < work.sections[0] + work.sections[1] ? 1 : 2;
    const int position = work.positions[axis * work.positionStride + at.row];
    // One rounded product, as the reference has it: one unit in the last place of an angle of 100000 is 0.008.
    const float angle = __fmul_rn(static_cast<float>(position), frequency);
    float sine;
    float cosine;
    sincosf(angle, &sine, &cosine);
    const std::int64_t to = std::int64_t{at.row} * work.half + j;
    work.cosines[to] = toFloat(fromFloat<T>(cosine));
    work.sines[to] = toFloat(fromFloat<T>(sine));
}

template <typename T>
__device__ __forceinline__ void turn(Eight<T>& low, Eight<T>& high, const Eight<float>& cosine,
                                     const Eight<float>& sine)
{
    float a[8];
    float b[8];
    widenEight(a, low);
    widenEight(b, high);
#pragma unroll
    for (int j = 0; j < 8; ++j) {
        const float turned = turnedLow(a[j], b[j], cosine.values[j], sine.values[j]);
        b[j] = turnedHigh(a[j], b[j], cosine.values[j], sine.values[j]);
        a[j] = turned;
    }
    low = roundEight<T>(a);
    high = roundEight<T>(b);
}

/// Blocks of a token: in x eights of half a head, in y groups of up to kHeads heads, whose cosines and sines are the
/// same.
struct Shape {
    dim3 grid;
    dim3 block;
};
template <int kHeads>
Shape shapeOf(int tokens, int heads, int half)
{
    const int eights = half / 8;
    const int groups = (heads - 1) / kHeads + 1;
    const int parts = (groups - 1) / std::max(kMostThreads / eights, 1) + 1;
    const int groupsOfPart = (groups - 1) / parts + 1;
    return {dim3(static_cast<unsigned>(tokens), static_cast<unsigned>(parts)),
            dim3(static_cast<unsigned>(eights), static_cast<unsigned>(groupsOfPart))};
}

/// This thread's share of a row: of its heads the first `rotated` are turned, and each goes to where `target` says, if
/// anywhere. All loads come first, so that what target() waits for comes at the same time.
template <int kHeads, typename T, typename Target>
__device__ __forceinline__ void turnHeads(const T* row, const float* cosines, const float* sines, int half, int heads,
                                          int rotated, Target&& target)
{
    const int groups = (heads - 1) / kHeads + 1;
    const int group = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    const int j = static_cast<int>(threadIdx.x) * 8;
    if (group >= groups)
        return;
    Eight<T> low[kHeads];
    Eight<T> high[kHeads];
#pragma unroll
    for (int i = 0; i < kHeads; ++i) {
        const int head = group + i * groups; // neighbouring threads read neighbouring heads
        if (head >= heads)
            continue;
        low[i] = loadEight(row + head * 2 * half + j);
        high[i] = loadEight(row + head * 2 * half + half + j);
    }
    const Eight<float> cosine = loadEight(cosines + j);
    const Eight<float> sine = loadEight(sines + j);
    letNextStart();
#pragma unroll
    for (int i = 0; i < kHeads; ++i) {
        const int head = group + i * groups;
        T* to = head < heads ? target(head) : nullptr;
        if (to == nullptr)
            continue;
        if (head < rotated)
            turn(low[i], high[i], cosine, sine);
        storeEight(to + j, low[i]);
        storeEight(to + half + j, high[i]);
    }
}

template <int kHeads, typename T>
__global__ void __launch_bounds__(kMostThreads) turnRows(Rotate work)
{
    const unsigned token = blockIdx.x;
    T* row = static_cast<T*>(work.x) + token * work.xStride;
    const std::int64_t table = std::int64_t{token} * work.half;
    waitForPrevious();
    turnHeads<kHeads>(row, work.cosines + table, work.sines + table, work.half, work.heads, work.heads,
                      [&](int head) { return row + head * 2 * work.half; });
}

template <int kHeads, typename T>
__global__ void __launch_bounds__(kMostThreads) turnRowsIntoCache(RotateIntoCache work)
{
    const unsigned token = blockIdx.x;
    const int half = work.headDim / 2;
    const int rotated = work.heads + work.kvHeads;
    T* row = static_cast<T*>(work.qkv) + token * work.qkvStride;
    const std::int64_t table = std::int64_t{token} * half;
    waitForPrevious();
    const int place = work.places[token];
    const auto target = [&](int head) -> T* {
        if (place < 0)
            return nullptr;
        if (head < work.heads)
            return row + head * work.headDim;
        const int kvHead = head - (head < rotated ? work.heads : rotated);
        const std::int64_t block = place / work.blockTokens;
        const int offset = place % work.blockTokens;
        return static_cast<T*>(head < rotated ? work.keys : work.values) +
               ((block * work.kvHeads + kvHead) * work.blockTokens + offset) * work.headDim;
    };
    turnHeads<kHeads>(row, work.cosines + table, work.sines + table, half, rotated + work.kvHeads, rotated, target);
}

template <int kHeads>
Status rotateBy(const Rotate& work, Stream stream)
{
    const Shape shape = shapeOf<kHeads>(work.tokens, work.heads, work.half);
    return forFormat(
        work.type, [&]<typename T>() { return launch(turnRows<kHeads, T>, shape.grid, shape.block, 0, stream, work); });
}

template <int kHeads>
Status rotateIntoCacheBy(const RotateIntoCache& work, Stream stream)
{
    const Shape shape = shapeOf<kHeads>(work.tokens, work.heads + 2 * work.kvHeads, work.headDim / 2);
    return forFormat(work.type, [&]<typename T>() {
        return launch(turnRowsIntoCache<kHeads, T>, shape.grid, shape.block, 0, stream, work);
    });
}

constexpr int kHeadsAtOnce = 4; // when rows are many

} // namespace

Status ropeTables(const RopeTables& work, Stream stream)
{
    if (work.tokens == 0)
        return 0;
    const RowParts parts = rowParts(work.half, 1);
    return forFormat(work.type, [&]<typename T>() {
        return launch(fillTables<T>, parts.grid(work.tokens), parts.block(), 0, stream, work, parts.count);
    });
}

Status rotate(const Rotate& work, Stream stream)
{
    if (work.tokens == 0)
        return 0;
    return work.tokens <= kFewRows ? rotateBy<1>(work, stream) : rotateBy<kHeadsAtOnce>(work, stream);
}

Status rotateIntoCache(const RotateIntoCache& work, Stream stream)
{
    if (work.tokens == 0)
        return 0;
    return work.tokens <= kFewRows ? rotateIntoCacheBy<1>(work, stream) : rotateIntoCacheBy<kHeadsAtOnce>(work, stream);
}

} // namespace argus::kernels::cuda
