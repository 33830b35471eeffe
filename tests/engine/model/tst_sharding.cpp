// Which rows and columns each rank takes, and that together they take everything once.

#include "engine/model/sharding.h"
#include "engine/model/weights.h"

#include <QTest>

#include <map>

using namespace argus;
using namespace argus::model;

namespace {

ModelConfig published(int hidden, int layers, int heads, int kvHeads, int inner, int vocab)
{
    ModelConfig config;
    config.hiddenSize = hidden;
    config.layers = layers;
    config.heads = heads;
    config.kvHeads = kvHeads;
    config.intermediateSize = inner;
    config.vocabSize = vocab;
    config.vision.outHiddenSize = hidden;
    return config;
}
ModelConfig threeBillion()
{
    return published(2048, 36, 16, 2, 11008, 151936);
}
ModelConfig seventyTwoBillion()
{
    return published(8192, 80, 64, 8, 29568, 152064);
}

Parts partsAt(const ModelConfig& config, int rank, int of)
{
    return {config, {.tensorRank = rank, .tensorSize = of}};
}

/// The ranges that ranks take lie one behind the other and cover the whole dimension.
bool cover(const std::vector<Extent>& ranges, std::int64_t whole)
{
    std::int64_t end = 0;
    for (const Extent& range : ranges) {
        if (range.stored != whole || range.first != end || range.count <= 0)
            return false;
        end += range.count;
    }
    return end == whole;
}

template <typename Of>
std::vector<Extent> ranges(const ModelConfig& config, int of, const Of& which)
{
    std::vector<Extent> all;
    for (int rank = 0; rank < of; ++rank)
        all.push_back(which(partsAt(config, rank, of)));
    return all;
}

std::uint64_t taken(const ModelConfig& config, const Shard& shard)
{
    return weightBytesOf(config, DType::BF16, shard);
}

} // namespace

class TstSharding : public QObject {
    Q_OBJECT

private slots:
    void rangesOfAllRanksCoverADimension_data()
    {
        QTest::addColumn<int>("of");
        for (const int of : {1, 2, 4, 8})
            QTest::addRow("%d", of) << of;
    }
    void rangesOfAllRanksCoverADimension()
    {
        QFETCH(int, of);
        ModelConfig config = seventyTwoBillion();
        for (const bool awq : {false, true}) {
            config.awq = awq;
            QVERIFY(cover(ranges(config, of, [](const Parts& each) { return each.queries; }), 8192));
            QVERIFY(cover(ranges(config, of, [](const Parts& each) { return each.keys; }), 1024));
            QVERIFY(cover(ranges(config, of, [](const Parts& each) { return each.inner; }), 29568));
            QVERIFY(cover(ranges(config, of, [](const Parts& each) { return each.vocabulary; }), 152064));
            QVERIFY(cover(ranges(config, of, [](const Parts& each) { return each.visionHidden; }), 1280));
            QVERIFY(cover(ranges(config, of, [](const Parts& each) { return each.visionInner; }), 3420));
            QVERIFY(cover(ranges(config, of, [](const Parts& each) { return each.merged; }), 5120));
        }
    }

    void theWholeIsOnePart()
    {
        const Parts parts(threeBillion(), {});
        QCOMPARE(parts.layers, Extent(36));
        QCOMPARE(parts.queries, Extent(2048));
        QCOMPARE(parts.keys, Extent(256));
        QCOMPARE(parts.inner, Extent(11008));
        QCOMPARE(parts.vocabulary, Extent(151936));
        QCOMPARE(parts.visionHidden, Extent(1280));
        QCOMPARE(parts.visionInner, Extent(3420));
        QVERIFY(!parts.visionSplit);
    }

    void innerDimensionsAreCutBetweenUnits()
    {
        ModelConfig config = seventyTwoBillion();
        config.awq = true; // 231 groups: seven ranks have 29, one has 28
        std::map<std::int64_t, int> sizes;
        for (const Extent& range : ranges(config, 8, [](const Parts& each) { return each.inner; })) {
            QCOMPARE(range.first % 128, 0);
            ++sizes[range.count];
        }
        QCOMPARE(sizes, (std::map<std::int64_t, int>{{28 * 128, 1}, {29 * 128, 7}}));
        QCOMPARE(partsAt(config, 0, 8).inner.count, 29 * 128);
        config.intermediateSize = 29696; // the published one, padded: 232 groups
        for (const Extent& range : ranges(config, 8, [](const Parts& each) { return each.inner; }))
            QCOMPARE(range.count, 29 * 128);
        // The last of 54 units of 64 has 28 columns.
        QCOMPARE(partsAt(config, 7, 8).visionInner, Extent(3420, 48 * 64, 3420 - 48 * 64));
    }

    void ranksOfOneKeyHeadRepeatIt()
    {
        for (int rank = 0; rank < 8; ++rank) {
            const Parts parts = partsAt(threeBillion(), rank, 8);
            QCOMPARE(parts.heads, 2);
            QCOMPARE(parts.kvHeads, 1);
            QCOMPARE(parts.queries, Extent(2048, rank * 256, 256));
            QCOMPARE(parts.keys, Extent(256, rank / 4 * 128, 128)); // query heads 0 to 7 belong to key head 0
        }
    }

    void aVocabularyIsPaddedBeforeItIsShared()
    {
        ModelConfig config = threeBillion();
        config.vocabSize = 151665; // some tokens more than the tokeniser had; padded to 151680
        for (int rank = 0; rank < 8; ++rank) {
            const Parts parts = partsAt(config, rank, 8);
            QCOMPARE(parts.scoreColumns, 18960);
            QCOMPARE(parts.vocabulary, Extent(151665, rank * 18960, rank < 7 ? 18960 : 18945));
        }
        QCOMPARE(partsAt(config, 0, 1).scoreColumns, 151665);
    }

    void aTowerThatDoesNotDivideIsWholeEverywhere()
    {
        ModelConfig config = seventyTwoBillion();
        config.vision.heads = 10;
        const Parts parts = partsAt(config, 3, 4);
        QVERIFY(!parts.visionSplit);
        QCOMPARE(parts.visionHidden, Extent(1280));
        QCOMPARE(parts.visionInner, Extent(3420));
        QCOMPARE(parts.merged, Extent(5120));
        QVERIFY(partsAt(config, 3, 5).visionSplit);
    }

    void tensorRanksTakeEverythingOnce()
    {
        // Beside the vectors that every rank has: two norms a layer and block, the last two, and the patch embedding.
        for (const bool awq : {false, true}) {
            ModelConfig config = seventyTwoBillion();
            config.awq = awq;
            const std::uint64_t repeated = 2 * ((80 * 2 + 1) * 8192 + (32 * 2 + 1) * 1280 + 1280 * 1176);
            std::uint64_t together = 0;
            for (int rank = 0; rank < 4; ++rank)
                together += taken(config, {.tensorRank = rank, .tensorSize = 4});
            QCOMPARE(together, taken(config, {}) + 3 * repeated);
        }
    }

    void stagesTakeTheirLayersOnce()
    {
        const ModelConfig config = seventyTwoBillion();
        const std::uint64_t first = taken(config, {.stages = 2, .endLayer = 30});
        const std::uint64_t last = taken(config, {.stage = 1, .stages = 2, .firstLayer = 30, .endLayer = 80});
        QCOMPARE(first + last, taken(config, {}));
        const auto names = [&](const Shard& shard) {
            std::vector<std::string> all;
            for (const TensorSpec& spec : tensorsOf(config, shard))
                all.push_back(spec.name);
            return all;
        };
        const auto of = names({.stage = 1, .stages = 2, .firstLayer = 30, .endLayer = 80});
        QCOMPARE(of.front(), std::string("model.layers.30.input_layernorm.weight"));
        QCOMPARE(of.back(), std::string("lm_head.weight"));
        QCOMPARE(names({.stages = 2, .endLayer = 30}).back(), std::string("model.layers.29.mlp.down_proj.weight"));
    }

    void tiedEmbeddingsAreTakenOnBothEnds()
    {
        ModelConfig config = threeBillion();
        config.tieWordEmbeddings = true;
        const auto of = tensorsOf(config, {.tensorSize = 2, .stage = 1, .stages = 2, .firstLayer = 18, .endLayer = 36});
        QCOMPARE(of.front().name, std::string("model.embed_tokens.weight"));
        QCOMPARE(of.front().taken, 151936 / 2 * 2048);
    }

    void whatCannotBeDividedIsToldOf()
    {
        const auto cause = [](const ModelConfig& config, const Shard& shard) {
            const auto result = checkShard(config, shard);
            return result.ok() ? std::string("nothing") : result.error().cause;
        };
        ModelConfig config = threeBillion();
        QCOMPARE(cause(config, {.tensorSize = 16}), std::string("nothing"));
        QCOMPARE(cause(config, {.tensorSize = 3}), std::string("16 attention heads cannot be shared by 3 ranks"));
        QCOMPARE(cause(config, {.tensorRank = 2, .tensorSize = 2}), std::string("tensor rank 2 of 2"));
        config.kvHeads = 8;
        config.heads = 48;
        QCOMPARE(cause(config, {.tensorSize = 12}),
                 std::string("8 key heads can neither be shared by 12 ranks nor repeated on them evenly"));
        config = threeBillion();
        config.heads = config.kvHeads = 15;
        QCOMPARE(cause(config, {.tensorSize = 15}), std::string("a vocabulary of 151936 cannot be shared by 15 ranks"));
        config = threeBillion();
        config.vocabSize = 65; // padded to 128 in eight parts, of which the last six would be empty
        QCOMPARE(cause(config, {.tensorSize = 8}), std::string("a vocabulary of 65 cannot be shared by 8 ranks"));
        config = threeBillion();
        config.intermediateSize = 96;
        QCOMPARE(cause(config, {.tensorSize = 4}),
                 std::string("an intermediate size of 96 has no 4 parts of 64 or more"));
        QCOMPARE(cause(config, {.stage = 1, .stages = 2, .firstLayer = 18, .endLayer = 35}),
                 std::string("stage 1 of 2 cannot have layers 18 to 35 of 36"));
        for (const Shard& wrong :
             {Shard{.stages = 2, .endLayer = 36}, Shard{.stage = 2, .stages = 2, .firstLayer = 18},
              Shard{.stage = 1, .stages = 2, .firstLayer = 36}, Shard{.stage = 1, .stages = 2, .firstLayer = 0},
              Shard{.stage = 1, .stages = 3, .firstLayer = 20, .endLayer = 20}})
            QVERIFY(cause(threeBillion(), wrong).starts_with("stage "));
    }
};

QTEST_GUILESS_MAIN(TstSharding)
#include "tst_sharding.moc"
