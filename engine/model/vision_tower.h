#pragma once
// The vision tower: patches to embeddings of the decoder's width.

#include "engine/model/qwen2_5_vl.h"
#include "engine/model/vision_windows.h"
#include "engine/model/weights.h"

#include <span>
#include <vector>

namespace argus::model {

/// Lives on its rank's thread. Source: design/qwen2_5_vl.md §5
///
/// Attention never leaves a temporal slice, so pictures and clips run slice by slice, several at once up to
/// kPatchesPerPass. Activations are allocated for the largest pass seen so far: the processor's memory is no arena, and
/// most deployments never see the largest picture.
class VisionTower {
public:
    VisionTower(ops::Ops& ops, const VisionConfig& config, Compatibility compatibility, WeightReader& weights);

    /// patches F32 [sum of patches, 1176] on the host; result F32 [sum of tokens, out hidden], items in order. Throws
    /// OpsError.
    [[nodiscard]] HostTensor encode(ConstTensorView patches, std::span<const Grid> grids);

private:
    struct Block {
        ops::Weight norm1, qkv, qkvBias, proj, projBias;
        ops::Weight norm2, gate, gateBias, up, upBias, down, downBias;
    };
    /// Activations of one pass, rows for `patches` of them.
    struct Scratch {
        std::int64_t patches = 0;
        ops::DeviceTensor pixels, hidden, normed, qkv, attention, gate, up;
        ops::DeviceTensor merged, output, inOrder;
        ops::DeviceTensor cosines, sines, positions, order, windowEnds, sliceEnds;
    };
    /// Index tensors of a pass, cut to its size.
    struct Pass {
        std::int64_t patches = 0;
        ConstTensorView order, windowEnds, sliceEnds, cosines, sines;
    };

    void reserve(std::int64_t patches);
    void encodePass(TensorView result, ConstTensorView patches, std::span<const Grid> grids);
    [[nodiscard]] Pass prepare(const VisionWindows& windows);
    void runBlock(const Block& block, const Pass& pass, bool full);
    void merge(TensorView result, const Pass& pass);

    ops::Ops& m_ops;
    VisionConfig m_config;
    ops::Weight m_patchEmbed;
    std::vector<Block> m_blocks;
    ops::Weight m_mergerNorm, m_merger0, m_merger0Bias, m_merger2, m_merger2Bias;
    ops::Weight m_frequencies;
    Scratch m_scratch;
};

} // namespace argus::model
