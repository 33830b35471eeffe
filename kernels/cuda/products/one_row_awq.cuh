#pragma once
// One row with a repacked AWQ matrix (awq_layout.cuh). A block takes one or two tiles of 16 outputs at a time, its
// warps divide the groups of inputs among themselves. A lane's codes come as one piece of 512 bytes a warp, in the
// order of the tensor cores' fragments.
//
// Within a dot product the order of k is free as long as both operands agree. So a lane takes 16 consecutive bytes of
// the row, eight numbers, for what the tensor core calls columns 2t, 2t+1, 2t+8, 2t+9 of two k16 steps; the codes lie
// likewise. Seven eighths of the tensor core's work are for rows that do not exist; it has nothing else to do.

#include "kernels/cuda/common/mma.cuh"
#include "kernels/cuda/products/code_widener.cuh"
#include "kernels/cuda/products/one_row.cuh"

namespace argus::kernels::cuda::products::one_row {

/// A lane's number of the eight groups of four, and its number in that.
__device__ __forceinline__ int groupOfLane()
{
    return static_cast<int>(threadIdx.x) % 32 / 4;
}
__device__ __forceinline__ int placeInGroup()
{
    return static_cast<int>(threadIdx.x) % 4;
}

/// Eight numbers of the staged row for two steps of the tensor core. Lanes beyond the first four stand for rows that do
/// not exist.
template <typename T>
__device__ __forceinline__ uint4 rowPiece(const T* step)
{
    uint4 x{};
    if (groupOfLane() == 0)
        x = *reinterpret_cast<const uint4*>(step + placeInGroup() * 8);
    return x;
}

/// Two float16, now: a plain load would be put off until they are needed, a whole round of the ring later.
__device__ __forceinline__ __half2 loadPair(const char* from)
{
    unsigned value;
    asm volatile("ld.global.nc.u32 %0, [%1];" : "=r"(value) : "l"(from));
    return reinterpret_cast<const __half2&>(value);
}

/// A unit is kTiles tiles of 16 outputs: one, or two that may lie apart, whose firsts are multiples of 16. Two halve
/// the rounds of a block, each of which ends in a barrier; one gives twice as many blocks, which small matrices want.
/// What is under way is what the registers hold without a spill (a spilled word of a piece is waited for where it is
/// spilled): of one tile four pieces in two blocks; of two one piece in three blocks, which hide each other's
/// arithmetic, or three pieces in two blocks, for matrices that give no multiprocessor more blocks than that.
template <typename T, int kTiles, int kEach>
struct AwqMatrix {
    static_assert((kTiles == 1 && kEach == 2) || (kTiles == 2 && (kEach == 2 || kEach == 3)));
    using Type = T;
    static constexpr int kUnit = kTiles * kTileOutputs;
    static constexpr int kChunk = kAwqGroup;
    static constexpr int kDepth = kTiles == 1 ? 4 : kEach == 2 ? 3 : 1;
    static constexpr int kBlocks = kEach;

    const char* codes = nullptr;
    const char* scales = nullptr;
    const char* zeros = nullptr;
    int groups = 0;

    struct Piece {
        uint4 codes[kTiles][2];
        __half2 scales[kTiles]; ///< of outputs g and g + 8
        __half2 zeros[kTiles];
    };

    class Lane {
    public:
        __device__ __forceinline__ Lane(const AwqMatrix& matrix, int upperHalf)
            : m_matrix(matrix), m_upperHalf(upperHalf / kTileOutputs * matrix.groups)
        {
        }
        [[nodiscard]] __device__ __forceinline__ Piece load(int firstOutput, int group) const
        {
            Piece piece;
            int tile = firstOutput / kTileOutputs * m_matrix.groups + group;
#pragma unroll
            for (int m = 0; m < kTiles; ++m, tile += m_upperHalf) {
                const char* const codes = m_matrix.codes + std::int64_t{tile} * kTileCodeBytes + threadIdx.x % 32 * 16;
                const std::int64_t side = std::int64_t{tile} * kTileScaleBytes + groupOfLane() * 4;
                piece.codes[m][0] = loadOnce(codes);
                piece.codes[m][1] = loadOnce(codes + kTileCodeBytes / 2);
                piece.scales[m] = loadPair(m_matrix.scales + side);
                piece.zeros[m] = loadPair(m_matrix.zeros + side);
            }
            return piece;
        }

    private:
        // In the kernel's arguments, and tiles counted in 32 bits: registers are what there is least of here.
        const AwqMatrix& m_matrix;
        int m_upperHalf; ///< in tiles and groups
    };

    /// As AwqSlabs: a group's sum is taken with code - zero, which is exact, and multiplied by its scale in float.
    class Sums {
    public:
        __device__ __forceinline__ void add(const Piece& piece, const T* row)
        {
            float parts[kTiles][2][4] = {}; // of each half of the group: so many products need not wait for each other
            CodeWidener<T> wideners[kTiles];
#pragma unroll
            for (int m = 0; m < kTiles; ++m)
                wideners[m].setZeros(piece.zeros[m]);
#pragma unroll
            for (int step = 0; step < kAwqGroup / 32; ++step) {
                const uint4 x = rowPiece(row + step * 32);
#pragma unroll
                for (int m = 0; m < kTiles; ++m) {
                    const uint4& words = piece.codes[m][step / 2];
                    unsigned a[4];
                    wideners[m].widen(a, step % 2 == 0 ? words.x : words.z);
                    mma16816<T>(parts[m][step / 2], a, {x.x, x.y});
                    wideners[m].widen(a, step % 2 == 0 ? words.y : words.w);
                    mma16816<T>(parts[m][step / 2], a, {x.z, x.w});
                }
            }
#pragma unroll
            for (int m = 0; m < kTiles; ++m) {
                const float2 scale = __half22float2(piece.scales[m]);
                m_sums[m][0] = fmaf(scale.x, parts[m][0][0] + parts[m][1][0], m_sums[m][0]);
                m_sums[m][1] = fmaf(scale.y, parts[m][0][2] + parts[m][1][2], m_sums[m][1]);
            }
        }
        __device__ __forceinline__ void leave(float* to) const
        {
            if (placeInGroup() != 0)
                return;
#pragma unroll
            for (int m = 0; m < kTiles; ++m) {
                to[m * kTileOutputs + groupOfLane()] = m_sums[m][0];
                to[m * kTileOutputs + groupOfLane() + 8] = m_sums[m][1];
            }
        }

    private:
        float m_sums[kTiles][2] = {};
    };
};

} // namespace argus::kernels::cuda::products::one_row
