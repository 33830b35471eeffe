// Products of a few rows on the GPU: kernels/cuda/skinny.h.
//
//     test_skinny [--seed N] [--quick] [--only SHAPE|SHAPE/TYPE|cache] [--bench]

#include "kernels/cuda/rows.h"
#include "tests/device/product_check.h"

using namespace argus;
using namespace argus::device_check;
using namespace argus::kernels::cuda;

namespace {

struct Shape {
    int outputs;
    int inputs;
};

void check(Tally& tally, std::mt19937_64& random, const Options& options)
{
    Workspaces workspaces;
    std::vector<Shape> shapes = {{16, 64}, {48, 128}, {112, 576}, {256, 256}};
    if (!options.quick)
        shapes.insert(shapes.end(), {{2560, 512}, {1280, 3456}, {64, 9472}});
    for (const Format type : {Format::F16, Format::BF16})
        for (const auto& [outputs, inputs] : shapes) {
            const std::string group = text("%dx%d", outputs, inputs);
            if (!options.wants(group.c_str()) && !options.wants((group + "/" + nameOf(type)).c_str()))
                continue;
            const auto count = static_cast<std::size_t>(outputs) * static_cast<std::size_t>(inputs);
            const std::vector<double> weights = randomValues(count, random, type, 0.05);
            const DeviceBytes device = upload(weights, type);
            const auto run = [&](const Skinny& work) {
                Skinny whole = work;
                whole.weight = device.get();
                return skinny(whole, nullptr);
            };
            checkProducts(tally, random, workspaces, text("%d x %d", outputs, inputs), type, weights, outputs, inputs, run,
                          options.quick);
            tally.count(device.guardsIntact(), text("%d x %d %s weights untouched", outputs, inputs, nameOf(type)));
        }
    tally.count(skinny({.rows = 0}, nullptr) == 0, "no rows, no launch");
}

/// A layer's q, k and v on their way into the cache in one launch, against the two launches that it stands for.
void checkIntoCache(Tally& tally, std::mt19937_64& random)
{
    for (const IntoCacheCase& at : {IntoCacheCase{16, 2, 128, 2048, 64, 70, Format::BF16, Format::F32, true, true},
                                    IntoCacheCase{28, 4, 128, 3584, 64, 191, Format::BF16, Format::F32, true, true},
                                    IntoCacheCase{28, 4, 128, 3584, 64, 0, Format::F16, Format::F32, true, true},
                                    IntoCacheCase{4, 4, 64, 192, 16, 17, Format::BF16, Format::BF16, true, false},
                                    IntoCacheCase{2, 1, 16, 64, 16, 5, Format::F16, Format::F16, false, true},
                                    IntoCacheCase{40, 8, 128, 5120, 32, 95, Format::BF16, Format::F32, true, true},
                                    IntoCacheCase{16, 2, 128, 2048, 64, -1, Format::BF16, Format::F32, true, true}}) {
        const DeviceBytes weight =
            upload(randomValues(static_cast<std::size_t>(at.columns()) * static_cast<std::size_t>(at.inputs), random, at.type, 0.05),
                   at.type);
        const auto withWeight = [&](Skinny work) {
            work.weight = weight.get();
            return work;
        };
        checkIntoCache(
            tally, random, at, [&](const Skinny& work) { return skinny(withWeight(work), nullptr); },
            [&](const Skinny& work, const SkinnyIntoCache& target) {
                return fitsIntoCache(work) ? skinnyIntoCache(withWeight(work), target, nullptr) : 1;
            });
    }
}

__global__ void fillWeights(__nv_bfloat16* weights, std::size_t count, unsigned seed)
{
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count; i += std::size_t{gridDim.x} * blockDim.x) {
        unsigned bits = static_cast<unsigned>(i) * 2654435761u + seed;
        bits ^= bits >> 15;
        bits *= 2246822519u;
        bits ^= bits >> 13;
        weights[i] = __float2bfloat16_rn((static_cast<float>(bits & 0xffffu) - 32767.5f) * 1.06e-6f); // deviation 0.02
    }
}

DeviceBytes randomWeights(std::size_t count)
{
    DeviceBytes bytes(count * 2);
    fillWeights<<<1024, 256>>>(bytes.as<__nv_bfloat16>(), count, 7);
    must(cudaDeviceSynchronize(), "fillWeights");
    return bytes;
}

std::size_t elementsOf(const BenchShape& shape)
{
    return static_cast<std::size_t>(shape.outputs) * static_cast<std::size_t>(shape.inputs);
}

/// Through enough copies of the matrix that none is in the cache when its turn comes.
void benchShape(const Bench& bench, const DeviceBytes& weights, const BenchShape& shape)
{
    const std::size_t bytes = elementsOf(shape) * 2;
    const std::size_t copies = weights.bytes() / bytes;
    const int launches = static_cast<int>(std::max<std::size_t>(copies, 4));
    for (const int rows : kBenchRows) {
        const double milliseconds = graphMilliseconds([&](cudaStream_t stream) {
            Skinny work = bench.work(shape, rows);
            for (int i = 0; i < launches; ++i) {
                work.weight = weights.as<char>() + static_cast<std::size_t>(i) % copies * bytes;
                must(skinny(work, stream), "skinny");
            }
        });
        report(shape.name, Format::BF16, rows, milliseconds / launches, static_cast<double>(bytes));
    }
}

/// The products of all layers one after the other, each with weights of its own.
void benchChain(const Bench& bench, const char* name, const BenchShape (&layer)[4], int layers)
{
    std::size_t ofLayer = 0;
    for (const BenchShape& shape : layer)
        ofLayer += elementsOf(shape);
    const DeviceBytes weights = randomWeights(ofLayer * static_cast<std::size_t>(layers));
    for (const int rows : {1, 4, 16, 64}) {
        const double milliseconds = graphMilliseconds([&](cudaStream_t stream) {
            const __nv_bfloat16* next = weights.as<__nv_bfloat16>();
            for (int i = 0; i < layers; ++i)
                for (const BenchShape& shape : layer) {
                    Skinny work = bench.work(shape, rows);
                    work.weight = next;
                    next += elementsOf(shape);
                    must(skinny(work, stream), "skinny");
                }
        });
        report(name, Format::BF16, rows, milliseconds, static_cast<double>(weights.bytes()));
    }
}

void bench()
{
    reportCopy();
    const Bench bench(Format::BF16);
    {
        const DeviceBytes weights = randomWeights(std::size_t{1200} << 19);
        for (const BenchShape& shape : kLayer7B)
            benchShape(bench, weights, shape);
        benchShape(bench, weights, {"7B lm_head", 152064, 3584, SkinnyEpilogue::Store, true, false});
        for (const BenchShape& shape : kLayer3B)
            benchShape(bench, weights, shape);
        benchShape(bench, weights, {"3B lm_head", 151936, 2048, SkinnyEpilogue::Store, true, false});
    }
    benchChain(bench, "7B layers", kLayer7B, 28);
    benchChain(bench, "3B layers", kLayer3B, 36);
}

} // namespace

int main(int argc, char** argv)
{
    const Options options = readOptions(argc, argv);
    if (options.bench) {
        bench();
        return 0;
    }
    std::mt19937_64 random(options.seed);
    Tally tally;
    check(tally, random, options);
    if (options.wants("cache"))
        checkIntoCache(tally, random);
    return tally.close();
}
