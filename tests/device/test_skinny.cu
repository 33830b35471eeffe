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
    struct Case {
        int heads, kvHeads, headDim, inputs, blockTokens, place;
        Format type, xType;
        bool norm, bias;
    };
    constexpr int kBlocks = 3;
    for (const Case& at : {Case{16, 2, 128, 2048, 64, 70, Format::BF16, Format::F32, true, true},
                           Case{28, 4, 128, 3584, 64, 191, Format::BF16, Format::F32, true, true},
                           Case{28, 4, 128, 3584, 64, 0, Format::F16, Format::F32, true, true},
                           Case{4, 4, 64, 192, 16, 17, Format::BF16, Format::BF16, true, false},
                           Case{2, 1, 16, 64, 16, 5, Format::F16, Format::F16, false, true},
                           Case{40, 8, 128, 5120, 32, 95, Format::BF16, Format::F32, true, true},
                           Case{16, 2, 128, 2048, 64, -1, Format::BF16, Format::F32, true, true}}) {
        const int columns = (at.heads + 2 * at.kvHeads) * at.headDim;
        const int queries = at.heads * at.headDim;
        const auto count = [](std::int64_t elements) { return static_cast<std::size_t>(elements); };
        const DeviceBytes weight = upload(randomValues(count(std::int64_t{columns} * at.inputs), random, at.type, 0.05), at.type);
        const DeviceBytes x = upload(randomValues(count(at.inputs), random, at.xType), at.xType);
        const DeviceBytes gain = upload(randomValues(count(at.inputs), random, at.type), at.type);
        const DeviceBytes bias = upload(randomValues(count(columns), random, at.type), at.type);
        std::vector<double> angles(count(at.headDim / 2));
        for (double& angle : angles)
            angle = std::uniform_real_distribution<double>(0, 6.28)(random);
        std::vector<double> cosines;
        std::vector<double> sines;
        for (const double angle : angles) {
            cosines.push_back(rounded(std::cos(angle), at.type));
            sines.push_back(rounded(std::sin(angle), at.type));
        }
        const DeviceBytes cosine = upload(cosines, Format::F32);
        const DeviceBytes sine = upload(sines, Format::F32);
        const DeviceBytes place = uploadPlain(std::vector<std::int32_t>{at.place});
        const std::size_t cacheBytes = count(std::int64_t{kBlocks} * at.kvHeads * at.blockTokens * at.headDim * 2);
        DeviceBytes workspace(skinnyWorkspace(columns, 132));
        workspace.zero();
        std::vector<unsigned char> results[2][3]; // of both ways: the queries, keys and values
        bool intact = true;
        for (int way = 0; way < 2; ++way) {
            DeviceBytes qkv(count(columns) * 2);
            const DeviceBytes keys(cacheBytes);
            const DeviceBytes values(cacheBytes);
            qkv.zero();
            const Skinny work{.y = qkv.get(),
                              .yStride = columns,
                              .x = x.get(),
                              .xStride = at.inputs,
                              .weight = weight.get(),
                              .bias = at.bias ? bias.get() : nullptr,
                              .gain = at.norm ? gain.get() : nullptr,
                              .rows = 1,
                              .inputs = at.inputs,
                              .outputs = columns,
                              .type = at.type,
                              .out = at.type,
                              .xType = at.xType,
                              .workspace = workspace.get(),
                              .workspaceBytes = workspace.bytes()};
            const SkinnyIntoCache target{.cosines = cosine.as<float>(),
                                         .sines = sine.as<float>(),
                                         .keys = keys.get(),
                                         .values = values.get(),
                                         .places = place.as<std::int32_t>(),
                                         .heads = at.heads,
                                         .kvHeads = at.kvHeads,
                                         .headDim = at.headDim,
                                         .blockTokens = at.blockTokens};
            if (way == 0) {
                must(skinny(work, nullptr), "skinny");
                must(rotateIntoCache({.qkv = qkv.get(),
                                      .qkvStride = columns,
                                      .cosines = target.cosines,
                                      .sines = target.sines,
                                      .keys = target.keys,
                                      .values = target.values,
                                      .places = target.places,
                                      .tokens = 1,
                                      .heads = at.heads,
                                      .kvHeads = at.kvHeads,
                                      .headDim = at.headDim,
                                      .blockTokens = at.blockTokens,
                                      .type = at.type},
                                     nullptr),
                     "rotateIntoCache");
            } else {
                must(fitsIntoCache(work) ? skinnyIntoCache(work, target, nullptr) : 1, "skinnyIntoCache");
            }
            results[way][0] = downloadPlain<unsigned char>(qkv);
            results[way][0].resize(count(queries) * 2);
            results[way][1] = downloadPlain<unsigned char>(keys);
            results[way][2] = downloadPlain<unsigned char>(values);
            intact = intact && qkv.guardsIntact() && keys.guardsIntact() && values.guardsIntact();
        }
        if (at.place < 0) // of padding the queries are nobody's
            results[0][0] = results[1][0];
        const char* const wrong = results[0][0] != results[1][0]   ? "other queries"
                                  : results[0][1] != results[1][1] ? "other keys"
                                  : results[0][2] != results[1][2] ? "other values"
                                  : !intact                        ? "wrote beside them"
                                                                   : nullptr;
        tally.count(wrong == nullptr, text("into the cache: %d and %d heads of %d, %d inputs, place %d, %s: %s", at.heads, at.kvHeads,
                                           at.headDim, at.inputs, at.place, nameOf(at.type),
                                           wrong != nullptr ? wrong : "the bits of two launches"));
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
