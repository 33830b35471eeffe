#include "kernels/cpu/targets.h"

#include "kernels/cpu/team.h"
#include "kernels/linear.h"
#include "tests/kernels/fixtures.h"

#include <array>

using namespace argus::kernels;
using namespace argus::testing;

/// One product with strides, compared against float64.
struct Product {
    int rows = 0;
    int outputs = 0;
    int inputs = 0;
    Format format = Format::BF16;
    bool bias = true;
    bool accumulate = false;
};

class TstLinear : public QObject {
    Q_OBJECT

    static Worst compare(const Product& product, int threads);

private slots:
    void agreesWithFloat64_data() { addTargets(); }
    void agreesWithFloat64();
    void rowsDoNotDependOnTheirNumber_data() { addTargets(); }
    void rowsDoNotDependOnTheirNumber();
    void partsShareOneInput();
    void noRowsAreNoWork();
    void nothingIsWrittenBesideTheResult();
    void teamsAreUsedThousandsOfTimes();
};

Worst TstLinear::compare(const Product& product, int threads)
{
    const std::int64_t xStride = product.inputs + 3;
    const std::int64_t weightStride = product.inputs + 5;
    const std::int64_t yStride = product.outputs + 7;
    const auto size = [](int rows, std::int64_t stride) { return static_cast<std::size_t>(rows * stride); };
    const std::vector<float> x = randomFloats(size(product.rows, xStride));
    const StoredMatrix weight = randomMatrix(size(product.outputs, weightStride), product.format);
    const std::vector<float> bias = randomFloats(static_cast<std::size_t>(product.outputs));
    const std::vector<float> before = randomFloats(size(product.rows, yStride));
    std::vector<float> y = product.accumulate ? before : poisoned(before.size());
    const LinearPart part{.y = y.data(),
                          .yStride = yStride,
                          .weight = weight.data(),
                          .weightStride = weightStride,
                          .bias = product.bias ? bias.data() : nullptr,
                          .outputs = product.outputs,
                          .format = product.format,
                          .accumulate = product.accumulate};
    cpu::Team team(threads);
    cpu::linear(
        {.x = x.data(), .xStride = xStride, .rows = product.rows, .inputs = product.inputs, .parts = {&part, 1}}, team);

    Worst worst;
    for (int m = 0; m < product.rows; ++m) {
        for (int n = 0; n < product.outputs; ++n) {
            const auto at = static_cast<std::size_t>(m * yStride + n);
            const double biased = product.bias ? bias[static_cast<std::size_t>(n)] : 0.0;
            const double held = product.accumulate ? before[at] : 0.0;
            double expected = biased + held;
            double magnitude = std::abs(biased) + std::abs(held); // apart: they may cancel, their roundings do not
            for (int k = 0; k < product.inputs; ++k) {
                const double term = double{x[static_cast<std::size_t>(m * xStride + k)]} *
                                    weight.values[static_cast<std::size_t>(n * weightStride + k)];
                expected += term;
                magnitude += std::abs(term);
            }
            // every addition rounds a partial sum that is at most the magnitude; the plain loop has the longest chain
            // of them
            worst.see(y[at], expected, (product.inputs + 3) * kEpsilon / 2 * magnitude + 1e-30,
                      std::to_string(m) + ", " + std::to_string(n));
        }
    }
    return worst;
}

void TstLinear::agreesWithFloat64()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    for (const Format format : {Format::F32, Format::F16, Format::BF16}) {
        for (const auto& [rows, outputs, inputs] : std::array<std::array<int, 3>, 9>{{{1, 1, 1},
                                                                                      {1, 9, 428},
                                                                                      {2, 7, 1176},
                                                                                      {3, 33, 17},
                                                                                      {5, 64, 1025},
                                                                                      {12, 31, 80},
                                                                                      {13, 37, 2100},
                                                                                      {30, 67, 512},
                                                                                      {200, 35, 83}}}) {
            const Product product{.rows = rows,
                                  .outputs = outputs,
                                  .inputs = inputs,
                                  .format = format,
                                  .bias = rows % 2 == 1,
                                  .accumulate = outputs % 3 == 1};
            const Worst worst = compare(product, 2);
            QVERIFY2(worst.good(), qPrintable(QString("%1x%2x%3 format %4, %5")
                                                  .arg(rows)
                                                  .arg(outputs)
                                                  .arg(inputs)
                                                  .arg(static_cast<int>(format))
                                                  .arg(worst.text())));
        }
    }
}

void TstLinear::rowsDoNotDependOnTheirNumber()
{
    QFETCH(qint64, target);
    const OnTarget on(target);
    constexpr int kRows = 45;
    constexpr int kOutputs = 70;
    constexpr int kInputs = 1500; // two blocks of the order of summation, the second ragged
    const std::vector<float> x = randomFloats(kRows * kInputs);
    const StoredMatrix weight = randomMatrix(kOutputs * kInputs, Format::BF16);
    const auto product = [&](int first, int rows, int threads) {
        std::vector<float> y = poisoned(static_cast<std::size_t>(rows) * kOutputs);
        const LinearPart part{
            .y = y.data(), .yStride = kOutputs, .weight = weight.data(), .weightStride = kInputs, .outputs = kOutputs};
        cpu::Team team(threads);
        cpu::linear(
            {.x = x.data() + first * kInputs, .xStride = kInputs, .rows = rows, .inputs = kInputs, .parts = {&part, 1}},
            team);
        return y;
    };
    const std::vector<float> all = product(0, kRows, 3);
    for (const int rows : {1, 2, 3, 4, 7, 12, 13, 44}) {
        const std::vector<float> some = product(1, rows, 1);
        for (std::size_t i = 0; i < some.size(); ++i)
            QCOMPARE(std::bit_cast<std::uint32_t>(some[i]), std::bit_cast<std::uint32_t>(all[kOutputs + i]));
    }
}

void TstLinear::partsShareOneInput()
{
    constexpr int kRows = 4;
    constexpr int kInputs = 96;
    const std::vector<float> x = randomFloats(kRows * kInputs);
    const StoredMatrix a = randomMatrix(130 * kInputs, Format::BF16);
    const StoredMatrix b = randomMatrix(5 * kInputs, Format::F32);
    std::vector<float> together = poisoned(kRows * 135); // a's columns, then b's
    std::vector<float> alone = poisoned(kRows * 135);
    const std::array parts{
        LinearPart{.y = together.data(), .yStride = 135, .weight = a.data(), .weightStride = kInputs, .outputs = 130},
        LinearPart{.y = together.data() + 130,
                   .yStride = 135,
                   .weight = b.data(),
                   .weightStride = kInputs,
                   .outputs = 5,
                   .format = Format::F32}};
    cpu::Team team(2);
    cpu::linear({.x = x.data(), .xStride = kInputs, .rows = kRows, .inputs = kInputs, .parts = parts}, team);
    for (LinearPart part : parts) {
        part.y = alone.data() + (part.y - together.data());
        cpu::linear({.x = x.data(), .xStride = kInputs, .rows = kRows, .inputs = kInputs, .parts = {&part, 1}}, team);
    }
    QCOMPARE(together, alone);
}

void TstLinear::noRowsAreNoWork()
{
    float y = 42;
    const LinearPart part{.y = &y, .yStride = 1, .weight = nullptr, .weightStride = 8, .outputs = 1};
    cpu::Team team(2);
    cpu::linear({.x = nullptr, .xStride = 8, .rows = 0, .inputs = 8, .parts = {&part, 1}}, team);
    QCOMPARE(y, 42.0f);
}

void TstLinear::nothingIsWrittenBesideTheResult()
{
    for (const int rows : {1, 40}) {
        constexpr int kOutputs = 33;
        constexpr int kStride = 40;
        const std::vector<float> x = randomFloats(static_cast<std::size_t>(rows) * 64);
        const StoredMatrix weight = randomMatrix(kOutputs * 64, Format::BF16);
        std::vector<float> y(static_cast<std::size_t>(rows * kStride), 7.0f);
        const LinearPart part{
            .y = y.data(), .yStride = kStride, .weight = weight.data(), .weightStride = 64, .outputs = kOutputs};
        cpu::Team team(2);
        cpu::linear({.x = x.data(), .xStride = 64, .rows = rows, .inputs = 64, .parts = {&part, 1}}, team);
        for (int row = 0; row < rows; ++row)
            for (int column = kOutputs; column < kStride; ++column)
                QCOMPARE(y[static_cast<std::size_t>(row * kStride + column)], 7.0f);
    }
}

void TstLinear::teamsAreUsedThousandsOfTimes()
{
    for (const int threads : {1, 2, 5}) {
        cpu::Team team(threads);
        std::atomic<std::int64_t> sum = 0;
        for (int i = 0; i < 3000; ++i)
            team.forEachTask(cpu::kWorkPerThread * 8, i % 7, [&](std::int64_t index) { sum += index + 1; });
        std::int64_t expected = 0;
        for (int i = 0; i < 3000; ++i)
            expected += (i % 7) * (i % 7 + 1) / 2;
        QCOMPARE(sum.load(), expected);
    }
}

QTEST_GUILESS_MAIN(TstLinear)
#include "tst_linear.moc"
