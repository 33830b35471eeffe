#pragma once
// Which tensors a Qwen2.5-VL has, and bringing them to a device.

#include "engine/base/result.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"
#include "engine/model/qwen2_5_vl.h"
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
};

/// Every tensor of the model in the order it is loaded, generation-1 names. Source: design/qwen2_5_vl.md §2.1
[[nodiscard]] std::vector<TensorSpec> tensorsOf(const ModelConfig& config);

/// Checks that the checkpoint has every tensor in the right shape and a float type; returns the bytes of all of them.
/// Errors: NotFound, Corrupt, Unsupported, naming tensor and file.
[[nodiscard]] Result<std::uint64_t> checkTensors(const ModelConfig& config, const Checkpoint& checkpoint);

/// Bytes of the weights as a checkpoint of `type` has them.
[[nodiscard]] std::uint64_t weightBytesOf(const ModelConfig& config, DType type);

/// Rotary frequencies on the device.
[[nodiscard]] ops::Weight placeFrequencies(ops::Ops& ops, std::vector<float> frequencies, Compatibility compatibility);

/// Brings tensors to the device one by one, after checkTensors() passed. Throws OpsError when the device refuses.
class WeightReader {
public:
    using Progress = std::function<void(std::uint64_t doneBytes, std::uint64_t totalBytes, const std::string& tensor)>;
    /// No checkpoint: every number is made up on the device (load_format dummy).
    WeightReader(ops::Ops& ops, const Checkpoint* checkpoint, bool awq, std::uint64_t totalBytes, Progress progress)
        : m_ops(ops), m_checkpoint(checkpoint), m_awq(awq), m_totalBytes(totalBytes), m_progress(std::move(progress))
    {
    }

    /// A linear layer of the vision tower or one that is never quantised, `name` without ".weight". On the device it
    /// has `placedOutputs` and `placedInputs` (0: those of the file).
    [[nodiscard]] ops::StoredLinear linear(const std::string& name, std::int64_t outputs, std::int64_t inputs,
                                           bool bias, std::int64_t placedOutputs = 0, std::int64_t placedInputs = 0);
    /// A linear layer of the decoder: packed in an AWQ checkpoint.
    [[nodiscard]] ops::StoredLinear decoderLinear(const std::string& name, std::int64_t outputs, std::int64_t inputs,
                                                  bool bias);
    /// A convolution whose window is its stride: the same numbers as a matrix [outputs, everything else].
    [[nodiscard]] ops::StoredLinear flattened(const std::string& name, const Shape& stored);
    [[nodiscard]] ops::Weight table(const std::string& name, std::int64_t rows, std::int64_t columns);
    [[nodiscard]] ops::Weight vector(const std::string& name, std::int64_t length);
    [[nodiscard]] ops::Ops& ops() { return m_ops; }

private:
    [[nodiscard]] ConstTensorView take(const std::string& name, const Shape& shape);

    ops::Ops& m_ops;
    const Checkpoint* m_checkpoint = nullptr;
    bool m_awq = false;
    std::uint64_t m_totalBytes = 0;
    std::uint64_t m_doneBytes = 0;
    Progress m_progress;
};

} // namespace argus::model
