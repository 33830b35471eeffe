#pragma once
// Shape checks by name: a dimension gets its value from the first tensor that mentions it, later ones must agree.

#include "engine/tensor/tensor.h"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace argus::ops {

/// The promise of one operation about its arguments. Names must outlive it (literals do). Throws OpsError such as
/// "rmsNorm: gain should have hidden = 3584 (from x), has 3420". Costs no allocation unless it throws.
class Contract {
public:
    explicit Contract(std::string_view operation) : m_operation(operation) {}

    /// A tensor of `type` with these dimensions. Rows of it are dense by construction of views.
    Contract& tensor(std::string_view name, const ConstTensorView& view, DType type,
                     std::initializer_list<std::string_view> dims);
    /// A stored matrix: F32, F16 or BF16.
    Contract& weight(std::string_view name, const ConstTensorView& view, std::initializer_list<std::string_view> dims);
    Contract& dense(std::string_view name, const ConstTensorView& view);
    Contract& multipleOf(std::string_view dim, std::int64_t divisor);
    /// Whole patches of frames: `patches` [ceil(frames / 2)·h·w, 3·2·14·14] of `type`, `frames` U8 [frames, 14·h, 14·w,
    /// 3] with even h and w, both dense. Names the dimensions "frames", "height" and "width".
    Contract& patchesOf(const ConstTensorView& patches, DType type, const ConstTensorView& frames);
    Contract& atMost(std::string_view dim, std::int64_t bound);
    /// Anything a dimension cannot say; `promise` completes "operation: ".
    Contract& require(bool kept, std::string_view promise);

    /// Value of a dimension named before; kernels count in int, and so do we: larger values were refused.
    [[nodiscard]] int operator[](std::string_view dim) const;

private:
    struct Dim {
        std::string_view name;
        std::string_view from;
        std::int64_t value = 0;
    };
    void shape(std::string_view name, const ConstTensorView& view, std::initializer_list<std::string_view> dims);
    [[nodiscard]] const Dim* find(std::string_view name) const;

    static constexpr int kMostDims = 12;
    std::string_view m_operation;
    std::array<Dim, kMostDims> m_dims{};
    int m_count = 0;
};

/// Throws OpsError unless every index lies in [0, bound): a stray one would read or write foreign memory.
void requireIndices(std::string_view operation, std::string_view name, std::span<const std::int32_t> indices,
                    std::int64_t bound);

} // namespace argus::ops
