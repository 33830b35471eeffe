// What fits, and the words for what does not.

#include "engine/plan/memory_budget.h"

#include <QtTest>

#include <regex>

using namespace argus;
using namespace argus::plan;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
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

Device cpuWith(std::uint64_t freeBytes)
{
    return {.gpu = {}, .hostMemoryFree = freeBytes};
}

/// A card of which others use `taken`.
Device card(std::uint64_t total, std::uint64_t taken = 600 * kMiB)
{
    Gpu gpu;
    gpu.name = "NVIDIA Card";
    gpu.capabilityMajor = 9;
    gpu.processors = 132;
    gpu.memoryTotal = total;
    gpu.memoryFree = total - std::min(total, taken);
    return {.gpu = gpu, .hostMemoryFree = kGiB};
}

/// What the budget must stay below on a card whose margin is two per cent.
std::uint64_t limit(const Device& device, double share)
{
    const auto wished = static_cast<std::uint64_t>(static_cast<double>(device.gpu->memoryTotal) * share);
    return std::min(wished, device.gpu->memoryFree - device.gpu->memoryTotal / 50) - 700 * kMiB;
}

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

    void aGpuIsFilledToItsShare();
    void aLargeCardHasRoomForEveryone();
    void whatOthersTookIsNotOurs();
    void theDesktopKeepsItsMargin();
    void theContextFollowsTheCard();
    void smallCardsLookAtSmallerPieces();
    void largePiecesLeaveRoomForTheCache();
    void aGpuThatIsTooSmallNamesEveryPart();
    void theRemediesOfAGpuWork();
    void aCardThatCanNeverHoldItSaysSo();
};

void TstMemoryBudget::aBlockHasTheDocumentedSize()
{
    const auto budget = memoryBudget(threeB(), kThreeBBytes, cpuWith(1000 * kGiB), {});
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
    auto budget = memoryBudget(threeB(), kThreeBBytes, cpuWith(1000 * kGiB), settings);
    QVERIFY(budget.ok());
    QCOMPARE(budget->maxModelLen, 10'000U);
    QCOMPARE(budget->kvBlocks, 5 * 625U);
    budget = memoryBudget(threeB(), kThreeBBytes, cpuWith(1000 * kGiB), {});
    QVERIFY(budget.ok());
    QCOMPARE(budget->maxModelLen, 128'000U);
    QCOMPARE(budget->kvBlocks, 8 * 8'000U);
}

void TstMemoryBudget::scarcityLimitsTheBlocks()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(10'000);
    const auto budget = memoryBudget(threeB(), kThreeBBytes, cpuWith(16 * kGiB), settings);
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
        const auto budget = memoryBudget(threeB(), kThreeBBytes, cpuWith(gib * kGiB), {});
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
    const auto refused = memoryBudget(threeB(), kThreeBBytes, cpuWith(12 * kGiB), settings);
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
    QVERIFY(memoryBudget(threeB(), kThreeBBytes, cpuWith(12 * kGiB), settings).ok());
    settings.set_max_model_len(offered + 1); // and it is the largest
    QVERIFY(!memoryBudget(threeB(), kThreeBBytes, cpuWith(12 * kGiB), settings).ok());
}

void TstMemoryBudget::theShareOfferedFits()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(30'000);
    settings.set_gpu_memory_utilization(0.3);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, cpuWith(40 * kGiB), settings);
    QVERIFY(!refused.ok());
    std::smatch match;
    QVERIFY2(std::regex_search(refused.error().remedy, match, std::regex("gpu_memory_utilization to (0\\.\\d+)")),
             refused.error().remedy.c_str());
    settings.set_gpu_memory_utilization(std::stod(match[1]));
    QVERIFY(memoryBudget(threeB(), kThreeBBytes, cpuWith(40 * kGiB), settings).ok());
}

void TstMemoryBudget::weightsThatDoNotFitSaySo()
{
    const auto refused = memoryBudget(threeB(), kThreeBBytes, cpuWith(4 * kGiB), {});
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(refused.error().setting, std::string("gpu_memory_utilization"));
    QVERIFY2(refused.error().remedy.find("free 3") != std::string::npos ||
                 refused.error().remedy.find("free 4") != std::string::npos,
             refused.error().remedy.c_str());
    QVERIFY(refused.error().remedy.find("smaller checkpoint") != std::string::npos);
    QVERIFY(!memoryBudget(threeB(), kThreeBBytes, cpuWith(0), {}).ok());
}

void TstMemoryBudget::moreThanTheModelWasMadeForIsRefused()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(200'000);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, cpuWith(1000 * kGiB), settings);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::BadRequest);
    QCOMPARE(refused.error().remedy, std::string("use at most 128000"));
    QCOMPARE(refused.error().setting, std::string("max_model_len"));
}

void TstMemoryBudget::badSettingsAreRefusedFirst()
{
    wire::EngineSettings settings;
    settings.set_max_num_seqs(100'000);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, cpuWith(1000 * kGiB), settings);
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().setting, std::string("max_num_seqs"));
}

void TstMemoryBudget::aGpuIsFilledToItsShare()
{
    wire::EngineSettings settings;
    for (const double share : {0.5, 0.7, 0.9}) {
        settings.set_gpu_memory_utilization(share);
        const Device device = card(24 * kGiB);
        const auto budget = memoryBudget(threeB(), kThreeBBytes, device, settings);
        QVERIFY(budget.ok());
        QCOMPARE(budget->kvBlockTokens, 64U);
        QCOMPARE(budget->kvBlockBytes, std::uint64_t{36'864 * 64});
        QCOMPARE(budget->deviceBytes, used(*budget));
        QVERIFY(budget->deviceBytes <= limit(device, share));
        QVERIFY(budget->deviceBytes + budget->kvBlockBytes > limit(device, share)); // not one block more
        QVERIFY(std::uint64_t{budget->kvBlocks} * 64 >= budget->maxModelLen);
    }
}

void TstMemoryBudget::aLargeCardHasRoomForEveryone()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(4'096);
    const auto budget = memoryBudget(threeB(), kThreeBBytes, card(80 * kGiB), settings);
    QVERIFY(budget.ok());
    QCOMPARE(budget->kvBlocks, 64 * 64U); // max_num_seqs of a GPU, blocks of a context: no more than could be used
    QCOMPARE(budget->maxModelLen, 4'096U);
    QCOMPARE(budget->maxVisionPatches, 65'536U);
    // 3.75 billion weights of two bytes; a checkpoint of another format has another size.
    QVERIFY2(budget->weightBytes > 7'000'000'000 && budget->weightBytes < 9'000'000'000,
             qPrintable(QString::number(budget->weightBytes)));
    settings.set_dtype("float32");
    const auto wide = memoryBudget(threeB(), kThreeBBytes, card(80 * kGiB), settings);
    QVERIFY(wide.ok());
    QCOMPARE(wide->kvBlockBytes, 2 * budget->kvBlockBytes);
    QVERIFY(wide->weightBytes > budget->weightBytes * 19 / 10);
}

void TstMemoryBudget::whatOthersTookIsNotOurs()
{
    const auto alone = memoryBudget(threeB(), kThreeBBytes, card(24 * kGiB), {});
    // Within what gpu_memory_utilization leaves to others: nothing changes.
    const auto polite = memoryBudget(threeB(), kThreeBBytes, card(24 * kGiB, 1'800 * kMiB), {});
    const Device crowded = card(24 * kGiB, 10 * kGiB);
    const auto rest = memoryBudget(threeB(), kThreeBBytes, crowded, {});
    QVERIFY(alone.ok() && polite.ok() && rest.ok());
    QCOMPARE(polite->deviceBytes, alone->deviceBytes);
    QVERIFY(rest->deviceBytes < alone->deviceBytes);
    QVERIFY(rest->deviceBytes <= limit(crowded, 0.9));
    QVERIFY(rest->deviceBytes + rest->kvBlockBytes > limit(crowded, 0.9));
}

void TstMemoryBudget::theDesktopKeepsItsMargin()
{
    wire::EngineSettings all;
    all.set_gpu_memory_utilization(1);
    for (const std::uint64_t total : {8 * kGiB, 24 * kGiB, 80 * kGiB}) {
        all.set_max_model_len(0);
        all.set_max_num_seqs(256);
        model::ModelConfig model = threeB();
        model.layers = 4; // so that it fits the smallest
        const auto budget = memoryBudget(model, kThreeBBytes, card(total, 0), all);
        QVERIFY(budget.ok());
        const std::uint64_t margin = std::max(total / 50, 200 * kMiB);
        QVERIFY(budget->deviceBytes + 700 * kMiB + margin <= total);
    }
}

void TstMemoryBudget::theContextFollowsTheCard()
{
    std::uint32_t before = 0;
    for (const std::uint64_t gib : {12, 16, 24, 40, 80, 141}) {
        const auto budget = memoryBudget(threeB(), kThreeBBytes, card(gib * kGiB), {});
        QVERIFY2(budget.ok(), qPrintable(QString::number(gib)));
        QVERIFY(budget->maxModelLen >= before);
        before = budget->maxModelLen;
    }
    QCOMPARE(before, 128'000U);
}

void TstMemoryBudget::smallCardsLookAtSmallerPieces()
{
    std::uint32_t before = 0;
    for (const std::uint64_t gib : {10, 12, 16, 24, 80}) {
        wire::EngineSettings settings;
        settings.set_max_num_seqs(1);
        settings.set_max_model_len(1'024);
        const auto budget = memoryBudget(threeB(), kThreeBBytes, card(gib * kGiB), settings);
        QVERIFY2(budget.ok(), qPrintable(QString::number(gib)));
        QVERIFY(budget->maxVisionPatches >= before);
        before = budget->maxVisionPatches;
        if (gib == 10)
            QVERIFY(before >= 4'096U && before < 65'536U);
    }
    QCOMPARE(before, 65'536U); // the largest picture there is
}

void TstMemoryBudget::largePiecesLeaveRoomForTheCache()
{
    const model::ModelConfig model = threeB();
    for (const std::uint64_t gib : {12, 16, 24, 80}) {
        const Device device = card(gib * kGiB);
        const auto budget = memoryBudget(model, kThreeBBytes, device, {});
        QVERIFY2(budget.ok(), qPrintable(QString::number(gib)));
        const std::uint64_t left = limit(device, 0.9) - budget->weightBytes;
        QVERIFY2(budget->kvBlocks * budget->kvBlockBytes > left / 2, qPrintable(QString::number(gib)));
    }
}

void TstMemoryBudget::aGpuThatIsTooSmallNamesEveryPart()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(120'000);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, card(12 * kGiB, 600 * kMiB), settings);
    QVERIFY(!refused.ok());
    const Error& error = refused.error();
    QCOMPARE(error.code, ErrorCode::DoesNotFit);
    QCOMPARE(error.setting, std::string("max_model_len"));
    for (const char* part : {"120000 tokens", "of cuda:0 (NVIDIA Card)", "weights 7.", "KV cache 4.1 GiB",
                             "working memory", "CUDA itself 700 MiB", "10.8 GiB may be used",
                             "gpu_memory_utilization 0.9 of 12.0 GiB", "11.4 GiB of which are free"})
        QVERIFY2(error.cause.find(part) != std::string::npos, error.cause.c_str());
    QVERIFY2(error.remedy.find("quantised checkpoint") != std::string::npos, error.remedy.c_str());
}

void TstMemoryBudget::theRemediesOfAGpuWork()
{
    wire::EngineSettings settings;
    settings.set_max_model_len(100'000);
    settings.set_gpu_memory_utilization(0.5);
    const Device device = card(24 * kGiB);
    const auto refused = memoryBudget(threeB(), kThreeBBytes, device, settings);
    QVERIFY(!refused.ok());
    const std::string& remedy = refused.error().remedy;
    const std::uint32_t offered = offeredContext(refused.error());
    std::smatch match;
    QVERIFY2(offered > 0 && std::regex_search(remedy, match, std::regex("raise gpu_memory_utilization to (0\\.\\d+)")),
             remedy.c_str());
    wire::EngineSettings shorter = settings;
    shorter.set_max_model_len(offered);
    QVERIFY(memoryBudget(threeB(), kThreeBBytes, device, shorter).ok());
    shorter.set_max_model_len(offered + 1); // and it is the largest
    QVERIFY(!memoryBudget(threeB(), kThreeBBytes, device, shorter).ok());
    settings.set_gpu_memory_utilization(std::stod(match[1]));
    QVERIFY(memoryBudget(threeB(), kThreeBBytes, device, settings).ok());

    const Device crowded = card(24 * kGiB, 20 * kGiB);
    const auto full = memoryBudget(threeB(), kThreeBBytes, crowded, settings);
    QVERIFY(!full.ok());
    QVERIFY2(full.error().remedy.find("of cuda:0 (NVIDIA Card) by closing other programs") != std::string::npos,
             full.error().remedy.c_str());
}

void TstMemoryBudget::aCardThatCanNeverHoldItSaysSo()
{
    const auto refused = memoryBudget(threeB(), kThreeBBytes, card(6 * kGiB), {});
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().setting, std::string("gpu_memory_utilization"));
    QCOMPARE(refused.error().remedy, std::string("no context fits: take a smaller or quantised checkpoint, or compute "
                                                 "on the CPU with --device cpu"));
}

QTEST_GUILESS_MAIN(TstMemoryBudget)
#include "tst_memory_budget.moc"
