#include "engine/ops/measuring_ops.h"

#include "engine/ops/cuda_layout.h"

#include <array>

namespace argus::ops {

namespace {

class CountedProduct final : public Product {
public:
    CountedProduct(std::int64_t outputs, std::int64_t inputs) : Product(outputs, inputs) {}
};

std::uint64_t bytesOf(DType type, const Shape& shape)
{
    return Arena::aligned(std::max<std::uint64_t>(static_cast<std::uint64_t>(shape.elements()) * sizeOf(type), 1));
}

} // namespace

MeasuringOps::MeasuringOps(const CudaFacts& facts)
    : Ops(cudaTraits(facts)), m_other(kStagingBytes + kProductBytes + kKernelBytes + (facts.packed ? kWidenedBytes : 0))
{
}

DeviceTensor MeasuringOps::allocate(DType type, const Shape& shape)
{
    m_other += bytesOf(type, shape);
    return {TensorView(nullptr, type, shape), nullptr};
}

Weight MeasuringOps::counted(DType type, const Shape& shape)
{
    m_weights += bytesOf(type, shape);
    return {ConstTensorView(nullptr, type, shape), nullptr};
}

Weight MeasuringOps::placeTable(ConstTensorView host)
{
    return counted(computeType(), host.shape());
}
Weight MeasuringOps::placeVector(ConstTensorView host)
{
    return counted(computeType(), host.shape());
}
Weight MeasuringOps::placeFloats(std::span<const float> values)
{
    return counted(DType::F32, {static_cast<std::int64_t>(values.size())});
}

ProductPtr MeasuringOps::placeProduct(std::span<const StoredLinear> parts)
{
    const ProductLayout layout = productLayout(parts, computeType());
    for (const std::uint64_t piece : {layout.weight, layout.scales, layout.scales, layout.bias, layout.wideBias})
        m_weights += Arena::aligned(piece);
    return std::make_shared<CountedProduct>(layout.rows, layout.inputs);
}

ProductPtr MeasuringOps::placeGatedProduct(const StoredLinear& gate, const StoredLinear& up)
{
    const auto pair = placeProduct(std::array{gate, up});
    return std::make_shared<CountedProduct>(gate.outputs, gate.inputs);
}

ProductPtr MeasuringOps::productOf(const Weight& table)
{
    return std::make_shared<CountedProduct>(table.view().extent(0), table.view().extent(1));
}

} // namespace argus::ops
