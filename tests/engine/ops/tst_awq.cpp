// Four-bit weights as AutoAWQ packs them: the published nibble order and the formula, word by word.

#include "engine/ops/awq.h"
#include "engine/ops/cpu/cpu_ops.h"

#include <QTest>

#include <array>
#include <cstring>
#include <random>
#include <vector>

using namespace argus;
using namespace argus::ops;

namespace {

/// The column of eight that stands in nibble s of its word, as the format's description has it.
constexpr std::array<std::size_t, 8> kColumnOfNibble{0, 2, 4, 6, 1, 3, 5, 7};

std::uint32_t wordOf(std::span<const int, 8> codes)
{
    std::uint32_t word = 0;
    for (std::size_t nibble = 0; nibble < 8; ++nibble)
        word |= static_cast<std::uint32_t>(codes[kColumnOfNibble[nibble]]) << (4 * nibble);
    return word;
}

/// Codes [inputs, outputs], zeros and scales [groups, outputs] that the test knows, and the three tensors made of them.
struct Packed {
    std::int64_t inputs = 0;
    std::int64_t outputs = 0;
    std::vector<int> codes, zeros;
    std::vector<std::uint16_t> halves;
    HostTensor words, zeroWords, scales;

    Packed(std::int64_t k, std::int64_t n) : inputs(k), outputs(n)
    {
        std::mt19937 random(7);
        std::uniform_int_distribution<int> code(0, 15);
        std::uniform_real_distribution<float> scale(-0.1f, 0.1f);
        for (std::int64_t i = 0; i < inputs * outputs; ++i)
            codes.push_back(code(random));
        for (std::int64_t i = 0; i < inputs / kAwqGroup * outputs; ++i) {
            zeros.push_back(code(random));
            halves.push_back(toF16(scale(random)));
        }
        words = packed(codes);
        zeroWords = packed(zeros);
        scales = HostTensor(DType::F16, {inputs / kAwqGroup, outputs});
        std::copy(halves.begin(), halves.end(), scales.view().data<std::uint16_t>());
    }

    [[nodiscard]] AwqTensors tensors() const
    {
        return {.qweight = words.view(), .qzeros = zeroWords.view(), .scales = scales.view()};
    }
    /// Element [n, k] of the layer, by the formula.
    [[nodiscard]] std::uint16_t expected(std::int64_t n, std::int64_t k) const
    {
        const auto group = static_cast<std::size_t>(k / kAwqGroup * outputs + n);
        const int difference = codes[static_cast<std::size_t>(k * outputs + n)] - zeros[group];
        return toF16(static_cast<float>(difference) * fromF16(halves[group]));
    }

private:
    [[nodiscard]] HostTensor packed(const std::vector<int>& values) const
    {
        HostTensor tensor(DType::I32, {static_cast<std::int64_t>(values.size()) / outputs, outputs / 8});
        auto* to = tensor.view().data<std::int32_t>();
        for (std::size_t i = 0; i < values.size(); i += 8)
            *to++ = static_cast<std::int32_t>(wordOf(std::span(values).subspan(i).first<8>()));
        return tensor;
    }
};

} // namespace

class TstAwq : public QObject {
    Q_OBJECT
private slots:
    void publishedWordsUnpackAsPublished_data();
    void publishedWordsUnpackAsPublished();
    void everyElementFollowsTheFormula();
    void wordsNeedNotBeAlignedOrDense();
    void aProductComputesWithTheWidenedMatrix();
};

void TstAwq::publishedWordsUnpackAsPublished_data()
{
    QTest::addColumn<quint32>("word");
    QTest::addColumn<std::vector<int>>("columns");
    QTest::newRow("0 to 7") << 0x75316420U << std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7};
    QTest::newRow("with the sign bit") << 0xEC80137FU << std::vector<int>{15, 0, 7, 8, 3, 12, 1, 14};
}

void TstAwq::publishedWordsUnpackAsPublished()
{
    QFETCH(quint32, word);
    QFETCH(std::vector<int>, columns);
    QCOMPARE(wordOf(std::span(columns).first<8>()), word);
    HostTensor words(DType::I32, {kAwqGroup, 1});
    HostTensor zeros(DType::I32, {1, 1});
    HostTensor scales(DType::F16, {1, 8});
    std::fill_n(words.view().data<std::int32_t>(), kAwqGroup, static_cast<std::int32_t>(word));
    std::fill_n(zeros.view().data<std::int32_t>(), 1, 0);
    std::fill_n(scales.view().data<std::uint16_t>(), 8, toF16(1));
    const Weight wide = widenAwq({.qweight = words.view(), .qzeros = zeros.view(), .scales = scales.view()});
    for (std::int64_t n = 0; n < 8; ++n)
        for (const std::int64_t k : {std::int64_t{0}, kAwqGroup - 1})
            QCOMPARE(fromF16(wide.view().data<const std::uint16_t>()[n * kAwqGroup + k]),
                     static_cast<float>(columns[static_cast<std::size_t>(n)]));
}

void TstAwq::everyElementFollowsTheFormula()
{
    const Packed packed(3 * kAwqGroup, 24);
    const Weight wide = widenAwq(packed.tensors());
    QVERIFY(wide.view().dtype() == DType::F16);
    QCOMPARE(wide.view().shape().text(), std::string("[24, 384]"));
    for (std::int64_t n = 0; n < packed.outputs; ++n)
        for (std::int64_t k = 0; k < packed.inputs; ++k)
            QCOMPARE(wide.view().data<const std::uint16_t>()[n * packed.inputs + k], packed.expected(n, k));
}

void TstAwq::wordsNeedNotBeAlignedOrDense()
{
    const Packed packed(kAwqGroup, 16);
    std::vector<std::byte> memory(1 + static_cast<std::size_t>(kAwqGroup) * 3 * 4);
    for (std::size_t row = 0; row < kAwqGroup; ++row) // two words of three, one byte off
        std::memcpy(memory.data() + 1 + row * 12, packed.words.view().bytes() + row * 8, 8);
    AwqTensors odd = packed.tensors();
    odd.qweight = ConstTensorView(memory.data() + 1, DType::I32, {kAwqGroup, 2}, 3);
    const Weight wide = widenAwq(odd);
    for (std::int64_t n = 0; n < packed.outputs; ++n)
        for (std::int64_t k = 0; k < packed.inputs; ++k)
            QCOMPARE(wide.view().data<const std::uint16_t>()[n * packed.inputs + k], packed.expected(n, k));
}

void TstAwq::aProductComputesWithTheWidenedMatrix()
{
    const Packed packed(kAwqGroup, 16);
    CpuOps ops(1);
    HostTensor bias(DType::F16, {16});
    for (std::int64_t n = 0; n < 16; ++n)
        bias.view().data<std::uint16_t>()[n] = toF16(static_cast<float>(n));
    const StoredLinear layer{.bias = std::as_const(bias).view(),
                             .awq = packed.tensors(),
                             .packed = true,
                             .outputs = 16,
                             .inputs = kAwqGroup};
    const ProductPtr product = ops.placeProduct({&layer, 1});
    HostTensor x(DType::F32, {1, kAwqGroup});
    HostTensor y(DType::F32, {1, 16});
    std::fill_n(x.view().data<float>(), kAwqGroup, 0.0f);
    x.view().data<float>()[77] = 2; // one column of the matrix
    ops.project(y.view(), x.view(), *product, {}, false);
    for (std::int64_t n = 0; n < 16; ++n)
        QCOMPARE(y.view().data<float>()[n], 2 * fromF16(packed.expected(n, 77)) + static_cast<float>(n));
}

QTEST_GUILESS_MAIN(TstAwq)
#include "tst_awq.moc"
