#pragma once
// What test_skinny and test_awq share: products of a few rows on the host in float64, with the bounds between which a result
// must lie, the cases of a shape, and the bench of a model's products.

#include "kernels/cuda/rows.h"
#include "kernels/cuda/skinny.h"
#include "tests/device/device_check.h"

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <thread>

namespace argus::device_check {

using kernels::cuda::kMostSkinnyRows;
using kernels::cuda::rotateIntoCache;
using kernels::cuda::Skinny;
using kernels::cuda::SkinnyEpilogue;
using kernels::cuda::SkinnyIntoCache;
using kernels::cuda::skinnyWorkspace;

inline std::string text(const char* format, auto... arguments)
{
    char buffer[256];
    std::snprintf(buffer, sizeof buffer, format, arguments...);
    return buffer;
}

/// work(i) for i in [0, count), on all processors.
template <typename Work>
void inParallel(int count, Work&& work)
{
    const int threads = std::max(1, std::min(count, static_cast<int>(std::thread::hardware_concurrency())));
    std::vector<std::thread> team;
    for (int t = 0; t < threads; ++t)
        team.emplace_back([=, &work] {
            for (int i = t; i < count; i += threads)
                work(i);
        });
    for (std::thread& thread : team)
        thread.join();
}

/// The rows that are multiplied.
struct Rows {
    Format type = Format::BF16;  ///< that is multiplied
    Format xType = Format::BF16; ///< of x in memory
    bool norm = false;
    int inputs = 0;
    float epsilon = 1e-6f;
    std::vector<double> x;     ///< [kMostSkinnyRows, inputs]
    std::vector<double> gain;  ///< [inputs]
    std::vector<double> taken; ///< x, normalised when there is a norm
    std::vector<double> slack; ///< how far an element of `taken` may be off, because a rounding was a close call
};

inline Rows makeRows(std::mt19937_64& random, Format type, Format xType, bool norm, int inputs)
{
    Rows rows{.type = type, .xType = xType, .norm = norm, .inputs = inputs};
    const std::size_t width = static_cast<std::size_t>(inputs);
    rows.x = randomValues(kMostSkinnyRows * width, random, xType);
    rows.taken = rows.x;
    rows.slack.assign(rows.x.size(), 0.0);
    if (!norm)
        return rows;
    rows.gain = randomValues(width, random, type);
    for (std::size_t row = 0; row < kMostSkinnyRows; ++row) {
        double squares = 0;
        for (std::size_t k = 0; k < width; ++k)
            squares += rows.x[row * width + k] * rows.x[row * width + k];
        const double scale = 1 / std::sqrt(squares / inputs + static_cast<double>(rows.epsilon));
        for (std::size_t k = 0; k < width; ++k) {
            const double value = rows.x[row * width + k] * scale;
            // The product of two 16-bit numbers is exact in float: only the first rounding can go the other way. Squares
            // summed in float, root and product are good for 2^-19.
            const auto taken = [&](double off) {
                return rounded(rows.gain[k] * rounded(value * (1 + off), type), type);
            };
            rows.taken[row * width + k] = taken(0);
            rows.slack[row * width + k] = std::max(std::abs(taken(0x1p-19) - taken(0)), std::abs(taken(-0x1p-19) - taken(0)));
        }
    }
    return rows;
}

/// Dot products of all rows with all outputs.
struct Dots {
    int outputs = 0;
    std::vector<double> value; ///< [kMostSkinnyRows, outputs]
    std::vector<double> bound; ///< how far off a sum in float may be
};

/// weights [outputs, inputs].
inline Dots multiply(const Rows& rows, const std::vector<double>& weights, int outputs)
{
    Dots dots{.outputs = outputs};
    dots.value.resize(static_cast<std::size_t>(kMostSkinnyRows) * static_cast<std::size_t>(outputs));
    dots.bound.resize(dots.value.size());
    const std::size_t width = static_cast<std::size_t>(rows.inputs);
    // A tensor core adds 16 products to a sum and cuts off what is smaller than 2^-22 of it or of the largest product; then
    // sums of warps, groups and splits are added up.
    const double ofSum = (rows.inputs / 16 + 64) * 0x1p-22;
    inParallel(kMostSkinnyRows, [&](int row) {
        const double* x = rows.taken.data() + static_cast<std::size_t>(row) * width;
        const double* slack = rows.slack.data() + static_cast<std::size_t>(row) * width;
        for (int n = 0; n < outputs; ++n) {
            const double* w = weights.data() + static_cast<std::size_t>(n) * width;
            double sum = 0;
            double magnitude = 0;
            double loose = 0;
            for (std::size_t k = 0; k < width; ++k) {
                const double product = x[k] * w[k];
                sum += product;
                magnitude += std::abs(product);
                loose += slack[k] * std::abs(w[k]);
            }
            const std::size_t at = static_cast<std::size_t>(row) * static_cast<std::size_t>(outputs) + static_cast<std::size_t>(n);
            dots.value[at] = sum;
            dots.bound[at] = magnitude * ofSum + loose;
        }
    });
    return dots;
}

/// What is done with a product.
struct Finish {
    SkinnyEpilogue epilogue = SkinnyEpilogue::Store;
    bool wide = false; ///< y is float32
    bool bias = false;
    const char* name = "";
};
constexpr Finish kFinishes[] = {
    {SkinnyEpilogue::Store, false, false, "store"},
    {SkinnyEpilogue::Store, false, true, "store with bias"},
    {SkinnyEpilogue::Store, true, true, "store float32"},
    {SkinnyEpilogue::Accumulate, false, true, "accumulate"},
    {SkinnyEpilogue::Accumulate, true, false, "accumulate float32"},
    {SkinnyEpilogue::SiluMul, false, false, "gated"},
    {SkinnyEpilogue::SiluMul, false, true, "gated with bias"},
};

struct Interval {
    double low = 0;
    double high = 0;
};

/// Where silu(g) · u lies when gate and up were computed with an error.
inline Interval gated(Interval gate, Interval up, Format type)
{
    Interval result{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
    const double middle = (gate.low + gate.high) / 2;
    for (const double g : {gate.low, middle, gate.high})
        for (const double u : {up.low, up.high})
            for (const double off : {-0x1p-16, 0x1p-16}) {
                const double gRounded = rounded(g, type);
                const double open = rounded(gRounded / (1 + std::exp(-gRounded)) * (1 + off), type);
                const double value = rounded(open * rounded(u, type), type);
                result.low = std::min(result.low, value);
                result.high = std::max(result.high, value);
            }
    return result;
}

/// A strided matrix on the device; what does not belong to it stays poisoned.
class Strided {
public:
    Strided(Format format, int rows, int columns, int pad)
        : m_format(format), m_rows(rows), m_columns(columns), m_stride(columns + pad),
          m_device(static_cast<std::size_t>(rows) * static_cast<std::size_t>(m_stride) * elementBytes())
    {
    }
    void set(const std::vector<double>& values)
    {
        std::vector<unsigned char> raw(m_device.bytes(), 0xFF);
        for (int row = 0; row < m_rows; ++row)
            for (int column = 0; column < m_columns; ++column) {
                const auto value = static_cast<float>(values[static_cast<std::size_t>(row) * static_cast<std::size_t>(m_columns) +
                                                             static_cast<std::size_t>(column)]);
                const __half half = __float2half_rn(value);
                const __nv_bfloat16 brain = __float2bfloat16_rn(value);
                const void* from = m_format == Format::F32   ? static_cast<const void*>(&value)
                                   : m_format == Format::F16 ? static_cast<const void*>(&half)
                                                             : static_cast<const void*>(&brain);
                std::memcpy(raw.data() + place(row, column), from, elementBytes());
            }
        if (!raw.empty())
            must(cudaMemcpy(m_device.get(), raw.data(), raw.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    [[nodiscard]] void* get() const { return m_device.get(); }
    [[nodiscard]] std::int64_t stride() const { return m_stride; }
    [[nodiscard]] std::vector<unsigned char> raw() const { return downloadPlain<unsigned char>(m_device); }
    [[nodiscard]] std::vector<double> values() const { return download(m_device, m_format); }
    [[nodiscard]] std::size_t place(int row, int column) const
    {
        return (static_cast<std::size_t>(row) * static_cast<std::size_t>(m_stride) + static_cast<std::size_t>(column)) *
               elementBytes();
    }
    /// Nothing written beside the rows.
    [[nodiscard]] bool intact(const std::vector<unsigned char>& bytes) const
    {
        for (int row = 0; row < m_rows; ++row)
            for (std::size_t i = place(row, m_columns); i < place(row + 1, 0); ++i)
                if (bytes[i] != 0xFF)
                    return false;
        return m_device.guardsIntact();
    }

private:
    [[nodiscard]] std::size_t elementBytes() const { return static_cast<std::size_t>(kernels::bytesOf(m_format)); }

    Format m_format;
    int m_rows;
    int m_columns;
    std::int64_t m_stride;
    DeviceBytes m_device;
};

/// Everything of a launch but the weights, which `run` adds.
struct Product {
    const Rows* rows = nullptr;
    const Dots* dots = nullptr;
    std::vector<double> bias;   ///< [outputs], in the type
    std::vector<double> before; ///< [kMostSkinnyRows, outputs], in the type: what y holds before it is accumulated to
    std::function<int(const Skinny&)> run;
    const DeviceBytes* workspace = nullptr;
    int processors = 132;
};

/// One launch, twice; empty when all is well.
inline std::string tryProduct(const Product& product, const Finish& finish, int count, int pad)
{
    const Rows& rows = *product.rows;
    const Dots& dots = *product.dots;
    const bool gate = finish.epilogue == SkinnyEpilogue::SiluMul;
    const bool adds = finish.epilogue == SkinnyEpilogue::Accumulate;
    const int columns = gate ? dots.outputs / 2 : dots.outputs;
    const Format out = finish.wide ? Format::F32 : rows.type;

    Strided x(rows.xType, count, rows.inputs, pad);
    x.set(rows.x);
    const DeviceBytes gain = upload(rows.gain, rows.type);
    const DeviceBytes bias = upload(product.bias, rows.type);
    Strided y(out, count, columns, 2 * pad);
    const Skinny work{.y = y.get(),
                      .yStride = y.stride(),
                      .x = x.get(),
                      .xStride = x.stride(),
                      .bias = finish.bias ? bias.get() : nullptr,
                      .gain = rows.norm ? gain.get() : nullptr,
                      .epsilon = rows.epsilon,
                      .rows = count,
                      .inputs = rows.inputs,
                      .outputs = dots.outputs,
                      .epilogue = finish.epilogue,
                      .type = rows.type,
                      .out = out,
                      .xType = rows.xType,
                      .workspace = product.workspace->get(),
                      .workspaceBytes = product.workspace->bytes(),
                      .processors = product.processors};
    const std::vector<unsigned char> xBytes = x.raw();
    std::vector<unsigned char> first;
    std::vector<double> got;
    for (int repeat = 0; repeat < 2; ++repeat) {
        y.set(adds ? product.before
                   : std::vector<double>(product.before.size(), std::numeric_limits<double>::quiet_NaN()));
        must(product.run(work), "product");
        must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
        if (repeat == 0) {
            first = y.raw();
            got = y.values();
        } else if (y.raw() != first) {
            return text("%d rows: a second launch gives other bits", count);
        }
    }
    if (!y.intact(first) || x.raw() != xBytes || !product.workspace->guardsIntact())
        return text("%d rows: wrote where nothing belongs to y", count);
    for (int row = 0; row < count; ++row)
        for (int column = 0; column < columns; ++column) {
            const auto dotOf = [&](int output) {
                const std::size_t at = static_cast<std::size_t>(row) * static_cast<std::size_t>(dots.outputs) +
                                       static_cast<std::size_t>(output);
                const double added = finish.bias ? product.bias[static_cast<std::size_t>(output)] : 0;
                const double value = dots.value[at] + added + (adds ? product.before[at] : 0);
                const double bound = dots.bound[at] + 0x1p-22 * (std::abs(dots.value[at]) + std::abs(added) +
                                                                 (adds ? std::abs(product.before[at]) : 0));
                return Interval{value - bound, value + bound};
            };
            const Interval bounds = gate ? gated(dotOf(2 * column), dotOf(2 * column + 1), rows.type) : dotOf(column);
            const double low = finish.wide ? bounds.low : rounded(bounds.low, rows.type);
            const double high = finish.wide ? bounds.high : rounded(bounds.high, rows.type);
            const double value = got[y.place(row, column) / static_cast<std::size_t>(kernels::bytesOf(out))];
            if (!(value >= low && value <= high))
                return text("%d rows: y[%d, %d] = %.9g is not within %.9g ... %.9g", count, row, column, value, low, high);
        }
    return {};
}

/// A row's bits do not change when all other rows turn into NaN.
inline std::string tryAlone(const Product& product, int count, int alone)
{
    const Rows& rows = *product.rows;
    Strided x(rows.xType, count, rows.inputs, 0);
    const DeviceBytes gain = upload(rows.gain, rows.type);
    Strided y(rows.type, count, product.dots->outputs, 0);
    std::vector<unsigned char> results[2];
    for (int turn = 0; turn < 2; ++turn) {
        std::vector<double> values(rows.x.begin(), rows.x.begin() + static_cast<std::ptrdiff_t>(count) * rows.inputs);
        if (turn == 1)
            for (std::size_t i = 0; i < values.size(); ++i)
                if (static_cast<int>(i / static_cast<std::size_t>(rows.inputs)) != alone)
                    values[i] = std::numeric_limits<double>::quiet_NaN();
        x.set(values);
        must(product.run({.y = y.get(),
                          .yStride = y.stride(),
                          .x = x.get(),
                          .xStride = x.stride(),
                          .gain = rows.norm ? gain.get() : nullptr,
                          .epsilon = rows.epsilon,
                          .rows = count,
                          .inputs = rows.inputs,
                          .outputs = product.dots->outputs,
                          .type = rows.type,
                          .out = rows.type,
                          .xType = rows.xType,
                          .workspace = product.workspace->get(),
                          .workspaceBytes = product.workspace->bytes(),
                          .processors = product.processors}),
             "product");
        const std::vector<unsigned char> all = y.raw();
        results[turn].assign(all.begin() + static_cast<std::ptrdiff_t>(y.place(alone, 0)),
                             all.begin() + static_cast<std::ptrdiff_t>(y.place(alone + 1, 0)));
    }
    return results[0] == results[1] ? std::string() : text("row %d of %d depends on the others", alone, count);
}

/// Workspaces that are zeroed once and serve all launches for so many processors.
class Workspaces {
public:
    [[nodiscard]] const DeviceBytes& of(int processors)
    {
        for (auto& [count, bytes] : m_all)
            if (count == processors)
                return *bytes;
        auto bytes = std::make_unique<DeviceBytes>(kernels::cuda::skinnyWorkspace(1 << 18, processors));
        bytes->zero();
        m_all.emplace_back(processors, std::move(bytes));
        return *m_all.back().second;
    }

private:
    std::vector<std::pair<int, std::unique_ptr<DeviceBytes>>> m_all;
};

constexpr int kRowCounts[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64};
constexpr int kQuickRowCounts[] = {1, 3, 9, 31, 64};

/// All finishes and numbers of rows of one matrix: `weights` [outputs, inputs] as they should count. `quick`: fewer numbers of
/// rows, one for each kernel, as a tool that slows launches down a thousandfold wants them.
inline void checkProducts(Tally& tally, std::mt19937_64& random, Workspaces& workspaces, const std::string& name,
                          Format type, const std::vector<double>& weights, int outputs, int inputs,
                          const std::function<int(const Skinny&)>& run, bool quick)
{
    const std::span<const int> counts = quick ? std::span<const int>(kQuickRowCounts) : std::span<const int>(kRowCounts);
    struct Variant {
        Format xType;
        bool norm;
        const char* name;
    };
    for (const Variant& variant : {Variant{type, false, "plain"}, Variant{type, true, "normed"},
                                   Variant{Format::F32, true, "normed float32"}}) {
        const Rows rows = makeRows(random, type, variant.xType, variant.norm, inputs);
        const Dots dots = multiply(rows, weights, outputs);
        Product product{.rows = &rows, .dots = &dots, .run = run};
        product.bias = randomValues(static_cast<std::size_t>(outputs), random, type);
        product.before = randomValues(dots.value.size(), random, type);
        for (const Finish& finish : kFinishes) {
            std::string trouble;
            // With few processors blocks have several passes; with many, k is split.
            for (const int processors : {132, 5}) {
                if (processors == 5 && weights.size() > (1 << 17))
                    continue;
                product.processors = processors;
                product.workspace = &workspaces.of(processors);
                for (const int count : counts)
                    if (trouble.empty())
                        trouble = tryProduct(product, finish, count, 8 * static_cast<int>(random() % 3));
            }
            tally.count(trouble.empty(), text("%s %s %s %s: %s", name.c_str(), nameOf(type), variant.name, finish.name,
                                              trouble.empty() ? text("%zu numbers of rows", counts.size()).c_str()
                                                              : trouble.c_str()));
        }
        std::string trouble;
        for (const auto& [count, alone] : {std::pair(4, 2), std::pair(12, 5), std::pair(30, 29), std::pair(64, 40)})
            if (trouble.empty())
                trouble = tryAlone(product, count, alone);
        tally.count(trouble.empty(), text("%s %s %s alone as in company: %s", name.c_str(), nameOf(type), variant.name,
                                          trouble.empty() ? "the same bits" : trouble.c_str()));
    }
}

// Speed. Launches are recorded into a graph, as an engine does: what is measured is the device's time.

/// Records what `enqueue` launches and calls `use` with the graph, which it may launch into the stream.
template <typename Enqueue, typename Use>
void withGraph(Enqueue&& enqueue, Use&& use)
{
    cudaStream_t stream = nullptr;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    enqueue(stream);
    must(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    must(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
    use(executable, stream);
    must(cudaGraphExecDestroy(executable), "cudaGraphExecDestroy");
    must(cudaGraphDestroy(graph), "cudaGraphDestroy");
    must(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

/// Milliseconds of one replay of what `enqueue` launches.
template <typename Enqueue>
double graphMilliseconds(Enqueue&& enqueue)
{
    double milliseconds = 0;
    withGraph(enqueue, [&](cudaGraphExec_t graph, cudaStream_t) {
        milliseconds = medianMilliseconds([&] { must(cudaGraphLaunch(graph, nullptr), "cudaGraphLaunch"); });
    });
    return milliseconds;
}

/// A layer's q, k and v of one row.
struct IntoCacheCase {
    int heads, kvHeads, headDim, inputs, blockTokens, place;
    Format type, xType;
    bool norm, bias;
    [[nodiscard]] int columns() const { return (heads + 2 * kvHeads) * headDim; }
};

/// `intoCache` (work, target) must leave the bits that `product` (work) and rotateIntoCache() leave. Both put the weight into
/// the work.
template <typename Product, typename IntoCache>
void checkIntoCache(Tally& tally, std::mt19937_64& random, const IntoCacheCase& at, Product&& product, IntoCache&& intoCache)
{
    constexpr int kBlocks = 3;
    const int columns = at.columns();
    const int queries = at.heads * at.headDim;
    const auto count = [](std::int64_t elements) { return static_cast<std::size_t>(elements); };
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
            must(product(work), "product");
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
            must(intoCache(work, target), "into the cache");
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

/// One product of a model.
struct BenchShape {
    const char* name;
    int outputs;
    int inputs;
    SkinnyEpilogue epilogue;
    bool norm;
    bool bias;
};
constexpr BenchShape kLayer7B[] = {{"7B qkv", 4608, 3584, SkinnyEpilogue::Store, true, true},
                                   {"7B o", 3584, 3584, SkinnyEpilogue::Accumulate, false, false},
                                   {"7B gate up", 37888, 3584, SkinnyEpilogue::SiluMul, true, false},
                                   {"7B down", 3584, 18944, SkinnyEpilogue::Accumulate, false, false}};
constexpr BenchShape kLayer3B[] = {{"3B qkv", 2560, 2048, SkinnyEpilogue::Store, true, true},
                                   {"3B o", 2048, 2048, SkinnyEpilogue::Accumulate, false, false},
                                   {"3B gate up", 22016, 2048, SkinnyEpilogue::SiluMul, true, false},
                                   {"3B down", 2048, 11008, SkinnyEpilogue::Accumulate, false, false}};
constexpr int kBenchRows[] = {1, 2, 4, 8, 16, 32, 64};

/// Activations, workspace and epilogue arguments for products of a model in `type`, whose residual stream is float32 for
/// float16.
class Bench {
public:
    explicit Bench(Format type)
        : m_type(type), m_wide(type == Format::F16 ? Format::F32 : type), m_residual(filled(3584, m_wide)),
          m_wideRows(filled(kMostWidth, type)), m_narrowRows(filled(18944, type)), m_vector(filled(kMostWidth / 64, type)),
          m_processors(processorCount()), m_workspace(kernels::cuda::skinnyWorkspace(kMostWidth, m_processors))
    {
        m_workspace.zero();
    }
    /// What belongs to one product; x of `down` and `o` is what the product before them left.
    [[nodiscard]] Skinny work(const BenchShape& shape, int rows) const
    {
        const bool gate = shape.epilogue == SkinnyEpilogue::SiluMul;
        const bool adds = shape.epilogue == SkinnyEpilogue::Accumulate;
        const bool down = adds && shape.inputs > 4096;
        return {.y = adds ? m_residual.get() : gate ? m_narrowRows.get() : m_wideRows.get(),
                .yStride = adds ? 3584 : gate ? shape.outputs / 2 : shape.outputs,
                .x = shape.norm ? m_residual.get() : down ? m_narrowRows.get() : m_wideRows.get(),
                .xStride = shape.norm ? 3584 : shape.inputs,
                .bias = shape.bias ? m_vector.get() : nullptr,
                .gain = shape.norm ? m_vector.get() : nullptr,
                .rows = rows,
                .inputs = shape.inputs,
                .outputs = shape.outputs,
                .epilogue = shape.epilogue,
                .type = m_type,
                .out = adds ? m_wide : m_type,
                .xType = shape.norm ? m_wide : m_type,
                .workspace = m_workspace.get(),
                .workspaceBytes = m_workspace.bytes(),
                .processors = m_processors};
    }

private:
    static constexpr int kMostWidth = 152064;
    /// 64 rows of normal numbers.
    static DeviceBytes filled(int columns, Format format)
    {
        std::mt19937_64 random(3);
        return upload(randomValues(static_cast<std::size_t>(kMostSkinnyRows) * static_cast<std::size_t>(columns), random, format),
                      format);
    }
    static int processorCount()
    {
        int device = 0;
        int count = 0;
        must(cudaGetDevice(&device), "cudaGetDevice");
        must(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "cudaDeviceGetAttribute");
        return count;
    }

    Format m_type;
    Format m_wide;
    DeviceBytes m_residual;
    DeviceBytes m_wideRows;
    DeviceBytes m_narrowRows;
    DeviceBytes m_vector; ///< a bias or a gain
    int m_processors;
    DeviceBytes m_workspace;
};

/// A line for one measurement.
inline void report(const char* name, Format type, int rows, double milliseconds, double bytes)
{
    std::printf("{\"bench\": \"%s\", \"type\": \"%s\", \"rows\": %d, \"us\": %.2f, \"GB/s\": %.0f}\n", name, nameOf(type),
                rows, milliseconds * 1000, bytes / milliseconds / 1e6);
    std::fflush(stdout);
}

/// What a copy of the device reaches, to compare with: bytes read and written.
inline void reportCopy()
{
    const std::size_t bytes = std::size_t{1} << 30;
    const DeviceBytes from(bytes);
    const DeviceBytes to(bytes);
    const double milliseconds = medianMilliseconds(
        [&] { must(cudaMemcpyAsync(to.get(), from.get(), bytes, cudaMemcpyDeviceToDevice, nullptr), "cudaMemcpyAsync"); }, 5);
    std::printf("{\"bench\": \"copy\", \"GB/s\": %.0f}\n", 2.0 * static_cast<double>(bytes) / milliseconds / 1e6);
}

} // namespace argus::device_check
