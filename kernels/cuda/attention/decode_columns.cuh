#pragma once
// The query heads of one key head against 16 keys at a time. Products are turned round, scoresᵀ = keys · queriesᵀ and
// outputᵀ = valuesᵀ · weightsᵀ: the heads are the eight columns of a matrix tile, where as rows they would leave half
// of one empty.

#include "kernels/cuda/attention/decode_step.cuh"

namespace argus::kernels::cuda::attention {

/// The query heads of one key head on their way over a warp's keys. Lane 4g + t has heads 2t and 2t + 1 of each tile
/// and of the output rows g and g + 8 of every sixteen; maxima are the same for all g, sums are of the lane's own keys.
template <int kTiles>
struct Columns {
    unsigned queries[kTiles][Step::kDim / 16][2];
    float output[kTiles][Step::kDim / 16][4];
    float maxima[kTiles][2];
    float sums[kTiles][2];

    /// Takes the queries of a row, the `group` heads of a key head, and forgets all keys.
    template <typename T>
    __device__ __forceinline__ void begin(const PagedAttention& work, std::int64_t row, int kvHead, int group)
    {
        const int lane = static_cast<int>(threadIdx.x % 32);
        const T* q = static_cast<const T*>(work.q) + row * work.qStride + kvHead * group * Step::kDim + lane % 4 * 2;
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
            const int head = min(tile * Step::kHeads + lane / 4, group - 1); // columns too many: never stored
#pragma unroll
            for (int k = 0; k < Step::kDim / 16; ++k)
#pragma unroll
                for (int i = 0; i < 2; ++i)
                    queries[tile][k][i] = *reinterpret_cast<const unsigned*>(q + head * Step::kDim + k * 16 + i * 8);
#pragma unroll
            for (int j = 0; j < Step::kDim / 16; ++j)
#pragma unroll
                for (float& value : output[tile][j])
                    value = 0;
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                maxima[tile][i] = -INFINITY;
                sums[tile][i] = 0;
            }
        }
    }
};

/// scores of 16 keys: lane 4g + t has keys g and g + 8.
template <typename T, int kTiles>
__device__ __forceinline__ void scoreStep(float (&scores)[kTiles][4], const Columns<kTiles>& columns, const char* keys,
                                          int visible)
{
    float other[kTiles][4]; // of every second product: half the latency
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
        for (int i = 0; i < 4; ++i)
            scores[tile][i] = other[tile][i] = 0;
    const int at = laneRowFirst<Step::kDim>();
#pragma unroll
    for (int k = 0; k < Step::kDim / 16; ++k) {
        unsigned a[4];
        loadMatrices(a, keys + Step::Shape::moved(at, 2 * k));
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile)
            mma16816<T>(k % 2 == 0 ? scores[tile] : other[tile], a, columns.queries[tile][k]);
    }
    const int key = static_cast<int>(threadIdx.x % 32) / 4;
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
        for (int i = 0; i < 4; ++i)
            scores[tile][i] = key + i / 2 * 8 < visible ? scores[tile][i] + other[tile][i] : -INFINITY;
}

/// Scores become weights 2^((score − maximum) · factor) under maxima that cover them; what was summed before follows.
template <int kTiles>
__device__ __forceinline__ void weighStep(float (&scores)[kTiles][4], Columns<kTiles>& columns, float factor)
{
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            float largest = fmaxf(scores[tile][i], scores[tile][i + 2]);
#pragma unroll
            for (int distance = 4; distance < 32; distance *= 2)
                largest = fmaxf(largest, __shfl_xor_sync(kAllLanes, largest, distance));
            largest = fmaxf(largest, columns.maxima[tile][i]);
            const float shrink = powerOfTwo((columns.maxima[tile][i] - largest) * factor);
            columns.maxima[tile][i] = largest;
            const float offset = -largest * factor;
            scores[tile][i] = powerOfTwo(fmaf(scores[tile][i], factor, offset));
            scores[tile][i + 2] = powerOfTwo(fmaf(scores[tile][i + 2], factor, offset));
            columns.sums[tile][i] = columns.sums[tile][i] * shrink + (scores[tile][i] + scores[tile][i + 2]);
#pragma unroll
            for (int j = 0; j < Step::kDim / 16; ++j) {
                columns.output[tile][j][i] *= shrink;
                columns.output[tile][j][i + 2] *= shrink;
            }
        }
    }
}

/// 16 keys and their values, of which `visible` (one at least) are of the sequence; the other values are zeros.
template <typename T, int kTiles>
__device__ __forceinline__ void absorb(Columns<kTiles>& columns, const char* step, int visible, float factor)
{
    float scores[kTiles][4];
    scoreStep<T, kTiles>(scores, columns, step, visible);
    weighStep<kTiles>(scores, columns, factor);
    unsigned weights[kTiles][2];
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile)
#pragma unroll
        for (int i = 0; i < 2; ++i)
            weights[tile][i] = transposed(packPair<T>(scores[tile][2 * i], scores[tile][2 * i + 1]));
    const int at = laneChunkFirst<Step::kDim>();
#pragma unroll
    for (int j = 0; j < Step::kDim / 16; ++j) {
        unsigned a[4];
        loadMatricesTransposed(a, step + Step::kBytes + Step::Shape::moved(at, 2 * j));
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile)
            mma16816<T>(columns.output[tile][j], a, weights[tile]);
    }
}

} // namespace argus::kernels::cuda::attention
