#pragma once
// Attention on the GPU: against the paged cache (text) and within segments (vision). Online softmax in float.

#include "kernels/cuda/types.h"

namespace argus::kernels::cuda {

/// Causal attention of several sequences at once; query head h reads key head h / (heads / kvHeads). The row at index
/// cached + i of its sequence sees keys 0 … cached + i, which stand in the cache already (its own included).
///
/// Shapes   y, q [rows, heads · headDim], rows a stride apart; keys, values [blocks, kvHeads, blockTokens, headDim]
///          dense; slices [sliceCount, 4] int32: first row, rows, tokens cached before them, slot; blockTable [slots,
///          blocksStride]: block numbers of a slot's sequence. Both may be read before the launch before this one has
///          ended: copies write them, before a step's first kernel, and no kernel does. So may keys and values of
///          tokens cached before: kernels wrote them, before those copies
/// Promises a slice whose slot is negative or whose rows are 0 is padding: nothing is read for it, its row (one) of y
///          may hold anything. headDim is 128 for F16 and BF16; for F32 a multiple of 16 up to 128. blockTokens is a
///          power of two from 16 to 64. heads / kvHeads is 1 … 16
/// Memory   workspace of pagedAttentionWorkspace() bytes, used by one launch at a time; its contents need not be kept,
///          but it must be zeroed once when it is allocated
/// Graphs   grids depend on the arguments below alone and never on device memory, so a captured launch serves any
///          lengths up to `longest`; pagedAttentionReach() says how far a bound may be raised for that. decodeOnly:
///          every slice has one row, row i belongs to slice i
/// Source   design/qwen2_5_vl.md §3.4
struct PagedAttention {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* q = nullptr;
    std::int64_t qStride = 0;
    const void* keys = nullptr;
    const void* values = nullptr;
    const std::int32_t* slices = nullptr;
    const std::int32_t* blockTable = nullptr;
    std::int64_t blocksStride = 0;
    int rows = 0;
    int sliceCount = 0;
    int mostRows = 0; ///< rows of the largest slice; 1 in a decode step
    int longest = 0;  ///< an upper bound of cached + rows of every slice; for a captured launch that of the deployment
    bool decodeOnly = false;
    int heads = 0;
    int kvHeads = 0;
    int headDim = 0;
    int blockTokens = 0;
    float scale = 1;
    Format type = Format::BF16;
    void* workspace = nullptr;
    std::size_t workspaceBytes = 0;
    int processors = 132; ///< multiprocessors of the device: how far work is split
};
/// Bytes that pagedAttention() may use for steps of up to `sequences` sequences.
[[nodiscard]] std::size_t pagedAttentionWorkspace(int sequences, int heads, int kvHeads, int headDim, int processors);
[[nodiscard]] Status pagedAttention(const PagedAttention& work, Stream stream);

/// The largest bound, at most `most`, with which a decode step of so many sequences is launched as it is with `longest`
/// on the current device: what to capture it with.
[[nodiscard]] int pagedAttentionReach(int sequences, int longest, int most);

/// Attention of every row to every row of its segment, no mask.
///
/// Shapes   y [rows, heads · headDim]; q, k, v the same, rows `stride` apart (columns of one matrix); ends
///          [segments + 1] int32 on the device: 0 … rows, ascending
/// Promises rows of other segments change nothing. headDim is 80 for F16 and BF16 (never padded to more than 80 in the
///          products over k); for F32 a multiple of 16 up to 128. No segment is longer than `longest`
/// Source   design/qwen2_5_vl.md §5.3, §5.4
struct SegmentAttention {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* q = nullptr;
    const void* k = nullptr;
    const void* v = nullptr;
    std::int64_t stride = 0;
    const std::int32_t* ends = nullptr;
    int rows = 0;
    int segments = 0;
    int longest = 0;
    int heads = 0;
    int headDim = 0;
    float scale = 1;
    Format type = Format::BF16;
};
[[nodiscard]] Status segmentAttention(const SegmentAttention& work, Stream stream);

} // namespace argus::kernels::cuda
