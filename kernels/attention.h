#pragma once
// Attention against a paged cache (text) and within segments (vision). Softmax in float, one pass over the keys.

#include <cstdint>

namespace argus::kernels {

/// Largest head, and the step head sizes come in.
constexpr int kMaxHeadDim = 128;
constexpr int kHeadDimStep = 16;

/// cache[place / blockTokens, head, place % blockTokens, :] = x[t, head, :] with place = places[t]
///
/// Shapes   cache [blocks, kvHeads, blockTokens, headDim] dense; x [tokens, kvHeads · headDim], rows xStride apart;
/// places [tokens], distinct
struct WriteCache {
    float* cache = nullptr;
    const float* x = nullptr;
    std::int64_t xStride = 0;
    const std::int32_t* places = nullptr;
    int tokens = 0;
    int kvHeads = 0;
    int headDim = 0;
    int blockTokens = 0;
};

/// Causal attention of several sequences at once; query head h reads key head h / (heads / kvHeads).
///
/// Shapes   y, q [tokens, heads · headDim], rows a stride apart; keys, values [blocks, kvHeads, blockTokens, headDim]
/// dense;
///          slices [sliceCount, 4]: first row, rows, tokens cached before them, slot; blocks [slots, blocksStride]:
///          block numbers of each slot's sequence
/// Promises the row at index i of its sequence sees keys 0 … i; its result has the same bits however the rows are cut
/// into steps and batches.
///          Keys and values of a slice's own rows are in the cache already. headDim is a multiple of 16, at most 128
/// Source   design/qwen2_5_vl.md §3.4
struct PagedAttention {
    float* y = nullptr;
    std::int64_t yStride = 0;
    const float* q = nullptr;
    std::int64_t qStride = 0;
    const float* keys = nullptr;
    const float* values = nullptr;
    const std::int32_t* slices = nullptr;
    const std::int32_t* blocks = nullptr;
    std::int64_t blocksStride = 0;
    int sliceCount = 0;
    int heads = 0;
    int kvHeads = 0;
    int headDim = 0;
    int blockTokens = 0;
    float scale = 1;
};

/// Attention of every row to every row of its segment, no mask.
///
/// Shapes   y [rows, heads · headDim]; q, k, v the same, rows a stride apart; ends [segments + 1]: 0 … rows, ascending
/// Promises rows of other segments change nothing; headDim is a multiple of 16, at most 128
/// Source   design/qwen2_5_vl.md §5.3, §5.4
struct SegmentAttention {
    float* y = nullptr;
    std::int64_t yStride = 0;
    const float* q = nullptr;
    const float* k = nullptr;
    const float* v = nullptr;
    std::int64_t stride = 0; ///< of q, k and v alike: they are columns of one matrix
    const std::int32_t* ends = nullptr;
    int segments = 0;
    int heads = 0;
    int headDim = 0;
    float scale = 1;
};

namespace cpu {
class Team;
void writeCache(const WriteCache& work, Team& team);
void pagedAttention(const PagedAttention& work, Team& team);
void segmentAttention(const SegmentAttention& work, Team& team);
} // namespace cpu

} // namespace argus::kernels
