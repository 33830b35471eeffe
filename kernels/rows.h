#pragma once
// Moving rows: embedding tables, permutations.

#include "kernels/types.h"

#include <cstdint>

namespace argus::kernels {

/// y[i,:] = table[index[i],:], widened to float
///
/// Shapes   y [count, columns], rows yStride apart; table [any, columns], rows tableStride elements apart; index
/// [count], every entry valid
struct GatherRows {
    float* y = nullptr;
    std::int64_t yStride = 0;
    const void* table = nullptr;
    std::int64_t tableStride = 0;
    const std::int32_t* index = nullptr;
    int count = 0;
    int columns = 0;
    Format format = Format::F32;
};

/// y[index[i],:] = x[i,:]
///
/// Promises rows that no index names keep what they hold; indices do not repeat
struct ScatterRows {
    float* y = nullptr;
    std::int64_t yStride = 0;
    const float* x = nullptr;
    std::int64_t xStride = 0;
    const std::int32_t* index = nullptr;
    int count = 0;
    int columns = 0;
};

namespace cpu {
class Team;
void gatherRows(const GatherRows& work, Team& team);
void scatterRows(const ScatterRows& work, Team& team);
} // namespace cpu

} // namespace argus::kernels
