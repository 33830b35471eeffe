#include "kernels/cpu/targets.h"

#include "kernels/attention.h"
#include "kernels/cpu/team.h"
#include "tests/kernels/fixtures.h"

#include <algorithm>
#include <array>
#include <numeric>

using namespace argus::kernels;
using namespace argus::testing;

/// Several sequences with their caches, cut into slices at will.
struct Paged {
    int heads = 0;
    int kvHeads = 0;
    int headDim = 0;
    int blockTokens = 16;
    std::vector<int> lengths;
    int blocks = 0;
    std::vector<std::vector<std::int32_t>> tables;
    std::vector<std::vector<float>> q, k, v; ///< one a sequence, all its rows
    std::vector<float> keys, values;

    Paged(int h, int kv, int dim, std::vector<int> sequences)
        : heads(h), kvHeads(kv), headDim(dim), lengths(std::move(sequences))
    {
        for (const int length : lengths) {
            q.push_back(randomFloats(static_cast<std::size_t>(length * heads * dim), 2));
            k.push_back(randomFloats(static_cast<std::size_t>(length * kv * dim)));
            v.push_back(randomFloats(static_cast<std::size_t>(length * kv * dim)));
            auto& table = tables.emplace_back((length + blockTokens - 1) / blockTokens);
            std::iota(table.begin(), table.end(), blocks);
            blocks += static_cast<int>(table.size());
        }
        for (auto& table : tables) // last block first: a table that is not looked at shows
            for (auto& block : table)
                block = blocks - 1 - block;
        keys = poisoned(static_cast<std::size_t>(blocks * kv * blockTokens * dim)); // unwritten keys must not be read
        values = keys;
        cpu::Team team(2);
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            std::vector<std::int32_t> places;
            for (int t = 0; t < lengths[i]; ++t)
                places.push_back(tables[i][static_cast<std::size_t>(t / blockTokens)] * blockTokens + t % blockTokens);
            WriteCache write{.cache = keys.data(),
                             .x = k[i].data(),
                             .xStride = kv * dim,
                             .places = places.data(),
                             .tokens = lengths[i],
                             .kvHeads = kv,
                             .headDim = dim,
                             .blockTokens = blockTokens};
            cpu::writeCache(write, team);
            write.cache = values.data();
            write.x = v[i].data();
            cpu::writeCache(write, team);
        }
    }

    /// Of a sequence: not its place in the step, with slots of nobody before and between.
    [[nodiscard]] std::int32_t slotOf(std::size_t sequence) const
    {
        return static_cast<std::int32_t>(2 * (lengths.size() - sequence) - 1);
    }

    /// Rows [cached[i], lengths[i]) of every sequence in one call, one after another.
    [[nodiscard]] std::vector<float> attend(const std::vector<int>& cached, int threads) const
    {
        std::vector<std::int32_t> slices;
        std::vector<float> rows;
        std::size_t widest = 0;
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            slices.insert(slices.end(), {static_cast<std::int32_t>(rows.size()) / (heads * headDim),
                                         lengths[i] - cached[i], cached[i], slotOf(i)});
            rows.insert(rows.end(), q[i].begin() + cached[i] * heads * headDim, q[i].end());
            widest = std::max(widest, tables[i].size());
        }
        std::vector<std::int32_t> table(widest * (2 * lengths.size()), -1);
        for (std::size_t i = 0; i < lengths.size(); ++i)
            std::copy(tables[i].begin(), tables[i].end(),
                      table.begin() + slotOf(i) * static_cast<std::ptrdiff_t>(widest));
        std::vector<float> y = poisoned(rows.size());
        cpu::Team team(threads);
        cpu::pagedAttention({.y = y.data(),
                             .yStride = heads * headDim,
                             .q = rows.data(),
                             .qStride = heads * headDim,
                             .keys = keys.data(),
                             .values = values.data(),
                             .slices = slices.data(),
                             .blocks = table.data(),
                             .blocksStride = static_cast<std::int64_t>(widest),
                             .sliceCount = static_cast<int>(lengths.size()),
                             .heads = heads,
                             .kvHeads = kvHeads,
                             .headDim = headDim,
                             .blockTokens = blockTokens,
                             .scale = 1 / std::sqrt(static_cast<float>(headDim))},
                            team);
        return y;
    }
};

/// Softmax attention of one row in float64; also the sum of |weight · value|, which bounds rounding.
void attendOne(const float* q, const float* k, const float* v, int keys, std::int64_t stride, int headDim,
               std::vector<double>& out, double& bound)
{
    std::vector<double> scores(static_cast<std::size_t>(keys));
    double spread = 0;
    for (int i = 0; i < keys; ++i) {
        double magnitude = 0;
        for (int d = 0; d < headDim; ++d) {
            scores[static_cast<std::size_t>(i)] += double{q[d]} * k[i * stride + d] / std::sqrt(headDim);
            magnitude += std::abs(double{q[d]} * k[i * stride + d]) / std::sqrt(headDim);
        }
        spread = std::max(spread, magnitude);
    }
    const double largest = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (double& score : scores)
        sum += score = std::exp(score - largest);
    out.assign(static_cast<std::size_t>(headDim), 0);
    double most = 0;
    for (int i = 0; i < keys; ++i)
        for (int d = 0; d < headDim; ++d) {
            out[static_cast<std::size_t>(d)] += scores[static_cast<std::size_t>(i)] / sum * v[i * stride + d];
            most = std::max(most, std::abs(double{v[i * stride + d]}));
        }
    // a score's rounding (headDim terms of magnitude `spread`) is a relative error of its weight, twice with the sum;
    // keys additions follow
    bound = (2 * headDim * spread + 2 * keys + 16) * kEpsilon / 2 * most;
}

class TstAttention : public QObject {
    Q_OBJECT
private slots:
    void pagedAgreesWithFloat64_data() { addTargets(); }
    void pagedAgreesWithFloat64();
    void piecesAndCrowdsChangeNothing_data() { addTargets(); }
    void piecesAndCrowdsChangeNothing();
    void segmentsAgreeWithFloat64_data() { addTargets(); }
    void segmentsAgreeWithFloat64();
    void largeScoresStayFinite();
};

void TstAttention::pagedAgreesWithFloat64()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    for (const auto& [heads, kvHeads, dim] :
         std::array<std::array<int, 3>, 3>{{{4, 2, 128}, {7, 1, 128}, {3, 3, 16}}}) {
        const Paged paged(heads, kvHeads, dim, {1, 16, 61, 33});
        const std::vector<int> cached{0, 15, 20, 0};
        const std::vector<float> y = paged.attend(cached, 2);
        Worst worst;
        std::vector<double> expected;
        std::size_t at = 0;
        for (std::size_t i = 0; i < paged.lengths.size(); ++i)
            for (int t = cached[i]; t < paged.lengths[i]; ++t)
                for (int head = 0; head < heads; ++head) {
                    const int kvHead = head / (heads / kvHeads);
                    double bound = 0;
                    attendOne(paged.q[i].data() + (t * heads + head) * dim, paged.k[i].data() + kvHead * dim,
                              paged.v[i].data() + kvHead * dim, t + 1, kvHeads * dim, dim, expected, bound);
                    for (int d = 0; d < dim; ++d)
                        worst.see(y[at++], expected[static_cast<std::size_t>(d)], bound,
                                  "sequence " + std::to_string(i) + " row " + std::to_string(t));
                }
        QVERIFY2(worst.good(), worst.text());
    }
}

void TstAttention::piecesAndCrowdsChangeNothing()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    const Paged crowd(4, 2, 128, {70, 50});
    const std::vector<float> whole = crowd.attend({0, 0}, 1);
    for (const auto& cached : std::vector<std::vector<int>>{{69, 49}, {7, 33}, {64, 0}}) {
        const std::vector<float> some = crowd.attend(cached, 3);
        std::size_t at = 0;
        for (std::size_t i = 0; i < 2; ++i) {
            const std::size_t from = (i == 0 ? 0 : 70) + static_cast<std::size_t>(cached[i]);
            const std::size_t rows = static_cast<std::size_t>(crowd.lengths[i] - cached[i]);
            for (std::size_t j = 0; j < rows * 512; ++j)
                QCOMPARE(std::bit_cast<std::uint32_t>(some[at++]), std::bit_cast<std::uint32_t>(whole[from * 512 + j]));
        }
    }
}

void TstAttention::segmentsAgreeWithFloat64()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    constexpr int kHeads = 3;
    constexpr int kDim = 80;
    constexpr int kColumns = kHeads * kDim;
    const std::vector<std::int32_t> ends{0, 64, 68, 68, 113, 114}; // one of them empty
    const int rows = ends.back();
    const std::vector<float> qkv = randomFloats(static_cast<std::size_t>(rows) * 3 * kColumns);
    std::vector<float> y = poisoned(static_cast<std::size_t>(rows) * kColumns);
    cpu::Team team(2);
    cpu::segmentAttention({.y = y.data(),
                           .yStride = kColumns,
                           .q = qkv.data(),
                           .k = qkv.data() + kColumns,
                           .v = qkv.data() + 2 * kColumns,
                           .stride = 3 * kColumns,
                           .ends = ends.data(),
                           .segments = 5,
                           .heads = kHeads,
                           .headDim = kDim,
                           .scale = 1 / std::sqrt(static_cast<float>(kDim))},
                          team);
    Worst worst;
    std::vector<double> expected;
    for (std::size_t s = 0; s + 1 < ends.size(); ++s)
        for (int row = ends[s]; row < ends[s + 1]; ++row)
            for (int head = 0; head < kHeads; ++head) {
                const float* first = qkv.data() + ends[s] * 3 * kColumns + head * kDim;
                double bound = 0;
                attendOne(qkv.data() + row * 3 * kColumns + head * kDim, first + kColumns, first + 2 * kColumns,
                          ends[s + 1] - ends[s], 3 * kColumns, kDim, expected, bound);
                for (int d = 0; d < kDim; ++d)
                    worst.see(y[static_cast<std::size_t>(row * kColumns + head * kDim + d)],
                              expected[static_cast<std::size_t>(d)], bound, "row " + std::to_string(row));
            }
    QVERIFY2(worst.good(), worst.text());
}

void TstAttention::largeScoresStayFinite()
{
    Paged paged(2, 1, 128, {40});
    for (float& value : paged.q[0])
        value *= 1e4f;
    const std::vector<float> y = paged.attend({0}, 1);
    const float most = std::abs(*std::max_element(paged.v[0].begin(), paged.v[0].end(),
                                                  [](float a, float b) { return std::abs(a) < std::abs(b); }));
    for (const float value : y)
        QVERIFY(std::abs(value) <= most * 1.0001f);
}

QTEST_GUILESS_MAIN(TstAttention)
#include "tst_attention.moc"
