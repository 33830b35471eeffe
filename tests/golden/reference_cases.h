#pragma once
// Reference cases (ids, grids, pixels and what another implementation computed with them) and running them through the
// model step by step.

#include "engine/model/qwen2_5_vl.h"
#include "engine/tensor/safetensors.h"
#include "tests/golden/make_ops.h"
#include "tests/golden/model_ranks.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace argus::golden {

struct ReferenceCase {
    std::string name;
    std::vector<std::int32_t> ids;
    std::vector<model::Grid> imageGrids;
    std::vector<model::Grid> videoGrids;
    std::vector<double> secondsPerGrid;
    std::vector<std::int32_t> greedy;
    std::int32_t delta = 0;
};

/// A checkpoint (CHECKPOINT.config.json, CHECKPOINT.model.safetensors) on its devices, and cases for it
/// (CASES.cases.json, CASES.cases.safetensors). Methods throw std::runtime_error.
struct ReferenceModel {
    std::string name;
    std::vector<ReferenceCase> cases;
    std::shared_ptr<const SafetensorsFile> expected;
    std::unique_ptr<ModelRanks> model;

    /// Both are paths as far as the names above go on after them.
    [[nodiscard]] static ReferenceModel load(const std::filesystem::path& checkpoint,
                                             const std::filesystem::path& cases, const MakeOps& makeOps,
                                             model::Compatibility compatibility, const Division& division = {});
    [[nodiscard]] ConstTensorView tensor(const ReferenceCase& from, const std::string& what) const;
};

/// The sets of a folder by name.
[[nodiscard]] std::vector<std::string> referenceNames(const std::filesystem::path& folder);

constexpr int kBlockTokens = 16;
constexpr int kKvBlocks = 96;
constexpr int kMostRows = 512;
constexpr int kMostScores = 128; ///< rows whose scores one step can give: every row of the longest prompt

/// A prompt on its way through the model, and what it has answered.
struct Conversation {
    const ReferenceCase* from = nullptr;
    model::Positions positions;
    ops::DeviceTensor imageEmbeds, videoEmbeds;
    std::vector<model::VisionRows> vision; ///< rows of the whole prompt
    std::vector<std::int32_t> blocks;
    std::int32_t slot = 0;
    std::vector<std::int32_t> answer;
    std::int64_t cached = 0;
    [[nodiscard]] std::int64_t known() const { return static_cast<std::int64_t>(from->ids.size() + answer.size()); }
};

/// Positions and vision embeddings of a case; `blocks` is where its keys and values will stand.
[[nodiscard]] Conversation begin(ReferenceModel& reference, const ReferenceCase& from, model::PositionVariant variant,
                                 std::vector<std::int32_t> blocks, std::int32_t slot = 0);

/// What a step came to.
struct Outcome {
    ConstTensorView scores; ///< of the last row of each conversation or of every row; valid until the next step
    std::vector<std::int32_t> drawn; ///< by the device, greedily, one a conversation; -1: some of it is not cached yet
};

/// One step with the next tokens of each conversation, at most `most` of each.
[[nodiscard]] Outcome step(ReferenceModel& reference, std::span<Conversation* const> conversations, std::int64_t most,
                           bool scoreEveryRow = false);

/// Appends what was drawn to the conversations whose known tokens are all cached.
void takeDrawn(std::span<Conversation* const> conversations, std::span<const std::int32_t> drawn);

/// Largest absolute difference; infinite for another size or a NaN.
[[nodiscard]] double largestDifference(ConstTensorView got, ConstTensorView expected);

} // namespace argus::golden
