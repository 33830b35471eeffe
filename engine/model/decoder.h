#pragma once
// The text decoder with its paged KV cache.

#include "engine/model/qwen2_5_vl.h"
#include "engine/model/weights.h"

#include <cstdint>
#include <vector>

namespace argus::model {

/// Lives on its rank's thread. Weights, cache and activations are taken in the constructor; a step allocates nothing.
/// Source  design/qwen2_5_vl.md §3
class Decoder {
public:
    Decoder(ops::Ops& ops, const ModelConfig& config, const RuntimeSizes& sizes, Compatibility compatibility,
            WeightReader& weights);

    [[nodiscard]] std::uint64_t kvBytes() const;
    /// See Qwen25VL::forward().
    [[nodiscard]] ConstTensorView forward(const Batch& batch);

private:
    struct Layer {
        ops::Weight inputNorm, q, qBias, k, kBias, v, vBias, o;
        ops::Weight postNorm, gate, up, down;
        ops::DeviceTensor keys, values; ///< [blocks, kvHeads, blockTokens, headDim]
    };
    /// What every layer of one step uses.
    struct Step {
        std::int64_t rows = 0;
        ops::PagedBatch paged;
        ConstTensorView cosines, sines;
    };

    void allocateActivations();
    void require(const Batch& batch) const;
    [[nodiscard]] Step prepare(const Batch& batch);
    void embed(const Batch& batch);
    void runLayer(const Layer& layer, const Step& step);
    [[nodiscard]] ConstTensorView score(std::span<const std::int32_t> rows);

    ops::Ops& m_ops;
    ModelConfig m_config;
    RuntimeSizes m_sizes;
    ops::Weight m_embedding, m_norm, m_head, m_frequencies;
    std::vector<Layer> m_layers;

    ops::DeviceTensor m_hidden, m_normed, m_qkv, m_attention, m_gate, m_up, m_picked, m_pickedNormed, m_logits;
    ops::DeviceTensor m_cosines, m_sines;
    ops::DeviceTensor m_ids, m_positions, m_slices, m_blocks, m_places, m_logitRows;
    HostTensor m_hostLogits, m_hostSlices, m_hostPlaces; ///< staging of a step
};

} // namespace argus::model
