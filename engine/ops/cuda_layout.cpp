#include "engine/ops/cuda_layout.h"

#include "engine/ops/awq.h"

namespace argus::ops {

ProductLayout productLayout(std::span<const StoredLinear> parts, DType compute)
{
    ProductLayout layout;
    layout.inputs = parts.front().inputs;
    layout.packed = parts.front().packed;
    bool biased = false;
    for (const StoredLinear& part : parts) {
        if (part.inputs != layout.inputs || part.packed != layout.packed)
            throw OpsError("placeProduct: layers of one product have different inputs");
        layout.rows += part.outputs;
        biased = biased || part.bias.rank() != 0;
    }
    const auto numbers = static_cast<std::uint64_t>(layout.rows) * static_cast<std::uint64_t>(layout.inputs);
    if (layout.packed) {
        layout.weight = numbers / 2;
        layout.scales = numbers / static_cast<std::uint64_t>(kAwqGroup) * sizeof(std::uint16_t);
    } else {
        layout.weight = numbers * sizeOf(compute);
    }
    if (biased) {
        layout.bias = static_cast<std::uint64_t>(layout.rows) * sizeOf(compute);
        layout.wideBias = static_cast<std::uint64_t>(layout.rows) * sizeof(float);
    }
    return layout;
}

} // namespace argus::ops
