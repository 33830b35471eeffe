#pragma once
// What the row operations share: how rows are cut into parts for blocks, eight floats rounded at once, a row moved.

#include "kernels/cuda/common/numeric.cuh"

#include <algorithm>
#include <cstdint>

namespace argus::kernels::cuda {

/// Up to this many rows the latency of a row is what counts, and its elements are spread over as many threads as
/// possible. With more, about two a multiprocessor, each thread keeps several pieces in flight instead.
inline constexpr int kFewRows = 256;

/// Threads of a block launched with RowParts, at most: a multiprocessor then holds several blocks, which seldom all
/// wait at once.
inline constexpr int kMostThreads = 256;

/// Rows cut into equal parts of a block each: part p of row r is block r · count + p. In one dimension, for the others
/// of a grid end at 65535.
struct RowParts {
    int count = 1;
    int threads = 32; ///< of a block; a multiple of 32
    [[nodiscard]] dim3 grid(int rows) const { return {static_cast<unsigned>(rows) * static_cast<unsigned>(count)}; }
    [[nodiscard]] dim3 block() const { return {static_cast<unsigned>(threads)}; }
};
/// For rows of `pieces` pieces, of which a thread takes up to `piecesPerThread`.
[[nodiscard]] inline RowParts rowParts(int pieces, int piecesPerThread)
{
    const int threads = std::max((pieces - 1) / piecesPerThread + 1, 1);
    RowParts parts;
    parts.count = (threads - 1) / kMostThreads + 1;
    parts.threads = ((threads - 1) / parts.count + 32) / 32 * 32;
    return parts;
}

/// Where a block launched with RowParts is.
struct RowPart {
    int row = 0;
    int part = 0;
};
__device__ __forceinline__ RowPart rowPartOfBlock(int parts)
{
    const int block = static_cast<int>(blockIdx.x);
    if (parts == 1)
        return {block, 0}; // mostly so, and a division takes as long as a tenth of a short kernel
    return {block / parts, block % parts};
}
/// The thread's piece among those of the row, when a thread takes one.
__device__ __forceinline__ int pieceOfThread(RowPart at)
{
    return at.part * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
}

/// Eight elements as floats. Whole words are taken apart here and put together below, two elements each: taken one by
/// one the compiler gives every 16-bit element a register of its own.
template <typename T>
__device__ __forceinline__ void widenEight(float (&values)[8], const Eight<T>& eight)
{
    if constexpr (sizeof(T) == 4) {
#pragma unroll
        for (int j = 0; j < 8; ++j)
            values[j] = eight.values[j];
    } else {
        const unsigned(&words)[4] = reinterpret_cast<const unsigned(&)[4]>(eight);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            if constexpr (__is_same(T, __half)) {
                const float2 two = __half22float2(reinterpret_cast<const __half2&>(words[j]));
                values[2 * j] = two.x;
                values[2 * j + 1] = two.y;
            } else {
                values[2 * j] = __uint_as_float(words[j] << 16);
                values[2 * j + 1] = __uint_as_float(words[j] & 0xffff0000u);
            }
        }
    }
}
/// Eight floats, each rounded to nearest even.
template <typename T>
__device__ __forceinline__ Eight<T> roundEight(const float (&values)[8])
{
    Eight<T> eight;
    if constexpr (sizeof(T) == 4) {
#pragma unroll
        for (int j = 0; j < 8; ++j)
            eight.values[j] = values[j];
    } else {
        unsigned(&words)[4] = reinterpret_cast<unsigned(&)[4]>(eight);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            if constexpr (__is_same(T, __half)) {
                const __half2 two = __floats2half2_rn(values[2 * j], values[2 * j + 1]);
                words[j] = reinterpret_cast<const unsigned&>(two);
            } else {
                const __nv_bfloat162 two = __floats2bfloat162_rn(values[2 * j], values[2 * j + 1]);
                words[j] = reinterpret_cast<const unsigned&>(two);
            }
        }
    }
    return eight;
}

/// The same numbers in another type; bit for bit when it is the same type.
template <typename To, typename From>
__device__ __forceinline__ Eight<To> convertEight(const Eight<From>& from)
{
    if constexpr (__is_same(To, From)) {
        return from;
    } else {
        float values[8];
        widenEight(values, from);
        return roundEight<To>(values);
    }
}
template <typename To, typename From>
__device__ __forceinline__ To convertElement(From from)
{
    if constexpr (__is_same(To, From))
        return from;
    else
        return fromFloat<To>(toFloat(from));
}

/// Pieces (eights, or elements when nothing is aligned) that a thread of movePart() has in flight.
template <bool kAligned>
inline constexpr int kMovedPieces = kAligned ? 4 : 8;

/// How to launch kernels that call movePart() for rows of `columns`.
template <bool kAligned>
[[nodiscard]] RowParts movedParts(int columns)
{
    return rowParts(kAligned ? (columns + 7) / 8 : columns, kMovedPieces<kAligned>);
}

/// Whether rows may be moved in eights.
[[nodiscard]] inline bool rowsAligned(const void* rows, std::int64_t stride, Format format)
{
    return reinterpret_cast<std::uintptr_t>(rows) % 16 == 0 && stride * bytesOf(format) % 16 == 0;
}

/// For movePart() when nobody wants to see what passes.
struct Unseen {
    template <typename Values>
    __device__ void operator()(const Values&) const
    {
    }
};

/// Columns [begin, end), multiples of 8 and at most kMovedPieces<true> eights a thread.
template <typename To, typename From, typename See>
__device__ __forceinline__ void moveEights(To* to, const From* from, int begin, int end, See& see)
{
    constexpr int kPieces = kMovedPieces<true>;
    const int first = begin + static_cast<int>(threadIdx.x) * 8;
    const int step = static_cast<int>(blockDim.x) * 8;
    Eight<From> pieces[kPieces];
#pragma unroll
    for (int i = 0; i < kPieces; ++i)
        if (first + i * step < end)
            pieces[i] = loadEight(from + first + i * step);
#pragma unroll
    for (int i = 0; i < kPieces; ++i) {
        if (first + i * step >= end)
            continue;
        see(pieces[i]);
        storeEight(to + first + i * step, convertEight<To>(pieces[i]));
    }
}

/// Columns [begin, end), zero from `columns` on.
template <typename To, typename From, typename See>
__device__ __forceinline__ void moveElements(To* to, const From* from, int begin, int columns, int end, See& see)
{
    constexpr int kPieces = kMovedPieces<false>;
    const int step = static_cast<int>(blockDim.x);
    for (int first = begin + static_cast<int>(threadIdx.x); first < end; first += kPieces * step) {
        From values[kPieces];
#pragma unroll
        for (int i = 0; i < kPieces; ++i)
            values[i] = first + i * step < columns ? from[first + i * step] : convertElement<From>(0.0f);
#pragma unroll
        for (int i = 0; i < kPieces; ++i) {
            if (first + i * step >= end)
                continue;
            see(values[i]);
            to[first + i * step] = convertElement<To>(values[i]);
        }
    }
}

/// This block's part of a row: columns of `from`, converted, then zeros up to `toColumns`. What is moved passes by
/// `see`, as Eight<From> or From. Unless `kAligned` the rows need no alignment beyond the element's.
template <bool kAligned, typename To, typename From, typename See>
__device__ __forceinline__ void movePart(To* to, const From* from, int part, int columns, int toColumns, See&& see)
{
    const int span = static_cast<int>(blockDim.x) * kMovedPieces<kAligned> * (kAligned ? 8 : 1);
    const int begin = part * span;
    const int end = min(begin + span, toColumns);
    int rest = begin;
    if constexpr (kAligned) {
        const int whole = columns / 8 * 8;
        moveEights(to, from, begin, min(end, whole), see);
        rest = max(begin, whole);
    }
    moveElements(to, from, rest, columns, end, see);
}

} // namespace argus::kernels::cuda
