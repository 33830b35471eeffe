#pragma once
// Views on memory with a shape, and tensors that own host memory.

#include "engine/base/said.h"
#include "engine/tensor/dtype.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace argus {

/// Thrown on a rank's thread only (ops, model, executor); the top of Rank turns it into an Error.
class OpsError : public std::runtime_error {
public:
    explicit OpsError(Said said) : std::runtime_error(english(said)), m_said(std::move(said)) {}
    /// What what() says, as data: of the catalogue where a person may come to read it, else its plain words.
    [[nodiscard]] const Said& said() const { return m_said; }

private:
    Said m_said;
};

constexpr int kMaxRank = 5;

/// Extents, outermost first. At most kMaxRank of them, none negative, their product below 2^63; otherwise the
/// constructor throws OpsError.
class Shape {
public:
    Shape() = default;
    Shape(std::initializer_list<std::int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
    explicit Shape(std::span<const std::int64_t> extents);

    [[nodiscard]] int rank() const { return m_rank; }
    [[nodiscard]] std::int64_t operator[](int axis) const { return m_extents[static_cast<std::size_t>(axis)]; }
    [[nodiscard]] std::int64_t elements() const;
    [[nodiscard]] std::string text() const; ///< "[3, 46]"
    bool operator==(const Shape& other) const;

private:
    std::array<std::int64_t, kMaxRank> m_extents{};
    int m_rank = 0;
};

/// Whether elements of `type` may be read as T. Both 16-bit floats are std::uint16_t on the host; std::byte reads
/// anything.
template <typename T>
[[nodiscard]] constexpr bool holds(DType type)
{
    using Bare = std::remove_cv_t<T>;
    switch (type) {
    case DType::F32:
        return std::is_same_v<Bare, float> || std::is_same_v<Bare, std::byte>;
    case DType::F64:
        return std::is_same_v<Bare, double> || std::is_same_v<Bare, std::byte>;
    case DType::F16:
    case DType::BF16:
        return std::is_same_v<Bare, std::uint16_t> || std::is_same_v<Bare, std::byte>;
    case DType::I16:
        return std::is_same_v<Bare, std::int16_t> || std::is_same_v<Bare, std::byte>;
    case DType::I32:
        return std::is_same_v<Bare, std::int32_t> || std::is_same_v<Bare, std::byte>;
    case DType::I64:
        return std::is_same_v<Bare, std::int64_t> || std::is_same_v<Bare, std::byte>;
    case DType::U8:
    case DType::Bool:
        return std::is_same_v<Bare, std::uint8_t> || std::is_same_v<Bare, std::byte>;
    case DType::I8:
        return std::is_same_v<Bare, std::int8_t> || std::is_same_v<Bare, std::byte>;
    }
    return false;
}

namespace detail {
/// Throws OpsError: why elements of `type` at `address` cannot be read as wanted (another type, or not aligned).
[[noreturn]] void refuseElements(DType type, const Shape& shape, const void* address);
} // namespace detail

/// Borrowed memory: rows of the innermost extents are dense; axis 0 may have a stride (in elements). `Byte` is
/// std::byte or const std::byte.
template <typename Byte>
class BasicTensorView {
public:
    BasicTensorView() = default;
    BasicTensorView(Byte* data, DType type, Shape shape)
        : m_data(data), m_type(type), m_shape(shape), m_rowStride(rowElements())
    {
    }
    BasicTensorView(Byte* data, DType type, Shape shape, std::int64_t rowStride)
        : m_data(data), m_type(type), m_shape(shape), m_rowStride(rowStride)
    {
    }
    /// A mutable view reads as a const one.
    template <typename Other>
    requires std::is_same_v<const Other, Byte> BasicTensorView(const BasicTensorView<Other>& other)
        : m_data(other.bytes()), m_type(other.dtype()), m_shape(other.shape()), m_rowStride(other.rowStride())
    {
    }

    [[nodiscard]] Byte* bytes() const { return m_data; }
    [[nodiscard]] DType dtype() const { return m_type; }
    [[nodiscard]] const Shape& shape() const { return m_shape; }
    [[nodiscard]] std::int64_t extent(int axis) const { return m_shape[axis]; }
    [[nodiscard]] int rank() const { return m_shape.rank(); }
    [[nodiscard]] std::int64_t rowStride() const
    {
        return m_rowStride;
    } ///< elements from one index of axis 0 to the next
    [[nodiscard]] bool dense() const { return m_rowStride == rowElements(); }
    [[nodiscard]] std::int64_t rowElements() const
    {
        std::int64_t count = 1;
        for (int axis = 1; axis < m_shape.rank(); ++axis)
            count *= m_shape[axis];
        return count;
    }

    /// Elements as T (const T on a const view); throws OpsError when the tensor holds another type or its memory is not
    /// aligned for it.
    template <typename T>
    requires(std::is_const_v<T> || !std::is_const_v<Byte>) [[nodiscard]] T* data() const
    {
        if (!holds<T>(m_type) || reinterpret_cast<std::uintptr_t>(m_data) % alignof(T) != 0)
            detail::refuseElements(m_type, m_shape, m_data);
        return reinterpret_cast<T*>(m_data);
    }

    // These three throw OpsError when the range or shape is not inside this view.

    /// Rows [first, first + count) of axis 0.
    [[nodiscard]] BasicTensorView rows(std::int64_t first, std::int64_t count) const;
    /// The same elements in another shape; dense views only.
    [[nodiscard]] BasicTensorView reshaped(Shape shape) const;
    /// Columns [first, first + count) of a rank-2 view.
    [[nodiscard]] BasicTensorView columns(std::int64_t first, std::int64_t count) const;

private:
    Byte* m_data = nullptr;
    DType m_type = DType::F32;
    Shape m_shape;
    std::int64_t m_rowStride = 0;
};

using TensorView = BasicTensorView<std::byte>;
using ConstTensorView = BasicTensorView<const std::byte>;
extern template class BasicTensorView<std::byte>;
extern template class BasicTensorView<const std::byte>;

/// A tensor on the host that owns its memory (64-byte aligned, uninitialised). Throws OpsError when the memory is not
/// to be had.
class HostTensor {
public:
    HostTensor() = default;
    HostTensor(DType type, Shape shape);
    [[nodiscard]] TensorView view() { return {m_memory.get(), m_type, m_shape}; }
    [[nodiscard]] ConstTensorView view() const { return {m_memory.get(), m_type, m_shape}; }
    [[nodiscard]] const Shape& shape() const { return m_shape; }
    [[nodiscard]] DType dtype() const { return m_type; }

private:
    struct Free {
        void operator()(std::byte* memory) const noexcept;
    };
    std::unique_ptr<std::byte, Free> m_memory;
    DType m_type = DType::F32;
    Shape m_shape;
};

} // namespace argus
