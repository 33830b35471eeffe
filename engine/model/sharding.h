#pragma once
// Which rows and columns of the stored tensors a rank takes. Pure.

#include "engine/base/result.h"
#include "engine/model/config.h"
#include "engine/model/shard.h"

#include <cstdint>
#include <string>

namespace argus::model {

/// One dimension of a stored tensor, and the range of it that a rank takes.
struct Extent {
    Extent() = default;
    /// All of it.
    Extent(std::int64_t whole) : stored(whole), count(whole) {}
    Extent(std::int64_t storedSize, std::int64_t begin, std::int64_t length)
        : stored(storedSize), first(begin), count(length)
    {
    }
    /// The same range counted in pieces of `size`, which divides all three numbers.
    [[nodiscard]] Extent inPiecesOf(std::int64_t size) const { return {stored / size, first / size, count / size}; }
    friend bool operator==(const Extent&, const Extent&) = default;

    std::int64_t stored = 0;
    std::int64_t first = 0;
    std::int64_t count = 0;
};

/// A rectangle of a stored tensor, which is seen as a matrix; a vector has one column.
struct TakenPart {
    std::string name;
    Extent rows;
    Extent columns;
};

/// Inner dimensions are cut between whole groups of AWQ, or else where the tensor cores like it; the ranks' shares
/// differ by one unit where the units do not divide, and rank 0 has a largest one.
constexpr std::int64_t kPlainUnit = 64;
constexpr std::int64_t kPackedUnit = 128;

/// Vocabularies are padded to a multiple of this before they are shared.
constexpr std::int64_t kVocabularyUnit = 64;

/// Range `rank` of `of` of a dimension, cut between units. The last unit may be shorter.
[[nodiscard]] Extent cut(std::int64_t size, std::int64_t unit, int rank, int of);

/// What a rank takes of every dimension that tensor parallelism cuts, and of the layers.
/// Source  design/qwen2_5_vl.md §11.1, §11.2
struct Parts {
    Parts(const ModelConfig& config, const Shard& shard);

    Extent layers;
    int heads = 0;
    int kvHeads = 0;               ///< at least one: with more ranks than key heads several ranks have the same one
    Extent queries;                ///< rows of q, columns of o
    Extent keys;                   ///< rows of k and of v
    Extent inner;                  ///< rows of gate and up, columns of down
    Extent vocabulary;             ///< rows of embeddings and scores
    std::int64_t scoreColumns = 0; ///< of each rank: the last ones may have fewer rows of their own

    bool visionSplit = false; ///< else every rank has the whole tower and computes all of it
    Extent visionHidden;      ///< rows of each of q, k and v, columns of proj: whole heads
    Extent visionInner;
    Extent merged; ///< rows of merger.mlp.0, columns of merger.mlp.2
};

/// Whether the model can be divided like that. Errors: Unsupported, naming tensor_parallel_size or
/// pipeline_parallel_size.
[[nodiscard]] Result<Done> checkShard(const ModelConfig& config, const Shard& shard);

} // namespace argus::model
