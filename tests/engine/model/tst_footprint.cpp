// What a model takes on a GPU, against sums made by hand from the published shapes.

#include "engine/model/footprint.h"

#include <QtTest>

using namespace argus;
using namespace argus::model;

namespace {

ModelConfig sevenBillion()
{
    ModelConfig config;
    config.hiddenSize = 3584;
    config.layers = 28;
    config.heads = 28;
    config.kvHeads = 4;
    config.intermediateSize = 18944;
    config.vocabSize = 152064;
    config.maxPositions = 128000;
    config.vision.outHiddenSize = 3584;
    return config;
}

constexpr double kGib = 1 << 30;

} // namespace

class TstFootprint : public QObject {
    Q_OBJECT

private slots:
    void weightsAreTheParametersAndLittleMore()
    {
        // 8,292,166,656 parameters; the vision tower's inner size grows from 3420 to 3456, biases stand there twice.
        const Footprint need = footprint(sevenBillion(), {.kvBlockTokens = 64}, 32768, 16384, {.type = DType::BF16});
        const double published = 2 * 8292166656.0;
        QVERIFY2(static_cast<double>(need.weights) >= published, qPrintable(QString::number(need.weights)));
        QVERIFY2(static_cast<double>(need.weights) < published * 1.002, qPrintable(QString::number(need.weights)));
    }

    void float32TakesTwiceAsMuch()
    {
        const Footprint two = footprint(sevenBillion(), {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::BF16});
        const Footprint four = footprint(sevenBillion(), {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::F32});
        QVERIFY(std::abs(static_cast<double>(four.weights) / static_cast<double>(two.weights) - 2) < 0.001);
        QCOMPARE(four.kvBlock, 2 * two.kvBlock);
    }

    void aBlockHoldsKeysAndValuesOfEveryLayer()
    {
        const Footprint need = footprint(sevenBillion(), {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::BF16});
        QCOMPARE(need.kvBlock, std::uint64_t{28} * 2 * 4 * 128 * 64 * 2); // 56 KiB a token
    }

    void packedWeightsTakeAQuarter()
    {
        ModelConfig config = sevenBillion();
        config.awq = true;
        const Footprint need = footprint(config, {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::F16});
        // 6.525 billion weights of the layers at 4.25 bits each (a scale and a zero of 16 bits a group), the rest as before.
        const double expected = 6.525e9 * (0.5 + 4.0 / 128) + 2 * (8.292e9 - 6.525e9);
        QVERIFY2(std::abs(static_cast<double>(need.weights) / expected - 1) < 0.01,
                 qPrintable(QString::number(need.weights)));
    }

    void activationsStayWithinTheBudget()
    {
        // What the desktop's users see as "runtime" beside weights and cache, without the CUDA context.
        const Footprint need =
            footprint(sevenBillion(), {.kvBlockTokens = 64, .maxBatchedTokens = 4096, .maxSequences = 64}, 32768, 10764,
                      {.type = DType::BF16});
        QVERIFY2(static_cast<double>(need.activations) < 0.8 * kGib, qPrintable(QString::number(need.activations)));
    }

    void moreTokensInAStepTakeMore()
    {
        const auto with = [](int tokens, int patches) {
            return footprint(sevenBillion(), {.kvBlockTokens = 64, .maxBatchedTokens = tokens}, 4096, patches,
                             {.type = DType::BF16})
                .activations;
        };
        QVERIFY(with(8192, 1024) > with(2048, 1024));
        QVERIFY(with(256, 16384) > with(256, 4096));
        QCOMPARE(with(8192, 1024), with(8192, 2048)); // the vision tower and the decoder share one workbench
    }
};

QTEST_GUILESS_MAIN(TstFootprint)
#include "tst_footprint.moc"
