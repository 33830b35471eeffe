#pragma once
// One row with a matrix as it is stored. A block takes four outputs at a time, its warps divide the inputs among
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

/// [outputs, inputs] as stored. A unit is four outputs: two halves of two.
template <typename T>
struct DenseMatrix {
    using Type = T;
    static constexpr int kUnit = 4;
    static constexpr int kChunk = 256; ///< inputs of a warp at a time, eight of a lane
    static constexpr int kDepth = 2;   ///< chunks of a warp under way
    static constexpr int kBlocks = 3;  ///< of a multiprocessor

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
            return {{loadOnce(lower), loadOnce(lower + row), loadOnce(upper), loadOnce(upper + row)}};
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
            // Pairs of lanes exchange half of their sums, then pairs of pairs: lane l is left with output l % 4.
            const bool odd = lane % 2 != 0;
            const bool second = lane / 2 % 2 != 0;
            float sums[kUnit];
#pragma unroll
            for (int output = 0; output < kUnit; ++output)
                sums[output] = m_sums[output][0] + m_sums[output][1];
            const float low = (odd ? sums[1] : sums[0]) + __shfl_xor_sync(0xffffffffu, odd ? sums[0] : sums[1], 1);
            const float high = (odd ? sums[3] : sums[2]) + __shfl_xor_sync(0xffffffffu, odd ? sums[2] : sums[3], 1);
            float sum = (second ? high : low) + __shfl_xor_sync(0xffffffffu, second ? low : high, 2);
#pragma unroll
            for (int distance = 4; distance < 32; distance *= 2)
                sum += __shfl_xor_sync(0xffffffffu, sum, distance);
            if (lane < kUnit)
                to[lane] = sum;
        }

    private:
        float m_sums[kUnit][2] = {};
    };
};

} // namespace argus::kernels::cuda::products::one_row
