#pragma once
// How 16-bit elements lie in shared memory for the tensor cores, and how weights get there.

#include "kernels/cuda/common/fetch_to_cache.cuh"
#include "kernels/cuda/common/mma.cuh"

#include <cstdint>

namespace argus::kernels::cuda::products {

// Rows lie `pitch` bytes apart, a multiple of 128, cut into pieces of 16 bytes. Within a dot product the order of k is free
// as long as both operands agree: so a lane takes a whole piece, eight neighbours in k, for what the tensor core calls
// columns 2t, 2t+1, 2t+8, 2t+9 of two steps of 16. One read of 16 bytes then gives a fragment of two steps, of either
// operand. Eight lanes read at once, four pieces of two neighbouring rows; odd rows have the halves of every 128 bytes
// exchanged, and the eight meet all banks.

constexpr int kPieceBytes = 16;

/// Where a piece lies behind the beginning of its row.
__device__ __forceinline__ int pieceOffset(int row, int piece)
{
    return (piece ^ ((row & 1) * 4)) * kPieceBytes;
}

/// The pieces of one row that are a lane's: those of 8 elements at 32·step + 8·(lane % 4).
class LanePieces {
public:
    __device__ LanePieces(const char* rows, int row, int pitch)
    {
        const char* piece = rows + row * pitch + static_cast<int>(threadIdx.x) % 4 * kPieceBytes;
        const int exchanged = (row & 1) * 4 * kPieceBytes;
        m_even = piece + exchanged;
        m_odd = piece - exchanged;
    }
    /// The same of a row that lies `bytes` behind, an even number of rows or a multiple of 128.
    [[nodiscard]] __device__ LanePieces moved(int bytes) const
    {
        LanePieces other = *this;
        other.m_even += bytes;
        other.m_odd += bytes;
        return other;
    }
    [[nodiscard]] __device__ uint4 at(int step, int bytes = 0) const
    {
        return *reinterpret_cast<const uint4*>((step % 2 == 0 ? m_even : m_odd) + step * 4 * kPieceBytes + bytes);
    }

private:
    const char* m_even;
    const char* m_odd;
};

/// sums += 32 columns of k of kTiles fragments of weights · kColumns tiles of eight rows. Products with the same sum stand as
/// far from each other as they can: each waits for the one before it.
template <typename T, int kTiles, int kColumns>
__device__ __forceinline__ void multiplyStep(float (&sums)[kTiles][kColumns][4], const unsigned (&a)[2][kTiles][4],
                                             const LanePieces& x, int step, int eightRows)
{
    uint4 b[kColumns];
#pragma unroll
    for (int n = 0; n < kColumns; ++n)
        b[n] = x.at(step, n * eightRows);
#pragma unroll
    for (int n = 0; n < kColumns; ++n)
#pragma unroll
        for (int m = 0; m < kTiles; ++m)
            mma16816<T>(sums[m][n], a[0][m], {b[n].x, b[n].y});
#pragma unroll
    for (int n = 0; n < kColumns; ++n)
#pragma unroll
        for (int m = 0; m < kTiles; ++m)
            mma16816<T>(sums[m][n], a[1][m], {b[n].z, b[n].w});
}

/// 16 bytes of a weight on their way to shared memory, as copyAsync16() sends them. What surrounds them is wanted next: the
/// second-level cache takes 256 bytes at a time, which suits the memory better.
__device__ __forceinline__ void streamAsync16(void* shared, const void* global)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(shared));
    asm volatile("cp.async.cg.shared.global.L2::256B [%0], [%1], 16;" ::"r"(address), "l"(global) : "memory");
#elif defined(__CUDA_ARCH__)
    *reinterpret_cast<uint4*>(shared) = loadOnce(global);
#endif
}

/// Eight elements that another kernel has just written: from the second-level cache. griddepcontrol.wait makes what the
/// kernels before have written visible to plain loads too, as the one-row product reads them; this does not rely on it.
template <typename T>
__device__ __forceinline__ Eight<T> loadFresh(const T* from)
{
    Eight<T> eight;
    const uint4* source = reinterpret_cast<const uint4*>(from);
    uint4* target = reinterpret_cast<uint4*>(&eight);
#pragma unroll
    for (unsigned i = 0; i < sizeof(eight) / 16; ++i)
        target[i] = __ldcg(source + i);
    return eight;
}

} // namespace argus::kernels::cuda::products
