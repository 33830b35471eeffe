#include "kernels/cuda/awq.h"

#include "kernels/cuda/products/awq_slabs.cuh"
#include "kernels/cuda/products/run.cuh"

namespace argus::kernels::cuda {
namespace {

template <typename T>
Status run(const AwqSkinny& work, Stream stream)
{
    const products::AwqSlabs<T> slabs{.codes = static_cast<const char*>(work.codes),
                                      .scales = static_cast<const char*>(work.scales),
                                      .zeros = static_cast<const char*>(work.zeros),
                                      .groups = work.base.inputs / kAwqGroup};
    return products::runProduct(work.base, slabs, stream);
}

} // namespace

Status awqSkinny(const AwqSkinny& work, Stream stream)
{
    return work.base.type == Format::F16 ? run<__half>(work, stream) : run<__nv_bfloat16>(work, stream);
}

} // namespace argus::kernels::cuda
