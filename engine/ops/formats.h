#pragma once
// Element types as kernels name them.

#include "engine/tensor/dtype.h"
#include "kernels/types.h"

namespace argus::ops {

/// F32, F16 or BF16; contracts have refused everything else.
[[nodiscard]] constexpr kernels::Format formatOf(DType type)
{
    return type == DType::F16    ? kernels::Format::F16
           : type == DType::BF16 ? kernels::Format::BF16
                                 : kernels::Format::F32;
}

} // namespace argus::ops
