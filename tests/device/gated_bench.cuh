#pragma once
// How fast gatedProduct() is, beside cuBLASLt's product and siluMulPairs() behind it.

#include "engine/ops/cuda/blas.h"
#include "kernels/cuda/gated_product.h"
#include "kernels/cuda/rows.h"
#include "tests/device/product_check.h"

namespace argus::device_check {

using kernels::cuda::GatedProduct;

inline std::size_t sizeFrom(std::int64_t count)
{
    return static_cast<std::size_t>(count);
}

/// Normal numbers.
inline __global__ void fillRandom(__nv_bfloat16* values, std::size_t count, unsigned seed, float deviation)
{
    const std::size_t threads = std::size_t{gridDim.x} * blockDim.x;
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count; i += threads) {
        const auto hash = [](unsigned bits) {
            bits ^= bits >> 16;
            bits *= 0x7feb352du;
            bits ^= bits >> 15;
            bits *= 0x846ca68bu;
            return (bits ^ bits >> 16) + 1u;
        };
        const unsigned first = hash(static_cast<unsigned>(i) * 2 + seed);
        const unsigned second = hash(static_cast<unsigned>(i) * 2 + 1 + seed);
        const float radius = sqrtf(-2 * logf((static_cast<float>(first) + 1) * 0x1p-32f + 1e-9f));
        values[i] = __float2bfloat16_rn(deviation * radius * cosf(static_cast<float>(second) * 0x1p-32f * 6.2831853f));
    }
}
inline DeviceBytes randomMatrix(std::int64_t elements, unsigned seed, float deviation)
{
    DeviceBytes bytes(sizeFrom(elements) * 2);
    fillRandom<<<1024, 256>>>(bytes.as<__nv_bfloat16>(), sizeFrom(elements), seed, deviation);
    must(cudaDeviceSynchronize(), "fillRandom");
    return bytes;
}

/// Adds to sums[0] the squares of what the two differ by, to sums[1] those of the second.
inline __global__ void addDifference(double* sums, const __nv_bfloat16* got, const __nv_bfloat16* expected,
                                     std::size_t count)
{
    double difference = 0;
    double norm = 0;
    const std::size_t threads = std::size_t{gridDim.x} * blockDim.x;
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count; i += threads) {
        const double right = static_cast<double>(__bfloat162float(expected[i]));
        const double off = static_cast<double>(__bfloat162float(got[i])) - right;
        difference += off * off;
        norm += right * right;
    }
    atomicAdd(&sums[0], difference);
    atomicAdd(&sums[1], norm);
}
/// ‖got − expected‖ / ‖expected‖ on the device, for results that a host would take seconds for.
inline double apart(const DeviceBytes& got, const DeviceBytes& expected)
{
    DeviceBytes sums(16);
    sums.zero();
    addDifference<<<1024, 256>>>(sums.as<double>(), got.as<__nv_bfloat16>(), expected.as<__nv_bfloat16>(),
                                 got.bytes() / 2);
    const std::vector<double> both = downloadPlain<double>(sums);
    return std::sqrt(both[0]) / std::sqrt(both[1]);
}

struct GatedBenchShape {
    const char* name;
    int rows;
    int outputs;
    int inputs;
};

/// The product by cuBLASLt, as an engine has it.
class Rival {
public:
    Rival() : m_workspace(std::size_t{32} << 20)
    {
        auto blas = ops::cuda::Blas::open(m_workspace.get(), m_workspace.bytes());
        if (!blas.ok()) {
            std::fprintf(stderr, "%s\n", blas.error().text().c_str());
            std::exit(1);
        }
        m_blas = std::move(*blas);
    }
    void run(const GatedProduct& work, void* pairs, cudaStream_t stream)
    {
        m_blas->run({.y = pairs,
                     .yStride = work.outputs,
                     .x = work.x,
                     .xStride = work.xStride,
                     .weight = work.weight,
                     .weightStride = work.inputs,
                     .rows = work.rows,
                     .outputs = work.outputs,
                     .inputs = work.inputs},
                    stream);
    }

private:
    DeviceBytes m_workspace;
    std::unique_ptr<ops::cuda::Blas> m_blas;
};

inline void printTime(const GatedBenchShape& shape, const char* what, double milliseconds, double against)
{
    const double operations = 2.0 * shape.rows * shape.outputs * shape.inputs;
    std::printf("{\"bench\": \"%s %d x %d x %d\", \"way\": \"%s\", \"us\": %.1f, \"TFLOP/s\": %.1f", shape.name,
                shape.rows, shape.outputs, shape.inputs, what, milliseconds * 1000, operations / milliseconds / 1e9);
    if (against > 0)
        std::printf(", \"two launches / this\": %.3f", against / milliseconds);
    std::printf("}\n");
    std::fflush(stdout);
}

/// Launches of one graph are enough for some 30 ms; each way is measured in turn, twice, on a device that is warm.
inline void benchShape(Rival& rival, const GatedBenchShape& shape)
{
    const DeviceBytes x = randomMatrix(std::int64_t{shape.rows} * shape.inputs, 1, 1);
    const DeviceBytes weight = randomMatrix(std::int64_t{shape.outputs} * shape.inputs, 77, 0.02f);
    const DeviceBytes pairs(sizeFrom(std::int64_t{shape.rows} * shape.outputs) * 2);
    const DeviceBytes y(pairs.bytes() / 2);
    const GatedProduct work{.y = y.get(),
                            .yStride = shape.outputs / 2,
                            .x = x.get(),
                            .xStride = shape.inputs,
                            .weight = weight.get(),
                            .rows = shape.rows,
                            .inputs = shape.inputs,
                            .outputs = shape.outputs};
    const double guess = 2.0 * shape.rows * shape.outputs * shape.inputs / 650e9; // ms
    const int launches = std::max(4, static_cast<int>(30 / guess));
    const auto measure = [&](auto&& run) {
        return graphMilliseconds([&](cudaStream_t stream) {
                   for (int i = 0; i < launches; ++i)
                       run(stream);
               }) /
               launches;
    };
    const auto product = [&](cudaStream_t stream) { rival.run(work, pairs.get(), stream); };
    const auto both = [&](cudaStream_t stream) {
        product(stream);
        must(kernels::cuda::siluMulPairs({.y = y.get(),
                                          .yStride = work.yStride,
                                          .x = pairs.get(),
                                          .xStride = shape.outputs,
                                          .rows = shape.rows,
                                          .columns = shape.outputs / 2},
                                         stream),
             "siluMulPairs");
    };
    must(cudaMemset(y.get(), 0xFF, y.bytes()), "cudaMemset");
    measure(both);
    const DeviceBytes expected(y.bytes());
    must(cudaMemcpy(expected.get(), y.get(), y.bytes(), cudaMemcpyDeviceToDevice), "cudaMemcpy");
    for (const int round : {1, 2}) {
        printTime(shape, text("cuBLASLt alone (%d)", round).c_str(), measure(product), 0);
        const double against = measure(both);
        printTime(shape, text("cuBLASLt + siluMulPairs (%d)", round).c_str(), against, 0);
        must(cudaMemset(y.get(), 0xFF, y.bytes()), "cudaMemset");
        const double own =
            measure([&](cudaStream_t stream) { must(kernels::cuda::gatedProduct(work, stream), "gatedProduct"); });
        printTime(shape, text("gatedProduct (%d)", round).c_str(), own, against);
        if (round == 1)
            std::printf("    apart from two launches: %.2e of the norm\n", apart(y, expected));
    }
}

/// `quick`: many rows only. The small numbers of rows decide kFewestGatedRows.
inline void benchGated(bool quick)
{
    Rival rival;
    for (const int rows : {8192, 4096, 2048, 1024})
        benchShape(rival, {"7B", rows, 37888, 3584});
    benchShape(rival, {"3B", 8192, 22016, 2048});
    benchShape(rival, {"vision", 4784, 6848, 1280});
    if (quick)
        return;
    for (const int rows : {65, 128, 192, 256, 320, 384, 512, 640, 768, 1280, 1536})
        benchShape(rival, {"7B", rows, 37888, 3584});
    for (const int rows : {256, 512, 1024, 2048})
        benchShape(rival, {"vision", rows, 6848, 1280});
}

} // namespace argus::device_check
