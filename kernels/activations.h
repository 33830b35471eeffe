#pragma once
// Elementwise operations on rows.

#include <cstdint>

namespace argus::kernels {

/// y[r,c] = f(a[r,c], b[r,c])
///
/// Shapes   [rows, columns], rows a stride apart; y may be a or b
struct Elementwise {
    float* y = nullptr;
    std::int64_t yStride = 0;
    const float* a = nullptr;
    std::int64_t aStride = 0;
    const float* b = nullptr; ///< unused by gelu
    std::int64_t bStride = 0;
    int rows = 0;
    int columns = 0;
};

namespace cpu {
class Team;
/// a / (1 + e^-a) · b
void siluMul(const Elementwise& work, Team& team);
/// a · (1 + erf(a / √2)) / 2, the exact form
void gelu(const Elementwise& work, Team& team);
} // namespace cpu

} // namespace argus::kernels
