// Weights on their way to the GPU: from mapped files through pinned memory, converted and put in their places there.

#include "engine/base/catalogue.h"
#include "engine/ops/contract.h"
#include "engine/ops/cuda/cuda_ops.h"
#include "engine/ops/cuda_layout.h"
#include "engine/ops/formats.h"
#include "kernels/cpu/team.h"
#include "kernels/cuda/awq.h"
#include "kernels/cuda/loading.h"

#include <fmt/format.h>

#include <algorithm>

namespace argus::ops::cuda {

namespace {

constexpr float kDeviation = 0.02f; ///< of made-up weights, as models are initialised

} // namespace

/// Rows of a float tensor into their places, a piece of the staging memory at a time.
void CudaOps::placeRows(std::byte* target, std::int64_t targetColumns, std::int64_t firstRow, std::int64_t rowStep,
                        DType to, ConstTensorView host)
{
    const std::int64_t columns = host.rank() == 1 ? 1 : host.extent(1);
    const std::size_t rowBytes = static_cast<std::size_t>(columns) * sizeOf(host.dtype());
    for (std::int64_t first = 0; first < host.extent(0);) {
        const Device::Half half = m_device->beginStaging();
        const std::int64_t count = std::min(host.extent(0) - first, static_cast<std::int64_t>(half.bytes / rowBytes));
        if (count == 0)
            throw OpsError(fmt::format("a row of {} is longer than the staging memory", host.shape().text()));
        const std::size_t bytes = static_cast<std::size_t>(count) * rowBytes;
        fillRows(half.host, host.rows(first, count));
        check("load", cudaMemcpyAsync(half.device, half.host, bytes, cudaMemcpyHostToDevice, m_device->stream()));
        check("load", kernels::cuda::placeRows({.target = target,
                                                .targetStride = targetColumns,
                                                .source = half.device,
                                                .sourceStride = columns,
                                                .rows = static_cast<int>(count),
                                                .columns = static_cast<int>(columns),
                                                .targetColumns = static_cast<int>(targetColumns),
                                                .firstRow = static_cast<int>(firstRow + first * rowStep),
                                                .rowStep = static_cast<int>(rowStep),
                                                .from = formatOf(host.dtype()),
                                                .to = formatOf(to),
                                                .overflows = m_overflows},
                                               m_device->stream()));
        m_device->endStaging();
        first += count;
    }
}

/// A checkpoint whose numbers float16 cannot hold is told of, not turned into infinities.
void CudaOps::requireRange()
{
    if (computeType() != DType::F16)
        return;
    unsigned long long overflows = 0;
    check("load",
          cudaMemcpyAsync(&overflows, m_overflows, sizeof overflows, cudaMemcpyDeviceToHost, m_device->stream()));
    synchronize();
    if (overflows > 0)
        throw OutOfRange(say("beyond-float16", overflows));
}

Weight CudaOps::placeTable(ConstTensorView host)
{
    Contract("placeTable").require(host.rank() == 2 && host.dense(), "a table is a dense matrix");
    auto memory = m_device->take(static_cast<std::uint64_t>(host.shape().elements()) * sizeOf(computeType()));
    if (host.bytes() != nullptr) {
        placeRows(memory.get(), host.extent(1), 0, 1, computeType(), host);
        requireRange();
    } else {
        check("load", kernels::cuda::fillNormal(memory.get(), host.shape().elements(), format(), 0, kDeviation,
                                                m_seed++, m_device->stream()));
    }
    const ConstTensorView view(memory.get(), computeType(), host.shape());
    return {view, std::move(memory)};
}

Weight CudaOps::placeVector(ConstTensorView host)
{
    Contract("placeVector").require(host.rank() == 1 && host.dense(), "a vector has one dimension");
    auto memory = m_device->take(static_cast<std::uint64_t>(host.extent(0)) * sizeOf(computeType()));
    if (host.bytes() != nullptr)
        placeRows(memory.get(), host.extent(0), 0, 1, computeType(), host.reshaped({1, host.extent(0)}));
    else
        check("load",
              kernels::cuda::fillNormal(memory.get(), host.extent(0), format(), 1, 0, m_seed++, m_device->stream()));
    const ConstTensorView view(memory.get(), computeType(), host.shape());
    return {view, std::move(memory)};
}

Weight CudaOps::placeFloats(std::span<const float> values)
{
    const Shape shape{static_cast<std::int64_t>(values.size())};
    auto memory = m_device->take(values.size_bytes());
    upload({memory.get(), DType::F32, shape}, {reinterpret_cast<const std::byte*>(values.data()), DType::F32, shape});
    const ConstTensorView view(memory.get(), DType::F32, shape);
    return {view, std::move(memory)};
}

std::shared_ptr<CudaProduct> CudaOps::emptyProduct(std::span<const StoredLinear> parts, bool gated)
{
    const ProductLayout layout = productLayout(parts, computeType());
    auto product = std::make_shared<CudaProduct>(gated ? layout.rows / 2 : layout.rows, layout.inputs);
    product->packed = layout.packed;
    product->gated = gated;
    product->rows = layout.rows;
    const auto empty = [&](std::uint64_t bytes) {
        auto memory = bytes > 0 ? m_device->take(bytes) : nullptr;
        if (memory)
            check("load", cudaMemsetAsync(memory.get(), 0, bytes, m_device->stream()));
        return memory;
    };
    product->weight = empty(layout.weight);
    product->scales = empty(layout.scales);
    product->zeros = empty(layout.scales);
    product->bias = empty(layout.bias);
    product->wideBias = empty(layout.wideBias);
    return product;
}

void CudaOps::placeBias(CudaProduct& product, ConstTensorView bias, std::int64_t firstRow, std::int64_t rowStep)
{
    const ConstTensorView rows = bias.reshaped({bias.extent(0), 1});
    placeRows(product.bias.get(), 1, firstRow, rowStep, computeType(), rows);
    placeRows(product.wideBias.get(), 1, firstRow, rowStep, DType::F32, rows);
}

/// The bytes of a tensor to a place on the device, as they are.
std::byte* CudaOps::bring(ConstTensorView host, std::byte* target)
{
    upload({target, host.dtype(), host.shape()}, host);
    return target;
}

void CudaOps::placePacked(CudaProduct& product, const StoredLinear& part, std::int64_t firstRow, std::int64_t rowStep)
{
    const auto bytes = [](const ConstTensorView& view) {
        return Arena::aligned(static_cast<std::uint64_t>(view.shape().elements()) * sizeOf(view.dtype()));
    };
    const AwqTensors& awq = part.awq;
    const std::uint64_t words = bytes(awq.qweight);
    const std::uint64_t zeros = bytes(awq.qzeros);
    if (words + zeros + bytes(awq.scales) > kWidenedBytes)
        throw OpsError(fmt::format("awq: a layer of {} is larger than its staging memory", awq.qweight.shape().text()));
    std::byte* const at = m_widened.get(); // free while a model is loaded
    const std::byte* const qweight = bring(awq.qweight, at);
    const std::byte* const qzeros = bring(awq.qzeros, at + words);
    const std::byte* const scales = bring(awq.scales, at + words + zeros);
    check("load", kernels::cuda::awqRepack({.codes = product.weight.get(),
                                            .scales = product.scales.get(),
                                            .zeros = product.zeros.get(),
                                            .qweight = reinterpret_cast<const std::int32_t*>(qweight),
                                            .qzeros = reinterpret_cast<const std::int32_t*>(qzeros),
                                            .sourceScales = scales,
                                            .outputs = static_cast<int>(product.rows),
                                            .inputs = static_cast<int>(product.inputs()),
                                            .sourceOutputs = static_cast<int>(awq.scales.extent(1)),
                                            .sourceInputs = static_cast<int>(awq.qweight.extent(0)),
                                            .firstOutput = static_cast<int>(firstRow),
                                            .outputStep = static_cast<int>(rowStep)},
                                           m_device->stream()));
}

void CudaOps::placeLinear(CudaProduct& product, const StoredLinear& part, std::int64_t firstRow, std::int64_t rowStep)
{
    if (part.packed)
        placePacked(product, part, firstRow, rowStep);
    else
        placeRows(product.weight.get(), product.inputs(), firstRow, rowStep, computeType(), part.weight);
    if (part.bias.rank() != 0)
        placeBias(product, part.bias, firstRow, rowStep);
}

void CudaOps::makeUp(CudaProduct& product)
{
    const auto inputs = static_cast<int>(product.inputs());
    if (product.packed)
        check("load", kernels::cuda::awqFill(product.weight.get(), product.scales.get(), product.zeros.get(),
                                             static_cast<int>(product.rows), inputs, m_seed++, m_device->stream()));
    else
        check("load", kernels::cuda::fillNormal(product.weight.get(), product.rows * product.inputs(), format(), 0,
                                                kDeviation, m_seed++, m_device->stream()));
    // Biases stay zero: their cost is the same, and sums of many layers stay sane.
}

ProductPtr CudaOps::placeProduct(std::span<const StoredLinear> parts)
{
    auto product = emptyProduct(parts, false);
    const bool madeUp =
        parts.front().packed ? parts.front().awq.qweight.bytes() == nullptr : parts.front().weight.bytes() == nullptr;
    if (madeUp) {
        makeUp(*product);
        return product;
    }
    std::int64_t row = 0;
    for (const StoredLinear& part : parts) {
        placeLinear(*product, part, row, 1);
        row += part.outputs;
    }
    requireRange();
    return product;
}

ProductPtr CudaOps::placeGatedProduct(const StoredLinear& gate, const StoredLinear& up)
{
    auto product = emptyProduct(std::array{gate, up}, true);
    if ((gate.packed ? gate.awq.qweight.bytes() : gate.weight.bytes()) == nullptr) {
        makeUp(*product);
        return product;
    }
    placeLinear(*product, gate, 0, 2);
    placeLinear(*product, up, 1, 2);
    requireRange();
    return product;
}

ProductPtr CudaOps::productOf(const Weight& table)
{
    auto product = std::make_shared<CudaProduct>(table.view().extent(0), table.view().extent(1));
    product->rows = table.view().extent(0);
    product->owner = table.owner();
    // The table's owner keeps the memory; this pointer only looks at it.
    product->weight = {const_cast<std::byte*>(table.view().bytes()), [](std::byte*) {}};
    return product;
}

} // namespace argus::ops::cuda
