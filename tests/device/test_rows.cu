// Row operations and loading on the GPU: kernels/cuda/rows.h, kernels/cuda/loading.h.
//
//     test_rows [--seed N] [--bench] [--only GROUP]

#include "kernels/cuda/loading.h"
#include "kernels/cuda/rows.h"
#include "tests/device/device_check.h"

#include <functional>
#include <numeric>

using namespace argus;
using namespace argus::device_check;
using namespace argus::kernels::cuda;

namespace {

using Values = std::vector<double>;

constexpr Format kFormats[] = {Format::F32, Format::F16, Format::BF16};

struct TypePair {
    Format type;
    Format wide; ///< the type, or F32
};
constexpr TypePair kTypePairs[] = {{Format::F32, Format::F32},
                                   {Format::F16, Format::F16},
                                   {Format::F16, Format::F32},
                                   {Format::BF16, Format::BF16},
                                   {Format::BF16, Format::F32}};

constexpr double kFloatEpsilon = 0x1p-23;

struct Run {
    Tally tally;
    std::mt19937_64 random;

    int below(int end) { return static_cast<int>(random() % static_cast<std::uint64_t>(end)); }
    Values values(std::size_t count, Format format, double deviation = 1)
    {
        return randomValues(count, random, format, deviation);
    }
};

std::string text(const char* format, auto... arguments)
{
    char buffer[256];
    std::snprintf(buffer, sizeof buffer, format, arguments...);
    return buffer;
}

std::size_t product(std::int64_t a, std::int64_t b)
{
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

/// Half the distance between neighbours of the type around x: how far rounding may move it.
double roundingBound(double x, Format format)
{
    const double smallest = format == Format::F32 ? 0x1p-150 : format == Format::F16 ? 0x1p-25 : 0x1p-134;
    return std::max(std::abs(x) * epsilonOf(format) / 2, smallest);
}

void encode(double value, Format format, unsigned char* to)
{
    const auto single = static_cast<float>(value);
    const __half half = __float2half_rn(single);
    const __nv_bfloat16 brain = __float2bfloat16_rn(single);
    const void* from = format == Format::F32   ? static_cast<const void*>(&single)
                       : format == Format::F16 ? static_cast<const void*>(&half)
                                               : static_cast<const void*>(&brain);
    std::memcpy(to, from, static_cast<std::size_t>(kernels::bytesOf(format)));
}

double decode(const unsigned char* from, Format format)
{
    float single = 0;
    __half half;
    __nv_bfloat16 brain;
    switch (format) {
    case Format::F16:
        std::memcpy(&half, from, 2);
        return static_cast<double>(__half2float(half));
    case Format::BF16:
        std::memcpy(&brain, from, 2);
        return static_cast<double>(__bfloat162float(brain));
    case Format::F32:
        break;
    }
    std::memcpy(&single, from, 4);
    return static_cast<double>(single);
}

/// A matrix on the device. Whatever does not belong to it, between its rows and before the first, stays poisoned.
class Rows {
public:
    /// Poisoned throughout. The first row begins `offset` elements behind an aligned address.
    Rows(Format format, int rows, int columns, std::int64_t stride, int offset = 0)
        : m_format(format), m_rows(rows), m_columns(columns), m_stride(stride), m_offset(offset),
          m_device((product(rows, stride) + static_cast<std::size_t>(offset)) * elementBytes())
    {
    }
    Rows(Format format, int rows, int columns, std::int64_t stride, const Values& values, int offset = 0)
        : Rows(format, rows, columns, stride, offset)
    {
        std::vector<unsigned char> raw(m_device.bytes(), 0xFF);
        for (int row = 0; row < rows; ++row)
            for (int column = 0; column < columns; ++column)
                encode(values[product(row, columns) + static_cast<std::size_t>(column)], format,
                       raw.data() + at(row, column));
        if (!raw.empty())
            must(cudaMemcpy(m_device.get(), raw.data(), raw.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
    }

    [[nodiscard]] void* get() const
    {
        return m_device.as<char>() + static_cast<std::size_t>(m_offset) * elementBytes();
    }
    [[nodiscard]] std::int64_t stride() const { return m_stride; }
    [[nodiscard]] std::vector<unsigned char> raw() const { return downloadPlain<unsigned char>(m_device); }
    [[nodiscard]] std::vector<unsigned char> rawRow(int row) const
    {
        const auto all = raw();
        const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at(row, 0));
        return {begin, begin + static_cast<std::ptrdiff_t>(at(0, m_columns) - at(0, 0))};
    }
    /// Dense.
    [[nodiscard]] Values values() const
    {
        const auto all = raw();
        Values values;
        values.reserve(product(m_rows, m_columns));
        for (int row = 0; row < m_rows; ++row)
            for (int column = 0; column < m_columns; ++column)
                values.push_back(decode(all.data() + at(row, column), m_format));
        return values;
    }
    /// Whether nothing was written but rows, and of those only such as `mayChange` allows.
    [[nodiscard]] bool restIntact(const std::function<bool(int)>& mayChange = [](int) { return true; }) const
    {
        auto all = raw();
        for (int row = 0; row < m_rows; ++row)
            if (mayChange(row))
                std::memset(all.data() + at(row, 0), 0xFF, at(0, m_columns) - at(0, 0));
        return m_device.guardsIntact() &&
               std::all_of(all.begin(), all.end(), [](unsigned char byte) { return byte == 0xFF; });
    }

private:
    [[nodiscard]] std::size_t elementBytes() const { return static_cast<std::size_t>(kernels::bytesOf(m_format)); }
    [[nodiscard]] std::size_t at(int row, int column) const
    {
        return (product(row, m_stride) + static_cast<std::size_t>(m_offset + column)) * elementBytes();
    }
    Format m_format;
    int m_rows;
    int m_columns;
    std::int64_t m_stride;
    int m_offset;
    DeviceBytes m_device;
};

/// The largest |got − expected| / bound; infinite for another size or a NaN.
double worstOf(const Values& got, const Values& expected, const Values& bounds)
{
    if (got.size() != expected.size() || bounds.size() != expected.size())
        return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double ratio = std::abs(got[i] - expected[i]) / bounds[i];
        if (!(ratio <= worst))
            worst = std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
    }
    return worst;
}

/// Share of elements that differ.
double shareOfOthers(const Values& got, const Values& expected)
{
    std::size_t others = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
        others += got[i] != expected[i];
    return static_cast<double>(others) / static_cast<double>(std::max<std::size_t>(got.size(), 1));
}

/// Equal, where a NaN equals a NaN.
bool same(const Values& got, const Values& expected)
{
    return got.size() == expected.size() &&
           std::equal(got.begin(), got.end(), expected.begin(),
                      [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); });
}

Values roundedAll(Values values, Format format)
{
    for (double& value : values)
        value = rounded(value, format);
    return values;
}

/// Both roundings of a 16-bit type must be there: rounding once instead changes a quarter of the elements and more,
/// while float32 against float64 changes one in some thousand. A share of fewer than a thousand says nothing.
bool roundedTwice(const Values& got, double shareOfOthers, Format format)
{
    return format == Format::F32 || got.size() < 1000 || shareOfOthers < 0.01;
}

// --- RMS norm ---

struct NormExpectation {
    Values exact;
    Values rounded;
    Values bounds;
};

NormExpectation expectNorm(const Values& x, const Values& gain, int tokens, int hidden, double epsilon, Format type)
{
    // Sums of squares by eights and trees: 8 + 10 roundings and the mean, halved by the root; the root itself 2 units;
    // two products.
    const double arithmetic = 14 * kFloatEpsilon;
    NormExpectation expectation;
    for (int token = 0; token < tokens; ++token) {
        const double* row = x.data() + product(token, hidden);
        const double squares = std::inner_product(row, row + hidden, row, 0.0);
        const double root = std::sqrt(squares / hidden + epsilon);
        for (int h = 0; h < hidden; ++h) {
            const double unit = row[h] / root;
            const double weight = gain[static_cast<std::size_t>(h)];
            const double exact = unit * weight;
            expectation.exact.push_back(exact);
            expectation.rounded.push_back(rounded(rounded(unit, type) * weight, type));
            expectation.bounds.push_back(
                1.01 * (roundingBound(unit, type) * std::abs(weight) + roundingBound(exact, type)) +
                arithmetic * std::abs(exact));
        }
    }
    return expectation;
}

void checkNorm(Run& run, TypePair types, int tokens, int hidden, bool inPlace)
{
    const auto x = run.values(product(tokens, hidden), types.wide, 3);
    const auto gain = run.values(static_cast<std::size_t>(hidden), types.type);
    const auto expected = expectNorm(x, gain, tokens, hidden, 1e-6, types.type);
    const Rows input(types.wide, tokens, hidden, hidden + 16, x);
    const Rows separate(types.type, inPlace ? 0 : tokens, hidden, hidden + 8);
    const Rows& output = inPlace ? input : separate;
    const auto gainDevice = upload(gain, types.type);
    must(rmsNorm({.y = output.get(),
                  .yStride = output.stride(),
                  .x = input.get(),
                  .xStride = input.stride(),
                  .gain = gainDevice.get(),
                  .tokens = tokens,
                  .hidden = hidden,
                  .epsilon = 1e-6f,
                  .type = types.type,
                  .residual = types.wide},
                 nullptr),
         "rmsNorm");
    const auto got = output.values();
    const double worst = worstOf(got, expected.exact, expected.bounds);
    const double others = shareOfOthers(got, expected.rounded);
    const bool untouched = inPlace || same(input.values(), x);
    run.tally.count(worst <= 1 && roundedTwice(got, others, types.type) && output.restIntact() && untouched,
                    text("rmsNorm %s of %s, %d x %d%s: %.2f of the bound, %.4f rounded otherwise", nameOf(types.type),
                         nameOf(types.wide), tokens, hidden, inPlace ? " in place" : "", worst, others));
}

/// A row alone gives the bits that it gives among others.
void checkNormOfOneRow(Run& run, TypePair types, int tokens, int hidden)
{
    const auto x = run.values(product(tokens, hidden), types.wide, 3);
    const auto gain = upload(run.values(static_cast<std::size_t>(hidden), types.type), types.type);
    const Rows input(types.wide, tokens, hidden, hidden, x);
    const Rows together(types.type, tokens, hidden, hidden);
    const Rows alone(types.type, 1, hidden, hidden);
    RmsNorm work{.y = together.get(),
                 .yStride = hidden,
                 .x = input.get(),
                 .xStride = hidden,
                 .gain = gain.get(),
                 .tokens = tokens,
                 .hidden = hidden,
                 .epsilon = 1e-6f,
                 .type = types.type,
                 .residual = types.wide};
    must(rmsNorm(work, nullptr), "rmsNorm");
    const int row = run.below(tokens);
    work.x = static_cast<const char*>(input.get()) +
             product(row, hidden) * static_cast<std::size_t>(kernels::bytesOf(types.wide));
    work.y = alone.get();
    work.tokens = 1;
    must(rmsNorm(work, nullptr), "rmsNorm");
    const bool written = !alone.restIntact([](int) { return false; });
    run.tally.count(written && together.rawRow(row) == alone.rawRow(0),
                    text("rmsNorm %s of %s, row %d of %d x %d alone has the same bits", nameOf(types.type),
                         nameOf(types.wide), row, tokens, hidden));
}

void checkNormVector(Run& run)
{
    const Rows input(Format::F32, 1, 8, 8, {1, 2, 3, 4, 4, 3, 2, 1});
    const Rows output(Format::F32, 1, 8, 8);
    const auto gain = upload(Values(8, 1.0), Format::F32);
    must(rmsNorm({.y = output.get(),
                  .yStride = 8,
                  .x = input.get(),
                  .xStride = 8,
                  .gain = gain.get(),
                  .tokens = 1,
                  .hidden = 8,
                  .epsilon = 1e-6f,
                  .type = Format::F32,
                  .residual = Format::F32},
                 nullptr),
         "rmsNorm");
    const Values expected = {0.365148365, 0.730296731, 1.09544516,  1.46059346,
                             1.46059346,  1.09544516,  0.730296731, 0.365148365};
    const double worst = largestError(output.values(), expected, 0);
    run.tally.count(worst < 4 * kFloatEpsilon, text("rmsNorm of 1 2 3 4: largest error %.1e", worst));
}

void checkNorms(Run& run)
{
    constexpr int kShapes[][2] = {{1, 8},    {1, 3584},   {3, 2048},  {64, 3584}, {256, 1280}, {257, 1280},
                                  {300, 8},  {259, 3584}, {258, 264}, {1, 8192},  {257, 8192}, {2, 5120},
                                  {2, 8200}, {5, 16392},  {5, 1032},  {261, 1032}};
    checkNormVector(run);
    for (const TypePair types : kTypePairs) {
        for (const auto& [tokens, hidden] : kShapes)
            checkNorm(run, types, tokens, hidden, false);
        if (types.type == types.wide) {
            checkNorm(run, types, 2, 3584, true);
            checkNorm(run, types, 300, 3584, true);
            checkNorm(run, types, 3, 9000, true);
        }
        for (const int hidden : {8, 1280, 3584, 8192, 8200})
            checkNormOfOneRow(run, types, 300, hidden);
    }
}

// --- Gathered rows ---

struct GatherCase {
    int count = 0;
    int columns = 0;
    int rows = 0;
    bool marks = false; ///< negative ids, ids that do not exist, seen and resolved
    int firstId = 0;    ///< of the table
    int knownIds = 0;   ///< 0: those of the table, which begins with 0
};

void checkGather(Run& run, TypePair types, const GatherCase& shape)
{
    constexpr int kSlots = 9;
    const int known = shape.knownIds > 0 ? shape.knownIds : shape.rows;
    const int words = known / 32 + 1;
    const int seenStride = words + 3;
    const auto table = run.values(product(shape.rows, shape.columns), types.type);
    std::vector<std::int32_t> ids(static_cast<std::size_t>(shape.count));
    std::vector<std::int32_t> slots(ids.size());
    std::vector<std::int32_t> last(kSlots);
    std::vector<std::uint32_t> seen(product(kSlots, seenStride));
    for (auto& word : seen)
        word = static_cast<std::uint32_t>(run.random()) & static_cast<std::uint32_t>(run.random());
    for (auto& id : last)
        id = run.below(known);
    last[3] = known;
    last[4] = -7;
    for (auto& slot : slots)
        slot = run.below(kSlots + 1) - 1;
    for (auto& id : ids)
        id = run.below(known);
    for (std::size_t i = 0; shape.marks && i < ids.size(); i += 3)
        ids[i] = i % 2 == 0 ? -1 - run.below(kSlots) : run.below(2) == 0 ? known : std::numeric_limits<int>::max();

    auto expectedSeen = seen;
    std::vector<std::int32_t> expectedIds;
    Values expected;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const int id = ids[i] < 0 ? last[static_cast<std::size_t>(-1 - ids[i])] : ids[i];
        const bool held = id >= shape.firstId && id - shape.firstId < shape.rows;
        expectedIds.push_back(id);
        for (int column = 0; column < shape.columns; ++column)
            expected.push_back(
                held ? table[product(id - shape.firstId, shape.columns) + static_cast<std::size_t>(column)] : 0.0);
        if (id >= 0 && id < known && slots[i] >= 0)
            expectedSeen[product(slots[i], seenStride) + static_cast<std::size_t>(id / 32)] |= 1u << (id % 32);
    }

    const Rows tableDevice(types.type, shape.rows, shape.columns, shape.columns + 8, table);
    const Rows output(types.wide, shape.count, shape.columns, shape.columns + 16);
    const auto idsDevice = uploadPlain(ids);
    const auto lastDevice = uploadPlain(last);
    const auto slotsDevice = uploadPlain(slots);
    const auto seenDevice = uploadPlain(seen);
    const DeviceBytes resolved(ids.size() * 4);
    GatherRows work{.y = output.get(),
                    .yStride = output.stride(),
                    .table = tableDevice.get(),
                    .tableStride = tableDevice.stride(),
                    .ids = idsDevice.as<std::int32_t>(),
                    .count = shape.count,
                    .columns = shape.columns,
                    .rows = shape.rows,
                    .firstId = shape.firstId,
                    .knownIds = shape.knownIds,
                    .type = types.type,
                    .out = types.wide};
    if (shape.marks) {
        work.last = lastDevice.as<std::int32_t>();
        work.slots = slotsDevice.as<std::int32_t>();
        work.seen = seenDevice.as<std::uint32_t>();
        work.seenStride = seenStride;
        work.resolved = resolved.as<std::int32_t>();
    }
    must(gatherRows(work, nullptr), "gatherRows");
    bool good = same(output.values(), expected) && output.restIntact();
    if (shape.marks)
        good = good && downloadPlain<std::uint32_t>(seenDevice) == expectedSeen && seenDevice.guardsIntact() &&
               downloadPlain<std::int32_t>(resolved) == expectedIds && resolved.guardsIntact();
    run.tally.count(good, text("gatherRows %s to %s, %d of %d x %d%s%s", nameOf(types.type), nameOf(types.wide),
                               shape.count, shape.rows, shape.columns, shape.marks ? ", marks" : "",
                               shape.knownIds > 0 ? ", a part of a table" : ""));
    if (!shape.marks)
        return;
    const auto marked = uploadPlain(seen);
    GatherRows marks{.ids = work.ids,
                     .last = work.last,
                     .seen = marked.as<std::uint32_t>(),
                     .seenStride = seenStride,
                     .slots = work.slots,
                     .count = shape.count,
                     .knownIds = known,
                     .type = types.type,
                     .out = types.wide};
    must(gatherRows(marks, nullptr), "gatherRows");
    run.tally.count(downloadPlain<std::uint32_t>(marked) == expectedSeen && marked.guardsIntact(),
                    text("gatherRows, %d marks without a table", shape.count));
}

void checkGathers(Run& run)
{
    constexpr GatherCase kCases[] = {{1, 3584, 50, false},  {1, 8, 1, true},     {64, 3584, 700, true},
                                     {300, 2048, 90, true}, {7, 8192, 33, true}, {5, 16392, 40, false},
                                     {11, 24, 2000, true},  {4000, 8, 64, true},
                                     {64, 3584, 350, true, 0, 700}, {300, 2048, 30, true, 60, 90}};
    for (const TypePair types : kTypePairs)
        for (const GatherCase& shape : kCases)
            checkGather(run, types, shape);
}

// --- Copied rows ---

struct CopyCase {
    int count = 0;
    int columns = 0;
    int gap = 0;        ///< between rows of both, in elements
    int fromOffset = 0; ///< elements behind an aligned address
    int toOffset = 0;
    bool permuted = false;
};

void checkCopy(Run& run, Format from, Format to, const CopyCase& shape)
{
    const auto x = run.values(product(shape.count, shape.columns), from, 2);
    const int targets = shape.permuted ? 2 * shape.count : shape.count;
    std::vector<std::int32_t> index(static_cast<std::size_t>(targets));
    std::iota(index.begin(), index.end(), 0);
    if (shape.permuted)
        std::shuffle(index.begin(), index.end(), run.random);
    index.resize(static_cast<std::size_t>(shape.count));
    const Rows input(from, shape.count, shape.columns, shape.columns + shape.gap, x, shape.fromOffset);
    const Rows output(to, targets, shape.columns, shape.columns + shape.gap, shape.toOffset);
    const auto indexDevice = uploadPlain(index);
    must(copyRows({.y = output.get(),
                   .yStride = output.stride(),
                   .x = input.get(),
                   .xStride = input.stride(),
                   .index = shape.permuted ? indexDevice.as<std::int32_t>() : nullptr,
                   .count = shape.count,
                   .columns = shape.columns,
                   .from = from,
                   .to = to},
                  nullptr),
         "copyRows");
    const auto got = output.values();
    bool good = true;
    for (int row = 0; row < shape.count; ++row)
        for (int column = 0; column < shape.columns; ++column)
            good =
                good &&
                got[product(index[static_cast<std::size_t>(row)], shape.columns) + static_cast<std::size_t>(column)] ==
                    rounded(x[product(row, shape.columns) + static_cast<std::size_t>(column)], to);
    const std::vector<bool> named = [&] {
        std::vector<bool> flags(static_cast<std::size_t>(targets));
        for (const std::int32_t row : index)
            flags[static_cast<std::size_t>(row)] = true;
        return flags;
    }();
    good = good && output.restIntact([&](int row) { return named[static_cast<std::size_t>(row)]; });
    run.tally.count(good, text("copyRows %s to %s, %d x %d, gap %d, offsets %d %d%s", nameOf(from), nameOf(to),
                               shape.count, shape.columns, shape.gap, shape.fromOffset, shape.toOffset,
                               shape.permuted ? ", permuted" : ""));
}

void checkCopies(Run& run)
{
    constexpr CopyCase kCases[] = {
        {1, 1, 0, 0, 0, false},     {1, 3584, 0, 0, 0, false},  {5, 3584, 8, 0, 0, true},  {300, 1280, 16, 0, 0, true},
        {3, 3420, 4, 0, 0, false},  {3, 1179, 5, 0, 0, true},   {4, 1176, 0, 1, 0, false}, {4, 1176, 0, 0, 1, true},
        {2, 428, 1, 1, 1, false},   {2, 20003, 5, 0, 0, false}, {2, 9001, 2, 0, 3, true},  {3, 7, 1, 0, 0, true},
        {2000, 13, 3, 0, 0, false},
    };
    for (const Format from : kFormats)
        for (const Format to : kFormats)
            for (const CopyCase& shape : kCases)
                checkCopy(run, from, to, shape);
}

// --- Rotary tables ---

std::vector<float> frequenciesOf(int count, double theta, int rotaryDimensions)
{
    std::vector<float> frequencies;
    for (int i = 0; i < count; ++i)
        frequencies.push_back(1.0f / std::pow(static_cast<float>(theta),
                                              static_cast<float>(2 * i) / static_cast<float>(rotaryDimensions)));
    return frequencies;
}

struct Tables {
    DeviceBytes cosines;
    DeviceBytes sines;
};

Tables makeTables(const std::vector<std::int32_t>& positions, std::int64_t positionStride,
                  const std::vector<float>& frequencies, const int (&sections)[3], int tokens, Format type)
{
    const int half = static_cast<int>(frequencies.size());
    Tables tables{DeviceBytes(product(tokens, half) * 4), DeviceBytes(product(tokens, half) * 4)};
    const auto positionsDevice = uploadPlain(positions);
    const auto frequenciesDevice = uploadPlain(frequencies);
    must(ropeTables({.cosines = tables.cosines.as<float>(),
                     .sines = tables.sines.as<float>(),
                     .positions = positionsDevice.as<std::int32_t>(),
                     .positionStride = positionStride,
                     .frequencies = frequenciesDevice.as<float>(),
                     .sections = {sections[0], sections[1], sections[2]},
                     .tokens = tokens,
                     .half = half,
                     .type = type},
                    nullptr),
         "ropeTables");
    must(cudaDeviceSynchronize(), "cudaDeviceSynchronize"); // the positions end here
    return tables;
}

void checkTables(Run& run, Format type, int tokens, const int (&sections)[3], double theta)
{
    const int half = sections[0] + sections[1] + sections[2];
    const int stride = tokens + 5;
    const auto frequencies = frequenciesOf(half, theta, 2 * half);
    std::vector<std::int32_t> positions(product(3, stride));
    for (auto& position : positions)
        position = run.below(2) == 0 ? run.below(200) : run.below(1 << 20); // far beyond where reduction has to change
    const auto tables = makeTables(positions, stride, frequencies, sections, tokens, type);
    Values expected[2];
    Values bounds[2];
    for (int token = 0; token < tokens; ++token) {
        for (int j = 0; j < half; ++j) {
            const int axis = j < sections[0] ? 0 : j < sections[0] + sections[1] ? 1 : 2;
            const auto position =
                static_cast<float>(positions[product(axis, stride) + static_cast<std::size_t>(token)]);
            const float angle = position * frequencies[static_cast<std::size_t>(j)];
            const double exact[2] = {std::cos(static_cast<double>(angle)), std::sin(static_cast<double>(angle))};
            for (int i = 0; i < 2; ++i) {
                expected[i].push_back(exact[i]);
                // The device's functions are within 2 units in the last place; then the type's rounding.
                bounds[i].push_back(2 * kFloatEpsilon * std::abs(exact[i]) + 1.01 * roundingBound(exact[i], type));
            }
        }
    }
    const auto cosines = download(tables.cosines, Format::F32);
    const auto sines = download(tables.sines, Format::F32);
    const double worst = std::max(worstOf(cosines, expected[0], bounds[0]), worstOf(sines, expected[1], bounds[1]));
    const bool representable = same(cosines, roundedAll(cosines, type)) && same(sines, roundedAll(sines, type));
    run.tally.count(worst <= 1 && representable && tables.cosines.guardsIntact() && tables.sines.guardsIntact(),
                    text("ropeTables %s, %d x %d (%d %d %d): %.2f of the bound", nameOf(type), tokens, half,
                         sections[0], sections[1], sections[2], worst));
}

/// The numbers of design/qwen2_5_vl.md §3.3 for position (5, 7, 9).
void checkTableVector(Run& run)
{
    constexpr double kVector[][3] = {{0, 0.283203125, -0.95703125}, {1, -0.6328125, -0.77734375},
                                     {15, 0.98046875, 0.1953125},   {16, 0.9765625, 0.219726562},
                                     {39, 1, 0.0015411377},         {40, 1, 0.00160217285},
                                     {63, 1, 1.11460686e-05}};
    const auto tables = makeTables({5, 7, 9}, 1, frequenciesOf(64, 1e6, 128), {16, 24, 24}, 1, Format::BF16);
    const auto cosines = download(tables.cosines, Format::F32);
    const auto sines = download(tables.sines, Format::F32);
    bool good = true;
    for (const auto& [j, cosine, sine] : kVector) {
        const auto at = static_cast<std::size_t>(j);
        good = good && std::abs(cosines[at] - cosine) <= 1e-8 * std::abs(cosine) &&
               std::abs(sines[at] - sine) <= 1e-8 * std::abs(sine); // printed with nine digits
    }
    run.tally.count(good, "ropeTables bfloat16 at (5, 7, 9)");
}

void checkAllTables(Run& run)
{
    checkTableVector(run);
    for (const Format type : kFormats) {
        for (const int tokens : {1, 7, 300}) {
            checkTables(run, type, tokens, {16, 24, 24}, 1e6);
            checkTables(run, type, tokens, {20, 20, 0}, 1e4);
            checkTables(run, type, tokens, {8, 0, 0}, 1e4);
        }
        checkTables(run, type, 3, {100, 200, 212}, 1e6);
    }
}

// --- Rotation ---

struct Turned {
    double value;
    double bound;
};
/// Element d of a head that is turned. `head` has 2·half elements.
Turned turned(const double* head, const double* cosines, const double* sines, int d, int half, Format type)
{
    const int j = d % half;
    const double own = head[d] * cosines[j];
    const double other = d < half ? -head[d + half] * sines[j] : head[d - half] * sines[j];
    // Two products and a sum in float, then the type's rounding.
    return {own + other, kFloatEpsilon * (std::abs(own) + std::abs(other)) + 1.01 * roundingBound(own + other, type)};
}

struct HostTables {
    Values cosines;
    Values sines;
    DeviceBytes cosinesDevice;
    DeviceBytes sinesDevice;
};
HostTables randomTables(Run& run, int tokens, int half)
{
    Values cosines;
    Values sines;
    std::uniform_real_distribution<double> angle(-3.2, 3.2);
    for (std::size_t i = 0; i < product(tokens, half); ++i) {
        const double a = angle(run.random);
        cosines.push_back(rounded(std::cos(a), Format::F32));
        sines.push_back(rounded(std::sin(a), Format::F32));
    }
    return {cosines, sines, upload(cosines, Format::F32), upload(sines, Format::F32)};
}

void checkRotate(Run& run, Format type, int tokens, int heads, int half)
{
    const int columns = heads * 2 * half;
    const auto x = run.values(product(tokens, columns), type, 2);
    const auto tables = randomTables(run, tokens, half);
    const Rows device(type, tokens, columns, columns + 24, x);
    must(rotate({.x = device.get(),
                 .xStride = device.stride(),
                 .cosines = tables.cosinesDevice.as<float>(),
                 .sines = tables.sinesDevice.as<float>(),
                 .tokens = tokens,
                 .heads = heads,
                 .half = half,
                 .type = type},
                nullptr),
         "rotate");
    Values expected;
    Values bounds;
    for (int token = 0; token < tokens; ++token) {
        const std::size_t table = product(token, half);
        for (int column = 0; column < columns; ++column) {
            const double* head = x.data() + product(token, columns) + column / (2 * half) * 2 * half;
            const auto [value, bound] = turned(head, tables.cosines.data() + table, tables.sines.data() + table,
                                               column % (2 * half), half, type);
            expected.push_back(value);
            bounds.push_back(bound);
        }
    }
    const double worst = worstOf(device.values(), expected, bounds);
    run.tally.count(worst <= 1 && device.restIntact(), text("rotate %s, %d x %d heads of %d: %.2f of the bound",
                                                            nameOf(type), tokens, heads, 2 * half, worst));
}

/// Vectors of design/qwen2_5_vl.md §3.3 and §5.2: q[d] = 0.01·d turned with tables made on the device.
void checkRotateVector(Run& run, const char* name, const std::vector<std::int32_t>& position,
                       const std::vector<float>& frequencies, const int (&sections)[3],
                       const std::vector<std::pair<int, double>>& vector)
{
    const int half = static_cast<int>(frequencies.size());
    const auto tables = makeTables(position, 1, frequencies, sections, 1, Format::F32);
    Values q;
    for (int d = 0; d < 2 * half; ++d)
        q.push_back(0.01 * d);
    const Rows device(Format::F32, 1, 2 * half, 2 * half, q);
    must(rotate({.x = device.get(),
                 .xStride = 2 * half,
                 .cosines = tables.cosines.as<float>(),
                 .sines = tables.sines.as<float>(),
                 .tokens = 1,
                 .heads = 1,
                 .half = half,
                 .type = Format::F32},
                nullptr),
         "rotate");
    const auto got = device.values();
    double worst = 0;
    for (const auto& [d, value] : vector)
        worst = std::max(worst, std::abs(got[static_cast<std::size_t>(d)] - value));
    run.tally.count(worst < 5e-7, text("rotate %s: largest difference %.1e", name, worst));
}

void checkRotations(Run& run)
{
    checkRotateVector(run, "a text head at (5, 7, 9)", {5, 7, 9}, frequenciesOf(64, 1e6, 128), {16, 24, 24},
                      {{0, 0.61371154},
                       {64, 0.1815438},
                       {1, 0.49780822},
                       {65, -0.41807529},
                       {15, -0.0068909526},
                       {79, 0.80408484},
                       {16, -0.019548893},
                       {80, 0.8156088},
                       {39, 0.38840845},
                       {103, 1.0306013},
                       {40, 0.39833501},
                       {104, 1.0406388},
                       {63, 0.62998581},
                       {127, 1.270007}});
    auto frequencies = frequenciesOf(20, 1e4, 40);
    frequencies.insert(frequencies.end(), frequencies.begin(), frequencies.begin() + 20);
    checkRotateVector(run, "a vision head at (3, 5)", {3, 5}, frequencies, {20, 20, 0},
                      {{0, -0.056447998},
                       {40, -0.39599699},
                       {1, -0.39208338},
                       {41, -0.12029397},
                       {19, 0.18971944},
                       {59, 0.59009027},
                       {20, 0.63208693},
                       {60, -0.021587536},
                       {21, -0.20193365},
                       {61, -0.61271757},
                       {39, 0.38937384},
                       {79, 0.79030877}});
    constexpr int kShapes[][3] = {{1, 2, 40},  {7, 32, 40}, {300, 32, 40}, {257, 5, 64}, {3, 28, 64},
                                  {300, 3, 8}, {2, 72, 64}, {257, 72, 64}, {1, 1, 8},    {2, 64, 96}};
    for (const Format type : kFormats)
        for (const auto& [tokens, heads, half] : kShapes)
            checkRotate(run, type, tokens, heads, half);
}

struct CacheCase {
    int tokens = 0;
    int heads = 0;
    int kvHeads = 0;
    int headDim = 0;
    int blockTokens = 0;
};

void checkCache(Run& run, Format type, const CacheCase& shape)
{
    const int half = shape.headDim / 2;
    const int columns = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
    const int blocks = shape.tokens / shape.blockTokens + 3;
    const int cacheRows = blocks * shape.kvHeads * shape.blockTokens;
    const auto x = run.values(product(shape.tokens, columns), type, 2);
    const auto tables = randomTables(run, shape.tokens, half);
    std::vector<std::int32_t> places(static_cast<std::size_t>(blocks * shape.blockTokens));
    std::iota(places.begin(), places.end(), 0);
    std::shuffle(places.begin(), places.end(), run.random);
    places.resize(static_cast<std::size_t>(shape.tokens));
    for (std::size_t i = 1; i < places.size(); i += 4)
        places[i] = i % 8 == 1 ? -1 : std::numeric_limits<int>::min();

    const Rows qkv(type, shape.tokens, columns, columns + 8, x);
    const Rows keys(type, cacheRows, shape.headDim, shape.headDim);
    const Rows values(type, cacheRows, shape.headDim, shape.headDim);
    const auto placesDevice = uploadPlain(places);
    must(rotateIntoCache({.qkv = qkv.get(),
                          .qkvStride = qkv.stride(),
                          .cosines = tables.cosinesDevice.as<float>(),
                          .sines = tables.sinesDevice.as<float>(),
                          .keys = keys.get(),
                          .values = values.get(),
                          .places = placesDevice.as<std::int32_t>(),
                          .tokens = shape.tokens,
                          .heads = shape.heads,
                          .kvHeads = shape.kvHeads,
                          .headDim = shape.headDim,
                          .blockTokens = shape.blockTokens,
                          .type = type},
                         nullptr),
         "rotateIntoCache");

    Values expectedQkv = x;
    Values qkvBounds(x.size(), 1e-300); // what is not turned keeps its bits
    Values expectedKeys;
    Values keyBounds;
    Values gotKeys;
    Values expectedValues;
    Values gotValues;
    std::vector<bool> written(static_cast<std::size_t>(cacheRows));
    const auto allKeys = keys.values();
    const auto allValues = values.values();
    for (int token = 0; token < shape.tokens; ++token) {
        const int place = places[static_cast<std::size_t>(token)];
        if (place < 0)
            continue;
        const double* cosines = tables.cosines.data() + product(token, half);
        const double* sines = tables.sines.data() + product(token, half);
        for (int head = 0; head < shape.heads + 2 * shape.kvHeads; ++head) {
            const std::size_t from = product(token, columns) + product(head, shape.headDim);
            const bool isKey = head >= shape.heads && head < shape.heads + shape.kvHeads;
            const int kvHead = (head - shape.heads) % shape.kvHeads;
            const int row =
                (place / shape.blockTokens * shape.kvHeads + kvHead) * shape.blockTokens + place % shape.blockTokens;
            for (int d = 0; d < shape.headDim; ++d) {
                const auto [value, bound] = turned(x.data() + from, cosines, sines, d, half, type);
                const std::size_t to = product(row, shape.headDim) + static_cast<std::size_t>(d);
                if (head < shape.heads) {
                    expectedQkv[from + static_cast<std::size_t>(d)] = value;
                    qkvBounds[from + static_cast<std::size_t>(d)] = bound;
                } else if (isKey) {
                    expectedKeys.push_back(value);
                    keyBounds.push_back(bound);
                    gotKeys.push_back(allKeys[to]);
                } else {
                    expectedValues.push_back(x[from + static_cast<std::size_t>(d)]);
                    gotValues.push_back(allValues[to]);
                }
            }
            if (head >= shape.heads)
                written[static_cast<std::size_t>(row)] = true;
        }
    }
    const auto mayChange = [&](int row) { return written[static_cast<std::size_t>(row)]; };
    const double worstQ = worstOf(qkv.values(), expectedQkv, qkvBounds);
    const double worstK = worstOf(gotKeys, expectedKeys, keyBounds);
    run.tally.count(worstQ <= 1 && worstK <= 1 && same(gotValues, expectedValues) && qkv.restIntact() &&
                        keys.restIntact(mayChange) && values.restIntact(mayChange),
                    text("rotateIntoCache %s, %d x (%d + 2 of %d) of %d, blocks of %d: %.2f and %.2f of the bound",
                         nameOf(type), shape.tokens, shape.heads, shape.kvHeads, shape.headDim, shape.blockTokens,
                         worstQ, worstK));
}

void checkCaches(Run& run)
{
    constexpr CacheCase kCases[] = {
        {1, 28, 4, 128, 64}, {64, 16, 2, 128, 64}, {300, 28, 4, 128, 64}, {257, 64, 8, 128, 32}, {6, 64, 8, 128, 64},
        {5, 2, 2, 128, 16},  {259, 3, 1, 16, 16},  {9, 4, 2, 80, 16},     {256, 40, 8, 128, 64}, {300, 7, 1, 128, 16}};
    for (const Format type : kFormats)
        for (const CacheCase& shape : kCases)
            checkCache(run, type, shape);
}

// --- Gates ---

void checkSilu(Run& run, Format type, int rows, int columns)
{
    auto x = run.values(product(rows, 2 * columns), type, 4);
    constexpr double kGates[] = {0, -0.0, 1e-7, -1e-7, -17, -30, -86, -87.5, -88.5, -89, -104, -1000, 30, 88, 250};
    for (std::size_t i = 0; i < std::size(kGates) && 2 * i + 1 < x.size(); ++i)
        x[2 * i] = rounded(kGates[i], type);
    const Rows input(type, rows, 2 * columns, 2 * columns + 8, x);
    const Rows output(type, rows, columns, columns + 16);
    must(siluMulPairs({.y = output.get(),
                       .yStride = output.stride(),
                       .x = input.get(),
                       .xStride = input.stride(),
                       .rows = rows,
                       .columns = columns,
                       .type = type},
                      nullptr),
         "siluMulPairs");
    // float: e^a, sum, quotient and product within 2 units each. 16 bits: as kernels/cuda/activations.cu states it.
    const double relative = type == Format::F32 ? 8 * kFloatEpsilon : 0x1p-17;
    const double absolute = type == Format::F32 ? 3e-37 : 2e-36; // below -88.7 e^-a is infinite
    Values exact;
    Values twice;
    Values bounds;
    for (std::size_t i = 0; i < product(rows, columns); ++i) {
        const double gate = x[2 * i];
        const double up = x[2 * i + 1];
        const double silu = gate / (1 + std::exp(-gate));
        exact.push_back(silu * up);
        twice.push_back(rounded(rounded(silu, type) * up, type));
        bounds.push_back(relative * std::abs(silu * up) + absolute * (1 + std::abs(up)) +
                         1.01 * (roundingBound(silu, type) * std::abs(up) + roundingBound(silu * up, type)));
    }
    const auto got = output.values();
    const double worst = worstOf(got, exact, bounds);
    const double others = shareOfOthers(got, twice);
    run.tally.count(worst <= 1 && roundedTwice(got, others, type) && output.restIntact(),
                    text("siluMulPairs %s, %d x %d: %.2f of the bound, %.4f rounded otherwise", nameOf(type), rows,
                         columns, worst, others));
}

struct BiasCase {
    int rows = 0;
    int columns = 0;
    bool bias = true;
    bool gelu = true;
    bool inPlace = false;
};

void checkBias(Run& run, Format type, const BiasCase& shape)
{
    auto x = run.values(product(shape.rows, shape.columns), type, 2);
    constexpr double kPoints[] = {-3, -1, -0.5, 0.5, 1, 3, -0.0, -20};
    std::copy(std::begin(kPoints), std::end(kPoints), x.begin());
    const auto bias = shape.bias ? run.values(static_cast<std::size_t>(shape.columns), type) : Values(x.size(), 0.0);
    const Rows input(type, shape.rows, shape.columns, shape.columns + 8, x);
    const Rows separate(type, shape.inPlace ? 0 : shape.rows, shape.columns, shape.columns + 16);
    const Rows& output = shape.inPlace ? input : separate;
    const auto biasDevice = upload(bias, type);
    must(biasGelu({.y = output.get(),
                   .yStride = output.stride(),
                   .x = input.get(),
                   .xStride = input.stride(),
                   .bias = shape.bias ? biasDevice.get() : nullptr,
                   .rows = shape.rows,
                   .columns = shape.columns,
                   .gelu = shape.gelu,
                   .type = type},
                  nullptr),
         "biasGelu");
    Values expected;
    Values bounds;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double sum = x[i] + bias[i % static_cast<std::size_t>(shape.columns)];
        const double value = shape.gelu ? 0.5 * sum * (1 + std::erf(sum / std::sqrt(2.0))) : sum;
        expected.push_back(value);
        // The sum is off by half a unit, which gelu multiplies by at most 1.13; erf by 2 units of at most 1, and so on.
        bounds.push_back(4 * kFloatEpsilon * std::abs(sum) + 1.01 * roundingBound(value, type));
    }
    const double worst = worstOf(output.values(), expected, bounds);
    run.tally.count(worst <= 1 && output.restIntact() && (shape.inPlace || same(input.values(), x)),
                    text("biasGelu %s, %d x %d%s%s%s: %.2f of the bound", nameOf(type), shape.rows, shape.columns,
                         shape.bias ? ", bias" : "", shape.gelu ? ", gelu" : "", shape.inPlace ? ", in place" : "",
                         worst));
}

void checkActivations(Run& run)
{
    constexpr int kGates[][2] = {{1, 8},      {1, 18944}, {3, 3424},  {256, 1280},
                                 {257, 1288}, {300, 640}, {5, 29568}, {258, 2056}};
    constexpr BiasCase kBiases[] = {
        {1, 8, true, true, false},       {1, 1280, true, true, false},   {7, 5120, true, true, true},
        {300, 1280, true, true, true},   {259, 5120, true, true, false}, {258, 1288, false, true, false},
        {301, 1280, true, false, true},  {3, 3584, true, false, false},  {260, 24, true, false, false},
        {1023, 1280, true, true, false}, {2, 2056, false, false, false}};
    for (const Format type : kFormats) {
        for (const auto& [rows, columns] : kGates)
            checkSilu(run, type, rows, columns);
        for (const BiasCase& shape : kBiases)
            checkBias(run, type, shape);
    }
}

// --- Loading ---

struct PlaceCase {
    int rows = 0;
    int columns = 0;
    int targetColumns = 0;
    int firstRow = 0;
    int rowStep = 1;
    int fromOffset = 0;
    int toOffset = 0;
};

void checkPlace(Run& run, Format from, Format to, const PlaceCase& shape)
{
    auto x = run.values(product(shape.rows, shape.columns), from, 1);
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double special[] = {
        65504, 65519, 65520, -65520, 70000, -1e30, kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN(),
        6e-8,  -0.0};
    for (std::size_t i = 0; i < std::size(special); ++i)
        x[static_cast<std::size_t>(run.below(static_cast<int>(x.size())))] = rounded(special[i], from);
    unsigned long long overflows = 5; // already counted
    for (const double value : x)
        overflows += to == Format::F16 && std::isfinite(value) && std::isinf(rounded(value, to));

    const int targetRows = shape.firstRow + (shape.rows - 1) * shape.rowStep + 2;
    const Rows source(from, shape.rows, shape.columns, shape.columns, x, shape.fromOffset);
    const Rows target(to, targetRows, shape.targetColumns, shape.targetColumns + 8, shape.toOffset);
    const auto counter = uploadPlain(std::vector<unsigned long long>{5});
    must(placeRows({.target = target.get(),
                    .targetStride = target.stride(),
                    .source = source.get(),
                    .sourceStride = source.stride(),
                    .rows = shape.rows,
                    .columns = shape.columns,
                    .targetColumns = shape.targetColumns,
                    .firstRow = shape.firstRow,
                    .rowStep = shape.rowStep,
                    .from = from,
                    .to = to,
                    .overflows = to == Format::F16 ? counter.as<unsigned long long>() : nullptr},
                   nullptr),
         "placeRows");
    const auto rowOf = [&](int row) {
        const int behind = row - shape.firstRow;
        return behind >= 0 && behind % shape.rowStep == 0 && behind / shape.rowStep < shape.rows
                   ? behind / shape.rowStep
                   : -1;
    };
    const auto all = target.values();
    Values got;
    Values expected;
    for (int row = 0; row < targetRows; ++row) {
        if (rowOf(row) < 0)
            continue;
        for (int column = 0; column < shape.targetColumns; ++column) {
            got.push_back(all[product(row, shape.targetColumns) + static_cast<std::size_t>(column)]);
            expected.push_back(
                column < shape.columns
                    ? rounded(x[product(rowOf(row), shape.columns) + static_cast<std::size_t>(column)], to)
                    : 0.0);
        }
    }
    const auto counted = downloadPlain<unsigned long long>(counter)[0];
    run.tally.count(same(got, expected) && counted == overflows && counter.guardsIntact() &&
                        target.restIntact([&](int row) { return rowOf(row) >= 0; }),
                    text("placeRows %s to %s, %d x %d in %d from row %d by %d, offsets %d %d: %llu left the range",
                         nameOf(from), nameOf(to), shape.rows, shape.columns, shape.targetColumns, shape.firstRow,
                         shape.rowStep, shape.fromOffset, shape.toOffset, counted - 5));
}

void checkPlaces(Run& run)
{
    constexpr PlaceCase kCases[] = {
        {1, 3584, 3584, 0, 1, 0, 0},   {300, 1280, 1280, 3, 2, 0, 0}, {7, 3420, 3456, 1, 1, 0, 0},
        {7, 3424, 3456, 1, 3, 0, 0},   {5, 428, 432, 0, 1, 0, 0},     {4, 1176, 1176, 2, 1, 1, 0},
        {4, 1176, 1184, 2, 2, 0, 1},   {1, 1, 1, 0, 1, 0, 0},         {3, 13, 40, 0, 1, 3, 1},
        {2, 20000, 20008, 0, 1, 0, 0}, {2, 20001, 20011, 0, 1, 0, 0}, {2, 8, 9000, 1, 1, 0, 0},
        {1000, 8, 8, 0, 1, 0, 0}};
    for (const Format from : kFormats)
        for (const Format to : kFormats)
            for (const PlaceCase& shape : kCases)
                checkPlace(run, from, to, shape);
}

struct PhiloxWords {
    std::uint32_t word[4];
};
/// Philox4x32-10 from its paper, apart from the kernel's: an array of counters, a key that is bumped.
PhiloxWords philoxReference(PhiloxWords counter, std::uint32_t key0, std::uint32_t key1)
{
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{counter.word[0]} * 0xD2511F53u;
        const std::uint64_t product1 = std::uint64_t{counter.word[2]} * 0xCD9E8D57u;
        counter = {{static_cast<std::uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0,
                    static_cast<std::uint32_t>(product1),
                    static_cast<std::uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1,
                    static_cast<std::uint32_t>(product0)}};
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

void checkPhiloxReference(Run& run)
{
    const auto zeros = philoxReference({{0, 0, 0, 0}}, 0, 0);
    const auto ones = philoxReference({{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u);
    constexpr std::uint32_t kZeros[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    constexpr std::uint32_t kOnes[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    run.tally.count(std::equal(kZeros, kZeros + 4, zeros.word) && std::equal(kOnes, kOnes + 4, ones.word),
                    "Philox4x32-10 of the test gives the published words");
}

double normalReference(std::uint64_t i, std::uint64_t seed)
{
    const auto words =
        philoxReference({{static_cast<std::uint32_t>(i / 4), static_cast<std::uint32_t>(i / 4 >> 32), 0, 0}},
                        static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
    const std::size_t pair = i % 4 / 2 * 2;
    const float uniform = std::fma(static_cast<float>(words.word[pair]), 0x1p-32f, 0x1p-33f);
    const double angle =
        static_cast<double>(static_cast<float>(words.word[pair + 1]) * 0x1p-31f) * 3.14159265358979323846;
    const double radius = std::sqrt(-2 * std::log(static_cast<double>(uniform)));
    return radius * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

void checkFill(Run& run, Format type, int count, int offset)
{
    const double mean = 0.25;
    const double deviation = 0.5;
    const std::uint64_t seed = run.random();
    const Rows device(type, 1, count, count, offset);
    must(fillNormal(device.get(), count, type, static_cast<float>(mean), static_cast<float>(deviation), seed, nullptr),
         "fillNormal");
    const auto got = device.values();
    Values expected;
    Values bounds;
    for (int i = 0; i < count; ++i) {
        const double value = mean + deviation * normalReference(static_cast<std::uint64_t>(i), seed);
        expected.push_back(value);
        // A radius of at most 6.8 and its factor, both within 3 units; one sum; then the type's rounding.
        bounds.push_back(deviation * 6.8 * 6 * kFloatEpsilon + kFloatEpsilon * std::abs(value) +
                         1.01 * roundingBound(value, type));
    }
    const double worst = worstOf(got, expected, bounds);
    run.tally.count(worst <= 1 && device.restIntact(),
                    text("fillNormal %s, %d from offset %d: %.2f of the bound", nameOf(type), count, offset, worst));
}

void checkMoments(Run& run)
{
    constexpr int kCount = 1 << 22;
    const Rows device(Format::F32, 1, kCount, kCount);
    must(fillNormal(device.get(), kCount, Format::F32, 0, 1, run.random(), nullptr), "fillNormal");
    double moments[5] = {};
    double neighbours = 0;
    double before = 0;
    for (const double value : device.values()) {
        double power = 1;
        for (int k = 1; k <= 4; ++k)
            moments[k] += (power *= value) / kCount;
        neighbours += before * value / kCount;
        before = value;
    }
    // Standard errors of the moments of n normal values: 1, √2, √15, √96 over √n; 1 for the product of neighbours.
    const double error = 5 / std::sqrt(static_cast<double>(kCount));
    const bool good = std::abs(moments[1]) < error && std::abs(moments[2] - 1) < error * std::sqrt(2.0) &&
                      std::abs(moments[3]) < error * std::sqrt(15.0) &&
                      std::abs(moments[4] - 3) < error * std::sqrt(96.0) && std::abs(neighbours) < error;
    run.tally.count(good, text("fillNormal moments %.5f %.5f %.5f %.5f, neighbours %.5f", moments[1], moments[2],
                               moments[3], moments[4], neighbours));
}

void checkFills(Run& run)
{
    checkPhiloxReference(run);
    checkMoments(run);
    for (const Format type : kFormats)
        for (const int count : {1, 7, 8, 4097, 1000003})
            for (const int offset : {0, 1})
                checkFill(run, type, count, offset);
}

/// A step without rows is ordinary.
void checkNothing(Run& run)
{
    const Status status =
        rmsNorm({.hidden = 8}, nullptr) | gatherRows({.columns = 8}, nullptr) | copyRows({.columns = 8}, nullptr) |
        ropeTables({.half = 8}, nullptr) | rotate({.heads = 1, .half = 8}, nullptr) |
        rotateIntoCache({.heads = 1, .kvHeads = 1, .headDim = 16, .blockTokens = 16}, nullptr) |
        siluMulPairs({.columns = 8}, nullptr) | biasGelu({.columns = 8}, nullptr) |
        placeRows({.columns = 8, .targetColumns = 8}, nullptr) | fillNormal(nullptr, 0, Format::F32, 0, 1, 0, nullptr);
    must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    run.tally.count(status == 0, "no rows: success, nothing launched");
}

// --- Speed ---

/// Microseconds of one of `launches` launches in a graph, where each may begin as its predecessor ends.
double microsecondsOf(int launches, const std::function<Status(int, Stream)>& launchOne)
{
    cudaStream_t stream = nullptr;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    must(launchOne(0, nullptr), "launch"); // what is loaded lazily must not be met while capturing
    must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    for (int i = 0; i < launches; ++i)
        must(launchOne(i, stream), "launch");
    must(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    must(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
    const double milliseconds =
        medianMilliseconds([&] { must(cudaGraphLaunch(executable, nullptr), "cudaGraphLaunch"); });
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
    cudaStreamDestroy(stream);
    return milliseconds * 1000 / launches;
}

class Bench {
public:
    Bench()
    {
        constexpr std::size_t kBytes = std::size_t{1} << 30;
        const DeviceBytes from(kBytes);
        const DeviceBytes to(kBytes);
        const double milliseconds = medianMilliseconds(
            [&] { must(cudaMemcpyAsync(to.get(), from.get(), kBytes, cudaMemcpyDeviceToDevice), "cudaMemcpyAsync"); });
        m_copy = 2 * kBytes / milliseconds / 1e6;
        std::printf("{\"name\": \"copy\", \"GBps\": %.0f}\n", m_copy);
    }
    /// `bytes` are those that one launch reads and writes.
    void measure(const char* name, const std::string& shape, double bytes, int launches,
                 const std::function<Status(int, Stream)>& launchOne) const
    {
        const double microseconds = microsecondsOf(launches, launchOne);
        const double rate = bytes / microseconds / 1e3;
        std::printf("{\"name\": \"%s\", \"shape\": \"%s\", \"us\": %.2f, \"GBps\": %.0f, \"ofCopy\": %.3f}\n", name,
                    shape.c_str(), microseconds, rate, rate / m_copy);
        std::fflush(stdout);
    }

private:
    double m_copy = 0;
};

constexpr int kShortLaunches = 200; ///< of kernels that wait more than they work
constexpr int kLongLaunches = 12;

/// Enough buffers of `bytes` that a cache of 60 MB has forgotten the first when it comes again; filled with normal
/// numbers of 16 bits.
std::vector<DeviceBytes> buffers(double bytes)
{
    std::vector<DeviceBytes> sets;
    for (double total = 0; total < 200e6 && sets.size() < 16; total += bytes) {
        sets.emplace_back(static_cast<std::size_t>(bytes));
        must(fillNormal(sets.back().get(), static_cast<std::int64_t>(bytes / 2), Format::BF16, 0, 1, sets.size(),
                        nullptr),
             "fillNormal");
    }
    return sets;
}

const DeviceBytes& pick(const std::vector<DeviceBytes>& sets, int i)
{
    return sets[static_cast<std::size_t>(i) % sets.size()];
}

int launchesFor(int rows)
{
    return rows <= 64 ? kShortLaunches : kLongLaunches;
}

void benchNorm(const Bench& bench, int rows, int hidden, Format residual)
{
    const double xBytes = 1.0 * rows * hidden * kernels::bytesOf(residual);
    const double yBytes = 2.0 * rows * hidden;
    const auto x = buffers(xBytes);
    const auto y = buffers(yBytes);
    const auto gain = buffers(2.0 * hidden);
    bench.measure("rmsNorm", text("%d x %d of %s", rows, hidden, nameOf(residual)), xBytes + yBytes, launchesFor(rows),
                  [&](int i, Stream stream) {
                      return rmsNorm({.y = pick(y, i).get(),
                                      .yStride = hidden,
                                      .x = pick(x, i).get(),
                                      .xStride = hidden,
                                      .gain = gain[0].get(),
                                      .tokens = rows,
                                      .hidden = hidden,
                                      .type = Format::BF16,
                                      .residual = residual},
                                     stream);
                  });
}

void benchMoves(const Bench& bench, int rows, int columns)
{
    constexpr int kTableRows = 100000;
    const double bytes = 2.0 * rows * columns;
    const auto x = buffers(bytes);
    const auto y = buffers(bytes);
    const DeviceBytes table(product(kTableRows, columns) * 2);
    std::mt19937_64 random(1);
    std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
    for (auto& id : ids)
        id = static_cast<std::int32_t>(random() % kTableRows);
    std::vector<std::int32_t> order(ids.size());
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    const auto idsDevice = uploadPlain(ids);
    const auto orderDevice = uploadPlain(order);
    const auto shape = text("%d x %d", rows, columns);
    bench.measure("gatherRows", shape, 2 * bytes, launchesFor(rows), [&](int i, Stream stream) {
        return gatherRows({.y = pick(y, i).get(),
                           .yStride = columns,
                           .table = table.get(),
                           .tableStride = columns,
                           .ids = idsDevice.as<std::int32_t>(),
                           .count = rows,
                           .columns = columns,
                           .rows = kTableRows},
                          stream);
    });
    bench.measure("copyRows", shape, 2 * bytes, launchesFor(rows), [&](int i, Stream stream) {
        return copyRows({.y = pick(y, i).get(),
                         .yStride = columns,
                         .x = pick(x, i).get(),
                         .xStride = columns,
                         .index = orderDevice.as<std::int32_t>(),
                         .count = rows,
                         .columns = columns},
                        stream);
    });
}

void benchTables(const Bench& bench, int tokens)
{
    const auto positions = uploadPlain(std::vector<std::int32_t>(product(3, tokens), 4321));
    const auto frequencies = uploadPlain(frequenciesOf(64, 1e6, 128));
    const DeviceBytes cosines(product(tokens, 64) * 4);
    const DeviceBytes sines(product(tokens, 64) * 4);
    bench.measure("ropeTables", text("%d x 64", tokens), 2.0 * tokens * 64 * 4, launchesFor(tokens),
                  [&](int, Stream stream) {
                      return ropeTables({.cosines = cosines.as<float>(),
                                         .sines = sines.as<float>(),
                                         .positions = positions.as<std::int32_t>(),
                                         .positionStride = tokens,
                                         .frequencies = frequencies.as<float>(),
                                         .sections = {16, 24, 24},
                                         .tokens = tokens,
                                         .half = 64},
                                        stream);
                  });
}

void benchRotate(const Bench& bench, int tokens, int heads, int half, std::int64_t stride)
{
    const auto x = buffers(2.0 * static_cast<double>(product(tokens, stride)));
    const Values zeros(product(tokens, half), 0.5);
    const auto table = upload(zeros, Format::F32);
    bench.measure("rotate", text("%d x %d heads of %d", tokens, heads, 2 * half),
                  8.0 * tokens * heads * half + 8.0 * tokens * half, launchesFor(tokens), [&](int i, Stream stream) {
                      return rotate({.x = pick(x, i).get(),
                                     .xStride = stride,
                                     .cosines = table.as<float>(),
                                     .sines = table.as<float>(),
                                     .tokens = tokens,
                                     .heads = heads,
                                     .half = half},
                                    stream);
                  });
}

void benchCache(const Bench& bench, int tokens, int heads, int kvHeads)
{
    constexpr int kHeadDim = 128;
    constexpr int kBlock = 64;
    const int columns = (heads + 2 * kvHeads) * kHeadDim;
    const int blocks = (tokens + kBlock - 1) / kBlock;
    const auto qkv = buffers(2.0 * tokens * columns);
    const auto cache = buffers(4.0 * blocks * kBlock * kvHeads * kHeadDim);
    const auto table = upload(Values(product(tokens, kHeadDim / 2), 0.5), Format::F32);
    std::vector<std::int32_t> places(static_cast<std::size_t>(tokens));
    std::iota(places.begin(), places.end(), 0);
    const auto placesDevice = uploadPlain(places);
    const double bytes = 4.0 * tokens * columns + 4.0 * tokens * kHeadDim;
    bench.measure("rotateIntoCache", text("%d x (%d + 2 of %d)", tokens, heads, kvHeads), bytes, launchesFor(tokens),
                  [&](int i, Stream stream) {
                      char* keys = pick(cache, i).as<char>();
                      return rotateIntoCache({.qkv = pick(qkv, i).get(),
                                              .qkvStride = columns,
                                              .cosines = table.as<float>(),
                                              .sines = table.as<float>(),
                                              .keys = keys,
                                              .values = keys + pick(cache, i).bytes() / 2,
                                              .places = placesDevice.as<std::int32_t>(),
                                              .tokens = tokens,
                                              .heads = heads,
                                              .kvHeads = kvHeads,
                                              .headDim = kHeadDim,
                                              .blockTokens = kBlock},
                                             stream);
                  });
}

void benchSilu(const Bench& bench, int rows, int columns)
{
    const double yBytes = 2.0 * rows * columns;
    const auto x = buffers(2 * yBytes);
    const auto y = buffers(yBytes);
    bench.measure("siluMulPairs", text("%d x %d", rows, columns), 3 * yBytes, launchesFor(rows),
                  [&](int i, Stream stream) {
                      return siluMulPairs({.y = pick(y, i).get(),
                                           .yStride = columns,
                                           .x = pick(x, i).get(),
                                           .xStride = 2 * columns,
                                           .rows = rows,
                                           .columns = columns},
                                          stream);
                  });
}

void benchBias(const Bench& bench, int rows, int columns, bool gelu)
{
    const double bytes = 2.0 * rows * columns;
    const auto x = buffers(bytes);
    const auto y = buffers(bytes);
    const auto bias = buffers(2.0 * columns);
    bench.measure(gelu ? "biasGelu" : "bias", text("%d x %d", rows, columns), 2 * bytes, launchesFor(rows),
                  [&](int i, Stream stream) {
                      return biasGelu({.y = pick(y, i).get(),
                                       .yStride = columns,
                                       .x = pick(x, i).get(),
                                       .xStride = columns,
                                       .bias = bias[0].get(),
                                       .rows = rows,
                                       .columns = columns,
                                       .gelu = gelu},
                                      stream);
                  });
}

void benchPlace(const Bench& bench, Format from, Format to, int offset)
{
    constexpr int kRows = 18944;
    constexpr int kColumns = 3584;
    const double values = 1.0 * kRows * kColumns;
    const auto source = buffers(values * kernels::bytesOf(from) + 64);
    const auto target = buffers(2 * values * kernels::bytesOf(to));
    const auto counter = uploadPlain(std::vector<unsigned long long>{0});
    bench.measure("placeRows", text("%d x %d %s to %s, offset %d", kRows, kColumns, nameOf(from), nameOf(to), offset),
                  values * (kernels::bytesOf(from) + kernels::bytesOf(to)), kLongLaunches, [&](int i, Stream stream) {
                      return placeRows({.target = pick(target, i).get(),
                                        .targetStride = kColumns,
                                        .source = pick(source, i).as<char>() + offset * kernels::bytesOf(from),
                                        .sourceStride = kColumns,
                                        .rows = kRows,
                                        .columns = kColumns,
                                        .targetColumns = kColumns,
                                        .firstRow = 1,
                                        .rowStep = 2,
                                        .from = from,
                                        .to = to,
                                        .overflows = counter.as<unsigned long long>()},
                                       stream);
                  });
}

void benchFill(const Bench& bench, Format type)
{
    constexpr std::int64_t kCount = std::int64_t{1} << 29;
    const DeviceBytes values(static_cast<std::size_t>(kCount) * static_cast<std::size_t>(kernels::bytesOf(type)));
    bench.measure("fillNormal", text("%lld of %s", static_cast<long long>(kCount), nameOf(type)),
                  static_cast<double>(values.bytes()), 3, [&](int i, Stream stream) {
                      return fillNormal(values.get(), kCount, type, 0, 1, static_cast<std::uint64_t>(i), stream);
                  });
}

void benchAll()
{
    const Bench bench;
    for (const int rows : {1, 8, 64, 8192}) {
        benchNorm(bench, rows, 3584, Format::BF16);
        benchNorm(bench, rows, 8192, Format::BF16);
        benchNorm(bench, rows, 3584, Format::F32);
        benchMoves(bench, rows, 3584);
        benchTables(bench, rows);
        benchCache(bench, rows, 28, 4);
        benchCache(bench, rows, 64, 8);
        benchSilu(bench, rows, 18944);
    }
    benchNorm(bench, 4784, 1280, Format::BF16);
    benchMoves(bench, 4784, 1280);
    benchRotate(bench, 4784, 32, 40, 3840);
    benchSilu(bench, 4784, 3424);
    benchBias(bench, 4784, 1280, true);
    benchBias(bench, 4784, 1280, false);
    benchPlace(bench, Format::BF16, Format::BF16, 0);
    benchPlace(bench, Format::BF16, Format::F16, 0);
    benchPlace(bench, Format::F32, Format::BF16, 0);
    benchPlace(bench, Format::BF16, Format::BF16, 1);
    benchFill(bench, Format::BF16);
    benchFill(bench, Format::F32);
}

} // namespace

int main(int argc, char** argv)
{
    const Options options = readOptions(argc, argv);
    if (options.bench) {
        benchAll();
        return 0;
    }
    Run run{.tally = {}, .random = std::mt19937_64(options.seed)};
    const std::pair<const char*, void (*)(Run&)> groups[] = {
        {"nothing", checkNothing},     {"norms", checkNorms},   {"gathers", checkGathers}, {"copies", checkCopies},
        {"tables", checkAllTables},    {"rotations", checkRotations}, {"caches", checkCaches},
        {"activations", checkActivations}, {"places", checkPlaces}, {"fills", checkFills}};
    for (const auto& [name, check] : groups)
        if (options.wants(name))
            check(run);
    return run.tally.close();
}
