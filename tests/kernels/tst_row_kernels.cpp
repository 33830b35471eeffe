// Kernels that work row by row: norm, activations, gather and scatter, rotary tables and rotation.

#include "kernels/cpu/targets.h"

#include "kernels/activations.h"
#include "kernels/cpu/team.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/rows.h"
#include "tests/kernels/fixtures.h"

#include <array>

using namespace argus::kernels;
using namespace argus::testing;

class TstRowKernels : public QObject {
    Q_OBJECT
private slots:
    void rmsNormAgreesWithFloat64_data() { addTargets(); }
    void rmsNormAgreesWithFloat64();
    void rmsNormOfOneToFour();
    void siluMulAgreesWithFloat64_data() { addTargets(); }
    void siluMulAgreesWithFloat64();
    void geluIsTheExactForm();
    void gatheredRowsAreWidenedExactly_data() { addTargets(); }
    void gatheredRowsAreWidenedExactly();
    void scatterUndoesGather();
    void rotaryTablesOfThePublishedExample();
    void rotationAgreesWithFloat64_data() { addTargets(); }
    void rotationAgreesWithFloat64();
};

void TstRowKernels::rmsNormAgreesWithFloat64()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    for (const int hidden : {1, 7, 160, 515}) {
        constexpr int kTokens = 5;
        const int stride = hidden + 3;
        const std::vector<float> x = randomFloats(static_cast<std::size_t>(kTokens * stride), 3);
        const std::vector<float> gain = randomFloats(static_cast<std::size_t>(hidden));
        std::vector<float> y = poisoned(x.size());
        cpu::Team team(2);
        cpu::rmsNorm({.y = y.data(),
                      .yStride = stride,
                      .x = x.data(),
                      .xStride = stride,
                      .gain = gain.data(),
                      .tokens = kTokens,
                      .hidden = hidden},
                     team);
        Worst worst;
        for (int t = 0; t < kTokens; ++t) {
            double squares = 0;
            for (int h = 0; h < hidden; ++h)
                squares += std::pow(double{x[static_cast<std::size_t>(t * stride + h)]}, 2);
            for (int h = 0; h < hidden; ++h) {
                const auto at = static_cast<std::size_t>(t * stride + h);
                const double expected = x[at] / std::sqrt(squares / hidden + 1e-6) * gain[static_cast<std::size_t>(h)];
                // the sum's relative error halves in the root; a quotient and three products follow
                worst.see(y[at], expected, (hidden / 2.0 + 6) * kEpsilon / 2 * std::abs(expected) + 1e-30,
                          std::to_string(at));
            }
        }
        QVERIFY2(worst.good(), worst.text());
    }
}

void TstRowKernels::rmsNormOfOneToFour()
{
    const std::array<float, 4> x{1, 2, 3, 4};
    const std::array<float, 4> gain{1, 1, 1, 1};
    const std::array<float, 4> expected{0.365148365f, 0.730296731f, 1.09544516f, 1.46059346f};
    std::array<float, 4> y{};
    cpu::Team team(1);
    cpu::rmsNorm(
        {.y = y.data(), .yStride = 4, .x = x.data(), .xStride = 4, .gain = gain.data(), .tokens = 1, .hidden = 4},
        team);
    for (std::size_t i = 0; i < 4; ++i)
        QVERIFY(std::abs(y[i] - expected[i]) <= 2 * kEpsilon * expected[i]);
}

void TstRowKernels::siluMulAgreesWithFloat64()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    constexpr int kRows = 3;
    constexpr int kColumns = 428;
    std::vector<float> gate = randomFloats(kRows * kColumns, 4);
    gate[0] = -1000;
    gate[1] = 1000;
    gate[2] = -3;
    gate[3] = 0;
    const std::vector<float> given = gate;
    const std::vector<float> up = randomFloats(kRows * kColumns);
    cpu::Team team(2);
    cpu::siluMul({.y = gate.data(),
                  .yStride = kColumns,
                  .a = gate.data(),
                  .aStride = kColumns,
                  .b = up.data(),
                  .bStride = kColumns,
                  .rows = kRows,
                  .columns = kColumns},
                 team);
    Worst worst;
    for (std::size_t i = 0; i < gate.size(); ++i) {
        const double expected = given[i] / (1 + std::exp(-double{given[i]})) * up[i];
        // e^x of our kernels is good to two units in the last place, then a sum, a quotient and a product; far below
        // zero the result is next to nothing
        worst.see(gate[i], expected, 6 * kEpsilon * std::abs(expected) + 1e-30, std::to_string(i));
    }
    QVERIFY2(worst.good(), worst.text());
    QVERIFY(std::abs(gate[2] / up[2] + 0.142277613f) < 1e-6f);
}

void TstRowKernels::geluIsTheExactForm()
{
    const std::array<float, 6> x{-3, -1, -0.5f, 0.5f, 1, 3};
    const std::array<float, 6> expected{-0.00404968858f, -0.158655256f, -0.154268771f,
                                        0.345731229f,    0.841344714f,  2.99595022f};
    std::array<float, 6> y{};
    cpu::Team team(1);
    cpu::gelu({.y = y.data(), .yStride = 6, .a = x.data(), .aStride = 6, .rows = 1, .columns = 6}, team);
    for (std::size_t i = 0; i < y.size(); ++i) // 1 + erf loses what erf does not: absolute, of the order of x
        QVERIFY2(std::abs(y[i] - expected[i]) <= 2 * kEpsilon * std::abs(x[i]),
                 qPrintable(QString::number(y[i], 'g', 9)));
}

void TstRowKernels::gatheredRowsAreWidenedExactly()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    for (const Format format : {Format::F32, Format::F16, Format::BF16}) {
        constexpr int kColumns = 45;
        const StoredMatrix table = randomMatrix(10 * 48, format);
        const std::array<std::int32_t, 4> index{9, 0, 3, 3};
        std::vector<float> y = poisoned(4 * 50);
        cpu::Team team(2);
        cpu::gatherRows({.y = y.data(),
                         .yStride = 50,
                         .table = table.data(),
                         .tableStride = 48,
                         .index = index.data(),
                         .count = 4,
                         .columns = kColumns,
                         .format = format},
                        team);
        for (std::size_t i = 0; i < 4; ++i) {
            for (std::size_t c = 0; c < kColumns; ++c)
                QCOMPARE(y[i * 50 + c], table.values[static_cast<std::size_t>(index[i]) * 48 + c]);
            for (std::size_t c = kColumns; c < 50; ++c)
                QVERIFY(std::isnan(y[i * 50 + c]));
        }
    }
}

void TstRowKernels::scatterUndoesGather()
{
    const std::vector<float> x = randomFloats(5 * 6);
    const std::array<std::int32_t, 5> index{3, 0, 4, 1, 2};
    std::vector<float> gathered = poisoned(30);
    std::vector<float> back = poisoned(30);
    cpu::Team team(1);
    cpu::gatherRows({.y = gathered.data(),
                     .yStride = 6,
                     .table = x.data(),
                     .tableStride = 6,
                     .index = index.data(),
                     .count = 5,
                     .columns = 6},
                    team);
    cpu::scatterRows({.y = back.data(),
                      .yStride = 6,
                      .x = gathered.data(),
                      .xStride = 6,
                      .index = index.data(),
                      .count = 5,
                      .columns = 6},
                     team);
    QVERIFY(gathered != x);
    QCOMPARE(back, x);
}

void TstRowKernels::rotaryTablesOfThePublishedExample()
{
    // position (5, 7, 9), sections 16, 24, 24: angles of frequencies that lie at section borders
    std::vector<float> frequencies;
    for (int i = 0; i < 64; ++i)
        frequencies.push_back(1.0f / std::pow(1e6f, static_cast<float>(2 * i) / 128.0f));
    const std::array<std::int32_t, 3> positions{5, 7, 9};
    const std::array sections{16, 24, 24};
    std::vector<float> cosines = poisoned(64);
    std::vector<float> sines = poisoned(64);
    cpu::Team team(1);
    cpu::ropeTables({.cosines = cosines.data(),
                     .sines = sines.data(),
                     .positions = positions.data(),
                     .positionStride = 1,
                     .frequencies = frequencies.data(),
                     .sections = sections,
                     .tokens = 1,
                     .half = 64},
                    team);
    struct Row {
        std::size_t j;
        float cosine;
        float sine;
    };
    for (const Row& row :
         {Row{0, 0.2836622f, -0.958924294f}, Row{1, -0.631260931f, -0.775570512f}, Row{15, 0.980812609f, 0.194952965f},
          Row{16, 0.975599885f, 0.219556108f}, Row{39, 0.999998808f, 0.00154471339f},
          Row{40, 0.999998748f, 0.00160045072f}, Row{63, 1, 1.11684403e-05f}}) {
        QVERIFY2(std::abs(cosines[row.j] - row.cosine) <= kEpsilon, qPrintable(QString::number(row.j)));
        QVERIFY2(std::abs(sines[row.j] - row.sine) <= kEpsilon, qPrintable(QString::number(row.j)));
    }
    std::vector<float> q;
    for (int d = 0; d < 128; ++d)
        q.push_back(0.01f * static_cast<float>(d));
    cpu::rotate({.x = q.data(),
                 .xStride = 128,
                 .cosines = cosines.data(),
                 .sines = sines.data(),
                 .tokens = 1,
                 .heads = 1,
                 .half = 64},
                team);
    struct Out {
        std::size_t d;
        float value;
    };
    for (const Out& out : {Out{0, 0.61371154f}, Out{64, 0.1815438f}, Out{16, -0.019548893f}, Out{80, 0.8156088f},
                           Out{63, 0.62998581f}, Out{127, 1.270007f}})
        QVERIFY2(std::abs(q[out.d] - out.value) <= 4 * kEpsilon, qPrintable(QString::number(out.d)));
}

void TstRowKernels::rotationAgreesWithFloat64()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    for (const int half : {64, 40, 13}) {
        constexpr int kTokens = 3;
        constexpr int kHeads = 2;
        const int stride = kHeads * 2 * half + 5;
        std::vector<float> x = randomFloats(static_cast<std::size_t>(kTokens * stride));
        const std::vector<float> given = x;
        const std::vector<float> cosines = randomFloats(static_cast<std::size_t>(kTokens * half));
        const std::vector<float> sines = randomFloats(static_cast<std::size_t>(kTokens * half));
        cpu::Team team(2);
        cpu::rotate({.x = x.data(),
                     .xStride = stride,
                     .cosines = cosines.data(),
                     .sines = sines.data(),
                     .tokens = kTokens,
                     .heads = kHeads,
                     .half = half},
                    team);
        Worst worst;
        for (int t = 0; t < kTokens; ++t)
            for (int head = 0; head < kHeads; ++head)
                for (int j = 0; j < half; ++j) {
                    const auto low = static_cast<std::size_t>(t * stride + head * 2 * half + j);
                    const auto high = low + static_cast<std::size_t>(half);
                    const double c = cosines[static_cast<std::size_t>(t * half + j)];
                    const double s = sines[static_cast<std::size_t>(t * half + j)];
                    const double bound =
                        2 * kEpsilon * (std::abs(given[low]) + std::abs(given[high])) * (std::abs(c) + std::abs(s));
                    worst.see(x[low], given[low] * c - given[high] * s, bound, std::to_string(low));
                    worst.see(x[high], given[high] * c + given[low] * s, bound, std::to_string(high));
                }
        QVERIFY2(worst.good(), worst.text());
    }
}

QTEST_GUILESS_MAIN(TstRowKernels)
#include "tst_row_kernels.moc"
