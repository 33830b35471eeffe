// What operations refuse, and how the message reads.

#include "engine/ops/awq.h"
#include "engine/ops/contract.h"
#include "engine/ops/cpu/cpu_ops.h"

#include <QTest>

#include <array>
#include <cstring>
#include <functional>

using namespace argus;
using namespace argus::ops;

namespace {

std::string refusal(const std::function<void()>& operation)
{
    try {
        operation();
    } catch (const OpsError& error) {
        return error.what();
    }
    return "nothing";
}

HostTensor filled(Shape shape, float value)
{
    HostTensor tensor(DType::F32, shape);
    std::fill_n(tensor.view().data<float>(), shape.elements(), value);
    return tensor;
}

/// One layer made ready; the parts outlive it, as a checkpoint does.
ProductPtr placed(CpuOps& ops, const HostTensor& weight)
{
    const StoredLinear layer{
        .weight = weight.view(), .outputs = weight.view().extent(0), .inputs = weight.view().extent(1)};
    return ops.placeProduct({&layer, 1});
}

HostTensor integers(std::vector<std::int32_t> values)
{
    HostTensor tensor(DType::I32, {static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), tensor.view().data<std::int32_t>());
    return tensor;
}

} // namespace

class TstContract : public QObject {
    Q_OBJECT

    CpuOps m_ops{2};

private slots:
    void dimensionsKeepTheirFirstValue();
    void otherTypesAreRefused();
    void multiplesAndBounds();
    void wrongShapesNameTensorAndDimension();
    void partsOfAProductShareTheirInput();
    void packedPartsMustBelongTogether();
    void indicesOutsideAreRefused();
    void segmentsMustAscend();
    void slicesMustFitTheBatch();
    void emptyStepsAreOrdinary();
    void unalignedWeightsAreCopiedAndOthersAreNot();
    void vectorsBecomeFloat();
    void copiesKeepStrides();
};

void TstContract::dimensionsKeepTheirFirstValue()
{
    const HostTensor x = filled({2, 3584}, 0);
    const HostTensor gain = filled({3420}, 0);
    QCOMPARE(refusal([&] {
                 Contract("rmsNorm")
                     .tensor("x", x.view(), DType::F32, {"tokens", "hidden"})
                     .tensor("gain", gain.view(), DType::F32, {"hidden"});
             }),
             std::string("rmsNorm: gain should have hidden = 3584 (from x), has 3420"));
    const auto dims = Contract("rmsNorm").tensor("x", x.view(), DType::F32, {"tokens", "hidden"});
    QCOMPARE(dims["tokens"], 2);
    QCOMPARE(refusal([&] { (void)dims["heads"]; }), std::string("rmsNorm: no tensor mentions heads"));
    QCOMPARE(refusal([&] { Contract("rmsNorm").tensor("x", x.view(), DType::F32, {"hidden"}); }),
             std::string("rmsNorm: x should have dimensions [hidden], has shape [2, 3584]"));
}

void TstContract::otherTypesAreRefused()
{
    const HostTensor ids = integers({1, 2});
    QCOMPARE(refusal([&] { Contract("gelu").tensor("x", ids.view(), DType::F32, {"n"}); }),
             std::string("gelu: x should hold F32, holds I32"));
    QCOMPARE(refusal([&] { Contract("placeTable").weight("host", ids.view(), {"n"}); }),
             std::string("placeTable: host should hold F32, F16 or BF16, holds I32"));
}

void TstContract::multiplesAndBounds()
{
    const HostTensor x = filled({2, 12}, 0);
    auto contract = Contract("rotate").tensor("x", x.view(), DType::F32, {"tokens", "columns"});
    contract.multipleOf("columns", 4).atMost("columns", 12);
    QCOMPARE(refusal([&] { contract.multipleOf("columns", 8); }),
             std::string("rotate: columns = 12 should be a multiple of 8"));
    QCOMPARE(refusal([&] { contract.atMost("columns", 11); }),
             std::string("rotate: columns = 12 should be at most 11"));
    QCOMPARE(refusal([&] { contract.dense("x", x.view().columns(0, 6)); }),
             std::string("rotate: x should be dense, its rows are 12 elements apart"));
}

void TstContract::wrongShapesNameTensorAndDimension()
{
    const HostTensor x = filled({2, 8}, 0);
    const HostTensor weight = filled({3, 9}, 0);
    HostTensor y = filled({2, 3}, 0);
    const ProductPtr product = placed(m_ops, weight);
    QCOMPARE(refusal([&] { m_ops.project(y.view(), x.view(), *product, {}, false); }),
             std::string("project: x or y has another width than the product"));
    QCOMPARE(refusal([&] {
                 m_ops.project(y.view(), HostTensor(DType::F32, {3, 9}).view(), *product, {}, false);
             }),
             std::string("project: y should have rows = 3 (from x), has 2"));
    HostTensor cosines = filled({2, 3}, 0);
    QCOMPARE(refusal([&] {
                 m_ops.rotate(HostTensor(DType::F32, {2, 8}).view(), cosines.view(), cosines.view());
             }),
             std::string("rotate: columns = 8 should be a multiple of 6"));
}

void TstContract::partsOfAProductShareTheirInput()
{
    const HostTensor weight = filled({3, 9}, 0);
    const HostTensor bias = filled({3}, 0);
    const StoredLinear fits{.weight = weight.view(), .bias = bias.view(), .outputs = 3, .inputs = 9};
    StoredLinear padded = fits;
    padded.outputs = 4; // a processor computes with layers as they are stored
    StoredLinear made = fits;
    made.weight = ConstTensorView(nullptr, DType::F32, {3, 9});
    QCOMPARE(m_ops.placeProduct(std::array{fits, fits, fits})->outputs(), std::int64_t{9});
    QCOMPARE(refusal([&] {
                 (void)m_ops.placeProduct(std::array{fits, padded});
             }),
             std::string("placeProduct: a layer has another size than its product"));
    QCOMPARE(refusal([&] {
                 (void)m_ops.placeProduct(std::array{fits, fits, fits, fits, fits});
             }),
             std::string("placeProduct: more layers than one input has"));
    QCOMPARE(refusal([&] {
                 (void)m_ops.placeProduct({&made, 1});
             }),
             std::string("placeTable: a processor computes only with numbers that exist (load_format auto)"));
}

void TstContract::packedPartsMustBelongTogether()
{
    const HostTensor words(DType::I32, {128, 2});
    const HostTensor zeros(DType::I32, {1, 2});
    const HostTensor scales(DType::F16, {1, 16});
    const AwqTensors whole{.qweight = words.view(), .qzeros = zeros.view(), .scales = scales.view()};
    QCOMPARE(widenAwq(whole).view().shape().text(), std::string("[16, 128]"));
    AwqTensors floats = whole;
    floats.scales = ConstTensorView(scales.view().bytes(), DType::BF16, {1, 16});
    AwqTensors narrow = whole;
    narrow.scales = scales.view().columns(0, 8);
    AwqTensors cut = whole;
    cut.qweight = words.view().rows(0, 127);
    AwqTensors grouped = whole;
    grouped.qzeros = words.view().rows(0, 2);
    for (const AwqTensors& broken : {floats, narrow, cut, grouped})
        QVERIFY(refusal([&] { (void)widenAwq(broken); }).find("do not belong together") != std::string::npos);
}

void TstContract::indicesOutsideAreRefused()
{
    const HostTensor table = filled({4, 2}, 1);
    HostTensor y = filled({2, 2}, 0);
    for (const std::int32_t stray : {-1, 4}) {
        const HostTensor ids = integers({0, stray});
        QCOMPARE(refusal([&] { m_ops.gatherRows(y.view(), table.view(), ids.view()); }),
                 "gatherRows: index[1] = " + std::to_string(stray) + " is not below 4");
        QCOMPARE(refusal([&] {
                     m_ops.scatterRows(HostTensor(DType::F32, {4, 2}).view(), y.view(), ids.view());
                 }),
                 "scatterRows: index[1] = " + std::to_string(stray) + " is not below 4");
    }
}

void TstContract::segmentsMustAscend()
{
    const HostTensor qkv = filled({4, 48}, 1);
    HostTensor y = filled({4, 16}, 0);
    for (const auto& ends : std::vector<std::vector<std::int32_t>>{{0, 3}, {1, 4}, {0, 3, 2, 4}, {0, 5}}) {
        const HostTensor bounds = integers(ends);
        const ConstTensorView q = qkv.view().columns(0, 16);
        QVERIFY(refusal([&] {
                    m_ops.segmentAttention(y.view(), q, q, q, bounds.view(), 4, 16, 1);
                }).find("does not ascend from 0 to 4") != std::string::npos);
    }
}

void TstContract::slicesMustFitTheBatch()
{
    HostTensor cache = filled({2, 1, 4, 16}, 0); // two blocks of four tokens
    const LayerCache layer{cache.view(), cache.view()};
    HostTensor y = filled({3, 16}, 0);
    const auto attend = [&](std::vector<std::int32_t> slice, std::vector<std::int32_t> blocks) {
        const HostTensor slices = integers(slice);
        const HostTensor table = integers(blocks);
        const PagedBatch batch{.slices = slices.view().reshaped({1, static_cast<std::int64_t>(slice.size())}),
                               .blocks = table.view().reshaped({2, static_cast<std::int64_t>(blocks.size()) / 2}),
                               .places = {}};
        return refusal([&] {
            m_ops.pagedAttention(y.view(), HostTensor(DType::F32, {3, 16}).view(), layer, batch, 1);
        });
    };
    QCOMPARE(attend({1, 3, 0, 0}, {0, 1}),
             std::string("pagedAttention: slice 0 (3 rows from 1 after 0 cached in slot 0) does not fit 3 rows and 2 "
                         "slots of 1 blocks"));
    QVERIFY(attend({0, 3, 2, 1}, {0, 1}).find("2 slots of 1 blocks") != std::string::npos);
    QVERIFY(attend({0, 3, 0, 2}, {0, 1}).find("in slot 2") != std::string::npos);
    QVERIFY(attend({0, 3, 0, -1}, {0, 1}).find("in slot -1") != std::string::npos);
    QCOMPARE(attend({0, 3, 2, 1}, {0, 1, 0, 2}), std::string("pagedAttention: blocks[1] = 2 is not below 2"));
    QCOMPARE(attend({0, 3, 2, 0}, {0, 1, 0, 2}), std::string("nothing")); // the stray block is another slot's
    QCOMPARE(attend({0, 3, 2}, {0, 1}),
             std::string("pagedAttention: a slice has four numbers: first row, rows, cached, slot"));
}

void TstContract::emptyStepsAreOrdinary()
{
    const HostTensor gain = filled({8}, 1);
    const HostTensor weight = filled({3, 8}, 1);
    HostTensor x(DType::F32, {0, 8});
    HostTensor y(DType::F32, {0, 3});
    m_ops.rmsNorm(x.view(), x.view(), gain.view(), 1e-6f);
    const ProductPtr product = placed(m_ops, weight);
    m_ops.project(y.view(), x.view(), *product, {.gain = gain.view(), .epsilon = 1e-6f, .scratch = x.view()}, true);
    const StoredLinear half{.weight = weight.view(), .outputs = 3, .inputs = 8};
    m_ops.gatedProject(y.view(), y.view(), x.view(), *m_ops.placeGatedProduct(half, half), {});
    m_ops.gelu(x.view(), x.view());
    const HostTensor ends = integers({0});
    HostTensor attention(DType::F32, {0, 16});
    m_ops.segmentAttention(attention.view(), attention.view(), attention.view(), attention.view(), ends.view(), 0, 16,
                           1);
}

void TstContract::unalignedWeightsAreCopiedAndOthersAreNot()
{
    HostTensor memory(DType::U8, {64});
    std::byte* bytes = memory.view().bytes();
    const ConstTensorView aligned(bytes, DType::BF16, {2, 3});
    QCOMPARE(m_ops.placeTable(aligned).view().bytes(), std::as_const(memory).view().bytes());
    const std::array<std::uint16_t, 6> values{1, 2, 3, 4, 5, 6};
    std::memcpy(bytes + 1, values.data(), sizeof(values));
    const Weight placed = m_ops.placeTable({bytes + 1, DType::BF16, {2, 3}});
    QVERIFY(std::equal(values.begin(), values.end(), placed.view().data<const std::uint16_t>()));
}

void TstContract::vectorsBecomeFloat()
{
    const std::array<std::uint16_t, 2> bf16{0x3f80, 0xc000};
    const std::array<std::uint16_t, 2> f16{0x3c00, 0xc000};
    for (const auto& [bits, type] : {std::pair(bf16, DType::BF16), std::pair(f16, DType::F16)}) {
        const Weight placed = m_ops.placeVector({reinterpret_cast<const std::byte*>(bits.data()), type, {2}});
        QCOMPARE(placed.view().data<const float>()[0], 1.0f);
        QCOMPARE(placed.view().data<const float>()[1], -2.0f);
    }
}

void TstContract::copiesKeepStrides()
{
    HostTensor wide = filled({2, 4}, 0);
    const HostTensor narrow = filled({2, 2}, 3);
    m_ops.upload(wide.view().columns(1, 2), narrow.view());
    const std::array<float, 8> expected{0, 3, 3, 0, 0, 3, 3, 0};
    QVERIFY(std::equal(expected.begin(), expected.end(), wide.view().data<float>()));
    QVERIFY(refusal([&] { m_ops.upload(wide.view(), narrow.view()); }).find("cannot be copied") != std::string::npos);
}

QTEST_GUILESS_MAIN(TstContract)
#include "tst_contract.moc"
