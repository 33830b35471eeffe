#include "engine/ops/contract.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

namespace argus::ops {

const Contract::Dim* Contract::find(std::string_view name) const
{
    for (int i = 0; i < m_count; ++i)
        if (m_dims[static_cast<std::size_t>(i)].name == name)
            return &m_dims[static_cast<std::size_t>(i)];
    return nullptr;
}

void Contract::shape(std::string_view name, const ConstTensorView& view, std::initializer_list<std::string_view> dims)
{
    if (view.rank() != static_cast<int>(dims.size()))
        throw OpsError(fmt::format("{}: {} should have dimensions [{}], has shape {}", m_operation, name,
                                   fmt::join(dims, ", "), view.shape().text()));
    int axis = 0;
    for (const std::string_view dim : dims) {
        const std::int64_t extent = view.extent(axis++);
        if (extent > std::numeric_limits<int>::max())
            throw OpsError(
                fmt::format("{}: {} = {} of {} is beyond what kernels count", m_operation, dim, extent, name));
        if (const Dim* known = find(dim)) {
            if (known->value != extent)
                throw OpsError(fmt::format("{}: {} should have {} = {} (from {}), has {}", m_operation, name, dim,
                                           known->value, known->from, extent));
            continue;
        }
        if (m_count == kMostDims)
            throw OpsError(fmt::format("{}: more than {} dimensions", m_operation, kMostDims));
        m_dims[static_cast<std::size_t>(m_count++)] = {dim, name, extent};
    }
    if (!view.bytes() && view.shape().elements() > 0)
        throw OpsError(fmt::format("{}: {} has no memory", m_operation, name));
}

Contract& Contract::tensor(std::string_view name, const ConstTensorView& view, DType type,
                           std::initializer_list<std::string_view> dims)
{
    shape(name, view, dims);
    if (view.dtype() != type)
        throw OpsError(
            fmt::format("{}: {} should hold {}, holds {}", m_operation, name, nameOf(type), nameOf(view.dtype())));
    return *this;
}

Contract& Contract::weight(std::string_view name, const ConstTensorView& view,
                           std::initializer_list<std::string_view> dims)
{
    shape(name, view, dims);
    if (view.dtype() != DType::F32 && view.dtype() != DType::F16 && view.dtype() != DType::BF16)
        throw OpsError(
            fmt::format("{}: {} should hold F32, F16 or BF16, holds {}", m_operation, name, nameOf(view.dtype())));
    return *this;
}

Contract& Contract::dense(std::string_view name, const ConstTensorView& view)
{
    if (!view.dense())
        throw OpsError(
            fmt::format("{}: {} should be dense, its rows are {} elements apart", m_operation, name, view.rowStride()));
    return *this;
}

Contract& Contract::multipleOf(std::string_view dim, std::int64_t divisor)
{
    if (divisor <= 0 || (*this)[dim] % divisor != 0)
        throw OpsError(fmt::format("{}: {} = {} should be a multiple of {}", m_operation, dim, (*this)[dim], divisor));
    return *this;
}

Contract& Contract::patchesOf(const ConstTensorView& patches, DType type, const ConstTensorView& frames)
{
    constexpr int kSide = 14;  // of a patch
    constexpr int kMerge = 2;  // patches of a merge block along each axis
    constexpr int kFrames = 2; // of a patch
    tensor("frames", frames, DType::U8, {"frames", "height", "width", "channels"}).dense("frames", frames);
    tensor("patches", patches, type, {"patches", "columns"}).dense("patches", patches);
    multipleOf("height", kMerge * kSide).multipleOf("width", kMerge * kSide);
    const Contract& dims = *this;
    const std::int64_t pairs = (std::int64_t{dims["frames"]} + kFrames - 1) / kFrames;
    const std::int64_t due = pairs * (dims["height"] / kSide) * (dims["width"] / kSide);
    return require(dims["channels"] == 3, "frames should have 3 channels")
        .require(dims["columns"] == 3 * kFrames * kSide * kSide, "patches should have 1176 columns")
        .require(dims["patches"] == due, "frames have another number of patches");
}

Contract& Contract::atMost(std::string_view dim, std::int64_t bound)
{
    if ((*this)[dim] > bound)
        throw OpsError(fmt::format("{}: {} = {} should be at most {}", m_operation, dim, (*this)[dim], bound));
    return *this;
}

Contract& Contract::require(bool kept, std::string_view promise)
{
    if (!kept)
        throw OpsError(fmt::format("{}: {}", m_operation, promise));
    return *this;
}

int Contract::operator[](std::string_view dim) const
{
    const Dim* known = find(dim);
    if (!known)
        throw OpsError(fmt::format("{}: no tensor mentions {}", m_operation, dim));
    return static_cast<int>(known->value);
}

void requireIndices(std::string_view operation, std::string_view name, std::span<const std::int32_t> indices,
                    std::int64_t bound)
{
    for (std::size_t i = 0; i < indices.size(); ++i)
        if (indices[i] < 0 || indices[i] >= bound)
            throw OpsError(fmt::format("{}: {}[{}] = {} is not below {}", operation, name, i, indices[i], bound));
}

} // namespace argus::ops
