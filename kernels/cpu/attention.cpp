// Online softmax over tiles of keys: a tile of query rows keeps its running maximum, sum and output while keys pass by
// once. Every row's arithmetic depends on its own keys and on where tiles of keys begin, never on which rows share its
// tile; that is why pieces and batches give the same bits.

#include "kernels/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cpp"
#include "kernels/cpu/targets.h"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "kernels/cpu/dot_inl.h"
#include "kernels/cpu/team.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#ifndef ARGUS_KERNELS_CPU_ATTENTION_ONCE
#define ARGUS_KERNELS_CPU_ATTENTION_ONCE
namespace argus::kernels::cpu {

constexpr int kQueryTile =
    36; ///< query rows of one task at most; a multiple of both tile heights, 18 KB of output beside the keys
constexpr int kKeyTile = 32; ///< keys between two corrections of the running maximum

} // namespace argus::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace argus::kernels::cpu::HWY_NAMESPACE {

/// Output rows that share one read of the values, and vectors of a head held in registers meanwhile.
#if HWY_TARGET == HWY_AVX3
constexpr int kValueRows = 4;
#else
constexpr int kValueRows = 2;
#endif
constexpr int kValueVectors = 4;

/// Query rows on their way over the keys.
struct QueryTile {
    int rows = 0;
    int headDim = 0;
    float scale = 1;
    const float* q[kQueryTile] = {};
    int limit[kQueryTile] = {}; ///< keys this row may see
    float maximum[kQueryTile] = {};
    float sum[kQueryTile] = {};
    HWY_ALIGN float scores[kQueryTile * kKeyTile];
    HWY_ALIGN float output[kQueryTile * kMaxHeadDim];
};

/// Keys and values of consecutive positions.
struct KeyTile {
    const float* keys = nullptr;
    const float* values = nullptr;
    std::int64_t stride = 0;
    int first = 0; ///< position of the first key, for the rows' limits
    int count = 0;
};

HWY_INLINE void begin(QueryTile& tile)
{
    for (int row = 0; row < tile.rows; ++row) {
        tile.maximum[row] = -std::numeric_limits<float>::infinity();
        tile.sum[row] = 0;
    }
    std::memset(tile.output, 0,
                static_cast<std::size_t>(tile.rows) * static_cast<std::size_t>(tile.headDim) * sizeof(float));
}

HWY_INLINE void scoreKeys(QueryTile& tile, const KeyTile& keys)
{
    for (int row = 0; row < tile.rows; row += kTileRows) {
        const int rows = std::min(kTileRows, tile.rows - row);
        for (int n = 0; n < keys.count; n += kSumGroup) {
            const float* w[kSumGroup];
            for (int i = 0; i < kSumGroup; ++i)
                w[i] = keys.keys + std::min(n + i, keys.count - 1) * keys.stride;
            HWY_ALIGN float sums[kTileRows * kSumGroup];
            dotRows<kSumGroup>(rows, tile.q + row, w, tile.headDim, sums);
            for (int m = 0; m < rows; ++m) // kKeyTile is a multiple of kSumGroup: columns past the last key have room
                std::memcpy(tile.scores + (row + m) * kKeyTile + n, sums + m * kSumGroup, kSumGroup * sizeof(float));
        }
    }
}

/// Scores of one row become weights under the new maximum; returns the factor for what was summed under the old one.
HWY_INLINE float weighKeys(QueryTile& tile, int row, int visible)
{
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    float* scores = tile.scores + row * kKeyTile;
    float maximum = tile.maximum[row];
    for (int i = 0; i < visible; ++i) {
        scores[i] *= tile.scale;
        maximum = std::max(maximum, scores[i]);
    }
    const float factor = hn::GetLane(hn::Exp(
        d, hn::Set(d, std::max(tile.maximum[row] - maximum, -100.0f)))); // 3.7e-44: the first tile's old sum is 0
    std::fill(scores + visible, scores + kKeyTile, maximum - 200.0f);    // hidden keys: e^-200 is 0 in float
    auto sums = hn::Zero(d);
    for (int i = 0; i < kKeyTile; i += lanes) {
        const auto weight = hn::Exp(d, hn::Sub(hn::Load(d, scores + i), hn::Set(d, maximum)));
        hn::Store(weight, d, scores + i);
        sums = hn::Add(sums, weight);
    }
    tile.maximum[row] = maximum;
    tile.sum[row] = tile.sum[row] * factor + hn::GetLane(hn::SumOfLanes(d, sums));
    return factor;
}

template <int Rows, int Vectors>
HWY_INLINE void addValues(QueryTile& tile, const KeyTile& keys, int row, int column, const float* factors)
{
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    FloatVector sums[Rows][Vectors];
    float* output = tile.output + row * tile.headDim + column;
    for (int m = 0; m < Rows; ++m)
        for (int v = 0; v < Vectors; ++v)
            sums[m][v] = hn::Mul(hn::LoadU(d, output + m * tile.headDim + v * lanes), hn::Set(d, factors[row + m]));
    const float* weights = tile.scores + row * kKeyTile;
    for (int i = 0; i < keys.count; ++i) {
        const float* value = keys.values + i * keys.stride + column;
        FloatVector values[Vectors];
        for (int v = 0; v < Vectors; ++v)
            values[v] = hn::LoadU(d, value + v * lanes);
        for (int m = 0; m < Rows; ++m) {
            const auto weight = hn::Set(d, weights[m * kKeyTile + i]);
            for (int v = 0; v < Vectors; ++v)
                sums[m][v] = hn::MulAdd(weight, values[v], sums[m][v]);
        }
    }
    for (int m = 0; m < Rows; ++m)
        for (int v = 0; v < Vectors; ++v)
            hn::StoreU(sums[m][v], d, output + m * tile.headDim + v * lanes);
}

template <int Rows>
HWY_INLINE void addValuesOfRows(QueryTile& tile, const KeyTile& keys, int row, const float* factors)
{
    const int lanes = static_cast<int>(hn::Lanes(FloatTag()));
    int column = 0;
    for (; column + kValueVectors * lanes <= tile.headDim; column += kValueVectors * lanes)
        addValues<Rows, kValueVectors>(tile, keys, row, column, factors);
    for (; column < tile.headDim; column += lanes) // head sizes are whole vectors: kHeadDimStep
        addValues<Rows, 1>(tile, keys, row, column, factors);
}

void absorb(QueryTile& tile, const KeyTile& keys)
{
    scoreKeys(tile, keys);
    float factors[kQueryTile];
    for (int row = 0; row < tile.rows; ++row) {
        const int visible = std::clamp(tile.limit[row] - keys.first, 0, keys.count);
        factors[row] = 1;
        if (visible > 0)
            factors[row] = weighKeys(tile, row, visible);
        else
            std::fill(tile.scores + row * kKeyTile, tile.scores + (row + 1) * kKeyTile, 0.0f);
    }
    int row = 0;
    for (; row + kValueRows <= tile.rows; row += kValueRows)
        addValuesOfRows<kValueRows>(tile, keys, row, factors);
    for (; row < tile.rows; ++row)
        addValuesOfRows<1>(tile, keys, row, factors);
}

HWY_INLINE void finish(const QueryTile& tile, int row, float* y)
{
    const float scale = 1.0f / tile.sum[row];
    for (int i = 0; i < tile.headDim; ++i)
        y[i] = tile.output[row * tile.headDim + i] * scale;
}

/// Rows [first, first + count) of one slice and key head, counted token by token with the query heads of that key head
/// inside.
void pagedTile(const PagedAttention& work, int slice, int kvHead, int first, int count)
{
    const std::int32_t* bounds = work.slices + std::int64_t{slice} * 4;
    const std::int32_t* blocks = work.blocks + bounds[3] * work.blocksStride;
    const int group = work.heads / work.kvHeads;
    const auto place = [&](int row) {
        return std::pair<std::int64_t, std::int64_t>{
            bounds[0] + (first + row) / group, std::int64_t{kvHead * group + (first + row) % group} * work.headDim};
    };
    QueryTile tile;
    tile.rows = count;
    tile.headDim = work.headDim;
    tile.scale = work.scale;
    for (int row = 0; row < count; ++row) {
        const auto [token, column] = place(row);
        tile.q[row] = work.q + token * work.qStride + column;
        tile.limit[row] = bounds[2] + (first + row) / group + 1;
    }
    begin(tile);
    const int keys = tile.limit[count - 1];
    for (int key = 0; key < keys;) {
        const int inBlock = key % work.blockTokens;
        const int length = std::min({work.blockTokens - inBlock, kKeyTile, keys - key});
        const std::int64_t at =
            ((std::int64_t{blocks[key / work.blockTokens]} * work.kvHeads + kvHead) * work.blockTokens + inBlock) *
            work.headDim;
        absorb(tile, {.keys = work.keys + at,
                      .values = work.values + at,
                      .stride = work.headDim,
                      .first = key,
                      .count = length});
        key += length;
    }
    for (int row = 0; row < count; ++row) {
        const auto [token, column] = place(row);
        finish(tile, row, work.y + token * work.yStride + column);
    }
}

/// Rows [first, first + count) of one segment and head.
void segmentTile(const SegmentAttention& work, int segment, int head, int first, int count)
{
    const std::int64_t begins = work.ends[segment];
    const int keys = work.ends[segment + 1] - work.ends[segment];
    const std::int64_t column = std::int64_t{head} * work.headDim;
    QueryTile tile;
    tile.rows = count;
    tile.headDim = work.headDim;
    tile.scale = work.scale;
    for (int row = 0; row < count; ++row) {
        tile.q[row] = work.q + (begins + first + row) * work.stride + column;
        tile.limit[row] = keys;
    }
    begin(tile);
    for (int key = 0; key < keys; key += kKeyTile) {
        const std::int64_t at = (begins + key) * work.stride + column;
        absorb(tile, {.keys = work.k + at,
                      .values = work.v + at,
                      .stride = work.stride,
                      .first = key,
                      .count = std::min(kKeyTile, keys - key)});
    }
    for (int row = 0; row < count; ++row)
        finish(tile, row, work.y + (begins + first + row) * work.yStride + column);
}

} // namespace argus::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace argus::kernels::cpu {

HWY_EXPORT(pagedTile);
HWY_EXPORT(segmentTile);

namespace {

/// Smaller tiles when there are few rows, so that every thread has some; results do not depend on it.
int tileRows(std::int64_t rows, int threads)
{
    return static_cast<int>(std::clamp<std::int64_t>((rows + threads * 2 - 1) / (threads * 2), 6, kQueryTile));
}

} // namespace

void writeCache(const WriteCache& work, Team& team)
{
    const std::int64_t elements = std::int64_t{work.tokens} * work.kvHeads * work.headDim;
    team.forEachPiece(elements, work.tokens, [&](int first, int count) {
        for (int token = first; token < first + count; ++token) {
            const std::int64_t block = work.places[token] / work.blockTokens;
            const std::int64_t offset = work.places[token] % work.blockTokens;
            for (int head = 0; head < work.kvHeads; ++head)
                std::memcpy(work.cache + ((block * work.kvHeads + head) * work.blockTokens + offset) * work.headDim,
                            work.x + token * work.xStride + std::int64_t{head} * work.headDim,
                            static_cast<std::size_t>(work.headDim) * sizeof(float));
        }
    });
}

void pagedAttention(const PagedAttention& work, Team& team)
{
    const int group = work.heads / work.kvHeads;
    std::int64_t rows = 0;
    std::int64_t products = 0;
    for (int i = 0; i < work.sliceCount; ++i) {
        const std::int64_t tokens = work.slices[i * 4 + 1];
        rows += tokens * group;
        products += tokens * (work.slices[i * 4 + 2] + tokens) * work.heads * work.headDim * 2;
    }
    const int tile = tileRows(rows * work.kvHeads, team.worthwhile(products));
    const auto tilesOf = [&](int slice) {
        return (std::int64_t{work.slices[slice * 4 + 1]} * group + tile - 1) / tile;
    };
    std::int64_t tasks = 0;
    for (int i = 0; i < work.sliceCount; ++i)
        tasks += tilesOf(i) * work.kvHeads;
    team.forEachTask(products, tasks, [&](std::int64_t index) {
        int slice = 0;
        for (; index >= tilesOf(slice) * work.kvHeads; ++slice)
            index -= tilesOf(slice) * work.kvHeads;
        const auto first = static_cast<int>(index / work.kvHeads) * tile;
        HWY_DYNAMIC_DISPATCH(pagedTile)
        (work, slice, static_cast<int>(index % work.kvHeads), first,
         std::min(tile, work.slices[slice * 4 + 1] * group - first));
    });
}

void segmentAttention(const SegmentAttention& work, Team& team)
{
    std::int64_t products = 0;
    std::int64_t tasks = 0;
    const auto length = [&](int segment) { return work.ends[segment + 1] - work.ends[segment]; };
    const auto tilesOf = [&](int segment) { return (std::int64_t{length(segment)} + kQueryTile - 1) / kQueryTile; };
    for (int i = 0; i < work.segments; ++i) {
        products += std::int64_t{length(i)} * length(i) * work.heads * work.headDim * 2;
        tasks += tilesOf(i);
    }
    team.forEachTask(products, tasks * work.heads, [&](std::int64_t index) {
        const auto head =
            static_cast<int>(index / tasks); // all segments of one head, then the next: its keys stay in the cache
        index %= tasks;
        int segment = 0;
        for (; index >= tilesOf(segment); ++segment)
            index -= tilesOf(segment);
        const auto first = static_cast<int>(index) * kQueryTile;
        HWY_DYNAMIC_DISPATCH(segmentTile)(work, segment, head, first, std::min(kQueryTile, length(segment) - first));
    });
}

} // namespace argus::kernels::cpu
#endif
