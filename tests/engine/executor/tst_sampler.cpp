// Sampling in Hugging Face's order, against worked examples, a plain second implementation, and counted draws.

#include "engine/executor/philox.h"
#include "engine/executor/sequence_book.h"
#include "engine/ops/cpu/sampler.h"
#include "engine/tensor/tensor.h"

#include <QtTest>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>

using namespace argus;
using namespace argus::executor;

namespace {

using Scores = std::vector<float>;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// One bit an id, as a device keeps them.
std::vector<std::uint32_t> bitsOf(const std::vector<std::int32_t>& ids)
{
    std::vector<std::uint32_t> bits(64);
    for (const std::int32_t id : ids)
        if (id >= 0 && id < 64 * 32)
            bits[static_cast<std::size_t>(id / 32)] |= 1U << (id % 32);
    return bits;
}

std::int32_t draw(Scores& scores, const SamplingSettings& settings, std::uint64_t position,
                  const std::vector<std::int32_t>& seen)
{
    return ops::sampleToken(scores, bitsOf(seen), samplingRow(settings, 0, position));
}

std::int32_t sample(Scores scores, const SamplingSettings& settings, std::uint64_t position = 0,
                    const std::vector<std::int32_t>& seen = {})
{
    return draw(scores, settings, position, seen);
}

/// What sampleToken leaves in its scores: removed entries are -inf.
Scores after(Scores scores, const SamplingSettings& settings, const std::vector<std::int32_t>& seen = {})
{
    (void)draw(scores, settings, 0, seen);
    return scores;
}

std::vector<std::size_t> survivors(const Scores& scores)
{
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < scores.size(); ++i)
        if (scores[i] != -kInfinity)
            left.push_back(i);
    return left;
}

/// Top-p as the definition has it: sort all, cumulate all.
std::vector<std::size_t> plainTopP(const Scores& scores, double p)
{
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
    double total = 0;
    for (const float score : scores)
        total += std::exp(static_cast<double>(score));
    double cumulative = 0;
    std::vector<std::size_t> left;
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        cumulative += std::exp(static_cast<double>(scores[order[rank]])) / total;
        if (cumulative > 1 - p || rank + 1 == order.size())
            left.push_back(order[rank]);
    }
    std::sort(left.begin(), left.end());
    return left;
}

/// Sum of (observed - expected)² / expected over the outcomes that can happen.
double chiSquare(const std::vector<int>& observed, const std::vector<double>& shares, int draws)
{
    double sum = 0;
    for (std::size_t i = 0; i < shares.size(); ++i)
        if (shares[i] > 0)
            sum += std::pow(observed[i] - shares[i] * draws, 2) / (shares[i] * draws);
    return sum;
}

std::vector<int> countDraws(const Scores& scores, const SamplingSettings& settings, int draws)
{
    std::vector<int> counts(scores.size());
    for (int i = 0; i < draws; ++i)
        ++counts[static_cast<std::size_t>(sample(scores, settings, static_cast<std::uint64_t>(i)))];
    return counts;
}

} // namespace

class TstSampler : public QObject {
    Q_OBJECT
private slots:
    void philoxMatchesItsPublishedVectors();
    void uniformNumbersStayBelowOne();
    void thePenaltyFollowsTheWorkedExample();
    void thePenaltyCountsAnIdOnce();
    void thePenaltyAppliesToGreedy();
    void greedyTakesTheLowestOfEquals();
    void temperatureDividesAfterThePenalty();
    void topKKeepsTiesAtTheBoundary();
    void topPKeepsWhatTheRuleKeeps();
    void topPAlwaysKeepsTheLargest();
    void topPMatchesThePlainRule();
    void topKComesBeforeTopP();
    void drawsFollowTheDistribution();
    void drawsFollowTemperatureAndCuts();
    void theSameSeedAndPositionDrawTheSame();
    void anotherSeedOrPositionDrawsAfresh();
    void scoresThatAreNotFiniteGiveNoToken_data();
    void scoresThatAreNotFiniteGiveNoToken();
    void tinyTemperaturesAreGreedy();
    void idsOutsideTheVocabularyDoNotCount();
    void aRowSaysWhatTheSettingsSay();
};

void TstSampler::philoxMatchesItsPublishedVectors()
{
    using Words = std::array<std::uint32_t, 4>;
    QVERIFY((philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    QVERIFY((philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    QVERIFY((philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
             Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

void TstSampler::uniformNumbersStayBelowOne()
{
    double sum = 0;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        const double number = uniformAt(7, i);
        QVERIFY(number >= 0 && number < 1);
        sum += number;
    }
    // The mean of n uniform numbers deviates by 1/sqrt(12 n) = 0.0029; five of those.
    QVERIFY2(std::abs(sum / 10'000 - 0.5) < 0.0145, qPrintable(QString::number(sum / 10'000)));
}

void TstSampler::thePenaltyFollowsTheWorkedExample()
{
    const Scores scores = after({2, 1, -1, 0.5F, 3}, {.repetitionPenalty = 1.05}, {0, 2});
    const Scores expected{1.904762F, 1, -1.05F, 0.5F, 3};
    for (std::size_t i = 0; i < expected.size(); ++i)
        QVERIFY2(std::abs(scores[i] - expected[i]) < 1e-6F, qPrintable(QString::number(scores[i])));
}

void TstSampler::thePenaltyCountsAnIdOnce()
{
    QCOMPARE(after({4, 1}, {.repetitionPenalty = 2}, {0, 0, 0, 0}), (Scores{2, 1}));
}

void TstSampler::thePenaltyAppliesToGreedy()
{
    QCOMPARE(sample({4, 3, 1}, {}, 0, {0}), 0);
    QCOMPARE(sample({4, 3, 1}, {.repetitionPenalty = 2}, 0, {0}), 1);
    QCOMPARE(sample({-4, -5, -6}, {.repetitionPenalty = 2}, 0, {0}), 1);
}

void TstSampler::greedyTakesTheLowestOfEquals()
{
    QCOMPARE(sample({1, 5, 5, 5}, {}), 1);
    QCOMPARE(sample({0, 0}, {}), 0);
}

void TstSampler::temperatureDividesAfterThePenalty()
{
    QCOMPARE(after({4, 2, -2}, {.temperature = 0.5, .repetitionPenalty = 2}, {0, 2}), (Scores{4, 4, -8}));
}

void TstSampler::topKKeepsTiesAtTheBoundary()
{
    QCOMPARE(survivors(after({1, 3, 2, 2, 0}, {.temperature = 1, .topK = 2})), (std::vector<std::size_t>{1, 2, 3}));
    QCOMPARE(survivors(after({1, 3, 2, 2, 0}, {.temperature = 1, .topK = 1})), (std::vector<std::size_t>{1}));
    QCOMPARE(survivors(after({1, 3, 2, 2, 0}, {.temperature = 1, .topK = 0})).size(), std::size_t{5});
    QCOMPARE(survivors(after({1, 3, 2, 2, 0}, {.temperature = 1, .topK = 50})).size(), std::size_t{5});
}

void TstSampler::topPKeepsWhatTheRuleKeeps()
{
    // Shares 0.5, 0.3, 0.15, 0.05. Removed while the sum from the smallest up is at most 1 - p.
    const Scores scores{std::log(0.5F), std::log(0.3F), std::log(0.15F), std::log(0.05F)};
    const auto left = [&](double p) { return survivors(after(scores, {.temperature = 1, .topP = p})).size(); };
    QCOMPARE(left(0.4), std::size_t{1});
    QCOMPARE(left(0.6), std::size_t{2});
    QCOMPARE(left(0.79), std::size_t{2});
    QCOMPARE(left(0.81), std::size_t{3});
    QCOMPARE(left(0.94), std::size_t{3});
    QCOMPARE(left(0.96), std::size_t{4});
}

void TstSampler::topPAlwaysKeepsTheLargest()
{
    QCOMPARE(survivors(after({1, 2, 3}, {.temperature = 1, .topP = 0.001})), (std::vector<std::size_t>{2}));
    QCOMPARE(survivors(after({1, 2, 3}, {.temperature = 1, .topP = 0})), (std::vector<std::size_t>{2}));
    QCOMPARE(survivors(after({7}, {.temperature = 1, .topP = 0.5})), (std::vector<std::size_t>{0}));
}

void TstSampler::topPMatchesThePlainRule()
{
    std::mt19937 random(1);
    for (int round = 0; round < 200; ++round) {
        std::normal_distribution<float> normal(0, 0.2F + 0.05F * static_cast<float>(round));
        Scores scores(round % 3 == 0 ? 5 : 700);
        for (float& score : scores)
            score = normal(random);
        const double p = std::uniform_real_distribution<double>(0.01, 0.99)(random);
        QCOMPARE(survivors(after(scores, {.temperature = 1, .topP = p})), plainTopP(scores, p));
    }
}

void TstSampler::topKComesBeforeTopP()
{
    // Without top-k the largest has a share of 0.37 and p = 0.5 keeps two; among the best two it has 0.57 and stays
    // alone.
    const Scores scores{std::log(0.37F), std::log(0.28F), std::log(0.2F), std::log(0.15F)};
    QCOMPARE(survivors(after(scores, {.temperature = 1, .topP = 0.5})).size(), std::size_t{2});
    QCOMPARE(survivors(after(scores, {.temperature = 1, .topP = 0.5, .topK = 2})), (std::vector<std::size_t>{0}));
}

void TstSampler::drawsFollowTheDistribution()
{
    const std::vector<double> shares{0.4, 0.1, 0.05, 0.25, 0.2};
    Scores scores;
    for (const double share : shares)
        scores.push_back(static_cast<float>(std::log(share)));
    const auto counts = countDraws(scores, {.temperature = 1, .seed = 12345}, 20'000);
    const double statistic = chiSquare(counts, shares, 20'000);
    QVERIFY2(statistic < 18.47, qPrintable(QString::number(statistic))); // 99.9 % of four degrees of freedom
}

void TstSampler::drawsFollowTemperatureAndCuts()
{
    // Temperature 2 takes square roots of the odds; top-k then leaves three of four.
    const Scores scores{std::log(0.64F), std::log(0.16F), std::log(0.04F), std::log(0.01F)};
    const auto counts = countDraws(scores, {.temperature = 2, .topK = 3, .seed = 3}, 20'000);
    QCOMPARE(counts[3], 0);
    const double statistic = chiSquare(counts, {0.8 / 1.4, 0.4 / 1.4, 0.2 / 1.4, 0}, 20'000);
    QVERIFY2(statistic < 13.82, qPrintable(QString::number(statistic))); // 99.9 % of two degrees of freedom
}

void TstSampler::theSameSeedAndPositionDrawTheSame()
{
    const Scores scores{1, 1.1F, 0.9F, 1.2F, 1};
    for (std::uint64_t position = 0; position < 50; ++position)
        QCOMPARE(sample(scores, {.temperature = 1, .seed = 9}, position),
                 sample(scores, {.temperature = 1, .seed = 9}, position));
}

void TstSampler::anotherSeedOrPositionDrawsAfresh()
{
    const Scores scores(1000, 0.0F);
    std::set<std::int32_t> byPosition;
    std::set<std::int32_t> bySeed;
    for (std::uint64_t i = 0; i < 20; ++i) {
        byPosition.insert(sample(scores, {.temperature = 1, .seed = 1}, i));
        bySeed.insert(sample(scores, {.temperature = 1, .seed = (std::uint64_t{1} << 40) + i}, 5));
    }
    QVERIFY(byPosition.size() > 15);
    QVERIFY(bySeed.size() > 15);
}

void TstSampler::scoresThatAreNotFiniteGiveNoToken_data()
{
    QTest::addColumn<float>("bad");
    QTest::newRow("NaN") << std::numeric_limits<float>::quiet_NaN();
    QTest::newRow("infinity") << kInfinity;
    QTest::newRow("minus infinity") << -kInfinity;
}

void TstSampler::scoresThatAreNotFiniteGiveNoToken()
{
    QFETCH(float, bad);
    QCOMPARE(sample({1, bad, 2}, {}), -1);
    QCOMPARE(sample({1, bad, 2}, {.temperature = 1}), -1);
    QCOMPARE(sample({}, {}), -1);
}

void TstSampler::tinyTemperaturesAreGreedy()
{
    for (const double temperature : {1e-6, 1e-38, 1e-300})
        for (std::uint64_t position = 0; position < 20; ++position)
            QCOMPARE(sample({10, 10.01F, 9}, {.temperature = temperature}, position), 1);
}

void TstSampler::idsOutsideTheVocabularyDoNotCount()
{
    QCOMPARE(after({4, 1}, {.repetitionPenalty = 2}, {-1, 2, 1'000'000, 1}), (Scores{4, 0.5F}));
}

void TstSampler::aRowSaysWhatTheSettingsSay()
{
    const SamplingSettings settings{
        .temperature = 0.5, .topP = 0.25, .topK = 7, .repetitionPenalty = 1.5, .seed = std::uint64_t{1} << 40};
    const ops::SamplingRow row = samplingRow(settings, 3, 11);
    QCOMPARE(row.slot, 3);
    QCOMPARE(row.topK, 7);
    QCOMPARE(row.temperature, 0.5F);
    QCOMPARE(row.topP, 0.25F);
    QCOMPARE(row.penalty, 1.5F);
    QCOMPARE(row.uniform, uniformAt(settings.seed, 11));
    QCOMPARE(samplingRow({.topK = std::numeric_limits<std::uint32_t>::max()}, 0, 0).topK,
             std::numeric_limits<std::int32_t>::max()); // more than a vocabulary has, and no negative number
}

QTEST_GUILESS_MAIN(TstSampler)
#include "tst_sampler.moc"
