// AWQ matrices on the GPU: kernels/cuda/awq.h.
//
//     test_awq [--seed N] [--quick] [--only TARGET|TARGET/TYPE|cache|fill] [--bench]

#include "kernels/cuda/awq.h"
#include "tests/device/product_check.h"

using namespace argus;
using namespace argus::device_check;
using namespace argus::kernels::cuda;

namespace {

std::size_t product(std::int64_t a, std::int64_t b)
{
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

/// A layer as it is published. Source: design/qwen2_5_vl.md §12.2
struct Published {
    int outputs = 0;
    int inputs = 0;
    std::vector<int> codes;     ///< [inputs, outputs]
    std::vector<int> zeros;     ///< [inputs / 128, outputs]
    std::vector<double> scales; ///< [inputs / 128, outputs], float16
    [[nodiscard]] double weight(int output, int input) const
    {
        const std::size_t place = product(input / kAwqGroup, outputs) + static_cast<std::size_t>(output);
        return (codes[product(input, outputs) + static_cast<std::size_t>(output)] - zeros[place]) * scales[place];
    }
};

Published makeLayer(std::mt19937_64& random, int outputs, int inputs)
{
    Published layer{.outputs = outputs, .inputs = inputs};
    const auto digits = [&](std::size_t count) {
        std::vector<int> values(count);
        for (int& value : values)
            value = static_cast<int>(random() >> 60);
        return values;
    };
    layer.codes = digits(product(inputs, outputs));
    layer.zeros = digits(product(inputs / kAwqGroup, outputs));
    layer.scales = randomValues(layer.zeros.size(), random, Format::F16, 0.01);
    return layer;
}

/// Eight values of a row to a word: column j of it at bit kShift[j].
std::vector<std::int32_t> packed(const std::vector<int>& values)
{
    constexpr int kShift[8] = {0, 16, 4, 20, 8, 24, 12, 28};
    std::vector<std::int32_t> words(values.size() / 8);
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::uint32_t word = 0;
        for (std::size_t j = 0; j < 8; ++j)
            word |= static_cast<std::uint32_t>(values[i * 8 + j]) << kShift[j];
        words[i] = static_cast<std::int32_t>(word);
    }
    return words;
}

struct Matrix {
    int outputs = 0;
    int inputs = 0;
    DeviceBytes codes;
    DeviceBytes scales;
    DeviceBytes zeros;
    Matrix(int theOutputs, int theInputs)
        : outputs(theOutputs), inputs(theInputs), codes(awqSizes(outputs, inputs).codes),
          scales(awqSizes(outputs, inputs).scales), zeros(awqSizes(outputs, inputs).zeros)
    {
        codes.zero();
        scales.zero();
        zeros.zero();
    }
    [[nodiscard]] bool guardsIntact() const
    {
        return codes.guardsIntact() && scales.guardsIntact() && zeros.guardsIntact();
    }
};

/// Repacks a layer and writes what its weights are into `weights` [outputs, inputs] of the matrix.
void place(const Matrix& matrix, const Published& layer, int firstOutput, int outputStep, std::vector<double>& weights)
{
    const DeviceBytes qweight = uploadPlain(packed(layer.codes));
    const DeviceBytes qzeros = uploadPlain(packed(layer.zeros));
    const DeviceBytes scales = upload(layer.scales, Format::F16);
    must(awqRepack({.codes = matrix.codes.get(),
                    .scales = matrix.scales.get(),
                    .zeros = matrix.zeros.get(),
                    .qweight = qweight.as<std::int32_t>(),
                    .qzeros = qzeros.as<std::int32_t>(),
                    .sourceScales = scales.get(),
                    .outputs = matrix.outputs,
                    .inputs = matrix.inputs,
                    .sourceOutputs = layer.outputs,
                    .sourceInputs = layer.inputs,
                    .firstOutput = firstOutput,
                    .outputStep = outputStep},
                   nullptr),
         "awqRepack");
    must(cudaDeviceSynchronize(), "awqRepack");
    for (int n = 0; n < layer.outputs; ++n)
        for (int k = 0; k < layer.inputs; ++k)
            weights[product(firstOutput + n * outputStep, matrix.inputs) + static_cast<std::size_t>(k)] = layer.weight(n, k);
}

/// Widened again, every weight is the exact product rounded once, for float32 to float16.
void checkWidened(Tally& tally, const std::string& name, const Matrix& matrix, const std::vector<double>& weights)
{
    for (const Format type : {Format::F16, Format::BF16, Format::F32}) {
        std::string trouble;
        for (const int first : {0, matrix.outputs / 2 / 64 * 64}) {
            const int count = matrix.outputs - first;
            const DeviceBytes wide(product(count, matrix.inputs) * static_cast<std::size_t>(kernels::bytesOf(type)));
            must(awqWiden({.weight = wide.get(),
                           .codes = matrix.codes.get(),
                           .scales = matrix.scales.get(),
                           .zeros = matrix.zeros.get(),
                           .outputs = matrix.outputs,
                           .inputs = matrix.inputs,
                           .firstOutput = first,
                           .outputCount = count,
                           .type = type},
                          nullptr),
                 "awqWiden");
            const std::vector<double> got = download(wide, type);
            for (std::size_t i = 0; i < got.size() && trouble.empty(); ++i)
                if (const double expected = rounded(weights[product(first, matrix.inputs) + i],
                                                    type == Format::F32 ? Format::F16 : type);
                    got[i] != expected)
                    trouble = text("from output %d: weight %zu is %.9g, not %.9g", first, i, got[i], expected);
            if (!wide.guardsIntact() || !matrix.guardsIntact())
                trouble = "wrote beyond the end";
        }
        tally.count(trouble.empty(), text("%s widened to %s: %s", name.c_str(), nameOf(type),
                                          trouble.empty() ? "every weight exact" : trouble.c_str()));
    }
}

std::function<int(const Skinny&)> productOf(const Matrix& matrix)
{
    return [&matrix](const Skinny& work) {
        return awqSkinny({.base = work,
                          .codes = matrix.codes.get(),
                          .scales = matrix.scales.get(),
                          .zeros = matrix.zeros.get()},
                         nullptr);
    };
}

void checkMatrix(Tally& tally, std::mt19937_64& random, Workspaces& workspaces, const std::string& name,
                 const Matrix& matrix, const std::vector<double>& weights, const Options& options)
{
    if (options.wants(name.c_str()))
        checkWidened(tally, name, matrix, weights);
    for (const Format type : {Format::F16, Format::BF16})
        if (options.wants(name.c_str()) || options.wants((name + "/" + nameOf(type)).c_str()))
            checkProducts(tally, random, workspaces, name, type, weights, matrix.outputs, matrix.inputs, productOf(matrix),
                          options.quick);
}

/// Matrices made of one layer, of several behind each other, of two in alternate outputs; some padded with zeros.
void check(Tally& tally, std::mt19937_64& random, const Options& options)
{
    Workspaces workspaces;
    struct Part {
        int outputs;
        int inputs;
        int first;
        int step;
    };
    struct Target {
        const char* name;
        int outputs;
        int inputs;
        std::vector<Part> parts;
    };
    std::vector<Target> targets = {{"64 x 128", 64, 128, {{64, 128, 0, 1}}},
                                   {"stacked 128 x 256", 128, 256, {{64, 256, 0, 1}, {24, 256, 64, 1}, {40, 256, 88, 1}}},
                                   {"alternate, padded 256 x 384", 256, 384, {{104, 256, 0, 2}, {104, 256, 1, 2}}}};
    if (!options.quick) {
        targets.push_back({"2560 x 512", 2560, 512, {{2048, 512, 0, 1}, {256, 512, 2048, 1}, {256, 512, 2304, 1}}});
        targets.push_back({"1280 x 3456", 1280, 3456, {{640, 3456, 0, 2}, {640, 3456, 1, 2}}});
        targets.push_back({"64 x 9472", 64, 9472, {{64, 9472, 0, 1}}});
        targets.push_back({"16384 x 128", 16384, 128, {{16384, 128, 0, 1}}}); // two tiles at a time
    }
    for (const Target& target : targets) {
        const Matrix matrix(target.outputs, target.inputs);
        std::vector<double> weights(product(target.outputs, target.inputs), 0.0);
        for (const Part& part : target.parts)
            place(matrix, makeLayer(random, part.outputs, part.inputs), part.first, part.step, weights);
        checkMatrix(tally, random, workspaces, target.name, matrix, weights, options);
    }
}

/// q, k and v into the cache in one launch, against the two launches that it stands for.
void checkIntoCache(Tally& tally, std::mt19937_64& random)
{
    for (const IntoCacheCase& at : {IntoCacheCase{28, 4, 128, 3584, 64, 191, Format::F16, Format::F32, true, true},
                                    IntoCacheCase{28, 4, 128, 3584, 64, 0, Format::BF16, Format::F32, true, true},
                                    IntoCacheCase{4, 4, 64, 384, 16, 17, Format::F16, Format::F16, true, false},
                                    IntoCacheCase{2, 2, 32, 128, 16, 5, Format::BF16, Format::BF16, false, true},
                                    IntoCacheCase{16, 2, 128, 2048, 64, -1, Format::F16, Format::F32, true, true}}) {
        const Matrix matrix(at.columns(), at.inputs);
        must(awqFill(matrix.codes.get(), matrix.scales.get(), matrix.zeros.get(), at.columns(), at.inputs, random(), nullptr),
             "awqFill");
        const auto job = [&](const Skinny& work) {
            return AwqSkinny{.base = work, .codes = matrix.codes.get(), .scales = matrix.scales.get(), .zeros = matrix.zeros.get()};
        };
        device_check::checkIntoCache(
            tally, random, at, [&](const Skinny& work) { return awqSkinny(job(work), nullptr); },
            [&](const Skinny& work, const SkinnyIntoCache& target) {
                return awqFitsIntoCache(work, at.headDim) ? awqSkinnyIntoCache(job(work), target, nullptr) : 1;
            });
    }
    tally.count(!awqFitsIntoCache({.rows = 1, .inputs = 128, .outputs = 64}, 16), "into the cache: heads of 16 do not fit");
}

/// Made-up weights: the same for the same seed, and as spread as they should be.
void checkFill(Tally& tally)
{
    const Matrix matrix(256, 1024);
    std::vector<std::vector<unsigned char>> codes;
    std::vector<double> values;
    for (const std::uint64_t seed : {7u, 8u, 7u}) {
        must(awqFill(matrix.codes.get(), matrix.scales.get(), matrix.zeros.get(), 256, 1024, seed, nullptr), "awqFill");
        must(cudaDeviceSynchronize(), "awqFill");
        codes.push_back(downloadPlain<unsigned char>(matrix.codes));
    }
    const DeviceBytes wide(product(256, 1024) * 4);
    must(awqWiden({.weight = wide.get(),
                   .codes = matrix.codes.get(),
                   .scales = matrix.scales.get(),
                   .zeros = matrix.zeros.get(),
                   .outputs = 256,
                   .inputs = 1024,
                   .outputCount = 256,
                   .type = Format::F32},
                  nullptr),
         "awqWiden");
    values = download(wide, Format::F32);
    double sum = 0;
    double squares = 0;
    for (const double value : values) {
        sum += value;
        squares += value * value;
    }
    const double mean = sum / static_cast<double>(values.size());
    const double deviation = std::sqrt(squares / static_cast<double>(values.size()) - mean * mean);
    tally.count(codes[0] == codes[2] && codes[0] != codes[1], "fill: by its seed alone");
    // Of 2048 groups the zeros are 7 or 8 by chance: the mean is off by about 0.005 / sqrt(2048).
    tally.count(std::abs(mean) < 0.001 && std::abs(deviation - 0.02) < 0.002 && matrix.guardsIntact(),
                text("fill: mean %.5f, deviation %.5f", mean, deviation));
}

std::size_t bytesOf(const BenchShape& shape)
{
    const AwqSizes sizes = awqSizes(shape.outputs, shape.inputs);
    return sizes.codes + sizes.scales + sizes.zeros;
}

/// Weights of layers one behind the other.
struct Layers {
    DeviceBytes codes;
    DeviceBytes scales;
    DeviceBytes zeros;
    /// For so many weights, a multiple of 128.
    explicit Layers(std::size_t weights) : codes(weights / 2), scales(weights / 64), zeros(weights / 64)
    {
        const int rows = static_cast<int>(weights / 128);
        must(awqFill(codes.get(), scales.get(), zeros.get(), rows, 128, 1, nullptr), "awqFill");
        must(cudaDeviceSynchronize(), "awqFill");
    }
    /// The work with the matrix that begins behind so many weights.
    [[nodiscard]] AwqSkinny at(const Skinny& base, std::size_t weights) const
    {
        return {.base = base,
                .codes = codes.as<char>() + weights / 2,
                .scales = scales.as<char>() + weights / 64,
                .zeros = zeros.as<char>() + weights / 64};
    }
};

void benchShape(const Bench& bench, const Layers& layers, const BenchShape& shape)
{
    const std::size_t weights = product(shape.outputs, shape.inputs);
    const std::size_t copies = layers.codes.bytes() * 2 / weights;
    for (const int rows : kBenchRows) {
        const Skinny work = bench.work(shape, rows);
        const double milliseconds = graphMilliseconds([&](cudaStream_t stream) {
            for (std::size_t i = 0; i < copies; ++i)
                must(awqSkinny(layers.at(work, i * weights), stream), "awqSkinny");
        });
        report(shape.name, Format::F16, rows, milliseconds / static_cast<double>(copies), static_cast<double>(bytesOf(shape)));
    }
}

void benchChain(const Bench& bench, const char* name, const BenchShape (&layer)[4], int count)
{
    std::size_t ofLayer = 0;
    double bytes = 0;
    for (const BenchShape& shape : layer) {
        ofLayer += product(shape.outputs, shape.inputs);
        bytes += static_cast<double>(bytesOf(shape)) * count;
    }
    const Layers layers(ofLayer * static_cast<std::size_t>(count));
    for (const int rows : {1, 4, 16, 64}) {
        const double milliseconds = graphMilliseconds([&](cudaStream_t stream) {
            std::size_t next = 0;
            for (int i = 0; i < count; ++i)
                for (const BenchShape& shape : layer) {
                    must(awqSkinny(layers.at(bench.work(shape, rows), next), stream), "awqSkinny");
                    next += product(shape.outputs, shape.inputs);
                }
        });
        report(name, Format::F16, rows, milliseconds, bytes);
    }
}

void benchWiden(const Layers& layers, const BenchShape& shape)
{
    const std::size_t weights = product(shape.outputs, shape.inputs);
    const DeviceBytes wide(weights * 2);
    const AwqSkinny first = layers.at({}, 0);
    const double milliseconds = medianMilliseconds([&] {
        must(awqWiden({.weight = wide.get(),
                       .codes = first.codes,
                       .scales = first.scales,
                       .zeros = first.zeros,
                       .outputs = shape.outputs,
                       .inputs = shape.inputs,
                       .outputCount = shape.outputs,
                       .type = Format::F16},
                      nullptr),
             "awqWiden");
    });
    report("7B gate up widened", Format::F16, 0, milliseconds, static_cast<double>(bytesOf(shape) + wide.bytes()));
}

void bench()
{
    reportCopy();
    const Bench bench(Format::F16);
    {
        const Layers layers(std::size_t{3} << 29);
        for (const BenchShape& shape : kLayer7B)
            benchShape(bench, layers, shape);
        for (const BenchShape& shape : kLayer3B)
            benchShape(bench, layers, shape);
        benchWiden(layers, kLayer7B[2]);
    }
    benchChain(bench, "7B layers AWQ", kLayer7B, 28);
    benchChain(bench, "3B layers AWQ", kLayer3B, 36);
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
    if (options.wants("fill"))
        checkFill(tally);
    return tally.close();
}
