// Gate and up projection of many rows with their gate, in one launch: kernels/cuda/gated_product.h.
//
//     test_gated [--seed N] [--quick] [--only shapes|special|repeat|order] [--bench]
//
// On a GPU for which takesGatedProduct() says no this is printed, and nothing else is checked.

#include "kernels/cuda/common/launch.cuh"
#include "kernels/cuda/common/numeric.cuh"
#include "kernels/cuda/gated_product.h"
#include "tests/device/gated_bench.cuh"
#include "tests/device/product_check.h"

using namespace argus;
using namespace argus::device_check;
using namespace argus::kernels::cuda;

namespace {

// The reference: sums in float64 by a plain loop on the device, and the sum of magnitudes for the bound.

template <typename T>
__global__ void exactProducts(double* sums, double* magnitudes, const T* x, std::int64_t xStride, const T* weight,
                              int outputs, int inputs)
{
    const int output = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int row = static_cast<int>(blockIdx.y);
    if (output >= outputs)
        return;
    double sum = 0;
    double magnitude = 0;
    for (int k = 0; k < inputs; ++k) {
        const double product = static_cast<double>(toFloat(x[row * xStride + k])) *
                               static_cast<double>(toFloat(weight[std::int64_t{output} * inputs + k]));
        sum += product;
        magnitude += fabs(product);
    }
    sums[std::int64_t{row} * outputs + output] = sum;
    magnitudes[std::int64_t{row} * outputs + output] = magnitude;
}

struct Exact {
    std::vector<double> sums;
    std::vector<double> magnitudes;
};
Exact exactOf(const void* x, std::int64_t xStride, const void* weight, int rows, int outputs, int inputs, Format type)
{
    const std::size_t bytes = sizeFrom(std::int64_t{rows} * outputs) * 8;
    const DeviceBytes sums(bytes);
    const DeviceBytes magnitudes(bytes);
    const dim3 grid(static_cast<unsigned>(outputs + 127) / 128, static_cast<unsigned>(rows));
    const auto start = [&]<typename T>() {
        exactProducts<T><<<grid, 128>>>(sums.as<double>(), magnitudes.as<double>(), static_cast<const T*>(x), xStride,
                                        static_cast<const T*>(weight), outputs, inputs);
    };
    if (type == Format::F16)
        start.operator()<__half>();
    else
        start.operator()<__nv_bfloat16>();
    must(cudaGetLastError(), "exactProducts");
    return {downloadPlain<double>(sums), downloadPlain<double>(magnitudes)};
}

struct Case {
    Format type = Format::BF16;
    int rows = 0;
    int outputs = 0;
    int inputs = 0;
    int xPad = 0;
    int yPad = 0;
    bool bias = false;
};
std::string nameOf(const Case& at)
{
    return text("%s %d x %d x %d%s%s", device_check::nameOf(at.type), at.rows, at.outputs, at.inputs,
                at.bias ? " bias" : "", at.xPad + at.yPad > 0 ? " strided" : "");
}

/// What a launch needs, on the device.
struct Job {
    Case at;
    Strided x;
    DeviceBytes weight;
    DeviceBytes bias;
    Strided y;
    std::vector<double> xValues;
    std::vector<double> biasValues;

    Job(const Case& c, std::vector<double> xs, const std::vector<double>& weights, std::vector<double> biases)
        : at(c), x(c.type, c.rows, c.inputs, c.xPad), weight(upload(weights, c.type)), bias(upload(biases, c.type)),
          y(c.type, c.rows, c.outputs / 2, c.yPad), xValues(std::move(xs)), biasValues(std::move(biases))
    {
        x.set(xValues);
        poison();
    }
    void poison()
    {
        y.set(std::vector<double>(sizeFrom(std::int64_t{at.rows} * at.outputs / 2),
                                  std::numeric_limits<double>::quiet_NaN()));
    }
    [[nodiscard]] GatedProduct work() const
    {
        return {.y = y.get(),
                .yStride = y.stride(),
                .x = x.get(),
                .xStride = x.stride(),
                .weight = weight.get(),
                .bias = at.bias ? bias.get() : nullptr,
                .rows = at.rows,
                .inputs = at.inputs,
                .outputs = at.outputs,
                .type = at.type};
    }
};
Job makeJob(const Case& at, std::mt19937_64& random, double deviation = 1)
{
    return {at, randomValues(sizeFrom(std::int64_t{at.rows} * at.inputs), random, at.type, deviation),
            randomValues(sizeFrom(std::int64_t{at.outputs} * at.inputs), random, at.type, 2 / std::sqrt(at.inputs)),
            randomValues(sizeFrom(at.outputs), random, at.type)};
}

/// Every element of y within its bounds, nothing written elsewhere; empty when all is well.
std::string compare(const Job& job)
{
    const Case& at = job.at;
    const Exact exact = exactOf(job.x.get(), job.x.stride(), job.weight.get(), at.rows, at.outputs, at.inputs, at.type);
    const std::vector<unsigned char> bytes = job.y.raw();
    const std::vector<double> got = job.y.values();
    if (!job.y.intact(bytes) || !job.weight.guardsIntact())
        return "wrote where nothing belongs to y";
    // As in product_check.h: what a tensor core cuts off of a sum.
    const double ofSum = (at.inputs / 16 + 64) * 0x1p-22;
    std::vector<std::string> trouble(sizeFrom(at.rows));
    inParallel(at.rows, [&](int row) {
        for (int column = 0; column < at.outputs / 2 && trouble[sizeFrom(row)].empty(); ++column) {
            const auto sumOf = [&](int output) {
                const std::size_t i = sizeFrom(std::int64_t{row} * at.outputs + output);
                const double added = at.bias ? job.biasValues[sizeFrom(output)] : 0;
                const double value = exact.sums[i] + added;
                const double bound =
                    exact.magnitudes[i] * ofSum + 0x1p-22 * (std::abs(exact.sums[i]) + std::abs(added));
                return Interval{value - bound, value + bound};
            };
            const Interval gate = sumOf(2 * column);
            const Interval up = sumOf(2 * column + 1);
            Interval bounds = gated(gate, up, at.type);
            if (gate.low < -87) { // silu may be zero there, and is smaller than 2e-36
                const double slack = 2e-36 * std::max(std::abs(up.low), std::abs(up.high));
                bounds = {std::min(bounds.low, -slack), std::max(bounds.high, slack)};
            }
            const double value = got[job.y.place(row, column) / 2];
            const bool undefined = std::isnan(exact.sums[sizeFrom(std::int64_t{row} * at.outputs + 2 * column)]);
            if (undefined ? !std::isnan(value)
                          : !(value >= rounded(bounds.low, at.type) && value <= rounded(bounds.high, at.type)))
                trouble[sizeFrom(row)] =
                    text("y[%d, %d] = %.9g is not within %.9g ... %.9g", row, column, value, bounds.low, bounds.high);
        }
    });
    for (const std::string& line : trouble)
        if (!line.empty())
            return line;
    return {};
}

std::string tryOnce(Job& job)
{
    const std::vector<unsigned char> xBytes = job.x.raw();
    must(gatedProduct(job.work(), nullptr), "gatedProduct");
    must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    if (job.x.raw() != xBytes)
        return "x was written";
    return compare(job);
}

/// The reference itself, against the host.
void checkReference(Tally& tally, std::mt19937_64& random)
{
    const Case at{.rows = 5, .outputs = 32, .inputs = 320, .xPad = 8};
    const std::vector<double> weights = randomValues(sizeFrom(at.outputs * at.inputs), random, at.type);
    const Job job(at, randomValues(sizeFrom(at.rows * at.inputs), random, at.type), weights, {0.0});
    const Exact exact = exactOf(job.x.get(), job.x.stride(), job.weight.get(), at.rows, at.outputs, at.inputs, at.type);
    bool same = true;
    for (int row = 0; row < at.rows; ++row)
        for (int output = 0; output < at.outputs; ++output) {
            double sum = 0;
            double magnitude = 0;
            for (int k = 0; k < at.inputs; ++k) {
                const double product =
                    job.xValues[sizeFrom(row * at.inputs + k)] * weights[sizeFrom(output * at.inputs + k)];
                sum += product;
                magnitude += std::abs(product);
            }
            const std::size_t i = sizeFrom(row * at.outputs + output);
            same = same && std::abs(sum - exact.sums[i]) <= 1e-12 * magnitude &&
                   std::abs(magnitude - exact.magnitudes[i]) <= 1e-12 * magnitude;
        }
    tally.count(same, "reference on the device as on the host");
}

void checkShapes(Tally& tally, std::mt19937_64& random, bool quick)
{
    for (const Format type : {Format::BF16, Format::F16})
        for (const int rows : {1, 65, 127, 128, 129, 200, 256, 257, 1000})
            for (const int outputs : {32, 64, 96, 256, 272, 6848})
                for (const int inputs : {64, 128, 1280, 3584}) {
                    if (quick && std::int64_t{rows} * outputs * inputs > 100'000'000)
                        continue;
                    if (outputs == 6848 && (rows == 127 || rows == 128 || rows == 256))
                        continue; // of the large ones a few do
                    const bool even = random() % 2 == 0;
                    Job job =
                        makeJob({type, rows, outputs, inputs, even ? 0 : 8, even ? 0 : 24, random() % 2 == 0}, random);
                    const std::string trouble = tryOnce(job);
                    tally.count(trouble.empty(), nameOf(job.at) + (trouble.empty() ? "" : ": " + trouble));
                }
    Job ragged = makeJob({Format::BF16, 130, 48, 72, 0, 8, true}, random);
    const std::string trouble = tryOnce(ragged);
    tally.count(trouble.empty(), nameOf(ragged.at) + (trouble.empty() ? "" : ": " + trouble));
}

void checkSpecial(Tally& tally, std::mt19937_64& random)
{
    for (const Format type : {Format::BF16, Format::F16}) {
        const char* const name = device_check::nameOf(type);
        {
            Job job = makeJob({type, 300, 512, 256}, random, 40); // gates of some hundred, of either sign
            const std::string trouble = tryOnce(job);
            tally.count(trouble.empty(), text("%s gates beyond the exponential: %s", name, trouble.c_str()));
        }
        {
            Job job = makeJob({type, 300, 512, 256}, random, 0);
            must(gatedProduct(job.work(), nullptr), "gatedProduct");
            bool zero = true;
            for (const double value : job.y.values())
                zero = zero && value == 0;
            tally.count(zero, text("%s zeros give zeros", name));
        }
        {
            Job job = makeJob({type, 300, 512, 256}, random);
            must(gatedProduct(job.work(), nullptr), "gatedProduct");
            const std::vector<unsigned char> before = job.y.raw();
            const auto poisoned = [](int row) { return row % 7 == 3; };
            std::vector<double> values = job.xValues;
            for (int row = 0; row < 300; ++row)
                for (int k = 0; k < 256 && poisoned(row); ++k)
                    values[sizeFrom(row * 256 + k)] =
                        k % 2 == 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
            job.x.set(values);
            job.poison();
            must(gatedProduct(job.work(), nullptr), "gatedProduct");
            const std::vector<unsigned char> after = job.y.raw();
            const std::vector<double> got = job.y.values();
            bool alone = true;
            bool there = true;
            for (int row = 0; row < 300; ++row) {
                const std::size_t from = job.y.place(row, 0);
                if (!poisoned(row))
                    alone = alone && std::equal(before.begin() + static_cast<std::ptrdiff_t>(from),
                                                before.begin() + static_cast<std::ptrdiff_t>(from + 512),
                                                after.begin() + static_cast<std::ptrdiff_t>(from));
                for (int column = 0; column < 256 && poisoned(row); ++column)
                    there = there && std::isnan(got[from / 2 + sizeFrom(column)]);
            }
            tally.count(alone && there, text("%s rows of NaN stay what they are, and alone", name));
        }
        {
            // The same rows, more of them below: the same bits.
            Job job = makeJob({type, 500, 512, 256}, random);
            must(gatedProduct(job.work(), nullptr), "gatedProduct");
            const std::vector<unsigned char> whole = job.y.raw();
            bool same = true;
            for (const int rows : {1, 100, 300}) {
                job.poison();
                GatedProduct fewer = job.work();
                fewer.rows = rows;
                must(gatedProduct(fewer, nullptr), "gatedProduct");
                const std::vector<unsigned char> part = job.y.raw();
                const auto end = static_cast<std::ptrdiff_t>(job.y.place(rows, 0));
                same = same && std::equal(whole.begin(), whole.begin() + end, part.begin());
                const std::vector<double> rest = job.y.values();
                for (std::size_t i = job.y.place(rows, 0) / 2; i < rest.size(); ++i)
                    same = same && std::isnan(rest[i]);
            }
            tally.count(same, text("%s a row's bits do not depend on the number of rows", name));
        }
    }
    const Job job = makeJob({Format::BF16, 300, 512, 256}, random);
    GatedProduct work = job.work();
    work.rows = 0;
    tally.count(gatedProduct(work, nullptr) == 0, "no rows, no launch");
    const auto refuses = [&](auto&& change, const char* what) {
        GatedProduct other = job.work();
        change(other);
        tally.count(!takesGatedProduct(other) && gatedProduct(other, nullptr) != 0, text("refuses %s", what));
    };
    refuses([](GatedProduct& w) { w.type = Format::F32; }, "float32");
    refuses([](GatedProduct& w) { w.outputs = 504; }, "rows of y that end between 16 bytes");
    refuses([](GatedProduct& w) { w.xStride += 4; }, "rows of x between 16 bytes");
    refuses([](GatedProduct& w) { w.yStride += 4; }, "rows of y between 16 bytes");
    refuses([](GatedProduct& w) { w.x = static_cast<const char*>(w.x) + 8; }, "x between 16 bytes");
}

/// The first `count` pieces of 16 bytes of `from` to `to`, late: when the stream's predecessors have ended, and some
/// time after.
__global__ void copyLate(uint4* to, const uint4* from, std::size_t count, long long cycles)
{
    letNextStart();
    waitForPrevious();
    const long long begin = clock64();
    while (clock64() - begin < cycles) {
    }
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        to[i] = from[i];
}

/// Replays what `enqueue` launches, `times` times.
template <typename Enqueue>
void replay(Enqueue&& enqueue, int times)
{
    withGraph(enqueue, [&](cudaGraphExec_t graph, cudaStream_t stream) {
        for (int i = 0; i < times; ++i)
            must(cudaGraphLaunch(graph, stream), "cudaGraphLaunch");
        must(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    });
}

void checkRepeats(Tally& tally, std::mt19937_64& random)
{
    for (const Case& at : {Case{Format::BF16, 1000, 6848, 1280, 0, 0, true}, Case{Format::F16, 2048, 4096, 3584},
                           Case{Format::BF16, 700, 12288, 64}, Case{Format::BF16, 700, 12288, 192},
                           Case{Format::BF16, 700, 12288, 256}, Case{Format::BF16, 700, 12288, 320}}) {
        Job job = makeJob(at, random);
        std::vector<unsigned char> first;
        bool same = true;
        for (int i = 0; i < 20; ++i) {
            job.poison();
            must(gatedProduct(job.work(), nullptr), "gatedProduct");
            const std::vector<unsigned char> bytes = job.y.raw();
            if (i == 0)
                first = bytes;
            same = same && bytes == first;
        }
        tally.count(same, nameOf(at) + ": twenty launches, the same bits");
        job.poison();
        replay([&](cudaStream_t stream) { must(gatedProduct(job.work(), stream), "gatedProduct"); }, 3);
        tally.count(job.y.raw() == first, nameOf(at) + ": a graph's bits");
        job.poison();
        for (int i = 0; i < 50; ++i)
            must(gatedProduct(job.work(), nullptr), "gatedProduct");
        tally.count(job.y.raw() == first, nameOf(at) + ": fifty launches one behind the other");
    }
}

/// x comes late from a launch that lets the product start before it has begun to write, y is taken by another one
/// behind it, and the next x is written while the product may still be reading: programmatic dependence on every side.
void checkOrder(Tally& tally, std::mt19937_64& random)
{
    for (const Case& at : {Case{Format::BF16, 600, 1024, 512}, Case{Format::BF16, 300, 64, 128},
                           Case{Format::F16, 1024, 8192, 1280, 0, 0, true}}) {
        constexpr int kTurns = 6;
        const std::size_t xBytes = sizeFrom(std::int64_t{at.rows} * at.inputs) * 2;
        const std::size_t yBytes = sizeFrom(std::int64_t{at.rows} * at.outputs / 2) * 2;
        Job job = makeJob(at, random);
        std::vector<DeviceBytes> inputs;
        std::vector<std::vector<unsigned char>> expected;
        const DeviceBytes results(yBytes * kTurns);
        for (int turn = 0; turn < kTurns; ++turn) {
            inputs.push_back(upload(randomValues(xBytes / 2, random, at.type), at.type));
            GatedProduct work = job.work();
            work.x = inputs.back().get();
            must(gatedProduct(work, nullptr), "gatedProduct");
            expected.push_back(job.y.raw());
        }
        const auto chain = [&](cudaStream_t stream) {
            for (int turn = 0; turn < kTurns; ++turn) {
                must(launch(copyLate, dim3(32), dim3(256), 0, stream, static_cast<uint4*>(job.x.get()),
                            inputs[sizeFrom(turn)].as<const uint4>(), xBytes / 16, 20000LL),
                     "copyLate");
                must(gatedProduct(job.work(), stream), "gatedProduct");
                must(launch(copyLate, dim3(32), dim3(256), 0, stream,
                            reinterpret_cast<uint4*>(results.as<char>() + sizeFrom(turn) * yBytes),
                            static_cast<const uint4*>(job.y.get()), yBytes / 16, 0LL),
                     "copyLate");
            }
        };
        const auto right = [&] {
            const std::vector<unsigned char> all = downloadPlain<unsigned char>(results);
            for (int turn = 0; turn < kTurns; ++turn)
                if (!std::equal(expected[sizeFrom(turn)].begin(), expected[sizeFrom(turn)].end(),
                                all.begin() + static_cast<std::ptrdiff_t>(sizeFrom(turn) * yBytes)))
                    return false;
            return true;
        };
        job.poison();
        chain(nullptr);
        tally.count(right(), nameOf(at) + ": between launches that overlap");
        must(cudaMemset(results.get(), 0xFF, results.bytes()), "cudaMemset");
        job.poison();
        replay(chain, 3);
        tally.count(right(), nameOf(at) + ": the same in a graph");
    }
}

} // namespace

int main(int argc, char** argv)
{
    const Options options = readOptions(argc, argv);
    std::mt19937_64 random(options.seed);
    Tally tally;
    if (const Job job = makeJob({Format::BF16, 256, 64, 64}, random); !takesGatedProduct(job.work())) {
        const bool refused = gatedProduct(job.work(), nullptr) != 0;
        tally.count(refused,
                    "not a GPU of compute capability 9.0 with code for it: refused, and nothing else to check");
        return tally.close();
    }
    if (options.bench) {
        benchGated(options.quick);
        return 0;
    }
    checkReference(tally, random);
    if (options.wants("shapes"))
        checkShapes(tally, random, options.quick);
    if (options.wants("special"))
        checkSpecial(tally, random);
    if (options.wants("repeat"))
        checkRepeats(tally, random);
    if (options.wants("order"))
        checkOrder(tally, random);
    return tally.close();
}
