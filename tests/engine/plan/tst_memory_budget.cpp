// What fits, and the words for what does not.

#include "engine/plan/memory_budget.h"

#include <QtTest>

#include <regex>

using namespace argus;
using namespace argus::plan;

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

model::ModelConfig threeB()
{
    model::ModelConfig config;
    config.hiddenSize = 2048;
    config.layers = 36;
    config.heads = 16;
    config.kvHeads = 2;
    config.intermediateSize = 11008;
    config.vocabSize = 151936;
    config.maxPositions = 128000;
    config.vision.outHiddenSize = 2048;
    return config;
}
constexpr std::uint64_t kThreeBBytes = 7'509'245'952;

std::uint64_t used(const MemoryBudget& budget)
{
    return budget.weightBytes + budget.activationBytes + budget.kvBlocks * budget.kvBlockBytes;
}

/// The number after "set max_model_len to".
std::uint32_t offeredContext(const Error& error)
{
    std::smatch match;
    return std::regex_search(error.remedy, match, std::regex("max_model_len to (\\d+)"))
               ? static_cast<std::uint32_t>(std::stoul(match[1]))
               : 0;
}

} // namespace

class TstMemoryBudget : public QObject {
    Q_OBJECT
private slots:
    void aBlockHasTheDocumentedSize();
    void plentyGivesWhatWasWished();
    void scarcityLimitsTheBlocks();
    void theContextFollowsTheMemory();
    void aContextThatDoesNotFitNamesOneThatDoes();
    void theShareOfferedFits();
    void weightsThatDoNotFitSaySo();
    void moreThanTheModelWasMadeForIsRefused();
    void badSettingsAreRefusedFirst();
};

void TstMemoryBudget::aBlockHasTheDocumentedSize()
{
    const auto budget = memoryBudget(threeB(), kThreeBBytes, 1000 * kGiB, {});
    QVERIFY(budget.ok());
    QCOMPARE(budget->kvBlockBytes, std::uint64_t{2 * 36'864 * 16}); // the table counts 16-bit elements, a CPU keeps 32
    QCOMPARE(budget->kvBlockTokens, 16U);
    QCOMPARE(budget->weightBytes, kThreeBBytes);
}

void TstMemoryBudget::plentyGivesWhatWasWished()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(10'000);
    settings.set_max_num_seqs(5);
    auto budget = memoryBudget(threeB(), kThreeBBytes, 1000 * kGiB, settings);
    QVERIFY(budget.ok());
    QCOMPARE(budget->maxModelLen, 10'000U);
    QCOMPARE(budget->kvBlocks, 5 * 625U);
    budget = memoryBudget(threeB(), kThreeBBytes, 1000 * kGiB, {});
    QVERIFY(budget.ok());
    QCOMPARE(budget->maxModelLen, 128'000U);
    QCOMPARE(budget->kvBlocks, 8 * 8'000U);
}

void TstMemoryBudget::scarcityLimitsTheBlocks()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(10'000);
    const auto budget = memoryBudget(threeB(), kThreeBBytes, 16 * kGiB, settings);
    QVERIFY(budget.ok());
    QCOMPARE(budget->maxModelLen, 10'000U);
    QVERIFY(budget->kvBlocks >= 625U && budget->kvBlocks < 8 * 625U);
    QVERIFY(used(*budget) <= 16 * kGiB * 9 / 10);
    QVERIFY(used(*budget) + budget->kvBlockBytes > 16 * kGiB * 9 / 10);
}

void TstMemoryBudget::theContextFollowsTheMemory()
{
    std::uint32_t before = 0;
    for (const std::uint64_t gib : {10, 11, 12, 14, 16, 24, 48}) {
        const auto budget = memoryBudget(threeB(), kThreeBBytes, gib * kGiB, {});
        QVERIFY2(budget.ok(), qPrintable(QString::number(gib)));
        QVERIFY(budget->maxModelLen >= before);
        QVERIFY(used(*budget) <= gib * kGiB * 9 / 10);
        QVERIFY(std::uint64_t{budget->kvBlocks} * 16 >= budget->maxModelLen); // one sequence of that length can run
        before = budget->maxModelLen;
    }
    QCOMPARE(before, 128'000U);
}

void TstMemoryBudget::aContextThatDoesNotFitNamesOneThatDoes()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(100'000);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, 12 * kGiB, settings);
    QVERIFY(!refused.ok());
    const Error& error = refused.error();
    QCOMPARE(error.code, ErrorCode::DoesNotFit);
    QCOMPARE(error.setting, std::string("max_model_len"));
    for (const char* part : {"100000 tokens", "weights 7.0 GiB", "KV cache 6.9 GiB", "working memory",
                             "10.8 GiB may be used", "12.0 GiB that are free"})
        QVERIFY2(error.cause.find(part) != std::string::npos, error.cause.c_str());
    const std::uint32_t offered = offeredContext(error);
    QVERIFY2(offered > 0, error.remedy.c_str());
    settings.set_max_model_len(offered);
    QVERIFY(memoryBudget(threeB(), kThreeBBytes, 12 * kGiB, settings).ok());
    settings.set_max_model_len(offered + 1); // and it is the largest
    QVERIFY(!memoryBudget(threeB(), kThreeBBytes, 12 * kGiB, settings).ok());
}

void TstMemoryBudget::theShareOfferedFits()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(30'000);
    settings.set_gpu_memory_utilization(0.3);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, 40 * kGiB, settings);
    QVERIFY(!refused.ok());
    std::smatch match;
    QVERIFY2(std::regex_search(refused.error().remedy, match, std::regex("gpu_memory_utilization to (0\\.\\d+)")),
             refused.error().remedy.c_str());
    settings.set_gpu_memory_utilization(std::stod(match[1]));
    QVERIFY(memoryBudget(threeB(), kThreeBBytes, 40 * kGiB, settings).ok());
}

void TstMemoryBudget::weightsThatDoNotFitSaySo()
{
    const auto refused = memoryBudget(threeB(), kThreeBBytes, 4 * kGiB, {});
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(refused.error().setting, std::string("gpu_memory_utilization"));
    QVERIFY2(refused.error().remedy.find("free 3") != std::string::npos ||
                 refused.error().remedy.find("free 4") != std::string::npos,
             refused.error().remedy.c_str());
    QVERIFY(refused.error().remedy.find("smaller checkpoint") != std::string::npos);
    QVERIFY(!memoryBudget(threeB(), kThreeBBytes, 0, {}).ok());
}

void TstMemoryBudget::moreThanTheModelWasMadeForIsRefused()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(200'000);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, 1000 * kGiB, settings);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::BadRequest);
    QCOMPARE(refused.error().remedy, std::string("use at most 128000"));
    QCOMPARE(refused.error().setting, std::string("max_model_len"));
}

void TstMemoryBudget::badSettingsAreRefusedFirst()
{
    wire::EngineSettings settings;
    settings.set_max_num_seqs(100'000);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, 1000 * kGiB, settings);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().setting, std::string("max_num_seqs"));
}

QTEST_GUILESS_MAIN(TstMemoryBudget)
#include "tst_memory_budget.moc"
