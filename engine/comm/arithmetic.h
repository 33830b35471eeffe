#pragma once
// Sums of float types on the host: taken in float32, rounded once.

#include "engine/tensor/tensor.h"

#include <cstddef>
#include <cstdint>

namespace argus::comm {

/// Whether ranks can add elements of the type: F32, F16 or BF16.
[[nodiscard]] bool addable(DType type);

/// total[i] = x[i]
void widen(float* total, const std::byte* x, DType type, std::size_t count);
/// total[i] += x[i]
void add(float* total, const std::byte* x, DType type, std::size_t count);
/// y[i] = total[i], to nearest even
void narrow(std::byte* y, DType type, const float* total, std::size_t count);

/// Elements [begin, end), counted row by row.
struct Range {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(end - begin); }
    /// One of `parts` equal parts; the last ones may be shorter.
    [[nodiscard]] Range part(int index, int parts) const;
};

/// total[i] += the elements of a range
void addFrom(float* total, ConstTensorView x, Range range);
/// result[range] = total, or += total with `accumulate`
void write(TensorView result, bool accumulate, Range range, float* total);
/// Between a view and dense memory that holds the range alone.
void pack(std::byte* to, ConstTensorView from, Range range);
void unpack(TensorView to, const std::byte* from, Range range);

/// Calls use(address, position, count) for every run of elements that lie side by side among the elements [begin, end)
/// of a view of two axes or one, counted row by row; position counts from `begin`.
template <typename Byte, typename Use>
void forEachRun(const BasicTensorView<Byte>& view, std::int64_t begin, std::int64_t end, Use&& use)
{
    const std::int64_t columns = view.dense() ? view.shape().elements() : view.rowElements();
    const auto elementBytes = static_cast<std::int64_t>(sizeOf(view.dtype()));
    for (std::int64_t at = begin; at < end;) {
        const std::int64_t row = at / columns;
        const std::int64_t column = at % columns;
        const std::int64_t count = columns - column < end - at ? columns - column : end - at;
        use(view.bytes() + (row * view.rowStride() + column) * elementBytes, static_cast<std::size_t>(at - begin),
            static_cast<std::size_t>(count));
        at += count;
    }
}

} // namespace argus::comm
