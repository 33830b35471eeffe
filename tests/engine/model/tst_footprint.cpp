// What a model takes on a GPU, against sums made by hand from the published shapes.

#include "engine/model/footprint.h"

#include <QtTest>

#include <cmath>
#include <stdexcept>

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

ModelConfig threeBillion()
{
    ModelConfig config;
    config.hiddenSize = 2048;
    config.layers = 36;
    config.heads = 16;
    config.kvHeads = 2;
    config.intermediateSize = 11008;
    config.vocabSize = 151936;
    config.tieWordEmbeddings = true;
    config.vision.outHiddenSize = 2048;
    return config;
}

Footprint of(const ModelConfig& config, const Shard& shard)
{
    return footprint(config, shard, {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::BF16});
}

constexpr double kGib = 1 << 30;

} // namespace

class TstFootprint : public QObject {
    Q_OBJECT

private slots:
    void weightsAreTheParametersAndLittleMore()
    {
        // 8,292,166,656 parameters; the vision tower's inner size grows from 3420 to 3456, biases stand there twice.
        const Footprint need =
            footprint(sevenBillion(), {}, {.kvBlockTokens = 64}, 32768, 16384, {.type = DType::BF16});
        const double published = 2 * 8292166656.0;
        QVERIFY2(static_cast<double>(need.weights) >= published, qPrintable(QString::number(need.weights)));
        QVERIFY2(static_cast<double>(need.weights) < published * 1.002, qPrintable(QString::number(need.weights)));
    }

    void float32TakesTwiceAsMuch()
    {
        const Footprint two = footprint(sevenBillion(), {}, {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::BF16});
        const Footprint four = footprint(sevenBillion(), {}, {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::F32});
        QVERIFY(std::abs(static_cast<double>(four.weights) / static_cast<double>(two.weights) - 2) < 0.001);
        QCOMPARE(four.kvBlock, 2 * two.kvBlock);
    }

    void aBlockHoldsKeysAndValuesOfEveryLayer()
    {
        const Footprint need = footprint(sevenBillion(), {}, {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::BF16});
        QCOMPARE(need.kvBlock, std::uint64_t{28} * 2 * 4 * 128 * 64 * 2); // 56 KiB a token
    }

    void packedWeightsTakeAQuarter()
    {
        ModelConfig config = sevenBillion();
        config.awq = true;
        const Footprint need = footprint(config, {}, {.kvBlockTokens = 64}, 4096, 4096, {.type = DType::F16});
        // 6.525 billion weights of the layers at 4.25 bits each (a scale and a zero of 16 bits a group), the rest as
        // before.
        const double expected = 6.525e9 * (0.5 + 4.0 / 128) + 2 * (8.292e9 - 6.525e9);
        QVERIFY2(std::abs(static_cast<double>(need.weights) / expected - 1) < 0.01,
                 qPrintable(QString::number(need.weights)));
    }

    void activationsStayWithinTheBudget()
    {
        // What the desktop's users see as "runtime" beside weights and cache, without the CUDA context.
        const Footprint need =
            footprint(sevenBillion(), {}, {.kvBlockTokens = 64, .maxBatchedTokens = 4096, .maxSequences = 64}, 32768,
                      10764, {.type = DType::BF16});
        QVERIFY2(static_cast<double>(need.activations) < 0.8 * kGib, qPrintable(QString::number(need.activations)));
    }

    void moreTokensInAStepTakeMore()
    {
        const auto with = [](int tokens, int patches) {
            return footprint(sevenBillion(), {}, {.kvBlockTokens = 64, .maxBatchedTokens = tokens}, 4096, patches,
                             {.type = DType::BF16})
                .activations;
        };
        QVERIFY(with(8192, 1024) > with(2048, 1024));
        QVERIFY(with(256, 16384) > with(256, 4096));
        QCOMPARE(with(8192, 1024), with(8192, 2048)); // the vision tower and the decoder share one workbench
    }

    void aTokenOfAStepTakesWhatALayerHoldsAtOnce()
    {
        const auto with = [](int tokens) {
            return static_cast<double>(footprint(sevenBillion(), {}, {.kvBlockTokens = 64, .maxBatchedTokens = tokens},
                                                 4096, 1024, {.type = DType::BF16})
                                           .activations);
        };
        // The residual stream, the normed row, gate times up, cosines and sines. Queries, keys, values and attention
        // lie where gate times up comes after them.
        constexpr double kToken = 4 * 3584 + 2 * 3584 + 2 * 18944 + 2 * 64 * 4;
        const double each = (with(8192) - with(4096)) / 4096;
        QVERIFY2(std::abs(each / kToken - 1) < 0.002, qPrintable(QString::number(each)));
    }

    void scoresLieWhereTheLayersOfTheStepWere()
    {
        const auto with = [](int sequences) {
            return footprint(sevenBillion(), {},
                             {.kvBlockTokens = 64, .maxBatchedTokens = 8192, .maxSequences = sequences}, 4096, 1024,
                             {.type = DType::BF16})
                .activations;
        };
        constexpr std::uint64_t kScores = std::uint64_t{63} * 152064 * 4;
        QVERIFY(with(64) - with(1) < kScores / 4);
    }

    void gateAndUpWantScratchWhereTheyAreNotOneKernel()
    {
        const auto with = [](bool awq, int major, int minor) {
            ModelConfig config = sevenBillion();
            config.awq = awq;
            return footprint(config, {}, {.kvBlockTokens = 64, .maxBatchedTokens = 8192}, 4096, 1024,
                             {.type = DType::F16, .capabilityMajor = major, .capabilityMinor = minor})
                .activations;
        };
        constexpr std::uint64_t kRow = 2 * 2 * 18944; // both, before they are one
        QCOMPARE(with(false, 8, 6) - with(false, 9, 0), (2048 - 256) * kRow);
        QCOMPARE(with(true, 8, 6), with(true, 9, 0));
        QCOMPARE(with(false, 12, 0), with(false, 8, 6)); // the kernel is for 9.0 alone
    }

    void tensorRanksTakeTheirShare()
    {
        const Footprint whole = of(sevenBillion(), {});
        for (int rank = 0; rank < 4; ++rank) {
            const Footprint part = of(sevenBillion(), {.tensorRank = rank, .tensorSize = 4});
            const double share = static_cast<double>(part.weights) / static_cast<double>(whole.weights);
            QVERIFY2(std::abs(share - 0.25) < 0.002, qPrintable(QString::number(share))); // norms are whole
            QCOMPARE(part.kvBlock, whole.kvBlock / 4);
            QVERIFY(part.activations < whole.activations);
        }
    }

    void keyHeadsAreRepeatedRatherThanCut()
    {
        const Footprint whole = of(threeBillion(), {});
        QCOMPARE(of(threeBillion(), {.tensorSize = 2}).kvBlock, whole.kvBlock / 2);
        QCOMPARE(of(threeBillion(), {.tensorRank = 5, .tensorSize = 8}).kvBlock, whole.kvBlock / 2);
    }

    void theFirstTensorRankTakesAsMuchAsAny()
    {
        ModelConfig config; // 29568 = 231 groups of 128
        config.vision.outHiddenSize = 8192;
        for (const bool awq : {false, true}) {
            config.awq = awq;
            const std::uint64_t first = of(config, {.tensorSize = 8}).weights;
            for (int rank = 1; rank < 8; ++rank)
                QVERIFY(of(config, {.tensorRank = rank, .tensorSize = 8}).weights <= first);
        }
    }

    void stagesTakeTheWholeTogether()
    {
        const Footprint whole = of(sevenBillion(), {});
        const Footprint first = of(sevenBillion(), {.stages = 3, .firstLayer = 0, .endLayer = 5});
        const Footprint middle = of(sevenBillion(), {.stage = 1, .stages = 3, .firstLayer = 5, .endLayer = 20});
        const Footprint last = of(sevenBillion(), {.stage = 2, .stages = 3, .firstLayer = 20, .endLayer = 28});
        constexpr std::uint64_t kFrequencies = 256; // the text's, on every stage
        QCOMPARE(first.weights + middle.weights + last.weights, whole.weights + 2 * kFrequencies);
        QCOMPARE(first.kvBlock + middle.kvBlock + last.kvBlock, whole.kvBlock);
        QCOMPARE(middle.kvBlock, 3 * first.kvBlock);
        QVERIFY(middle.activations < first.activations); // neither pictures nor scores
    }

    void tiedEmbeddingsStandOnBothEnds()
    {
        const std::uint64_t table = std::uint64_t{151936} * 2048 * 2;
        const Footprint whole = of(threeBillion(), {});
        const Footprint first = of(threeBillion(), {.stages = 2, .endLayer = 18});
        const Footprint last = of(threeBillion(), {.stage = 1, .stages = 2, .firstLayer = 18, .endLayer = 36});
        QCOMPARE(first.weights + last.weights, whole.weights + table + 256);
    }

    void whatCannotBeDividedIsRefused()
    {
        QVERIFY_EXCEPTION_THROWN((void)of(sevenBillion(), {.tensorSize = 8}), std::invalid_argument); // 28 heads
        QVERIFY_EXCEPTION_THROWN((void)of(sevenBillion(), {.stages = 2, .endLayer = 0}), std::invalid_argument);
    }
};

QTEST_GUILESS_MAIN(TstFootprint)
#include "tst_footprint.moc"
