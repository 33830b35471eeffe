#pragma once
// One row with a matrix as it is stored. A block takes some outputs at a time, its warps divide the inputs among
// themselves.
//
// What counts is how memory is asked: a load of a warp is 512 consecutive bytes of one row of the matrix, and the warps
// of a block are neighbours. Loads that fit the fragments of tensor cores, eight rows of 64 bytes each, cost an H200 a
// fifth of its bandwidth; so did warps that read rows of their own, far from each other. So the products are ordinary
// multiplications, some 90 instructions for 2 KB where there is time for several hundred, and three blocks of a
// multiprocessor hide each other's.

#include "kernels/cuda/common/mma.cuh"
#include "kernels/cuda/products/epilogue.cuh"
#include "kernels/cuda/products/one_row.cuh"

namespace argus::kernels::cuda::products::one_row {

/// [outputs, inputs] as stored. A unit is two halves of two or of four outputs. Four halve the rounds of a block, each
/// of which ends in a barrier, for the small matrices that a block takes in one round, all of it under way at once.
template <typename T, int kOutputs>
struct DenseMatrix {
    static_assert(kOutputs == 4 || kOutputs == 8);
    using Type = T;
    static constexpr int kUnit = kOutputs;
    static constexpr int kChunk = 256;              ///< inputs of a warp at a time, eight of a lane
    static constexpr int kDepth = 8 / kUnit;        ///< chunks of a warp under way
    static constexpr int kBlocks = 3;               ///< of a multiprocessor
    static constexpr int kAtOnce = kWarps * kChunk; ///< inputs of a block

    const T* weight = nullptr;
    int inputs = 0;

    struct Piece {
        uint4 rows[kUnit];
    };

    class Lane {
    public:
        __device__ __forceinline__ Lane(const DenseMatrix& matrix, int upperHalf)
            : m_matrix(matrix), m_upperHalf(std::int64_t{upperHalf} * matrix.inputs * 2)
        {
        }
        [[nodiscard]] __device__ __forceinline__ Piece load(int firstOutput, int chunk) const
        {
            const int k = chunk * kChunk + static_cast<int>(threadIdx.x) % 32 * 8;
            if (k >= m_matrix.inputs)
                return {};
            const std::int64_t row = std::int64_t{m_matrix.inputs} * 2;
            const char* const lower = reinterpret_cast<const char*>(m_matrix.weight) + firstOutput * row + k * 2;
            const char* const upper = lower + m_upperHalf;
            Piece piece;
#pragma unroll
            for (int output = 0; output < kUnit; ++output)
                piece.rows[output] = loadOnce((output < kUnit / 2 ? lower : upper) + output % (kUnit / 2) * row);
            return piece;
        }

    private:
        const DenseMatrix& m_matrix; ///< in the kernel's arguments
        std::int64_t m_upperHalf;    ///< in bytes
    };

    class Sums {
    public:
        __device__ __forceinline__ void add(const Piece& piece, const T* row)
        {
            const uint4 eight = *reinterpret_cast<const uint4*>(row + threadIdx.x % 32 * 8);
            const float2 x[4] = {widenTwo<T>(eight.x), widenTwo<T>(eight.y), widenTwo<T>(eight.z),
                                 widenTwo<T>(eight.w)};
#pragma unroll
            for (int output = 0; output < kUnit; ++output) {
                const uint4& weights = piece.rows[output];
                const unsigned words[4] = {weights.x, weights.y, weights.z, weights.w};
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float2 w = widenTwo<T>(words[i]);
                    m_sums[output][0] = fmaf(w.x, x[i].x, m_sums[output][0]);
                    m_sums[output][1] = fmaf(w.y, x[i].y, m_sums[output][1]);
                }
            }
        }
        /// The sums of all lanes, to the unit's places.
        __device__ __forceinline__ void leave(float* to) const
        {
            const int lane = static_cast<int>(threadIdx.x) % 32;
            // Pairs of lanes exchange half of their sums, then pairs of pairs, and so on: lane l is left with output
            // l % kUnit.
            float sums[kUnit];
#pragma unroll
            for (int output = 0; output < kUnit; ++output)
                sums[output] = m_sums[output][0] + m_sums[output][1];
#pragma unroll
            for (int distance = 1; distance < kUnit; distance *= 2) {
                const bool upper = lane / distance % 2 != 0;
#pragma unroll
                for (int i = 0; i < kUnit / 2 / distance; ++i) {
                    const float own = upper ? sums[2 * i + 1] : sums[2 * i];
                    const float other = upper ? sums[2 * i] : sums[2 * i + 1];
                    sums[i] = own + __shfl_xor_sync(0xffffffffu, other, distance);
                }
            }
            float sum = sums[0];
#pragma unroll
            for (int distance = kUnit; distance < 32; distance *= 2)
                sum += __shfl_xor_sync(0xffffffffu, sum, distance);
            if (lane < kUnit)
                to[lane] = sum;
        }

    private:
        float m_sums[kUnit][2] = {};
    };
};

/// Calls use(matrix) with the weight in the units that suit the work.
template <typename T, typename Use>
[[nodiscard]] Status withDenseMatrix(const Skinny& work, const T* weight, Use&& use)
{
    using Wide = DenseMatrix<T, 8>;
    if (work.inputs <= Wide::kAtOnce && work.outputs / Wide::kUnit <= work.processors * Wide::kBlocks)
        return use(Wide{.weight = weight, .inputs = work.inputs});
    return use(DenseMatrix<T, 4>{.weight = weight, .inputs = work.inputs});
}

} // namespace argus::kernels::cuda::products::one_row
