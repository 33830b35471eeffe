#pragma once
// What all decode kernels do at a time: a warp takes 16 keys of one key head and their values.

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention/row_tile.cuh"

#include <cstdint>

namespace argus::kernels::cuda::attention {

struct Step {
    static constexpr int kDim = 128;
    static constexpr int kRowBytes = kDim * 2;
    static constexpr int kKeys = 16;                 ///< they lie in one block of the cache
    static constexpr int kBytes = kKeys * kRowBytes; ///< keys or values
    static constexpr int kHeads = 8;                 ///< query heads of a matrix tile
    using Shape = Layout<kDim>;
};

/// Where the step that begins with `key`, in cache block `block`, stands behind the beginning of keys or values. Bytes.
__device__ __forceinline__ std::int64_t stepOffset(const PagedAttention& work, int blockShift, int block, int kvHead,
                                                   int key)
{
    const int inBlock = (kvHead << blockShift) + (key & ((1 << blockShift) - 1));
    return ((std::int64_t{block} * work.kvHeads << blockShift) + inBlock) * Step::kRowBytes;
}

/// The warp sends for 4 KB of keys and 4 KB of values, each contiguous in the cache; from row `end` on they become
/// zeros.
__device__ __forceinline__ void copyStep(char* to, const PagedAttention& work, std::int64_t offset, int end)
{
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int row = lane / Step::Shape::kChunks; // and every second after it
    const int chunk = lane % Step::Shape::kChunks;
    const std::int64_t from = offset + row * Step::kRowBytes + chunk * 16;
    const char* keys = static_cast<const char*>(work.keys) + from;
    const char* values = static_cast<const char*>(work.values) + from;
#pragma unroll
    for (int i = 0; i < Step::kKeys; i += 2)
        copyAsync16(to + Step::Shape::moved(Step::Shape::offset(row, chunk), i % 8) + i * Step::kRowBytes,
                    keys + i * Step::kRowBytes, i + row < end);
#pragma unroll
    for (int i = 0; i < Step::kKeys; i += 2)
        copyAsync16(to + Step::kBytes + Step::Shape::moved(Step::Shape::offset(row, chunk), i % 8) +
                        i * Step::kRowBytes,
                    values + i * Step::kRowBytes, i + row < end);
}

} // namespace argus::kernels::cuda::attention
