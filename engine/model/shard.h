#pragma once
// The part of a model that one rank holds.

namespace argus::model {

/// Tensor parallel: every rank of a stage has 1/tensorSize of the heads, of the MLP and of the vocabulary, and the whole
/// residual stream. Pipeline parallel: a stage has the decoder layers [firstLayer, endLayer); the first one also the
/// vision tower and the embeddings, the last one the final norm and the scores.
struct Shard {
    int tensorRank = 0;
    int tensorSize = 1;
    int stage = 0;
    int stages = 1;
    int firstLayer = 0;
    int endLayer = 0; ///< 0: all layers

    [[nodiscard]] bool first() const { return stage == 0; }
    [[nodiscard]] bool last() const { return stage + 1 == stages; }
    [[nodiscard]] bool whole() const { return tensorSize == 1 && stages == 1; }
    friend bool operator==(const Shard&, const Shard&) = default;
};

} // namespace argus::model
