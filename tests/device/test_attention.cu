// Attention on the GPU against float64: paged (decode, prefill, both in one step) and within segments.
//
//     test_attention [--seed N] [--only decode|short|tokens|prefill|mixed|plain|segments] [--bench]

#include "kernels/cuda/attention.h"
#include "tests/device/device_check.h"
#include "tests/device/token_chain.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace {

using namespace argus::device_check;
using namespace argus::kernels;
using cuda::PagedAttention;
using cuda::SegmentAttention;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int32_t kNoBlock = 0x3fffffff; // whoever reads through it reads far outside

/// Calls task(i) for i in [0, count) on all processors of this machine.
void inParallel(std::size_t count, const std::function<void(std::size_t)>& task)
{
    std::atomic<std::size_t> next{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
        threads.emplace_back([&] {
            for (std::size_t at = next++; at < count; at = next++)
                task(at);
        });
    for (std::thread& thread : threads)
        thread.join();
}

/// One row of attention in float64, with what bounds the error of an implementation.
struct ExpectedRow {
    std::vector<double> y;
    std::vector<double> magnitude; ///< Σ p |v|
    double score = 0;              ///< largest Σ |q k| · scale
};
ExpectedRow expectedRow(const double* q, const std::vector<const double*>& keys,
                        const std::vector<const double*>& values, int headDim, double scale)
{
    const auto dim = static_cast<std::size_t>(headDim);
    ExpectedRow row;
    std::vector<double> weights(keys.size());
    double maximum = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        double dot = 0;
        double absolute = 0;
        for (std::size_t d = 0; d < dim; ++d) {
            dot += q[d] * keys[i][d];
            absolute += std::abs(q[d] * keys[i][d]);
        }
        weights[i] = dot * scale;
        maximum = std::max(maximum, weights[i]);
        row.score = std::max(row.score, absolute * scale);
    }
    double sum = 0;
    for (double& weight : weights)
        sum += weight = std::exp(weight - maximum);
    row.y.assign(dim, 0);
    row.magnitude.assign(dim, 0);
    for (std::size_t i = 0; i < keys.size(); ++i)
        for (std::size_t d = 0; d < dim; ++d) {
            row.y[d] += weights[i] / sum * values[i][d];
            row.magnitude[d] += weights[i] / sum * std::abs(values[i][d]);
        }
    return row;
}

/// Largest allowed |got − expected| of an element. Weights and outputs are rounded once each to a 16-bit type, half a
/// unit at most; float sums and the exponential add a few units of float per unit of score; weights below 2^-14 lose up
/// to 2^-25 in float16.
double toleranceOf(const ExpectedRow& row, std::size_t d, std::size_t keys, Format format)
{
    const double noise = 0x1p-21 * (8 + 2 * row.score) * row.magnitude[d];
    if (format == Format::F32)
        return noise;
    const double half = epsilonOf(format) / 2;
    const double lost = format == Format::F16 ? static_cast<double>(keys) * 0x1p-25 * 4 : 0;
    return half * (row.magnitude[d] + std::abs(row.y[d])) * 1.01 + noise + lost;
}

/// Compares rows as they come, from any thread.
class Comparison {
public:
    void add(const double* got, const ExpectedRow& expected, std::size_t keys, Format format)
    {
        double worst = 0;
        double difference = 0;
        double norm = 0;
        for (std::size_t d = 0; d < expected.y.size(); ++d) {
            const double error = std::abs(got[d] - expected.y[d]);
            const double share = error / toleranceOf(expected, d, keys, format);
            worst = share <= worst ? worst : std::isnan(share) ? std::numeric_limits<double>::infinity() : share;
            difference += error * error;
            norm += expected.y[d] * expected.y[d];
        }
        const std::lock_guard lock(m_mutex);
        m_worst = std::max(m_worst, worst);
        m_difference += difference;
        m_norm += norm;
        ++m_rows;
    }
    /// Rounding errors are independent of each other, so all of them together are well below one unit of the type; one
    /// key too many or too few in thousands is not.
    [[nodiscard]] bool isGood(Format format) const
    {
        const double allowed = format == Format::F32 ? 64 * epsilonOf(format) : epsilonOf(format);
        return m_rows > 0 && m_worst <= 1 && relative() <= allowed;
    }
    [[nodiscard]] double relative() const
    {
        const double relative = std::sqrt(m_difference) / std::max(std::sqrt(m_norm), 1e-30);
        return std::isnan(relative) ? std::numeric_limits<double>::infinity() : relative;
    }
    [[nodiscard]] std::string words() const
    {
        char text[120];
        std::snprintf(text, sizeof(text), "%zu rows compared, relative error %.2e, worst element %.2f of its tolerance",
                      m_rows, relative(), m_worst);
        return text;
    }

private:
    std::mutex m_mutex;
    double m_worst = 0;
    double m_difference = 0;
    double m_norm = 0;
    std::size_t m_rows = 0;
};

/// Rows [rows, stride] of `columns` random elements; what is between rows is NaN.
std::vector<double> randomRows(std::size_t rows, std::size_t columns, std::size_t stride, std::mt19937_64& random,
                               Format format, double deviation = 1)
{
    std::vector<double> values(rows * stride, kNan);
    for (std::size_t row = 0; row < rows; ++row) {
        const std::vector<double> drawn = randomValues(columns, random, format, deviation);
        std::copy(drawn.begin(), drawn.end(), values.begin() + static_cast<std::ptrdiff_t>(row * stride));
    }
    return values;
}

/// Whether nothing was written between the rows: poison is there still.
bool gapsIntact(const DeviceBytes& y, std::size_t rows, std::size_t columns, std::size_t stride, Format format)
{
    const auto raw = downloadPlain<unsigned char>(y);
    const auto size = static_cast<std::size_t>(bytesOf(format));
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t at = (row * stride + columns) * size; at < (row + 1) * stride * size; ++at)
            if (raw[at] != 0xFF)
                return false;
    return true;
}

// ---- paged ----

enum class Padding { None, NoRows, NoSlot };
struct Slice {
    int rows = 1;
    int cached = 0;
    Padding padding = Padding::None; ///< a padding slice has a row of its own all the same
};

struct PagedCase {
    std::string name;
    Format format = Format::BF16;
    int headDim = 128;
    int kvHeads = 1;
    int group = 1;
    int blockTokens = 16;
    std::vector<Slice> slices;
    bool decodeOnly = false;
    int processors = 132;
    std::size_t mostCompared = 200; ///< rows; more are sampled
    double sharpness = 1;           ///< deviation of the queries
};

/// The cache and everything else that a step of the case needs, on the host and on the device.
class PagedStep {
public:
    PagedStep(const PagedCase& what, std::mt19937_64& random) : m_case(what), m_heads(what.kvHeads * what.group)
    {
        makeSlices(random);
        fillCache(random);
        m_columns = static_cast<std::size_t>(m_heads * what.headDim);
        m_qStride = m_columns + static_cast<std::size_t>(2 * what.kvHeads * what.headDim);
        m_yStride = m_columns + 24;
        m_q = randomRows(m_rows, m_columns, m_qStride, random, what.format, what.sharpness);
        for (std::size_t i = 0; i < what.slices.size(); ++i) // nobody may read a padding row
            if (what.slices[i].padding != Padding::None)
                std::fill_n(m_q.begin() + static_cast<std::ptrdiff_t>(firstRow(i) * m_qStride), m_qStride, kNan);
        m_deviceQ.emplace(upload(m_q, what.format));
        m_deviceKeys.emplace(upload(m_keys, what.format));
        m_deviceValues.emplace(upload(m_values, what.format));
        m_deviceSlices.emplace(uploadPlain(m_slices));
        m_deviceTable.emplace(uploadPlain(m_table));
        m_y.emplace(m_rows * m_yStride * static_cast<std::size_t>(bytesOf(what.format)));
        m_workspace.emplace(cuda::pagedAttentionWorkspace(static_cast<int>(what.slices.size()), m_heads, what.kvHeads,
                                                          what.headDim, what.processors));
        m_workspace->zero();
    }

    [[nodiscard]] PagedAttention work() const
    {
        PagedAttention work;
        work.y = m_y->get();
        work.yStride = static_cast<std::int64_t>(m_yStride);
        work.q = m_deviceQ->get();
        work.qStride = static_cast<std::int64_t>(m_qStride);
        work.keys = m_deviceKeys->get();
        work.values = m_deviceValues->get();
        work.slices = m_deviceSlices->as<std::int32_t>();
        work.blockTable = m_deviceTable->as<std::int32_t>();
        work.blocksStride = static_cast<std::int64_t>(m_blocksStride);
        work.rows = static_cast<int>(m_rows);
        work.sliceCount = static_cast<int>(m_case.slices.size());
        for (const Slice& slice : m_case.slices) {
            work.mostRows = std::max(work.mostRows, slice.rows);
            work.longest = std::max(work.longest, slice.cached + slice.rows);
        }
        work.decodeOnly = m_case.decodeOnly;
        work.heads = m_heads;
        work.kvHeads = m_case.kvHeads;
        work.headDim = m_case.headDim;
        work.blockTokens = m_case.blockTokens;
        work.scale = scale();
        work.type = m_case.format;
        work.workspace = m_workspace->get();
        work.workspaceBytes = m_workspace->bytes();
        work.processors = m_case.processors;
        return work;
    }

    void run() const { must(cuda::pagedAttention(work(), nullptr), m_case.name.c_str()); }
    void poison() const { must(cudaMemset(m_y->get(), 0xFF, m_y->bytes()), "cudaMemset"); }
    [[nodiscard]] std::vector<unsigned char> bits() const { return downloadPlain<unsigned char>(*m_y); }
    [[nodiscard]] std::vector<double> result() const { return download(*m_y, m_case.format); }
    [[nodiscard]] bool untouchedElsewhere() const
    {
        return m_y->guardsIntact() && m_workspace->guardsIntact() &&
               gapsIntact(*m_y, m_rows, m_columns, m_yStride, m_case.format);
    }
    [[nodiscard]] std::size_t firstRow(std::size_t slice) const
    {
        return static_cast<std::size_t>(m_slices[slice * 4]);
    }
    [[nodiscard]] std::size_t yStride() const { return m_yStride; }
    [[nodiscard]] std::size_t columns() const { return m_columns; }

    /// Rows (slice, row within it) of `got` against float64; all heads of each.
    void compare(const std::vector<double>& got, Comparison& comparison, std::mt19937_64& random) const
    {
        const std::vector<std::pair<std::size_t, int>> rows = comparedRows(random);
        const auto heads = static_cast<std::size_t>(m_heads);
        inParallel(rows.size() * heads, [&](std::size_t i) {
            const auto [slice, row] = rows[i / heads];
            const std::size_t head = i % heads;
            const std::size_t at = firstRow(slice) + static_cast<std::size_t>(row);
            const auto keys = static_cast<std::size_t>(m_case.slices[slice].cached + row + 1);
            std::vector<const double*> k(keys);
            std::vector<const double*> v(keys);
            for (std::size_t key = 0; key < keys; ++key) {
                const std::size_t offset = offsetOf(slice, key, head / static_cast<std::size_t>(m_case.group));
                k[key] = m_keys.data() + offset;
                v[key] = m_values.data() + offset;
            }
            const std::size_t column = head * static_cast<std::size_t>(m_case.headDim);
            const ExpectedRow expected =
                expectedRow(m_q.data() + at * m_qStride + column, k, v, m_case.headDim, static_cast<double>(scale()));
            comparison.add(got.data() + at * m_yStride + column, expected, keys, m_case.format);
        });
    }

    /// Runs only the rows of each slice from `from` on; those before them count as cached.
    void runFrom(const std::vector<int>& from) const
    {
        std::vector<std::int32_t> slices = m_slices;
        PagedAttention later = work();
        later.mostRows = 0;
        for (std::size_t i = 0; i < from.size(); ++i) {
            slices[i * 4] += from[i];
            slices[i * 4 + 1] -= from[i];
            slices[i * 4 + 2] += from[i];
            later.mostRows = std::max(later.mostRows, slices[i * 4 + 1]);
        }
        const DeviceBytes shifted = uploadPlain(slices);
        later.slices = shifted.as<std::int32_t>();
        must(cuda::pagedAttention(later, nullptr), m_case.name.c_str());
        must(cudaDeviceSynchronize(), m_case.name.c_str());
    }

private:
    [[nodiscard]] float scale() const { return 1.0f / std::sqrt(static_cast<float>(m_case.headDim)); }

    void makeSlices(std::mt19937_64& random)
    {
        const auto count = static_cast<int>(m_case.slices.size());
        std::vector<std::int32_t> slots(static_cast<std::size_t>(count) + 3);
        for (std::size_t i = 0; i < slots.size(); ++i)
            slots[i] = static_cast<std::int32_t>(i);
        std::shuffle(slots.begin(), slots.end(), random);
        int row = 0;
        for (std::size_t i = 0; i < m_case.slices.size(); ++i) {
            const Slice& slice = m_case.slices[i];
            const bool noRows = slice.padding == Padding::NoRows;
            const bool noSlot = slice.padding == Padding::NoSlot;
            m_slices.insert(m_slices.end(), {row, noRows ? 0 : slice.rows, slice.cached, noSlot ? -1 : slots[i]});
            row += slice.padding == Padding::None ? slice.rows : 1;
        }
        m_rows = static_cast<std::size_t>(row);
    }

    void fillCache(std::mt19937_64& random)
    {
        const auto blockTokens = static_cast<std::size_t>(m_case.blockTokens);
        std::size_t needed = 0;
        for (std::size_t i = 0; i < m_case.slices.size(); ++i) {
            m_blocksStride = std::max(m_blocksStride, blocksOf(i) + 2);
            needed += blocksOf(i);
        }
        std::vector<std::int32_t> numbers(needed + 3);
        for (std::size_t i = 0; i < numbers.size(); ++i)
            numbers[i] = static_cast<std::int32_t>(i);
        std::shuffle(numbers.begin(), numbers.end(), random);
        const std::size_t blockElements = static_cast<std::size_t>(m_case.kvHeads * m_case.headDim) * blockTokens;
        m_keys.assign(numbers.size() * blockElements, kNan);
        m_values.assign(numbers.size() * blockElements, kNan);
        m_table.assign((m_case.slices.size() + 3) * m_blocksStride, kNoBlock);
        std::size_t next = 0;
        for (std::size_t i = 0; i < m_case.slices.size(); ++i) {
            if (m_case.slices[i].padding != Padding::None)
                continue;
            for (std::size_t block = 0; block < blocksOf(i); ++block)
                m_table[static_cast<std::size_t>(m_slices[i * 4 + 3]) * m_blocksStride + block] = numbers[next++];
            fillSequence(i, random);
        }
    }
    void fillSequence(std::size_t slice, std::mt19937_64& random)
    {
        const auto keys = static_cast<std::size_t>(m_case.slices[slice].cached + m_case.slices[slice].rows);
        const auto dim = static_cast<std::size_t>(m_case.headDim);
        for (std::size_t head = 0; head < static_cast<std::size_t>(m_case.kvHeads); ++head) {
            const std::vector<double> k = randomValues(keys * dim, random, m_case.format);
            const std::vector<double> v = randomValues(keys * dim, random, m_case.format);
            for (std::size_t key = 0; key < keys; ++key) {
                const std::size_t to = offsetOf(slice, key, head);
                std::copy_n(k.begin() + static_cast<std::ptrdiff_t>(key * dim), dim,
                            m_keys.begin() + static_cast<std::ptrdiff_t>(to));
                std::copy_n(v.begin() + static_cast<std::ptrdiff_t>(key * dim), dim,
                            m_values.begin() + static_cast<std::ptrdiff_t>(to));
            }
        }
    }
    [[nodiscard]] std::size_t blocksOf(std::size_t slice) const
    {
        const Slice& what = m_case.slices[slice];
        if (what.padding != Padding::None)
            return 0;
        return static_cast<std::size_t>((what.cached + what.rows + m_case.blockTokens - 1) / m_case.blockTokens);
    }
    [[nodiscard]] std::size_t offsetOf(std::size_t slice, std::size_t key, std::size_t kvHead) const
    {
        const auto blockTokens = static_cast<std::size_t>(m_case.blockTokens);
        const auto slot = static_cast<std::size_t>(m_slices[slice * 4 + 3]);
        const auto block = static_cast<std::size_t>(m_table[slot * m_blocksStride + key / blockTokens]);
        return ((block * static_cast<std::size_t>(m_case.kvHeads) + kvHead) * blockTokens + key % blockTokens) *
               static_cast<std::size_t>(m_case.headDim);
    }
    [[nodiscard]] std::vector<std::pair<std::size_t, int>> comparedRows(std::mt19937_64& random) const
    {
        std::vector<std::pair<std::size_t, int>> rows;
        std::vector<std::pair<std::size_t, int>> rest;
        for (std::size_t i = 0; i < m_case.slices.size(); ++i) {
            const Slice& slice = m_case.slices[i];
            for (int row = 0; row < slice.rows && slice.padding == Padding::None; ++row)
                (row == 0 || row == slice.rows - 1 ? rows : rest).emplace_back(i, row);
        }
        std::shuffle(rest.begin(), rest.end(), random);
        if (rows.size() + rest.size() > m_case.mostCompared)
            rest.resize(m_case.mostCompared > rows.size() ? m_case.mostCompared - rows.size() : 0);
        rows.insert(rows.end(), rest.begin(), rest.end());
        return rows;
    }

    PagedCase m_case;
    int m_heads = 0;
    std::size_t m_rows = 0;
    std::size_t m_columns = 0;
    std::size_t m_qStride = 0;
    std::size_t m_yStride = 0;
    std::size_t m_blocksStride = 0;
    std::vector<std::int32_t> m_slices;
    std::vector<std::int32_t> m_table;
    std::vector<double> m_q;
    std::vector<double> m_keys;
    std::vector<double> m_values;
    std::optional<DeviceBytes> m_deviceQ;
    std::optional<DeviceBytes> m_deviceKeys;
    std::optional<DeviceBytes> m_deviceValues;
    std::optional<DeviceBytes> m_deviceSlices;
    std::optional<DeviceBytes> m_deviceTable;
    std::optional<DeviceBytes> m_y;
    std::optional<DeviceBytes> m_workspace;
};

/// The case against float64, and again twice on the same workspace: the same bits.
void checkPaged(Tally& tally, const PagedCase& what, std::mt19937_64& random)
{
    const PagedStep step(what, random);
    step.run();
    const std::vector<unsigned char> bits = step.bits();
    Comparison comparison;
    step.compare(step.result(), comparison, random);
    bool same = true;
    for (int i = 0; i < 2; ++i) {
        step.poison();
        step.run();
        same = same && step.bits() == bits;
    }
    const bool alone = step.untouchedElsewhere();
    tally.count(comparison.isGood(what.format) && same && alone, what.name + ": " + comparison.words() +
                                                                     (same ? "" : "; other bits when run again") +
                                                                     (alone ? "" : "; wrote elsewhere"));
}

/// A row gives the same bits whatever chunk it comes in.
void checkChunks(Tally& tally, const PagedCase& what, const std::vector<int>& from, std::mt19937_64& random)
{
    const PagedStep step(what, random);
    step.run();
    const std::vector<unsigned char> whole = step.bits();
    step.poison();
    step.runFrom(from);
    const std::vector<unsigned char> later = step.bits();
    const std::size_t rowBytes = step.yStride() * static_cast<std::size_t>(bytesOf(what.format));
    const std::size_t used = step.columns() * static_cast<std::size_t>(bytesOf(what.format));
    bool same = true;
    for (std::size_t i = 0; i < from.size(); ++i)
        for (int row = from[i]; row < what.slices[i].rows; ++row) {
            const std::size_t at = (step.firstRow(i) + static_cast<std::size_t>(row)) * rowBytes;
            same = same && std::memcmp(whole.data() + at, later.data() + at, used) == 0;
        }
    tally.count(same, what.name + ": the same bits in another chunk");
}

std::string title(const char* what, Format format, int headDim, int kvHeads, int group, int blockTokens)
{
    char text[160];
    std::snprintf(text, sizeof(text), "%s, %s, head %d, %d key heads of %d, blocks of %d", what, nameOf(format),
                  headDim, kvHeads, group, blockTokens);
    return text;
}

/// One row each; slices of padding between them and at the end.
std::vector<Slice> decodeSlices(const std::vector<int>& lengths, bool withPadding)
{
    std::vector<Slice> slices;
    for (const int length : lengths) {
        slices.push_back({.rows = 1, .cached = length - 1});
        if (withPadding && slices.size() % 3 == 2)
            slices.push_back({.rows = 1, .cached = 7, .padding = Padding::NoSlot});
    }
    if (withPadding) {
        slices.push_back({.rows = 1, .padding = Padding::NoSlot});
        slices.push_back({.rows = 1, .padding = Padding::NoRows});
    }
    return slices;
}

const std::vector<int> kLengths = {1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1000};

void checkDecode(Tally& tally, std::mt19937_64& random)
{
    int turn = 0;
    for (const int group : {1, 2, 5, 7, 8, 9, 16}) {
        for (const Format format : {Format::F16, Format::BF16}) {
            ++turn;
            const int kvHeads = 1 + turn % 4;
            const int blockTokens = turn % 3 == 0 ? 16 : turn % 3 == 1 ? 64 : 32;
            checkPaged(tally,
                       {.name = title("decode", format, 128, kvHeads, group, blockTokens),
                        .format = format,
                        .kvHeads = kvHeads,
                        .group = group,
                        .blockTokens = blockTokens,
                        .slices = decodeSlices(kLengths, turn % 2 == 0),
                        .decodeOnly = true,
                        .sharpness = turn % 4 == 0 ? 3.0 : 1.0},
                       random);
        }
    }
    // How far the work is split does not follow from the lengths alone.
    for (const int processors : {1, 2, 3, 7, 60, 132, 600}) {
        PagedCase what{.name = title("decode", Format::F16, 128, 4, 7, 16) +
                               ", multiprocessors: " + std::to_string(processors),
                       .format = Format::F16,
                       .kvHeads = 4,
                       .group = 7,
                       .slices = decodeSlices({900, 3, 130, 4097, 64}, true),
                       .decodeOnly = true,
                       .processors = processors};
        checkPaged(tally, what, random);
    }
    for (const int length : {1, 200, 4097, 20000})
        checkPaged(
            tally,
            {.name = title("decode", Format::BF16, 128, 4, 7, 64) + ", one sequence of " + std::to_string(length),
             .kvHeads = 4,
             .group = 7,
             .blockTokens = 64,
             .slices = decodeSlices({length}, false),
             .decodeOnly = true,
             .sharpness = 3},
            random);
    std::vector<int> many(300);
    for (int& length : many)
        length = 1 + static_cast<int>(random() % 150);
    checkPaged(tally,
               {.name = title("decode", Format::F16, 128, 2, 8, 16) + ", many sequences",
                .format = Format::F16,
                .kvHeads = 2,
                .group = 8,
                .slices = decodeSlices(many, true),
                .decodeOnly = true,
                .mostCompared = 1000},
               random);
    checkPaged(tally,
               {.name = "decode, padding but for the last slice",
                .kvHeads = 2,
                .group = 8,
                .slices = {{.rows = 1, .padding = Padding::NoSlot},
                           {.rows = 1, .padding = Padding::NoRows},
                           {.rows = 1, .cached = 40}},
                .decodeOnly = true},
               random);
}

/// Few and short sequences, which a cluster takes at once, and those just beyond them.
void checkShort(Tally& tally, std::mt19937_64& random)
{
    constexpr int kGroups[] = {7, 8, 1, 5, 9, 2};
    constexpr int kBlockTokens[] = {16, 64, 32};
    int turn = 0;
    for (const int length :
         {1, 2, 16, 17, 127, 128, 129, 560, 1008, 1009, 1023, 1024, 1025, 1040, 1537, 2047, 2048, 2049})
        for (const Format format : {Format::F16, Format::BF16}) {
            ++turn;
            const int kvHeads = 1 + turn % 8;
            const int group = kGroups[turn % 6];
            const int blockTokens = kBlockTokens[turn % 3];
            checkPaged(tally,
                       {.name = title("short", format, 128, kvHeads, group, blockTokens) + ", one sequence of " +
                                std::to_string(length),
                        .format = format,
                        .kvHeads = kvHeads,
                        .group = group,
                        .blockTokens = blockTokens,
                        .slices = decodeSlices({length}, false),
                        .decodeOnly = true,
                        .sharpness = turn % 4 == 0 ? 3.0 : 1.0},
                       random);
        }
    for (const int longest : {700, 1024, 2048})
        checkPaged(tally,
                   {.name = "short, two sequences and padding, up to " + std::to_string(longest),
                    .kvHeads = 4,
                    .group = 7,
                    .blockTokens = 32,
                    .slices = {{.rows = 1, .padding = Padding::NoSlot},
                               {.rows = 1, .cached = longest - 1},
                               {.rows = 1, .padding = Padding::NoRows},
                               {.rows = 1, .cached = 0}},
                    .decodeOnly = true},
                   random);
    checkPaged(tally,
               {.name = "short, four sequences",
                .format = Format::F16,
                .kvHeads = 2,
                .group = 8,
                .slices = decodeSlices({16, 1025, 300, 2048}, false),
                .decodeOnly = true},
               random);
}

void checkTokens(Tally& tally, std::mt19937_64& random)
{
    for (const int cached : {0, 100, 1000, 1500, 2040, 3000}) { // the last two are too long for a cluster
        TokenChain tokens(4, 7, cached, random);
        const std::vector<unsigned char> apart = tokens.run(true);
        bool same = true;
        for (int i = 0; i < 20; ++i)
            same = same && tokens.run(false) == apart;
        tally.count(same, "tokens one behind the other, after " + std::to_string(cached) +
                              " cached: the bits of launches apart");
    }
}

void checkPrefill(Tally& tally, std::mt19937_64& random)
{
    int turn = 0;
    for (const int group : {1, 2, 5, 7, 8}) {
        for (const Format format : {Format::F16, Format::BF16}) {
            ++turn;
            const int kvHeads = 1 + turn % 3;
            const int blockTokens = turn % 3 == 0 ? 16 : turn % 3 == 1 ? 64 : 32;
            checkPaged(tally,
                       {.name = title("prefill", format, 128, kvHeads, group, blockTokens),
                        .format = format,
                        .kvHeads = kvHeads,
                        .group = group,
                        .blockTokens = blockTokens,
                        .slices = {{.rows = 2},
                                   {.rows = 15},
                                   {.rows = 16, .cached = 1},
                                   {.rows = 17, .cached = 63},
                                   {.rows = 1, .padding = Padding::NoSlot},
                                   {.rows = 63},
                                   {.rows = 64, .cached = 65},
                                   {.rows = 65},
                                   {.rows = 128, .cached = 500},
                                   {.rows = 129},
                                   {.rows = 1, .padding = Padding::NoRows}},
                        .sharpness = turn % 3 == 0 ? 3.0 : 1.0},
                       random);
        }
    }
    for (const Format format : {Format::F16, Format::BF16}) {
        for (const int cached : {0, 3000}) {
            const PagedCase what{.name = title("prefill", format, 128, 4, 7, 16) + ", 1000 rows behind " +
                                         std::to_string(cached),
                                 .format = format,
                                 .kvHeads = 4,
                                 .group = 7,
                                 .slices = {{.rows = 1000, .cached = cached}},
                                 .mostCompared = 60};
            checkPaged(tally, what, random);
        }
    }
    checkPaged(tally,
               {.name = title("prefill", Format::F16, 128, 1, 2, 64) + ", 4097 rows",
                .format = Format::F16,
                .kvHeads = 1,
                .group = 2,
                .blockTokens = 64,
                .slices = {{.rows = 4097}}},
               random);
    checkPaged(tally,
               {.name = "one row in a step that is not decodeOnly",
                .kvHeads = 2,
                .group = 8,
                .slices = {{.rows = 1, .cached = 77}}},
               random);
    checkChunks(tally,
                {.name = title("prefill", Format::BF16, 128, 2, 7, 16),
                 .kvHeads = 2,
                 .group = 7,
                 .slices = {{.rows = 300, .cached = 37}, {.rows = 70}}},
                {111, 5}, random);
}

void checkMixed(Tally& tally, std::mt19937_64& random)
{
    for (const Format format : {Format::F16, Format::BF16}) {
        checkPaged(tally,
                   {.name = title("mixed step", format, 128, 4, 7, 16),
                    .format = format,
                    .kvHeads = 4,
                    .group = 7,
                    .slices = {{.rows = 1, .cached = 1999},
                               {.rows = 200, .cached = 100},
                               {.rows = 1},
                               {.rows = 1, .padding = Padding::NoSlot},
                               {.rows = 2, .cached = 640},
                               {.rows = 1, .cached = 64},
                               {.rows = 1, .padding = Padding::NoRows},
                               {.rows = 131}}},
                   random);
    }
}

void checkPlainPaged(Tally& tally, std::mt19937_64& random)
{
    for (const int headDim : {16, 80, 128}) {
        for (const int group : {1, 7}) {
            checkPaged(tally,
                       {.name = title("paged", Format::F32, headDim, 2, group, 32),
                        .format = Format::F32,
                        .headDim = headDim,
                        .kvHeads = 2,
                        .group = group,
                        .blockTokens = 32,
                        .slices = {{.rows = 1, .cached = 999},
                                   {.rows = 1, .padding = Padding::NoSlot},
                                   {.rows = 65, .cached = 17},
                                   {.rows = 1},
                                   {.rows = 1, .padding = Padding::NoRows},
                                   {.rows = 2, .cached = 3}}},
                       random);
        }
    }
}

// ---- segments ----

struct SegmentCase {
    Format format = Format::BF16;
    int headDim = 80;
    int heads = 3;
    std::vector<int> lengths;
    std::size_t mostCompared = 300;
    double sharpness = 1;
};

void checkSegments(Tally& tally, const std::string& name, const SegmentCase& what, std::mt19937_64& random)
{
    const auto columns = static_cast<std::size_t>(what.heads * what.headDim);
    const auto dim = static_cast<std::size_t>(what.headDim);
    const std::size_t stride = 3 * columns + 8;
    const std::size_t yStride = columns + 16;
    std::vector<std::int32_t> ends = {0};
    for (const int length : what.lengths)
        ends.push_back(ends.back() + length);
    const auto rows = static_cast<std::size_t>(ends.back());
    std::vector<double> qkv = randomRows(rows, 3 * columns, stride, random, what.format);
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t i = 0; i < columns; ++i)
            qkv[row * stride + i] = rounded(qkv[row * stride + i] * what.sharpness, what.format);
    const DeviceBytes device = upload(qkv, what.format);
    const DeviceBytes deviceEnds = uploadPlain(ends);
    const auto size = static_cast<std::size_t>(bytesOf(what.format));
    const DeviceBytes y(rows * yStride * size);
    const float scale = 1.0f / std::sqrt(static_cast<float>(what.headDim));
    SegmentAttention work;
    work.y = y.get();
    work.yStride = static_cast<std::int64_t>(yStride);
    work.q = device.get();
    work.k = device.as<char>() + columns * size;
    work.v = device.as<char>() + 2 * columns * size;
    work.stride = static_cast<std::int64_t>(stride);
    work.ends = deviceEnds.as<std::int32_t>();
    work.rows = static_cast<int>(rows);
    work.segments = static_cast<int>(what.lengths.size());
    work.longest = *std::max_element(what.lengths.begin(), what.lengths.end());
    work.heads = what.heads;
    work.headDim = what.headDim;
    work.scale = scale;
    work.type = what.format;
    must(cuda::segmentAttention(work, nullptr), name.c_str());
    const std::vector<double> got = download(y, what.format);
    const auto first = downloadPlain<unsigned char>(y);

    std::vector<std::pair<std::size_t, std::size_t>> compared; // row, segment
    for (std::size_t segment = 0; segment < what.lengths.size(); ++segment)
        for (int row = ends[segment]; row < ends[segment + 1]; ++row)
            compared.emplace_back(row, segment);
    std::shuffle(compared.begin(), compared.end(), random);
    compared.resize(std::min(compared.size(), what.mostCompared));
    Comparison comparison;
    const auto heads = static_cast<std::size_t>(what.heads);
    inParallel(compared.size() * heads, [&](std::size_t i) {
        const auto [row, segment] = compared[i / heads];
        const std::size_t column = i % heads * dim;
        std::vector<const double*> k;
        std::vector<const double*> v;
        for (int key = ends[segment]; key < ends[segment + 1]; ++key) {
            k.push_back(qkv.data() + static_cast<std::size_t>(key) * stride + columns + column);
            v.push_back(k.back() + columns);
        }
        comparison.add(got.data() + row * yStride + column,
                       expectedRow(qkv.data() + row * stride + column, k, v, what.headDim, static_cast<double>(scale)),
                       k.size(), what.format);
    });
    must(cudaMemset(y.get(), 0xFF, y.bytes()), "cudaMemset");
    must(cuda::segmentAttention(work, nullptr), name.c_str());
    const bool same = downloadPlain<unsigned char>(y) == first;
    const bool alone = y.guardsIntact() && gapsIntact(y, rows, columns, yStride, what.format);
    tally.count(comparison.isGood(what.format) && same && alone,
                name + ", " + nameOf(what.format) + ", head " + std::to_string(what.headDim) + ": " +
                    comparison.words() + (same ? "" : "; other bits when run again") +
                    (alone ? "" : "; wrote elsewhere"));
}

void checkAllSegments(Tally& tally, std::mt19937_64& random)
{
    std::vector<int> every(64);
    for (int i = 0; i < 64; ++i)
        every[static_cast<std::size_t>(i)] = i + 1;
    std::shuffle(every.begin(), every.end(), random);
    for (const Format format : {Format::F16, Format::BF16}) {
        checkSegments(tally, "windows of 1 to 64 rows", {.format = format, .lengths = every, .mostCompared = 2080},
                      random);
        checkSegments(tally, "windows with empty ones",
                      {.format = format, .lengths = {64, 0, 32, 16, 0, 4, 64}, .sharpness = 3}, random);
        checkSegments(tally, "one window of one row", {.format = format, .heads = 16, .lengths = {1}}, random);
        checkSegments(tally, "segments around the tiles",
                      {.format = format, .lengths = {65, 127, 128, 129, 1, 191, 193, 257}, .mostCompared = 1091},
                      random);
        checkSegments(tally, "one segment of 1000 rows",
                      {.format = format, .heads = 4, .lengths = {1000}, .sharpness = 3}, random);
        checkSegments(tally, "images of several sizes",
                      {.format = format, .heads = 2, .lengths = {257, 4, 0, 1000, 64, 1100}}, random);
        std::vector<int> frames(40, 70);
        checkSegments(tally, "40 frames", {.format = format, .heads = 2, .lengths = frames}, random);
    }
    for (const int headDim : {80, 128, 16})
        checkSegments(tally, "segments",
                      {.format = Format::F32, .headDim = headDim, .lengths = {1, 64, 0, 33, 257, 300}}, random);
}

void checkNothing(Tally& tally)
{
    const int status = cuda::pagedAttention({.heads = 8, .kvHeads = 2, .headDim = 128, .blockTokens = 16}, nullptr) |
                       cuda::segmentAttention({.heads = 16, .headDim = 80}, nullptr);
    must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    tally.count(status == 0, "no rows: success, nothing launched");
}

// ---- speed ----

/// Microseconds of one of `launches` launches in a graph.
double microsecondsOf(int launches, const std::function<int(int, cuda::Stream)>& launchOne)
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

/// Normal bfloat16 numbers, the same 2 MB over and over.
void fillRandom(const DeviceBytes& device)
{
    constexpr std::size_t kPattern = std::size_t{1} << 20;
    std::mt19937_64 random(1);
    const DeviceBytes pattern = upload(randomValues(kPattern, random, Format::BF16), Format::BF16);
    for (std::size_t at = 0; at < device.bytes(); at += pattern.bytes())
        must(cudaMemcpy(device.as<char>() + at, pattern.get(), std::min(pattern.bytes(), device.bytes() - at),
                        cudaMemcpyDeviceToDevice),
             "cudaMemcpy");
}

void report(const char* name, const std::string& shape, double microseconds, double amount, const char* unit,
            double limit)
{
    const double rate = amount / microseconds / (std::strcmp(unit, "GBps") == 0 ? 1e3 : 1e6);
    std::printf("{\"name\": \"%s\", \"shape\": \"%s\", \"us\": %.2f, \"%s\": %.0f", name, shape.c_str(), microseconds,
                unit, rate);
    if (limit > 0)
        std::printf(", \"ofCopy\": %.3f", rate / limit);
    std::printf("}\n");
    std::fflush(stdout);
}

class PagedBench {
public:
    PagedBench() : m_keys(kCacheBytes), m_values(kCacheBytes)
    {
        fillRandom(m_keys);
        fillRandom(m_values);
        const double milliseconds = medianMilliseconds([&] {
            must(cudaMemcpyAsync(m_values.get(), m_keys.get(), kCacheBytes, cudaMemcpyDeviceToDevice),
                 "cudaMemcpyAsync");
        });
        m_copy = 2.0 * kCacheBytes / milliseconds / 1e6;
        std::printf("{\"name\": \"copy\", \"GBps\": %.0f}\n", m_copy);
    }

    /// Sequences of `lengths` tokens, of which `rows` are of the step; every launch has other places in the cache until
    /// the cache is used up.
    void measure(const std::string& shape, const std::vector<int>& lengths, int rows, int heads, int kvHeads,
                 int launches)
    {
        constexpr int kBlockTokens = 64;
        const auto blocks =
            static_cast<std::size_t>(kCacheBytes / static_cast<std::size_t>(kvHeads * kBlockTokens * 256));
        const int longest = *std::max_element(lengths.begin(), lengths.end());
        const auto stride = static_cast<std::size_t>((longest + kBlockTokens - 1) / kBlockTokens);
        std::vector<std::int32_t> numbers(blocks);
        for (std::size_t i = 0; i < blocks; ++i)
            numbers[i] = static_cast<std::int32_t>(i);
        std::mt19937_64 random(2);
        std::shuffle(numbers.begin(), numbers.end(), random);
        std::vector<std::int32_t> slices;
        std::vector<std::int32_t> table(static_cast<std::size_t>(launches) * lengths.size() * stride);
        std::size_t next = 0;
        for (int launch = 0; launch < launches; ++launch)
            for (std::size_t i = 0; i < lengths.size(); ++i)
                for (std::size_t block = 0; block * kBlockTokens < static_cast<std::size_t>(lengths[i]); ++block)
                    table[(static_cast<std::size_t>(launch) * lengths.size() + i) * stride + block] =
                        numbers[next++ % blocks];
        double pairs = 0;
        double tokens = 0;
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            const auto at = static_cast<std::int32_t>(i);
            slices.insert(slices.end(), {at * rows, rows, lengths[i] - rows, at});
            pairs += rows * (lengths[i] - (rows - 1) / 2.0);
            tokens += lengths[i];
        }
        const DeviceBytes deviceSlices = uploadPlain(slices);
        const DeviceBytes deviceTable = uploadPlain(table);
        const std::size_t allRows = lengths.size() * static_cast<std::size_t>(rows);
        const DeviceBytes q(allRows * static_cast<std::size_t>(heads) * 256);
        const DeviceBytes y(q.bytes());
        fillRandom(q);
        DeviceBytes workspace(
            cuda::pagedAttentionWorkspace(static_cast<int>(lengths.size()), heads, kvHeads, 128, processors()));
        workspace.zero();
        const double microseconds = microsecondsOf(launches, [&](int launch, cuda::Stream stream) {
            return cuda::pagedAttention({.y = y.get(),
                                         .yStride = heads * 128,
                                         .q = q.get(),
                                         .qStride = heads * 128,
                                         .keys = m_keys.get(),
                                         .values = m_values.get(),
                                         .slices = deviceSlices.as<std::int32_t>(),
                                         .blockTable = deviceTable.as<std::int32_t>() +
                                                       static_cast<std::size_t>(launch) * lengths.size() * stride,
                                         .blocksStride = static_cast<std::int64_t>(stride),
                                         .rows = static_cast<int>(allRows),
                                         .sliceCount = static_cast<int>(lengths.size()),
                                         .mostRows = rows,
                                         .longest = longest,
                                         .decodeOnly = rows == 1,
                                         .heads = heads,
                                         .kvHeads = kvHeads,
                                         .headDim = 128,
                                         .blockTokens = kBlockTokens,
                                         .scale = 0.08838834764831845f,
                                         .type = Format::BF16,
                                         .workspace = workspace.get(),
                                         .workspaceBytes = workspace.bytes(),
                                         .processors = processors()},
                                        stream);
        });
        if (rows == 1)
            report("decode", shape, microseconds, tokens * kvHeads * 512, "GBps", m_copy);
        else
            report("prefill", shape, microseconds, pairs * heads * 512, "TFLOPps", 0);
    }

private:
    static int processors()
    {
        int count = 0;
        must(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, 0), "cudaDeviceGetAttribute");
        return count;
    }

    static constexpr std::size_t kCacheBytes = std::size_t{1} << 28;
    DeviceBytes m_keys;
    DeviceBytes m_values;
    double m_copy = 0;
};

void benchSegments(const std::string& shape, const std::vector<int>& lengths)
{
    constexpr int kHeads = 16;
    constexpr int kDim = 80;
    constexpr int kStride = 3 * kHeads * kDim;
    std::vector<std::int32_t> ends = {0};
    double pairs = 0;
    for (const int length : lengths) {
        ends.push_back(ends.back() + length);
        pairs += static_cast<double>(length) * length;
    }
    const int rows = ends.back();
    const DeviceBytes deviceEnds = uploadPlain(ends);
    std::vector<DeviceBytes> sets; // four of them pass through a cache of 60 MB
    for (int i = 0; i < 4; ++i) {
        sets.emplace_back(static_cast<std::size_t>(rows) * kStride * 2);
        fillRandom(sets.back());
    }
    const DeviceBytes y(static_cast<std::size_t>(rows) * kHeads * kDim * 2);
    const double microseconds = microsecondsOf(12, [&](int launch, cuda::Stream stream) {
        const char* qkv = sets[static_cast<std::size_t>(launch % 4)].as<char>();
        return cuda::segmentAttention({.y = y.get(),
                                       .yStride = kHeads * kDim,
                                       .q = qkv,
                                       .k = qkv + kHeads * kDim * 2,
                                       .v = qkv + 2 * kHeads * kDim * 2,
                                       .stride = kStride,
                                       .ends = deviceEnds.as<std::int32_t>(),
                                       .rows = rows,
                                       .segments = static_cast<int>(lengths.size()),
                                       .longest = *std::max_element(lengths.begin(), lengths.end()),
                                       .heads = kHeads,
                                       .headDim = kDim,
                                       .scale = 0.11180339887498948f,
                                       .type = Format::BF16},
                                      stream);
    });
    report("segments", shape, microseconds, pairs * kHeads * kDim * 4, "TFLOPps", 0);
    report("segments", shape, microseconds, 4.0 * rows * kHeads * kDim * 2, "GBps", 0);
}

void benchAll()
{
    {
        PagedBench bench;
        const auto mixture = [](int count, int tokens, int more, int others) {
            std::vector<int> lengths(static_cast<std::size_t>(count), tokens);
            lengths.insert(lengths.end(), static_cast<std::size_t>(more), others);
            return lengths;
        };
        bench.measure("7B, 1 x 512", {512}, 1, 28, 4, 400);
        bench.measure("7B, 1 x 4096", {4096}, 1, 28, 4, 50);
        bench.measure("7B, 1 x 32768", {32768}, 1, 28, 4, 16);
        bench.measure("7B, 64 x 512", mixture(64, 512, 0, 0), 1, 28, 4, 16);
        bench.measure("7B, 1 x 32768 and 31 x 4096", mixture(1, 32768, 31, 4096), 1, 28, 4, 8);
        bench.measure("7B, 256 x 100", mixture(256, 100, 0, 0), 1, 28, 4, 16);
        bench.measure("3B, 16 x 1000", mixture(16, 1000, 0, 0), 1, 16, 2, 16);
        bench.measure("72B, 32 x 2048", mixture(32, 2048, 0, 0), 1, 64, 8, 8);
        bench.measure("7B, 8192", {8192}, 8192, 28, 4, 4);
        bench.measure("7B, 1024", {1024}, 1024, 28, 4, 8);
        bench.measure("7B, 1280", {1280}, 1280, 28, 4, 8);
        bench.measure("7B, 2048 behind 6144", {8192}, 2048, 28, 4, 4);
        bench.measure("7B, 8 x 1024", mixture(8, 1024, 0, 0), 1024, 28, 4, 4);
        bench.measure("72B, 8192", {8192}, 8192, 64, 8, 4);
    }
    benchSegments("4784 rows", {4784});
    benchSegments("16384 rows", {16384});
    std::vector<int> windows(74, 64);
    windows.push_back(48);
    benchSegments("75 windows, 4784 rows", windows);
    benchSegments("256 windows, 16384 rows", std::vector<int>(256, 64));
}

} // namespace

int main(int argc, char** argv)
{
    const Options options = readOptions(argc, argv);
    if (options.bench) {
        benchAll();
        return 0;
    }
    std::mt19937_64 random(options.seed);
    Tally tally;
    checkNothing(tally);
    if (options.wants("decode"))
        checkDecode(tally, random);
    if (options.wants("short"))
        checkShort(tally, random);
    if (options.wants("tokens"))
        checkTokens(tally, random);
    if (options.wants("prefill"))
        checkPrefill(tally, random);
    if (options.wants("mixed"))
        checkMixed(tally, random);
    if (options.wants("plain"))
        checkPlainPaged(tally, random);
    if (options.wants("segments"))
        checkAllSegments(tally, random);
    return tally.close();
}
