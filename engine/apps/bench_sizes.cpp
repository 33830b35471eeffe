#include "engine/apps/bench_sizes.h"

#include <fmt/format.h>

#include <map>

namespace argus::apps {

Result<model::ModelConfig> publishedConfig(const std::string& size, bool awq)
{
    struct Size {
        int hidden, layers, heads, kvHeads, intermediate, vocabulary;
        bool tied;
        int visionIntermediate;
    };
    static const std::map<std::string, Size> kSizes{
        {"3b", {2048, 36, 16, 2, 11008, 151936, true, 3420}},
        {"7b", {3584, 28, 28, 4, 18944, 152064, false, 3420}},
        {"32b", {5120, 64, 40, 8, 27648, 152064, false, 3456}},
        {"72b", {8192, 80, 64, 8, 29568, 152064, false, 3456}},
    };
    const auto found = kSizes.find(size);
    if (found == kSizes.end())
        return Error{
            ErrorCode::BadRequest, fmt::format("\"{}\" is no published size", size), "use 3b, 7b, 32b or 72b", {}};
    const Size& from = found->second;
    model::ModelConfig config;
    config.hiddenSize = from.hidden;
    config.layers = from.layers;
    config.heads = from.heads;
    config.kvHeads = from.kvHeads;
    // AWQ's 72B was padded by one group before it was packed.
    config.intermediateSize = awq && size == "72b" ? 29696 : from.intermediate;
    config.vocabSize = from.vocabulary;
    config.maxPositions = 128000;
    config.rmsNormEpsilon = 1e-6;
    config.tieWordEmbeddings = from.tied;
    config.awq = awq;
    config.vision.intermediateSize = from.visionIntermediate;
    config.vision.outHiddenSize = from.hidden;
    config.vision.tokensPerSecond = 2;
    return config;
}

} // namespace argus::apps
