#include "kernels/cuda/awq.h"

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/row_parts.cuh"
#include "kernels/cuda/products/code_widener.cuh"

namespace argus::kernels::cuda {
namespace {

constexpr int kWarps = 8;

/// Four pairs code - zero of neighbouring inputs, times the scale, rounded once: to float16, as the checkpoint's
/// arithmetic has it, for T float too. A product of integers of 5 and 11 bits is exact in float.
template <typename T>
__device__ __forceinline__ Eight<T> scaled(const unsigned (&pairs)[4], __half scale)
{
    if constexpr (!__is_same(T, __nv_bfloat16)) {
        Eight<__half> eight;
        __half2(&products)[4] = reinterpret_cast<__half2(&)[4]>(eight);
#pragma unroll
        for (int i = 0; i < 4; ++i)
            products[i] = __hmul2(reinterpret_cast<const __half2&>(pairs[i]), __half2half2(scale));
        return convertEight<T>(eight);
    } else {
        float values[8];
        const float wide = __half2float(scale);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const float2 pair = __half22float2(reinterpret_cast<const __half2&>(pairs[i]));
            values[2 * i] = pair.x * wide;
            values[2 * i + 1] = pair.y * wide;
        }
        return roundEight<T>(values);
    }
}

/// A warp a tile of 16 outputs and a group. A lane has eight neighbouring inputs of outputs g and g + 8, four times.
template <typename T>
__global__ void __launch_bounds__(kWarps * 32) widenTiles(AwqWiden work, std::int64_t count)
{
    const std::int64_t index = std::int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
    if (index >= count) {
        waitForPrevious();
        return;
    }
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int groups = work.inputs / kAwqGroup;
    const int tile = static_cast<int>(index / groups);
    const int group = static_cast<int>(index % groups);
    const std::int64_t place = std::int64_t{work.firstOutput / products::kTileOutputs + tile} * groups + group;
    const uint4* const codes =
        reinterpret_cast<const uint4*>(static_cast<const char*>(work.codes) + place * products::kTileCodeBytes) + lane;
    const uint4 words[2] = {codes[0], codes[32]};
    const __half2 scale = static_cast<const __half2*>(work.scales)[place * 8 + lane / 4];
    products::CodeWidener<__half> widener;
    widener.setZeros(static_cast<const __half2*>(work.zeros)[place * 8 + lane / 4]);
    waitForPrevious();
    letNextStart();
    T* const upper = static_cast<T*>(work.weight) +
                     (std::int64_t{tile} * products::kTileOutputs + lane / 4) * work.inputs + group * kAwqGroup +
                     lane % 4 * 8;
    T* const lower = upper + std::int64_t{8} * work.inputs;
#pragma unroll
    for (int step = 0; step < 4; ++step) {
        const uint4& four = words[step / 2];
        unsigned first[4];
        unsigned second[4];
        widener.widen(first, step % 2 == 0 ? four.x : four.z);
        widener.widen(second, step % 2 == 0 ? four.y : four.w);
        storeEight(upper + step * 32, scaled<T>({first[0], first[2], second[0], second[2]}, __low2half(scale)));
        storeEight(lower + step * 32, scaled<T>({first[1], first[3], second[1], second[3]}, __high2half(scale)));
    }
}

} // namespace

Status awqWiden(const AwqWiden& work, Stream stream)
{
    const std::int64_t count = std::int64_t{work.outputCount / products::kTileOutputs} * (work.inputs / kAwqGroup);
    if (count == 0)
        return 0;
    const dim3 grid(static_cast<unsigned>((count + kWarps - 1) / kWarps));
    return forFormat(work.type, [&]<typename T>() {
        return launch(widenTiles<T>, grid, dim3(kWarps * 32), 0, stream, work, count);
    });
}

} // namespace argus::kernels::cuda
