// Which sizes share a model without a rest: the table of the published checkpoints.

#include "engine/plan/divisibility.h"

#include <QtTest>

using namespace argus;
using namespace argus::plan;

namespace {

model::ModelConfig published(int heads, int kvHeads, int hidden, int intermediate, int layers, int vocabulary)
{
    model::ModelConfig config;
    config.heads = heads;
    config.kvHeads = kvHeads;
    config.hiddenSize = hidden;
    config.intermediateSize = intermediate;
    config.layers = layers;
    config.vocabSize = vocabulary;
    return config;
}
model::ModelConfig threeB()
{
    return published(16, 2, 2048, 11008, 36, 151936);
}
model::ModelConfig sevenB()
{
    return published(28, 4, 3584, 18944, 28, 152064);
}

} // namespace

class TstDivisibility : public QObject {
    Q_OBJECT
private slots:
    void divisorsRise();
    void publishedModelsShareAsDocumented_data();
    void publishedModelsShareAsDocumented();
    void aRestIsNamedWithTheSizesThatWork();
    void everySizeOfferedIsAccepted();
    void moreStagesThanLayersAreRefused();
};

void TstDivisibility::divisorsRise()
{
    QCOMPARE(divisorsOf(28), (std::vector<int>{1, 2, 4, 7, 14, 28}));
    QCOMPARE(divisorsOf(1), (std::vector<int>{1}));
    QVERIFY(divisorsOf(0).empty());
    QVERIFY(divisorsOf(-4).empty());
}

void TstDivisibility::publishedModelsShareAsDocumented_data()
{
    QTest::addColumn<model::ModelConfig>("config");
    QTest::addColumn<std::vector<int>>("sizes");
    QTest::newRow("3B") << threeB() << std::vector<int>{1, 2, 4, 8, 16};
    QTest::newRow("7B") << sevenB() << std::vector<int>{1, 2, 4};
    QTest::newRow("32B") << published(40, 8, 5120, 27648, 64, 152064) << std::vector<int>{1, 2, 4, 8};
    QTest::newRow("72B") << published(64, 8, 8192, 29568, 80, 152064) << std::vector<int>{1, 2, 4, 8, 16, 32, 64};
}

void TstDivisibility::publishedModelsShareAsDocumented()
{
    QFETCH(model::ModelConfig, config);
    QFETCH(std::vector<int>, sizes);
    QCOMPARE(validTensorParallelSizes(config), sizes);
}

void TstDivisibility::aRestIsNamedWithTheSizesThatWork()
{
    const auto refused = checkTensorParallel(threeB(), 6);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotDivide);
    QCOMPARE(refused.error().cause, std::string("16 attention heads cannot be shared by tensor_parallel_size 6"));
    QCOMPARE(refused.error().remedy, std::string("use one of 1, 2, 4, 8, 16"));
    QCOMPARE(refused.error().setting, std::string("tensor_parallel_size"));
    QVERIFY(checkTensorParallel(sevenB(), 7).error().cause.starts_with("4 KV heads"));
    QVERIFY(!checkTensorParallel(sevenB(), 0).ok());
    QVERIFY(!checkTensorParallel(sevenB(), -2).ok());
}

void TstDivisibility::everySizeOfferedIsAccepted()
{
    for (const model::ModelConfig& config : {threeB(), sevenB()})
        for (const int size : validTensorParallelSizes(config))
            QVERIFY(checkTensorParallel(config, size).ok());
}

void TstDivisibility::moreStagesThanLayersAreRefused()
{
    QVERIFY(checkPipelineParallel(sevenB(), 28).ok());
    const auto refused = checkPipelineParallel(sevenB(), 29);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotDivide);
    QCOMPARE(refused.error().remedy, std::string("use 1 to 28"));
    QVERIFY(!checkPipelineParallel(sevenB(), 0).ok());
}

QTEST_GUILESS_MAIN(TstDivisibility)
#include "tst_divisibility.moc"
