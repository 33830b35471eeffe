#pragma once
// Products of activations with stored weights.

#include "kernels/types.h"

#include <cstdint>
#include <span>

namespace argus::kernels {

/// One weight matrix and where its product goes. Several parts share one x, so that q, k, v or gate, up run as one
/// piece of work.
struct LinearPart {
    float* y = nullptr; ///< [rows, outputs], rows yStride elements apart
    std::int64_t yStride = 0;
    const void* weight = nullptr; ///< [outputs, inputs], rows weightStride elements apart; aligned to its element only
    std::int64_t weightStride = 0;
    const float* bias = nullptr; ///< [outputs]; null: none
    int outputs = 0;
    Format format = Format::BF16;
    bool accumulate = false; ///< y += product instead of y = product
};

/// y[m,n] = (accumulate ? y[m,n] : 0) + (sum over k of x[m,k] · weight[n,k] + bias[n])
///
/// Shapes   x [rows, inputs], rows xStride elements apart
/// Promises computed in float, weights widened exactly; a row's result has the same bits whatever the number of rows
/// and threads: every dot
///          product is summed in one order (lanes within even blocks of at most 1024, a fixed tree across lanes, blocks
///          in order). y must not overlap x.
struct Linear {
    const float* x = nullptr;
    std::int64_t xStride = 0;
    int rows = 0;
    int inputs = 0;
    std::span<const LinearPart> parts;
};

namespace cpu {
class Team;
void linear(const Linear& work, Team& team);
} // namespace cpu

} // namespace argus::kernels
