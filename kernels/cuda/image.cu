#include "kernels/cuda/image.h"

#include "kernels/bicubic_coefficients.h"
#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/row_parts.cuh"

#include <algorithm>
#include <cstring>
#include <vector>

namespace argus::kernels::cuda {
namespace {

constexpr int kChannels = 3;

/// The tables of one axis on the device: which inputs make output i, and weight j of output i at [j * outputs + i], so
/// that neighbouring threads read neighbouring weights.
struct AxisTables {
    const int2* windows = nullptr; ///< x: the first input, y: how many
    const std::int32_t* weights = nullptr;
    int outputs = 0;
};

// ---- The tables, on the host -------------------------------------------------------------------------------------

constexpr std::size_t alignedSize(std::size_t bytes)
{
    return (bytes + 15) / 16 * 16;
}
std::size_t windowBytes(int out)
{
    return alignedSize(sizeof(int2) * static_cast<std::size_t>(out));
}
/// None for an axis that does not change.
std::size_t tableBytes(int in, int out)
{
    const std::size_t weights = BicubicAxis<double>(in, out).mostWeights() * static_cast<std::size_t>(out);
    return in == out ? 0 : windowBytes(out) + alignedSize(sizeof(std::int32_t) * weights);
}

void writeTables(std::uint8_t* to, int in, int out)
{
    if (in == out)
        return;
    std::memset(to, 0, tableBytes(in, out));
    auto* windows = reinterpret_cast<int2*>(to);
    auto* fixed = reinterpret_cast<std::int32_t*>(to + windowBytes(out));
    const BicubicAxis<double> filter(in, out);
    std::vector<double> weights(filter.mostWeights());
    for (int i = 0; i < out; ++i) {
        const auto window = filter.window(i, weights.data());
        windows[i] = make_int2(window.first, window.count);
        for (int j = 0; j < window.count; ++j)
            fixed[static_cast<std::size_t>(j) * static_cast<std::size_t>(out) + static_cast<std::size_t>(i)] =
                fixedBicubicWeight(weights[static_cast<std::size_t>(j)]);
    }
}

AxisTables tablesAt(const std::uint8_t* at, int out)
{
    return {reinterpret_cast<const int2*>(at), reinterpret_cast<const std::int32_t*>(at + windowBytes(out)), out};
}

// ---- The two passes ----------------------------------------------------------------------------------------------

constexpr int kHalf = 1 << (kBicubicBits - 1);

__device__ __forceinline__ unsigned toByte(int sum)
{
    return static_cast<unsigned>(min(max(sum >> kBicubicBits, 0), 255));
}

constexpr dim3 kAcrossBlock(32, 8);
constexpr int kAcrossRows = 4; // of a thread: a weight is loaded once for all of them

/// out [rows, outWidth, 3] of in [rows, inWidth, 3]; a thread makes one column of kAcrossRows rows.
__global__ void __launch_bounds__(256)
    resizeAcross(std::uint8_t* out, const std::uint8_t* in, AxisTables axis, int inWidth, int rows)
{
    waitForPrevious();
    letNextStart();
    const int column = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int row = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y) * kAcrossRows;
    if (column >= axis.outputs || row >= rows)
        return;
    const int2 window = axis.windows[column];
    const std::uint8_t* pixels[kAcrossRows];
    int sums[kAcrossRows][kChannels];
#pragma unroll
    for (int r = 0; r < kAcrossRows; ++r) {
        // Past the last row the last one is made again, and not stored.
        const std::int64_t from = static_cast<std::int64_t>(min(row + r, rows - 1)) * inWidth + window.x;
        pixels[r] = in + from * kChannels;
        for (int& sum : sums[r])
            sum = kHalf;
    }
    for (int j = 0; j < window.y; ++j) {
        const int weight = axis.weights[static_cast<std::int64_t>(j) * axis.outputs + column];
#pragma unroll
        for (int r = 0; r < kAcrossRows; ++r)
#pragma unroll
            for (int c = 0; c < kChannels; ++c)
                sums[r][c] += pixels[r][j * kChannels + c] * weight;
    }
#pragma unroll
    for (int r = 0; r < kAcrossRows; ++r)
        if (row + r < rows)
#pragma unroll
            for (int c = 0; c < kChannels; ++c)
                out[(static_cast<std::int64_t>(row + r) * axis.outputs + column) * kChannels + c] =
                    static_cast<std::uint8_t>(toByte(sums[r][c]));
}

/// kBytes neighbouring bytes of a row in one access.
template <int kBytes>
struct Packed;
template <>
struct Packed<1> {
    using Type = std::uint8_t;
};
template <>
struct Packed<4> {
    using Type = std::uint32_t;
};

constexpr int kDownThreads = 128;

/// out [outHeight, rowBytes] of in [inHeight, rowBytes]; a thread makes kBytes neighbouring bytes of row blockIdx.y
/// (and of every gridDim.y-th after it). rowBytes and the pointers are multiples of kBytes.
template <int kBytes>
__global__ void __launch_bounds__(kDownThreads)
    resizeDown(std::uint8_t* out, const std::uint8_t* in, AxisTables axis, std::int64_t rowBytes)
{
    using Pack = typename Packed<kBytes>::Type;
    waitForPrevious();
    letNextStart();
    const std::int64_t column = (static_cast<std::int64_t>(blockIdx.x) * kDownThreads + threadIdx.x) * kBytes;
    if (column >= rowBytes)
        return;
    for (int row = static_cast<int>(blockIdx.y); row < axis.outputs; row += static_cast<int>(gridDim.y)) {
        const int2 window = axis.windows[row];
        const std::uint8_t* from = in + window.x * rowBytes + column;
        const std::int32_t* weights = axis.weights + row;
        int sums[kBytes];
        for (int& sum : sums)
            sum = kHalf;
        for (int j = 0; j < window.y; ++j, from += rowBytes, weights += axis.outputs) {
            const unsigned bytes = *reinterpret_cast<const Pack*>(from);
#pragma unroll
            for (int b = 0; b < kBytes; ++b)
                sums[b] += static_cast<int>(bytes >> 8 * b & 255) * *weights;
        }
        unsigned made = 0;
#pragma unroll
        for (int b = 0; b < kBytes; ++b)
            made |= toByte(sums[b]) << 8 * b;
        *reinterpret_cast<Pack*>(out + row * rowBytes + column) = static_cast<Pack>(made);
    }
}

unsigned blocksFor(std::int64_t count, std::int64_t perBlock)
{
    return static_cast<unsigned>((count + perBlock - 1) / perBlock);
}

Status across(const ResizePicture& work, std::uint8_t* out, AxisTables axis, Stream stream)
{
    const dim3 grid(blocksFor(work.outWidth, kAcrossBlock.x), blocksFor(work.inHeight, kAcrossBlock.y * kAcrossRows));
    return launch(resizeAcross, grid, kAcrossBlock, 0, stream, out, work.in, axis, work.inWidth, work.inHeight);
}

template <int kBytes>
Status launchDown(const ResizePicture& work, const std::uint8_t* in, AxisTables axis, Stream stream)
{
    constexpr int kMostGridRows = 65535;
    const std::int64_t rowBytes = std::int64_t{kChannels} * work.outWidth;
    const dim3 grid(blocksFor(rowBytes, kDownThreads * kBytes),
                    static_cast<unsigned>(std::min(work.outHeight, kMostGridRows)));
    return launch(resizeDown<kBytes>, grid, dim3(kDownThreads), 0, stream, work.out, in, axis, rowBytes);
}

Status down(const ResizePicture& work, const std::uint8_t* in, AxisTables axis, Stream stream)
{
    const auto pointers = reinterpret_cast<std::uintptr_t>(work.out) | reinterpret_cast<std::uintptr_t>(in);
    const bool words = work.outWidth % 4 == 0 && pointers % 4 == 0;
    return words ? launchDown<4>(work, in, axis, stream) : launchDown<1>(work, in, axis, stream);
}

// ---- Patches -----------------------------------------------------------------------------------------------------

constexpr int kSide = 14;  // of a patch
constexpr int kMerge = 2;  // patches of a merge block along each axis
constexpr int kFrames = 2; // of a patch
constexpr int kPlane = kSide * kSide;
constexpr int kColumns = kChannels * kFrames * kPlane;
constexpr int kBlockSide = kMerge * kSide;
constexpr int kBlockRowBytes = kBlockSide * kChannels;
static_assert(kColumns % 8 == 0 && kBlockRowBytes % 4 == 0);

constexpr int kPatchThreads = 256;

/// The pixels of one merge block in both frames, and what a value of each channel becomes.
template <typename T>
struct MergeBlock {
    std::uint32_t words[kFrames][kBlockSide][kBlockRowBytes / 4];
    T values[kChannels][256];
};

/// The host's table. It multiplies by 1/255 in double and rounds to float; for every byte that is the quotient in
/// float.
template <typename T>
__device__ __forceinline__ void fillValues(MergeBlock<T>& block, const Patchify& work)
{
    for (int i = static_cast<int>(threadIdx.x); i < kChannels * 256; i += kPatchThreads) {
        const int channel = i / 256;
        const float unit = __fdiv_rn(static_cast<float>(i % 256), 255.0f);
        const float mean = channel == 0 ? work.mean[0] : channel == 1 ? work.mean[1] : work.mean[2];
        const float deviation = channel == 0 ? work.deviation[0] : channel == 1 ? work.deviation[1] : work.deviation[2];
        block.values[channel][i % 256] = fromFloat<T>(__fdiv_rn(__fsub_rn(unit, mean), deviation));
    }
}

/// Whole words: a row of a merge block starts and ends on one, for a row of the grid has an even number of patches.
template <typename T>
__device__ __forceinline__ void loadPixels(MergeBlock<T>& block, const Patchify& work)
{
    constexpr int kRowWords = kBlockRowBytes / 4;
    const std::int64_t stride = static_cast<std::int64_t>(work.gridW) * kSide * kChannels;
    const std::int64_t top = static_cast<std::int64_t>(blockIdx.y) * kBlockSide;
    for (int i = static_cast<int>(threadIdx.x); i < kFrames * kBlockSide * kRowWords; i += kPatchThreads) {
        const int word = i % kRowWords;
        const int y = i / kRowWords % kBlockSide;
        const int frame = i / kRowWords / kBlockSide;
        const int wanted = min(static_cast<int>(blockIdx.z) * kFrames + frame, work.frameCount - 1);
        const std::uint8_t* line =
            work.frames + (static_cast<std::int64_t>(wanted) * work.gridH * kSide + top + y) * stride;
        block.words[frame][y][word] =
            reinterpret_cast<const std::uint32_t*>(line + static_cast<std::int64_t>(blockIdx.x) * kBlockRowBytes)[word];
    }
}

/// Columns [8·eight, 8·eight + 8) of patch `patch` of the block.
template <typename T>
__device__ __forceinline__ Eight<T> eightColumns(const MergeBlock<T>& block, int patch, int eight)
{
    const int first = eight * 8;
    int x = first % kSide;
    int y = first / kSide % kSide;
    int frame = first / kPlane % kFrames;
    int channel = first / (kPlane * kFrames);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(block.words);
    const int corner = (patch / kMerge * kBlockSide + patch % kMerge) * kSide;
    Eight<T> values;
#pragma unroll
    for (T& value : values.values) {
        const int pixel = (frame * kBlockSide + y) * kBlockSide + x + corner;
        value = block.values[channel][bytes[pixel * kChannels + channel]];
        if (++x == kSide) {
            x = 0;
            ++y;
        }
        if (y == kSide) {
            y = 0;
            ++frame;
        }
        if (frame == kFrames) {
            frame = 0;
            ++channel;
        }
    }
    return values;
}

/// One merge block: its four patches are neighbours in the picture and rows in a row.
template <typename T>
__global__ void __launch_bounds__(kPatchThreads) cutPatches(Patchify work)
{
    __shared__ MergeBlock<T> block;
    waitForPrevious();
    loadPixels(block, work);
    letNextStart();
    fillValues(block, work);
    __syncthreads();
    constexpr int kEights = kColumns / 8;
    const std::int64_t index =
        (static_cast<std::int64_t>(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    T* rows = static_cast<T*>(work.patches) + index * kMerge * kMerge * work.patchStride;
    for (int i = static_cast<int>(threadIdx.x); i < kMerge * kMerge * kEights; i += kPatchThreads)
        storeEight(rows + i / kEights * work.patchStride + i % kEights * 8,
                   eightColumns(block, i / kEights, i % kEights));
}

} // namespace

std::size_t resizeWeightBytes(int inWidth, int inHeight, int outWidth, int outHeight)
{
    return tableBytes(inWidth, outWidth) + tableBytes(inHeight, outHeight);
}

Status resizePicture(const ResizePicture& work, Stream stream)
{
    const std::size_t acrossBytes = tableBytes(work.inWidth, work.outWidth);
    const std::size_t bytes = acrossBytes + tableBytes(work.inHeight, work.outHeight);
    if (bytes == 0)
        return cudaMemcpyAsync(work.out, work.in,
                               static_cast<std::size_t>(work.outWidth) * static_cast<std::size_t>(work.outHeight) *
                                   kChannels,
                               cudaMemcpyDeviceToDevice, stream);
    auto* host = static_cast<std::uint8_t*>(work.hostWeights);
    writeTables(host, work.inWidth, work.outWidth);
    writeTables(host + acrossBytes, work.inHeight, work.outHeight);
    if (const Status status = cudaMemcpyAsync(work.weights, host, bytes, cudaMemcpyHostToDevice, stream); status != 0)
        return status;
    const auto* device = static_cast<const std::uint8_t*>(work.weights);
    const bool alsoDown = work.inHeight != work.outHeight;
    const std::uint8_t* between = work.in;
    if (acrossBytes != 0) {
        std::uint8_t* to = alsoDown ? work.scratch : work.out;
        if (const Status status = across(work, to, tablesAt(device, work.outWidth), stream); status != 0)
            return status;
        between = to;
    }
    return alsoDown ? down(work, between, tablesAt(device + acrossBytes, work.outHeight), stream) : 0;
}

Status patchify(const Patchify& work, Stream stream)
{
    if (work.frameCount == 0)
        return 0;
    const dim3 grid(static_cast<unsigned>(work.gridW / kMerge), static_cast<unsigned>(work.gridH / kMerge),
                    static_cast<unsigned>((work.frameCount + kFrames - 1) / kFrames));
    return forFormat(work.type,
                     [&]<typename T>() { return launch(cutPatches<T>, grid, dim3(kPatchThreads), 0, stream, work); });
}

} // namespace argus::kernels::cuda
