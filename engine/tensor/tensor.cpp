#include "engine/tensor/tensor.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

namespace argus {

Shape::Shape(std::span<const std::int64_t> extents)
{
    if (extents.size() > static_cast<std::size_t>(kMaxRank))
        throw OpsError(fmt::format("a shape of {} axes: at most {} are supported", extents.size(), kMaxRank));
    std::int64_t product = 1;
    for (const std::int64_t extent : extents) {
        if (extent < 0 || __builtin_mul_overflow(product, std::max<std::int64_t>(extent, 1), &product))
            throw OpsError(fmt::format("the shape [{}] is negative or beyond 2^63 elements", fmt::join(extents, ", ")));
        m_extents[static_cast<std::size_t>(m_rank++)] = extent;
    }
}

std::int64_t Shape::elements() const
{
    std::int64_t count = 1;
    for (int axis = 0; axis < m_rank; ++axis)
        count *= (*this)[axis];
    return count;
}

std::string Shape::text() const
{
    return fmt::format("[{}]", fmt::join(m_extents.begin(), m_extents.begin() + m_rank, ", "));
}

bool Shape::operator==(const Shape& other) const
{
    return m_rank == other.m_rank && m_extents == other.m_extents;
}

void detail::refuseElements(DType type, const Shape& shape, const void* address)
{
    throw OpsError(fmt::format("a {} tensor {} at {} was asked for elements of another type or alignment", nameOf(type),
                               shape.text(), address));
}

namespace {

Shape withExtent(const Shape& shape, int axis, std::int64_t extent)
{
    std::array<std::int64_t, kMaxRank> extents{};
    for (int i = 0; i < shape.rank(); ++i)
        extents[static_cast<std::size_t>(i)] = i == axis ? extent : shape[i];
    return Shape(std::span<const std::int64_t>(extents.data(), static_cast<std::size_t>(shape.rank())));
}

void requireRange(const char* what, std::int64_t first, std::int64_t count, const Shape& shape, int axis)
{
    if (axis >= shape.rank() || first < 0 || count < 0 || first > shape[axis] || count > shape[axis] - first)
        throw OpsError(
            fmt::format("{} [{}, {} + {}) are not inside a tensor {}", what, first, first, count, shape.text()));
}

} // namespace

template <typename Byte>
BasicTensorView<Byte> BasicTensorView<Byte>::rows(std::int64_t first, std::int64_t count) const
{
    requireRange("rows", first, count, m_shape, 0);
    Byte* start = m_data + first * m_rowStride * static_cast<std::int64_t>(sizeOf(m_type));
    return {start, m_type, withExtent(m_shape, 0, count), m_rowStride};
}

template <typename Byte>
BasicTensorView<Byte> BasicTensorView<Byte>::reshaped(Shape shape) const
{
    if (!dense() || shape.elements() != m_shape.elements())
        throw OpsError(
            fmt::format("a {}tensor {} cannot be seen as {}", dense() ? "" : "strided ", m_shape.text(), shape.text()));
    return {m_data, m_type, shape};
}

template <typename Byte>
BasicTensorView<Byte> BasicTensorView<Byte>::columns(std::int64_t first, std::int64_t count) const
{
    if (m_shape.rank() != 2)
        throw OpsError(fmt::format("columns of a tensor {}: two axes are needed", m_shape.text()));
    requireRange("columns", first, count, m_shape, 1);
    return {m_data + first * static_cast<std::int64_t>(sizeOf(m_type)), m_type, withExtent(m_shape, 1, count),
            m_rowStride};
}

template class BasicTensorView<std::byte>;
template class BasicTensorView<const std::byte>;

HostTensor::HostTensor(DType type, Shape shape) : m_type(type), m_shape(shape)
{
    constexpr std::size_t kAlignment = 64; // a cache line, and the widest vector register
    const auto elements = static_cast<std::size_t>(shape.elements());
    if (elements > (SIZE_MAX / 2) / sizeOf(type))
        throw OpsError(fmt::format("a {} tensor {} does not fit the address space", nameOf(type), shape.text()));
    const std::size_t bytes =
        (std::max<std::size_t>(elements * sizeOf(type), 1) + kAlignment - 1) / kAlignment * kAlignment;
    m_memory.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, bytes)));
    if (!m_memory)
        throw OpsError(say("no-tensor-memory", nameOf(type), shape.text(), bytes));
}

void HostTensor::Free::operator()(std::byte* memory) const noexcept
{
    std::free(memory);
}

} // namespace argus
