#pragma once
// Where the codes, scales and zeros of a repacked matrix lie.

#include "kernels/cuda/awq.h"

#include <cstdint>

namespace argus::kernels::cuda::products {

// A tile of 16 outputs and one group of 128 inputs is 1024 bytes of codes: two halves of 64 inputs, in each 16 bytes a lane.
// A word of those is the A fragment of one mma16816 in the order of k that pieces.cuh explains. Its eight codes lie so that
// one mask takes out the pair of a register: bits 0-3 and 16-19 for a[0], 4-7 and 20-23 for a[1], and so on.
// Scales and zeros of a tile and group are 16 float16 each, output g beside output g + 8, as a lane wants them.
// Tiles follow each other by output, within that by group.

constexpr int kTileOutputs = 16;
constexpr int kTileCodeBytes = kTileOutputs * kAwqGroup / 2;
constexpr int kTileScaleBytes = kTileOutputs * 2;

/// The place of one code within its tile and group.
struct CodePlace {
    int word = 0;   ///< of the tile's 256
    int nibble = 0; ///< of the word's 8
};
/// Its inverse: whose code it is.
struct CodeOwner {
    int output = 0; ///< within the tile
    int input = 0;  ///< within the group
};
__host__ __device__ constexpr CodeOwner ownerOfCode(CodePlace place)
{
    const int step = place.word / 128 * 4 + place.word % 4; // of 16 inputs
    const int lane = place.word % 128 / 4;
    const int pair = place.nibble / 2 % 2;
    return {lane / 4 + 8 * (place.nibble % 2), 32 * (step / 2) + 8 * (lane % 4) + 4 * (step % 2) + 2 * pair + place.nibble / 4};
}

/// Of the tile's 16 scales or zeros.
__host__ __device__ constexpr int scalePlace(int output)
{
    return output % 8 * 2 + output / 8;
}

/// Tiles of a matrix, counted as they lie.
__host__ __device__ constexpr std::int64_t tileOf(int output, int group, int groups)
{
    return std::int64_t{output / kTileOutputs} * groups + group;
}

} // namespace argus::kernels::cuda::products
