#pragma once
// Rotary embedding with several position axes, half-split convention.

#include <cstdint>
#include <span>

namespace argus::kernels {

/// cosines[t,j] = cos(float(positions[axis(j), t]) · frequencies[j]), sines likewise; j runs through the sections,
/// section s uses axis s
///
/// Shapes   cosines, sines [tokens, half] dense; positions [axes, tokens], rows positionStride apart; frequencies
/// [half]; sections add up to half Promises one float product an angle, then sine and cosine with full range reduction
/// Source   design/qwen2_5_vl.md §3.3, §5.2
struct RopeTables {
    float* cosines = nullptr;
    float* sines = nullptr;
    const std::int32_t* positions = nullptr;
    std::int64_t positionStride = 0;
    const float* frequencies = nullptr;
    std::span<const int> sections;
    int tokens = 0;
    int half = 0;
};

/// For every head: x[j] = x[j]·cos[j] - x[j+half]·sin[j], x[j+half] = x[j+half]·cos[j] + x[j]·sin[j], in place
///
/// Shapes   x [tokens, heads · 2·half], rows xStride apart; cosines, sines [tokens, half] dense
struct Rotate {
    float* x = nullptr;
    std::int64_t xStride = 0;
    const float* cosines = nullptr;
    const float* sines = nullptr;
    int tokens = 0;
    int heads = 0;
    int half = 0;
};

namespace cpu {
class Team;
void ropeTables(const RopeTables& work, Team& team);
void rotate(const Rotate& work, Team& team);
} // namespace cpu

} // namespace argus::kernels
