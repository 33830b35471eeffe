#include "engine/ops/awq.h"

#include <fmt/format.h>

#include <cstring>

namespace argus::ops {

namespace {

/// Where output n of a word of eight stands in it.
constexpr int kShift[8] = {0, 16, 4, 20, 8, 24, 12, 28};

/// 32 or 16 bits of a tensor that need not be aligned.
template <typename T>
T at(const ConstTensorView& view, std::int64_t row, std::int64_t column)
{
    T value{};
    std::memcpy(&value, view.bytes() + static_cast<std::size_t>(row * view.rowStride() + column) * sizeof(T),
                sizeof(T));
    return value;
}

} // namespace

Weight widenAwq(const AwqTensors& packed)
{
    const std::int64_t inputs = packed.qweight.extent(0);
    const std::int64_t outputs = packed.scales.extent(1);
    const std::int64_t groups = inputs / kAwqGroup;
    if (packed.qweight.dtype() != DType::I32 || packed.qzeros.dtype() != DType::I32 ||
        packed.scales.dtype() != DType::F16 || inputs % kAwqGroup != 0 || outputs % 8 != 0 ||
        !(packed.qweight.shape() == Shape{inputs, outputs / 8}) ||
        !(packed.qzeros.shape() == Shape{groups, outputs / 8}) || !(packed.scales.shape() == Shape{groups, outputs}))
        throw OpsError(fmt::format("awq: qweight {}, qzeros {} and scales {} do not belong together",
                                   packed.qweight.shape().text(), packed.qzeros.shape().text(),
                                   packed.scales.shape().text()));
    auto memory = std::make_shared<HostTensor>(DType::F16, Shape{outputs, inputs});
    auto* const weight = memory->view().data<std::uint16_t>();
    for (std::int64_t k = 0; k < inputs; ++k)
        for (std::int64_t n = 0; n < outputs; ++n) {
            const int shift = kShift[n % 8];
            const auto code = static_cast<int>(at<std::uint32_t>(packed.qweight, k, n / 8) >> shift & 15U);
            const auto zero = static_cast<int>(at<std::uint32_t>(packed.qzeros, k / kAwqGroup, n / 8) >> shift & 15U);
            const float scale = fromF16(at<std::uint16_t>(packed.scales, k / kAwqGroup, n));
            weight[n * inputs + k] = toF16(static_cast<float>(code - zero) * scale);
        }
    const ConstTensorView view = memory->view();
    return {view, std::move(memory)};
}

} // namespace argus::ops
