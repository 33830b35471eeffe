#pragma once
// The vision tower: pictures to embeddings of the decoder's width.

#include "engine/model/qwen2_5_vl.h"
#include "engine/model/rank.h"
#include "engine/model/sharding.h"
#include "engine/model/vision_windows.h"
#include "engine/model/weights.h"
#include "engine/model/workbench.h"

#include <functional>
#include <span>
#include <vector>

namespace argus::model {

/// Lives on its rank's thread. Source: design/qwen2_5_vl.md §5
///
/// Attention never leaves a temporal slice, so pictures and clips run slice by slice, several at once. A device with an
/// arena reserves activations for sizes.maxVisionPatches when it is made, and a slice that is larger is refused;
/// elsewhere they grow to the largest pass seen so far: the processor's memory is no arena, and most deployments never
/// see the largest picture.
///
/// Tensor ranks share heads and MLPs where those divide (Parts::visionSplit) and come to the same embeddings; else each
/// computes everything. Either way all of them encode the same items in the same order. Source
/// design/qwen2_5_vl.md §11.2
class VisionTower {
public:
    VisionTower(ops::Ops& ops, const ModelConfig& model, const RuntimeSizes& sizes, Compatibility compatibility,
                const Rank& rank, WeightReader& weights);

    /// Places the activations of the largest pass, when there is a largest one.
    void layOut(Workbench& bench);

    void tellLayers(std::function<void()> heard) { m_layerDone = std::move(heard); }

    /// Result [sum of tokens, out hidden] on the device, items in order. Throws OpsError.
    [[nodiscard]] ops::DeviceTensor encode(const PatchSource& source, std::span<const Grid> grids);

private:
    struct Block {
        ops::Weight norm1, norm2;
        ops::ProductPtr qkv, proj, gateUp, down;
    };
    /// Activations of one pass, rows for `patches` of them.
    struct Scratch {
        std::int64_t patches = 0;
        ops::DeviceTensor frames; ///< empty where they fit into the hidden rows
        ops::DeviceTensor pixels, hidden, normed, qkv, attention, gate, gateScratch;
        ops::DeviceTensor merged, output;
        ops::DeviceTensor cosines, sines, positions, order, windowEnds, sliceEnds;
    };
    /// Index tensors of a pass, cut to its size.
    struct Pass {
        std::int64_t patches = 0;
        ConstTensorView order, windowEnds, sliceEnds, cosines, sines;
        int longestWindow = 0, longestSlice = 0;
    };

    using Take = std::function<ops::DeviceTensor(DType, const Shape&)>;
    [[nodiscard]] Scratch makeScratch(std::int64_t patches, const Take& take) const;
    [[nodiscard]] Block takeBlock(int index, WeightReader& weights) const;
    void reserve(std::int64_t patches);
    /// Where the frames of `patches` patches lie until they are cut, as bytes.
    [[nodiscard]] TensorView frameScratch(std::int64_t patches) const;
    void encodePass(TensorView result, const PatchSource& source, std::int64_t first, std::span<const Grid> grids);
    [[nodiscard]] Pass prepare(const VisionWindows& windows);
    void runBlock(const Block& block, const Pass& pass, bool full);
    void merge(TensorView result, const Pass& pass);

    ops::Ops& m_ops;
    std::function<void()> m_layerDone; ///< may be empty
    VisionConfig m_config;
    Parts m_parts;
    comm::Communicator* m_group = nullptr; ///< of ranks that share the tower
    std::int64_t m_inner = 0;              ///< of the own part of the MLP on this device
    std::int64_t m_patchesPerPass = 0;     ///< slices up to this many together
    std::int64_t m_mostPatches = 0;        ///< of one slice; 0: as many as come
    bool m_framesInHidden = false; ///< hidden rows are free until patches are embedded, and wide enough for most models
    std::vector<Block> m_blocks;
    ops::ProductPtr m_patchEmbed, m_merger0, m_merger2;
    ops::Weight m_mergerNorm, m_frequencies;
    Scratch m_scratch;
};

} // namespace argus::model
