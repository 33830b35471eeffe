#include "engine/plan/stage_layers.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string>

namespace argus::plan {
namespace {

Error badStages(Said cause, int stages, int layers)
{
    const std::vector<int> even = evenLayers(stages, layers);
    std::string example;
    for (const int count : even)
        example += fmt::format("{}{}", example.empty() ? "" : ",", count);
    return makeError(ErrorCode::BadRequest, std::move(cause), say("do-stages", stages, layers, example),
                     "stage_layers");
}

/// Tokens that a stage with that many layers has room for; below 0 when not even its weights fit.
double tokensWith(const StageRoom& stage, int layers)
{
    const double left = stage.bytes - layers * stage.bytesOfLayer;
    return left / (layers * std::max(stage.bytesOfContext, 1e-9));
}

} // namespace

Result<std::vector<int>> stageLayersFromText(std::string_view text, int stages, int layers)
{
    const std::string shown = fmt::format("{:.60}", text);
    std::vector<int> counts;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (true) {
        while (at != end && *at == ' ')
            ++at;
        int count = 0;
        const auto [next, problem] = std::from_chars(at, end, count);
        if (problem != std::errc() || counts.size() > static_cast<std::size_t>(layers))
            return badStages(say("stages-no-list", shown), stages, layers);
        counts.push_back(count);
        at = next;
        while (at != end && *at == ' ')
            ++at;
        if (at == end)
            break;
        if (*at++ != ',')
            return badStages(say("stages-no-list", shown), stages, layers);
    }
    if (counts.size() != static_cast<std::size_t>(stages))
        return badStages(say("stages-count", shown, counts.size(), stages), stages, layers);
    if (std::any_of(counts.begin(), counts.end(), [&](int count) { return count < 1 || count > layers; }))
        return badStages(say("stages-range", shown, layers), stages, layers);
    const int sum = std::accumulate(counts.begin(), counts.end(), 0);
    if (sum != layers)
        return badStages(say("stages-sum", shown, sum, layers), stages, layers);
    return counts;
}

std::vector<int> evenLayers(int stages, int layers)
{
    std::vector<int> counts(static_cast<std::size_t>(std::max(stages, 1)), layers / std::max(stages, 1));
    int rest = layers % std::max(stages, 1);
    for (std::size_t i = counts.size() - 1; rest > 0 && i > 0; --i, --rest)
        ++counts[i - 1];
    return counts;
}

std::vector<int> layersByRoom(std::span<const StageRoom> stages, int layers)
{
    // Improved step by step from the even division: a layer moves from the stage with the smallest cache to the
    // one that has the largest with it, as long as that helps. Every move raises the smallest cache, so it ends.
    std::vector<int> counts = evenLayers(static_cast<int>(stages.size()), layers);
    for (int moves = 0; moves < layers * static_cast<int>(stages.size()); ++moves) {
        std::size_t from = 0;
        for (std::size_t i = 1; i < stages.size(); ++i)
            if (tokensWith(stages[i], counts[i]) < tokensWith(stages[from], counts[from]))
                from = i;
        if (counts[from] == 1)
            break;
        std::size_t to = from;
        for (std::size_t i = 0; i < stages.size(); ++i)
            if (i != from &&
                (to == from || tokensWith(stages[i], counts[i] + 1) > tokensWith(stages[to], counts[to] + 1)))
                to = i;
        if (to == from || tokensWith(stages[to], counts[to] + 1) <= tokensWith(stages[from], counts[from]))
            break;
        --counts[from];
        ++counts[to];
    }
    return counts;
}

} // namespace argus::plan
