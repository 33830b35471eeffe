#pragma once
// Checkpoints packed to four bits as AutoAWQ publishes them, for checks: a small one of our own, with a twin in floats
// that holds the very same numbers.

#include "engine/model/positions.h"
#include "engine/tensor/tensor.h"

#include <filesystem>

namespace argus::golden {

/// A linear layer packed to four bits in groups of 128 inputs, each between its smallest and its largest weight, and
/// what it stands for. Source: design/qwen2_5_vl.md §12.2
struct PackedLayer {
    HostTensor qweight; ///< I32 [inputs, outputs / 8]
    HostTensor qzeros;  ///< I32 [inputs / 128, outputs / 8]
    HostTensor scales;  ///< F16 [inputs / 128, outputs]
    HostTensor wide;    ///< F16 [outputs, inputs]: half((q - z) · scale)
};
/// weight [outputs, inputs] F32, F16 or BF16; outputs a multiple of 8, inputs of 128.
[[nodiscard]] PackedLayer packLayer(ConstTensorView weight);

/// Reads a checkpoint (a folder, or PREFIX for PREFIX.config.json and PREFIX.model.safetensors) and writes the packed
/// one to TO.config.json and TO.model.safetensors, its twin to TO-wide.config.json and TO-wide.model.safetensors. What
/// AWQ does not pack is float16 in both. Throws std::runtime_error.
void packCheckpoint(const std::filesystem::path& from, const std::filesystem::path& to);

/// Has the twin answer the cases of FROM.cases.json on this machine's processor: cases with what it says, for the
/// packed checkpoint and for itself, to TO.cases.json, TO.cases.safetensors, TO-wide.cases.json and
/// TO-wide.cases.safetensors. Returns how far its scores are from those of the unpacked model, |difference| / |scores|.
/// Throws std::runtime_error.
[[nodiscard]] double answerCases(const std::filesystem::path& from, const std::filesystem::path& to,
                                 model::PositionVariant variant);

} // namespace argus::golden
