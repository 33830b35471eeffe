#pragma once
// The text decoder with its paged KV cache.

#include "engine/model/qwen2_5_vl.h"
#include "engine/model/rank.h"
#include "engine/model/sharding.h"
#include "engine/model/weights.h"
#include "engine/model/workbench.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace argus::model {

/// Lives on its rank's thread. Weights are taken in the constructor, activations and cache before the first step; a
/// step allocates nothing. Source  design/qwen2_5_vl.md §3
///
/// A step is two halves: stage() gathers everything the host knows of it (ids, positions, places, block tables,
/// sampling) and uploads it in one piece, compute() enqueues operations that depend on the step's shape alone. Where
/// the device records, decode steps of one shape are recorded once and replayed; batches are padded to a few sizes for
/// that.
///
/// Of a model that several ranks compute together this is one rank's part: its layers, and of those its heads and its
/// share of the MLP and the vocabulary. Ranks of a stage add up what each makes of its share, and hold the same hidden
/// rows after that. Source  design/qwen2_5_vl.md §11
class Decoder {
public:
    Decoder(ops::Ops& ops, const ModelConfig& config, const RuntimeSizes& sizes, Compatibility compatibility,
            const Rank& rank, WeightReader& weights);

    /// Places the activations of a step.
    void layOut(Workbench& bench);
    /// Takes the KV cache: last, so that it lies behind everything else.
    void allocateCache();

    [[nodiscard]] std::uint64_t kvBytes() const;
    void tellLayers(std::function<void()> heard) { m_layerDone = std::move(heard); }
    // See Qwen25VL.
    void run(const Batch& batch);
    [[nodiscard]] ops::Fetch fetchDrawn();
    [[nodiscard]] ConstTensorView scores();

private:
    struct Layer {
        ops::Weight inputNorm, postNorm;
        ops::ProductPtr qkv, output, gateUp, down;
        ops::DeviceTensor keys, values; ///< [blocks, own kvHeads, blockTokens, headDim]
    };
    /// All that the operations of a step depend on, apart from what memory holds.
    struct Shape {
        std::int64_t rows = 0;
        std::int64_t sequences = 0;
        std::int64_t scored = 0;
        int mostRows = 0;
        int longest = 0;
        bool decodeOnly = false; ///< row i is the one row of sequence i
        bool allInOrder = false; ///< row i is the i-th that is scored
        bool draws = false;
        bool greedy = false; ///< no row that is drawn from has a temperature
        [[nodiscard]] auto operator<=>(const Shape&) const = default;
    };
    static constexpr std::int64_t kWordsOfSlice = 4;
    static constexpr std::int64_t kWordsOfSampling = sizeof(ops::SamplingRow) / sizeof(std::int32_t);
    /// Where the parts of a step stand in the words that are uploaded for it.
    struct Words {
        explicit Words(const Shape& shape);
        std::int64_t ids = 0, slots = 0, places = 0, positions = 0, slices = 0, logitRows = 0, sampling = 0, end = 0;
    };
    /// A recorded step; `uses` counts the eager runs before.
    struct Recorded {
        int uses = 0;
        std::unique_ptr<ops::Recording> recording;
    };

    [[nodiscard]] Layer takeLayer(std::int64_t index, WeightReader& weights) const;
    void allocateTables();
    void layOutScores(Workbench& bench);
    void require(const Batch& batch) const;
    [[nodiscard]] Shape shapeOf(const Batch& batch) const;
    [[nodiscard]] bool recordable(const Shape& shape, const Batch& batch) const;
    [[nodiscard]] Shape paddedForRecording(const Shape& shape) const;
    [[nodiscard]] bool record(Recorded& recorded, const Shape& padded);
    void stage(const Batch& batch, const Shape& shape);
    void stageSlices(const Batch& batch, const Shape& shape, const Words& words);
    void stagePadding(const Batch& batch, const Shape& shape, const Words& words);
    void tellBlocks(const BatchSlice& slice);
    [[nodiscard]] ConstTensorView words(std::int64_t first, ::argus::Shape shape) const;
    void compute(const Shape& shape, std::span<const VisionRows> vision);
    void embed(const Shape& shape, const Words& at, std::span<const VisionRows> vision);
    void receive(const Shape& shape, const Words& at);
    void send(const Shape& shape);
    void runLayer(const Layer& layer, const Shape& shape, const Words& at, const ops::PagedBatch& paged);
    [[nodiscard]] bool picksRows(const Shape& shape) const;
    void score(const Shape& shape, const Words& words);
    /// Of the vocabulary; ranks that share it may have some columns more.
    [[nodiscard]] TensorView logits(std::int64_t rows) const
    {
        return m_logits.rows(0, rows).columns(0, m_config.vocabSize);
    }
    void requireLast() const;

    ops::Ops& m_ops;
    std::function<void()> m_layerDone; ///< may be empty
    ModelConfig m_config;
    RuntimeSizes m_sizes;
    Rank m_rank;
    Parts m_parts;
    ops::Weight m_embedding, m_norm, m_frequencies;
    ops::ProductPtr m_head;
    std::vector<Layer> m_layers;

    ops::DeviceTensor m_hidden, m_normed, m_qkv, m_attention, m_gate, m_gateScratch, m_picked, m_pickedNormed, m_logits;
    ops::DeviceTensor m_localLogits, m_gatherScratch; ///< of ranks that share the vocabulary
    ops::DeviceTensor m_cosines, m_sines, m_drawn;
    ops::DeviceTensor m_words;                           ///< I32: everything that is uploaded for a step
    ops::DeviceTensor m_blocks;                          ///< I32 [slots, blocks of a slot]
    ops::DeviceTensor m_lastTokens;                      ///< I32 [slots]
    ops::DeviceTensor m_seen;                            ///< I32 [slots, words]
    HostTensor m_hostWords, m_hostLogits;                ///< the latter made by the first scores()
    std::vector<std::vector<std::int32_t>> m_toldBlocks; ///< what the device's table holds, by slot
    std::map<Shape, Recorded> m_recorded;
    std::int64_t m_scored = 0; ///< rows with scores of the last step
};

} // namespace argus::model
