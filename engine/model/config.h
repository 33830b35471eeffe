#pragma once
// config.json and generation_config.json of a Qwen2.5-VL checkpoint, flat or nested.

#include "engine/base/result.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace argus::model {

struct VisionConfig {
    int depth = 32;
    int hiddenSize = 1280;
    int heads = 16;
    int intermediateSize = 3420;
    int outHiddenSize = 3584;
    int patchSize = 14;
    int temporalPatchSize = 2;
    int mergeSize = 2;
    int windowSize = 112;
    int inChannels = 3;
    std::vector<int> fullAttentionBlocks{7, 15, 23, 31};
    double tokensPerSecond = 4;
    [[nodiscard]] int headDim() const { return hiddenSize / heads; }
    [[nodiscard]] int patchElements() const { return inChannels * temporalPatchSize * patchSize * patchSize; }
};

struct ModelConfig {
    int hiddenSize = 8192;
    int layers = 80;
    int heads = 64;
    int kvHeads = 8;
    int intermediateSize = 29568;
    int vocabSize = 152064;
    int maxPositions = 32768;
    double rmsNormEpsilon = 1e-5;
    double ropeTheta = 1e6;
    std::array<int, 3> mropeSection{16, 24, 24};
    bool tieWordEmbeddings = false;
    std::string dtype = "bfloat16"; ///< of the checkpoint, as the file names it
    bool awq = false;               ///< the decoder's linear layers are packed to four bits, groups of 128
    int imageToken = 151655;
    int videoToken = 151656;
    int visionStartToken = 151652;
    int visionEndToken = 151653;
    VisionConfig vision;
    [[nodiscard]] int headDim() const { return hiddenSize / heads; }
};

/// Reads config.json text. Errors: Corrupt (JSON, types, ranges), Unsupported (another architecture, sliding window,
/// other quantisations than AWQ, yarn), each naming the key. Source  design/qwen2_5_vl.md §1
[[nodiscard]] Result<ModelConfig> parseConfig(std::string_view json, const std::string& name);
[[nodiscard]] Result<ModelConfig> loadConfig(const std::filesystem::path& folder);

/// What generation_config.json says; absent keys stay empty.
struct GenerationConfig {
    std::vector<std::int32_t> stopIds;
    std::optional<bool> doSample;
    std::optional<double> temperature;
    std::optional<double> topP;
    std::optional<int> topK;
    std::optional<double> repetitionPenalty;
    std::optional<int> maxNewTokens;
};
/// Missing file: defaults with the stop ids of config.json. Errors: Corrupt.
[[nodiscard]] Result<GenerationConfig> loadGenerationConfig(const std::filesystem::path& folder);

} // namespace argus::model
