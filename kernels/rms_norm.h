#pragma once
// Root mean square normalisation.

#include <cstdint>

namespace argus::kernels {

/// residual[t,h] += addend[t,h] (when there is an addend); y[t,h] = residual[t,h] / sqrt(mean over h of residual[t,:]²
/// + epsilon) · gain[h]
///
/// Shapes   y, residual, addend [tokens, hidden], rows a stride apart; gain [hidden]
/// Promises y may be the residual when there is no addend; a row's result does not depend on the other rows
/// Source   design/qwen2_5_vl.md §3.2
struct RmsNorm {
    float* y = nullptr;
    std::int64_t yStride = 0;
    const float* x = nullptr; ///< the residual; written through `residual` when there is an addend
    std::int64_t xStride = 0;
    float* residual = nullptr; ///< same memory as x, or null when there is no addend
    const float* addend = nullptr;
    std::int64_t addendStride = 0;
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
