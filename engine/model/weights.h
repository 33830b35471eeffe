#pragma once
// Which tensors a Qwen2.5-VL has, and bringing them to a device.

#include "engine/base/result.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"
#include "engine/model/qwen2_5_vl.h"
#include "engine/model/sharding.h"
#include "engine/ops/ops.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace argus::model {

struct TensorSpec {
    std::string name;
    Shape shape;
    std::optional<DType> type = {}; ///< what it must hold; none: F32, F16 or BF16
    std::int64_t taken = 0;         ///< elements that the rank takes of it
};

/// Every tensor of which a rank takes something, in the order it is loaded, generation-1 names.
/// Source: design/qwen2_5_vl.md §2.1
[[nodiscard]] std::vector<TensorSpec> tensorsOf(const ModelConfig& config, const Shard& shard = {});

/// Checks that the checkpoint has those tensors in the right shape and a float type; returns the bytes that are taken.
/// Errors: NotFound, Corrupt, Unsupported, naming tensor and file.
[[nodiscard]] Result<std::uint64_t> checkTensors(const ModelConfig& config, const Checkpoint& checkpoint,
                                                 const Shard& shard = {});

/// Bytes of the weights as a checkpoint of `type` has them.
[[nodiscard]] std::uint64_t weightBytesOf(const ModelConfig& config, DType type, const Shard& shard = {});

/// Rotary frequencies on the device.
[[nodiscard]] ops::Weight placeFrequencies(ops::Ops& ops, std::vector<float> frequencies, Compatibility compatibility);

/// Brings tensors to the device one by one, after checkTensors() passed. Throws OpsError when the device refuses.
class WeightReader {
public:
    using Progress = std::function<void(std::uint64_t doneBytes, std::uint64_t totalBytes, const std::string& tensor)>;
    /// No checkpoint: every number is made up on the device (load_format dummy).
    /// `taken`: what is read is listed there.
    WeightReader(ops::Ops& ops, const Checkpoint* checkpoint, bool awq, std::uint64_t totalBytes, Progress progress,
                 std::vector<TakenPart>* taken = nullptr)
        : m_ops(ops), m_checkpoint(checkpoint), m_awq(awq), m_totalBytes(totalBytes), m_progress(std::move(progress)),
          m_taken(taken)
    {
    }

    /// A part of a linear layer of the vision tower or one that is never quantised, `name` without ".weight". On the
    /// device it has `placedOutputs` and `placedInputs` (0: what is taken).
    [[nodiscard]] ops::StoredLinear linear(const std::string& name, const Extent& outputs, const Extent& inputs,
                                           bool bias, std::int64_t placedOutputs = 0, std::int64_t placedInputs = 0);
    /// A part of a linear layer of the decoder: packed in an AWQ checkpoint.
    [[nodiscard]] ops::StoredLinear decoderLinear(const std::string& name, const Extent& outputs, const Extent& inputs,
                                                  bool bias);
    /// `part` of each of three layers that are stored as one, q, k and v of the vision tower.
    [[nodiscard]] std::vector<ops::StoredLinear> fused(const std::string& name, const Extent& part,
                                                       std::int64_t inputs);
    /// A convolution whose window is its stride: the same numbers as a matrix [outputs, everything else].
    [[nodiscard]] ops::StoredLinear flattened(const std::string& name, const Shape& shape);
    [[nodiscard]] ops::Weight table(const std::string& name, const Extent& rows, std::int64_t columns);
    [[nodiscard]] ops::Weight vector(const std::string& name, std::int64_t length);
    [[nodiscard]] ops::Ops& ops() { return m_ops; }

private:
    [[nodiscard]] ConstTensorView stored(const std::string& name, const Shape& shape);
    [[nodiscard]] ConstTensorView takeRows(const std::string& name, const Extent& rows);
    [[nodiscard]] ConstTensorView takePart(const std::string& name, const Extent& rows, const Extent& columns);
    void report(const std::string& name, const ConstTensorView& taken, const Extent& rows, const Extent& columns);

    ops::Ops& m_ops;
    const Checkpoint* m_checkpoint = nullptr;
    bool m_awq = false;
    std::uint64_t m_totalBytes = 0;
    std::uint64_t m_doneBytes = 0;
    Progress m_progress;
    std::vector<TakenPart>* m_taken = nullptr;
};

} // namespace argus::model
