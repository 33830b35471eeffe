#pragma once
// Root mean square normalisation.

#include <cstdint>

namespace argus::kernels {

/// y[t,h] = x[t,h] / sqrt(mean over h of x[t,:]² + epsilon) · gain[h]
///
/// Shapes   y, x [tokens, hidden], rows a stride apart; gain [hidden]
/// Promises y may be x; a row's result does not depend on the other rows
/// Source   design/qwen2_5_vl.md §3.2
struct RmsNorm {
    float* y = nullptr;
    std::int64_t yStride = 0;
    const float* x = nullptr;
    std::int64_t xStride = 0;
    const float* gain = nullptr;
    int tokens = 0;
    int hidden = 0;
    float epsilon = 1e-6f;
};

namespace cpu {
class Team;
void rmsNorm(const RmsNorm& work, Team& team);
} // namespace cpu

} // namespace argus::kernels
