#include "kernels/cuda/skinny.h"

#include "kernels/cuda/products/dense_slabs.cuh"
#include "kernels/cuda/products/one_row_dense.cuh"
#include "kernels/cuda/products/run.cuh"

namespace argus::kernels::cuda {

std::size_t skinnyWorkspace(int /*outputs*/, int processors)
{
    return products::Workspace(processors).bytes;
}

Status skinny(const Skinny& work, Stream stream)
{
    const auto run = [&]<typename T>(const T* weight) {
        if (products::one_row::fits(work))
            return products::one_row::withDenseMatrix(
                work, weight, [&](const auto& matrix) { return products::one_row::runPlainly(work, matrix, stream); });
        return products::runProduct(work, products::DenseSlabs<T>{.weight = weight, .inputs = work.inputs}, stream);
    };
    if (work.type == Format::F16)
        return run(static_cast<const __half*>(work.weight));
    return run(static_cast<const __nv_bfloat16*>(work.weight));
}

bool fitsIntoCache(const Skinny& work)
{
    return work.epilogue == SkinnyEpilogue::Store && work.out == work.type && products::one_row::fits(work);
}

Status skinnyIntoCache(const Skinny& work, const SkinnyIntoCache& target, Stream stream)
{
    const auto run = [&]<typename T>(const T* weight) {
        return products::one_row::withDenseMatrix(work, weight, [&](const auto& matrix) {
            return products::one_row::runIntoCache(work, matrix, target, stream);
        });
    };
    if (work.type == Format::F16)
        return run(static_cast<const __half*>(work.weight));
    return run(static_cast<const __nv_bfloat16*>(work.weight));
}

} // namespace argus::kernels::cuda
