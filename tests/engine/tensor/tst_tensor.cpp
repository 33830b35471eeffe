#include "engine/tensor/tensor.h"

#include <QtTest>

#include <cmath>
#include <limits>
#include <vector>

using namespace argus;

class TstTensor : public QObject {
    Q_OBJECT
private slots:
    void keepsEveryHalfThroughFloat()
    {
        for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
            const auto half = static_cast<std::uint16_t>(bits);
            const bool nan16 = (bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0;
            const bool nanB = (bits & 0x7f80) == 0x7f80 && (bits & 0x7f) != 0;
            if (!nan16)
                QCOMPARE(toF16(fromF16(half)), half);
            else
                QVERIFY(std::isnan(fromF16(half)) && std::isnan(fromF16(toF16(fromF16(half)))));
            if (!nanB)
                QCOMPARE(toBf16(fromBf16(half)), half);
            else
                QVERIFY(std::isnan(fromBf16(toBf16(fromBf16(half)))));
        }
    }

    void roundsToTheNearestEvenHalf()
    {
        QCOMPARE(toBf16(1.0f + 0x1p-8f), std::uint16_t{0x3f80});            // tie, down to even
        QCOMPARE(toBf16(1.0f + 3 * 0x1p-8f), std::uint16_t{0x3f82});        // tie, up to even
        QCOMPARE(toBf16(1.0f + 0x1p-8f + 0x1p-20f), std::uint16_t{0x3f81}); // just above the tie
        QCOMPARE(toBf16(std::numeric_limits<float>::max()), std::uint16_t{0x7f80});
        QCOMPARE(toF16(1.0f + 0x1p-11f), std::uint16_t{0x3c00});
        QCOMPARE(toF16(1.0f + 3 * 0x1p-11f), std::uint16_t{0x3c02});
        QCOMPARE(toF16(65519.0f), std::uint16_t{0x7bff});
        QCOMPARE(toF16(65520.0f), std::uint16_t{0x7c00});
        QCOMPARE(toF16(0x1p-24f), std::uint16_t{1});
        QCOMPARE(toF16(0x1p-25f), std::uint16_t{0}); // tie, down to even
        QCOMPARE(toF16(-0x1.8p-24f), std::uint16_t{0x8002});
        QCOMPARE(toF16(0x1.ffcp-15f), std::uint16_t{0x0400}); // rounds up into the normal range
    }

    void viewsRowsColumnsAndShapes()
    {
        std::vector<float> values(12);
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = static_cast<float>(i);
        const ConstTensorView view(reinterpret_cast<const std::byte*>(values.data()), DType::F32, {3, 4});
        QCOMPARE(view.rows(1, 2).data<const float>()[0], 4.0f);
        const ConstTensorView columns = view.columns(2, 2);
        QVERIFY(!columns.dense());
        QCOMPARE(columns.rows(2, 1).data<const float>()[1], 11.0f);
        QCOMPARE(view.reshaped({2, 6}).rows(1, 1).data<const float>()[0], 6.0f);
        QCOMPARE(view.rows(3, 0).shape().elements(), std::int64_t{0});
        QVERIFY_EXCEPTION_THROWN((void)view.rows(2, 2), OpsError);
        QVERIFY_EXCEPTION_THROWN((void)view.rows(-1, 1), OpsError);
        QVERIFY_EXCEPTION_THROWN((void)view.columns(3, 2), OpsError);
        QVERIFY_EXCEPTION_THROWN((void)view.reshaped({5, 2}), OpsError);
        QVERIFY_EXCEPTION_THROWN((void)columns.reshaped({6}), OpsError);
    }

    void refusesElementsOfAnotherTypeOrAlignment()
    {
        const HostTensor tensor(DType::BF16, {4});
        QVERIFY(tensor.view().data<const std::uint16_t>() != nullptr);
        QVERIFY_EXCEPTION_THROWN((void)tensor.view().data<const float>(), OpsError);
        const ConstTensorView odd(tensor.view().bytes() + 1, DType::BF16, {2});
        QVERIFY_EXCEPTION_THROWN((void)odd.data<const std::uint16_t>(), OpsError);
    }

    void refusesImpossibleShapes()
    {
        QVERIFY_EXCEPTION_THROWN((void)Shape({1, -1}), OpsError);
        QVERIFY_EXCEPTION_THROWN((void)Shape({1, 1, 1, 1, 1, 1}), OpsError);
        QVERIFY_EXCEPTION_THROWN((void)Shape({std::int64_t{1} << 40, std::int64_t{1} << 40}), OpsError);
        QCOMPARE(Shape({2, 3}).text(), std::string("[2, 3]"));
        QCOMPARE(Shape({}).elements(), std::int64_t{1});
    }
};

QTEST_GUILESS_MAIN(TstTensor)
#include "tst_tensor.moc"
