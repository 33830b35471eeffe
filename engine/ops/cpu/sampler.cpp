#include "engine/ops/cpu/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

namespace argus::ops {
namespace {

constexpr float kRemoved = -std::numeric_limits<float>::infinity();

bool allFinite(std::span<const float> scores)
{
    return std::all_of(scores.begin(), scores.end(), [](float score) { return std::isfinite(score); });
}

/// l < 0 ? l·r : l/r, for each id that was seen.
void penalise(std::span<float> scores, std::span<const std::uint32_t> seen, float penalty)
{
    for (std::size_t word = 0; word < seen.size(); ++word)
        for (std::uint32_t bits = seen[word]; bits != 0; bits &= bits - 1) {
            const std::size_t at = word * 32 + static_cast<std::size_t>(std::countr_zero(bits));
            if (at < scores.size())
                scores[at] = scores[at] < 0 ? scores[at] * penalty : scores[at] / penalty;
        }
}

/// The lowest index of the largest score.
std::int32_t argmax(std::span<const float> scores)
{
    return static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

/// Removes what is strictly below the k-th largest; ties with it survive.
void keepTopK(std::span<float> scores, std::uint32_t k)
{
    if (k >= scores.size())
        return;
    std::vector<float> sorted(scores.begin(), scores.end());
    const auto kth = sorted.begin() + (k - 1);
    std::nth_element(sorted.begin(), kth, sorted.end(), std::greater<>());
    const float threshold = *kth;
    for (float& score : scores)
        if (score < threshold)
            score = kRemoved;
}

/// Walks from the smallest up and removes while the cumulative probability is at most 1 - p; the largest always stays.
void keepTopP(std::span<float> scores, double p)
{
    const float largest = *std::max_element(scores.begin(), scores.end());
    std::vector<float> shares(scores.size());
    double total = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        shares[i] = std::exp(scores[i] - largest);
        total += shares[i];
    }
    // Sorting a vocabulary costs more than a step of a small model. All entries whose shares are below this line make
    // together less than half of what is removed anyway, so only those above it need an order.
    const double line = (1.0 - p) * total / (2.0 * static_cast<double>(scores.size()));
    const auto limit = static_cast<float>(1.0 - p);
    double cumulative = 0;
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        if (shares[i] < line || scores[i] == kRemoved) {
            cumulative += shares[i];
            scores[i] = kRemoved;
        } else {
            candidates.push_back(i);
        }
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
    for (std::size_t rank = 0; rank + 1 < candidates.size(); ++rank) {
        cumulative += shares[candidates[rank]];
        if (static_cast<float>(cumulative / total) > limit)
            return;
        scores[candidates[rank]] = kRemoved;
    }
}

/// An index with the probability of its softmax.
std::int32_t draw(std::span<const float> scores, double uniform)
{
    const float largest = *std::max_element(scores.begin(), scores.end());
    double total = 0;
    for (const float score : scores)
        total += std::exp(static_cast<double>(score) - largest);
    const double target = uniform * total;
    double cumulative = 0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        if (scores[i] == kRemoved)
            continue;
        cumulative += std::exp(static_cast<double>(scores[i]) - largest);
        last = i;
        if (cumulative > target)
            break;
    }
    return static_cast<std::int32_t>(
        last); // rounding may leave the sum a hair below the target: then the last one that is left
}

} // namespace

std::int32_t sampleToken(std::span<float> scores, std::span<const std::uint32_t> seen, const SamplingRow& row)
{
    if (scores.empty() || !allFinite(scores))
        return -1;
    if (row.penalty != 1)
        penalise(scores, seen, row.penalty);
    const std::int32_t best = argmax(scores);
    if (row.temperature <= 0)
        return best;
    if (row.temperature != 1)
        for (float& score : scores)
            score /= row.temperature;
    // A temperature or penalty so extreme that scores overflow leaves only one choice.
    if (!allFinite(scores))
        return best;
    if (row.topK > 0)
        keepTopK(scores, static_cast<std::uint32_t>(row.topK));
    if (row.topP < 1)
        keepTopP(scores, static_cast<double>(row.topP));
    return draw(scores, row.uniform);
}

} // namespace argus::ops
