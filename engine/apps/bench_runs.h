#pragma once
// What argus-bench measures: a model on a GPU, driven as an executor drives it.

#include "engine/model/qwen2_5_vl.h"
#include "engine/ops/cuda/open.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace argus::apps {

/// A loaded model and the sizes it was loaded with.
struct BenchModel {
    std::unique_ptr<ops::Ops> ops;
    std::unique_ptr<model::Qwen25VL> model; ///< uses ops
    model::RuntimeSizes sizes;
    std::string label;        ///< "7b bfloat16"
    double bytesPerToken = 0; ///< weights that one decode step has to read
    double flopsPerToken = 0; ///< of the linear layers, for a token of a prompt
};

/// Every measurement prints one JSON line and is the median of kRepeats.
constexpr int kRepeats = 7;

/// Greedy tokens of `batch` conversations at once, from `context` known tokens on.
void benchDecode(BenchModel& bench, const ops::CudaCeilings& ceilings, int batch, int context);
/// A prompt of `tokens` to its first token.
void benchPrefill(BenchModel& bench, const ops::CudaCeilings& ceilings, int tokens);
/// The vision tower on one picture of gridH · gridW patches, from 8-bit pixels in host memory.
void benchVision(BenchModel& bench, const ops::CudaCeilings& ceilings, int gridH, int gridW);
/// One picture and `text` tokens to the first token, from 8-bit pixels in host memory.
void benchFirstToken(BenchModel& bench, int gridH, int gridW, int text);
/// One token of a short prompt; waits for it.
void firstToken(BenchModel& bench);

} // namespace argus::apps
