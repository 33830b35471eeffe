#include "kernels/cuda/awq.h"

#include "kernels/cuda/products/awq_slabs.cuh"
#include "kernels/cuda/products/one_row_awq.cuh"
#include "kernels/cuda/products/run.cuh"

namespace argus::kernels::cuda {
namespace {

/// The matrix of the work as `Matrix` wants it.
template <typename Matrix>
Matrix matrixOf(const AwqSkinny& work)
{
    return {.codes = static_cast<const char*>(work.codes),
            .scales = static_cast<const char*>(work.scales),
            .zeros = static_cast<const char*>(work.zeros),
            .groups = work.base.inputs / kAwqGroup};
}

template <typename T, int kTiles, int kEach>
using OneRow = products::one_row::AwqMatrix<T, kTiles, kEach>;

template <typename T>
Status run(const AwqSkinny& work, Stream stream)
{
    if (!products::one_row::fits(work.base))
        return products::runProduct(work.base, matrixOf<products::AwqSlabs<T>>(work), stream);
    // Two tiles a block as soon as half of the multiprocessors get two such blocks.
    if (2 * (work.base.outputs / OneRow<T, 2, 3>::kUnit) >= 3 * work.base.processors)
        return products::one_row::runPlainly(work.base, matrixOf<OneRow<T, 2, 3>>(work), stream);
    return products::one_row::runPlainly(work.base, matrixOf<OneRow<T, 1, 2>>(work), stream);
}

/// What turns with a dimension is half a head away: in a tile of its own.
template <typename T>
Status runIntoCache(const AwqSkinny& work, const SkinnyIntoCache& target, Stream stream)
{
    if (work.base.outputs / OneRow<T, 2, 2>::kUnit <= 2 * work.base.processors)
        return products::one_row::runIntoCache(work.base, matrixOf<OneRow<T, 2, 2>>(work), target, stream);
    return products::one_row::runIntoCache(work.base, matrixOf<OneRow<T, 2, 3>>(work), target, stream);
}

} // namespace

Status awqSkinny(const AwqSkinny& work, Stream stream)
{
    return work.base.type == Format::F16 ? run<__half>(work, stream) : run<__nv_bfloat16>(work, stream);
}

bool awqFitsIntoCache(const Skinny& work, int headDim)
{
    return fitsIntoCache(work) && headDim % OneRow<__half, 2, 2>::kUnit == 0;
}

Status awqSkinnyIntoCache(const AwqSkinny& work, const SkinnyIntoCache& target, Stream stream)
{
    return work.base.type == Format::F16 ? runIntoCache<__half>(work, target, stream)
                                         : runIntoCache<__nv_bfloat16>(work, target, stream);
}

} // namespace argus::kernels::cuda
