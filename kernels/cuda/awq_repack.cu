#include "kernels/cuda/awq.h"

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/products/awq_layout.cuh"

#include <cuda_fp16.h>

#include <algorithm>

namespace argus::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWordsOfTile = products::kTileCodeBytes / 4;
static_assert(kWordsOfTile == kThreads);

/// Of column `column` of eight in a published word. Source: design/qwen2_5_vl.md §12.2
__device__ __forceinline__ int shiftOf(int column)
{
    return column % 2 * 16 + column / 2 * 4;
}
__device__ __forceinline__ unsigned codeAt(const std::int32_t* packed, std::int64_t row, int column, int columns)
{
    return static_cast<unsigned>(packed[row * (columns / 8) + column / 8]) >> shiftOf(column % 8) & 15u;
}

/// The output of the source that became output `target`, negative if none did.
__device__ __forceinline__ int sourceOf(const AwqRepack& work, int target)
{
    const int distance = target - work.firstOutput;
    if (distance < 0 || distance % work.outputStep != 0 || distance / work.outputStep >= work.sourceOutputs)
        return -1;
    return distance / work.outputStep;
}

/// A block a tile and group of the target, a thread a word: codes of other sources in the same word stay as they are.
__global__ void __launch_bounds__(kThreads) repackCodes(AwqRepack work, int firstTile, int sourceGroups)
{
    const int tile = firstTile + static_cast<int>(blockIdx.x) / sourceGroups;
    const int group = static_cast<int>(blockIdx.x) % sourceGroups;
    unsigned codes = 0;
    unsigned named = 0;
    waitForPrevious();
#pragma unroll
    for (int nibble = 0; nibble < 8; ++nibble) {
        const products::CodeOwner owner = products::ownerOfCode({static_cast<int>(threadIdx.x), nibble});
        const int output = sourceOf(work, tile * products::kTileOutputs + owner.output);
        const int input = group * kAwqGroup + owner.input;
        if (output < 0 || input >= work.sourceInputs)
            continue;
        codes |= codeAt(work.qweight, input, output, work.sourceOutputs) << 4 * nibble;
        named |= 15u << 4 * nibble;
    }
    if (named == 0)
        return;
    unsigned* const word = static_cast<unsigned*>(work.codes) +
                           products::tileOf(tile * products::kTileOutputs, group, work.inputs / kAwqGroup) * kWordsOfTile +
                           threadIdx.x;
    *word = (*word & ~named) | codes;
}

/// A thread an output of the source in a group.
__global__ void __launch_bounds__(kThreads) repackScales(AwqRepack work, int sourceGroups)
{
    const std::int64_t index = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    waitForPrevious();
    if (index >= std::int64_t{sourceGroups} * work.sourceOutputs)
        return;
    const int group = static_cast<int>(index / work.sourceOutputs);
    const int output = static_cast<int>(index % work.sourceOutputs);
    const int target = work.firstOutput + output * work.outputStep;
    const std::int64_t place = products::tileOf(target, group, work.inputs / kAwqGroup) * products::kTileOutputs +
                               products::scalePlace(target % products::kTileOutputs);
    static_cast<__half*>(work.scales)[place] = static_cast<const __half*>(work.sourceScales)[index];
    static_cast<__half*>(work.zeros)[place] =
        __float2half_rn(static_cast<float>(codeAt(work.qzeros, group, output, work.sourceOutputs)));
}

/// Numbers that look random, each from its index alone.
__device__ __forceinline__ std::uint64_t mixed(std::uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/// A code is the number of ones among 15 random bits, so weights are spread like a normal distribution: codes deviate by 2
/// from zeros of 7 or 8, and scales are about 0.01.
__global__ void __launch_bounds__(kThreads)
    fill(unsigned* codes, __half* scales, __half* zeros, std::int64_t words, std::int64_t groups, std::uint64_t seed)
{
    const std::int64_t index = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    waitForPrevious();
    const std::uint64_t start = mixed(seed) + 3 * static_cast<std::uint64_t>(index);
    if (index < words) {
        unsigned word = 0;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            std::uint64_t bits = mixed(start + static_cast<std::uint64_t>(half));
#pragma unroll
            for (int i = 0; i < 4; ++i, bits >>= 15)
                word |= static_cast<unsigned>(__popc(static_cast<unsigned>(bits) & 0x7fffu)) << 4 * (4 * half + i);
        }
        codes[index] = word;
    }
    if (index < groups) {
        const std::uint64_t bits = mixed(start + 2);
        const float share = static_cast<float>(bits & 0xffffu) * 0x1p-16f;
        scales[index] = __float2half_rn(0.01f * (0.75f + 0.5f * share));
        zeros[index] = __float2half_rn((bits >> 16 & 1) != 0 ? 8.0f : 7.0f);
    }
}

[[nodiscard]] dim3 blocksFor(std::int64_t threads)
{
    return dim3(static_cast<unsigned>((threads + kThreads - 1) / kThreads));
}

} // namespace

AwqSizes awqSizes(int outputs, int inputs)
{
    const std::size_t weights = static_cast<std::size_t>(outputs) * static_cast<std::size_t>(inputs);
    return {.codes = weights / 2, .scales = weights / kAwqGroup * 2, .zeros = weights / kAwqGroup * 2};
}

Status awqRepack(const AwqRepack& work, Stream stream)
{
    const int sourceGroups = (work.sourceInputs + kAwqGroup - 1) / kAwqGroup;
    if (work.sourceOutputs == 0 || sourceGroups == 0)
        return 0;
    const int firstTile = work.firstOutput / products::kTileOutputs;
    const int lastTile = (work.firstOutput + (work.sourceOutputs - 1) * work.outputStep) / products::kTileOutputs;
    const dim3 grid(static_cast<unsigned>(lastTile - firstTile + 1) * static_cast<unsigned>(sourceGroups));
    if (const Status status = launch(repackCodes, grid, dim3(kThreads), 0, stream, work, firstTile, sourceGroups);
        status != 0)
        return status;
    return launch(repackScales, blocksFor(std::int64_t{sourceGroups} * work.sourceOutputs), dim3(kThreads), 0, stream,
                  work, sourceGroups);
}

Status awqFill(void* codes, void* scales, void* zeros, int outputs, int inputs, std::uint64_t seed, Stream stream)
{
    const std::int64_t words = std::int64_t{outputs} * inputs / 8;
    const std::int64_t groups = std::int64_t{outputs} * inputs / kAwqGroup;
    if (words == 0)
        return 0;
    return launch(fill, blocksFor(words), dim3(kThreads), 0, stream, static_cast<unsigned*>(codes),
                  static_cast<__half*>(scales), static_cast<__half*>(zeros), words, groups, seed);
}

} // namespace argus::kernels::cuda
