// Products: few rows to our own kernels, which stream the matrix once with everything around it fused; many rows to
// cuBLASLt, except that gate and up have a kernel with their gate where the device can run it.

#include "engine/ops/contract.h"
#include "engine/ops/cuda/cuda_ops.h"
#include "engine/ops/cuda_layout.h"
#include "engine/ops/formats.h"
#include "kernels/cuda/awq.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/skinny.h"

#include <algorithm>

namespace argus::ops::cuda {

namespace {

/// Packed weights are widened for more rows than this; below, unpacking again and again is cheaper than writing.
constexpr std::int64_t kMostPackedRows = kernels::cuda::kMostSkinnyRows;
static_assert(kernels::cuda::kFewestGatedRows <= kOneKernelGatedRows, "the scratch is for fewer rows");

} // namespace

bool CudaOps::few(const Work& work) const
{
    const bool fits = computeType() != DType::F32 && work.product.inputs() % 64 == 0 && work.product.rows % 16 == 0;
    return fits && work.x.extent(0) <= (work.product.packed ? kMostPackedRows : m_mostFewRows);
}

void CudaOps::requireProduct(const char* operation, const Work& work) const
{
    Contract(operation)
        .tensor("x", work.x, work.norm.gain.bytes() ? residualType() : computeType(), {"rows", "inputs"})
        .tensor("y", work.y, work.y.dtype() == residualType() ? residualType() : computeType(), {"rows", "outputs"})
        .require(!work.accumulate || work.y.dtype() == residualType(), "a sum is of another type than the residual")
        .require(work.x.extent(1) == work.product.inputs() && work.y.extent(1) == work.product.outputs(),
                 "x or y has another width than the product");
}

/// x as products take it: the norm of it when there is one.
ConstTensorView CudaOps::normed(ConstTensorView x, const Norm& norm)
{
    if (!norm.gain.bytes())
        return x;
    rmsNorm(norm.scratch, x, norm.gain, norm.epsilon);
    return norm.scratch;
}

kernels::cuda::Skinny CudaOps::jobOf(const Work& work) const
{
    const CudaProduct& product = work.product;
    const auto rows = static_cast<int>(work.x.extent(0));
    const bool norm = work.norm.gain.bytes() != nullptr;
    return {
        .y = work.y.bytes(),
        .yStride = work.y.rowStride(),
        .x = work.x.bytes(),
        .xStride = work.x.rowStride(),
        .weight = product.weight.get(),
        .bias = product.bias.get(),
        .gain = work.norm.gain.bytes(),
        .epsilon = work.norm.epsilon,
        .rows = rows,
        .inputs = static_cast<int>(product.inputs()),
        .outputs = static_cast<int>(product.rows),
        .epilogue = product.gated     ? kernels::cuda::SkinnyEpilogue::SiluMul
                    : work.accumulate ? kernels::cuda::SkinnyEpilogue::Accumulate
                                      : kernels::cuda::SkinnyEpilogue::Store,
        .type = format(),
        .out = formatOf(work.y.dtype()),
        .xType = norm ? residualFormat() : format(),
        .workspace = m_kernelMemory.get() + kProductPlace,
        .workspaceBytes = kSamplingPlace - kProductPlace,
        .processors = m_device->processors(),
    };
}

kernels::cuda::AwqSkinny CudaOps::packedJobOf(const Work& work) const
{
    return {.base = jobOf(work),
            .codes = work.product.weight.get(),
            .scales = work.product.scales.get(),
            .zeros = work.product.zeros.get()};
}

kernels::cuda::GatedProduct CudaOps::gatedJobOf(const Work& work) const
{
    return {.y = work.y.bytes(),
            .yStride = work.y.rowStride(),
            .x = work.x.bytes(),
            .xStride = work.x.rowStride(),
            .weight = work.product.weight.get(),
            .bias = work.product.bias.get(),
            .rows = static_cast<int>(work.x.extent(0)),
            .inputs = static_cast<int>(work.product.inputs()),
            .outputs = static_cast<int>(work.product.rows),
            .type = format(),
            .processors = m_device->processors()};
}

void CudaOps::runFew(const Work& work)
{
    if (work.product.packed)
        check("project", kernels::cuda::awqSkinny(packedJobOf(work), m_device->stream()));
    else
        check("project", kernels::cuda::skinny(jobOf(work), m_device->stream()));
}

void CudaOps::runMany(TensorView y, ConstTensorView x, const CudaProduct& product, bool accumulate)
{
    const bool wide = y.dtype() == DType::F32;
    Gemm gemm{.y = y.bytes(),
              .yStride = y.rowStride(),
              .x = x.bytes(),
              .xStride = x.rowStride(),
              .weight = product.weight.get(),
              .weightStride = product.inputs(),
              .bias = wide ? product.wideBias.get() : product.bias.get(),
              .rows = x.extent(0),
              .outputs = product.rows,
              .inputs = product.inputs(),
              .type = computeType(),
              .yType = y.dtype(),
              .biasType = y.dtype(),
              .accumulate = accumulate};
    if (!product.packed) {
        m_blas->run(gemm, m_device->stream());
        return;
    }
    // As many outputs at a time as the scratch holds widened.
    const std::int64_t most =
        static_cast<std::int64_t>(kWidenedBytes / sizeOf(computeType())) / product.inputs() / 64 * 64;
    for (std::int64_t first = 0; first < product.rows; first += most) {
        const std::int64_t count = std::min(most, product.rows - first);
        check("project", kernels::cuda::awqWiden({.weight = m_widened.get(),
                                                  .codes = product.weight.get(),
                                                  .scales = product.scales.get(),
                                                  .zeros = product.zeros.get(),
                                                  .outputs = static_cast<int>(product.rows),
                                                  .inputs = static_cast<int>(product.inputs()),
                                                  .firstOutput = static_cast<int>(first),
                                                  .outputCount = static_cast<int>(count),
                                                  .type = format()},
                                                 m_device->stream()));
        Gemm part = gemm;
        part.weight = m_widened.get();
        part.outputs = count;
        part.y = y.bytes() + static_cast<std::size_t>(first) * sizeOf(y.dtype());
        const std::byte* const bias = wide ? product.wideBias.get() : product.bias.get();
        if (bias != nullptr)
            part.bias = bias + static_cast<std::size_t>(first) * sizeOf(y.dtype());
        m_blas->run(part, m_device->stream());
    }
}

void CudaOps::project(TensorView y, ConstTensorView x, const Product& product, const Norm& norm, bool accumulate)
{
    const Work work{y, x, static_cast<const CudaProduct&>(product), norm, accumulate};
    requireProduct("project", work);
    if (x.extent(0) == 0)
        return;
    if (few(work))
        runFew(work);
    else
        runMany(y, normed(x, norm), work.product, accumulate);
}

void CudaOps::projectIntoCache(const LayerCache& cache, TensorView qkv, ConstTensorView x, const Product& product,
                               const Norm& norm, ConstTensorView cosines, ConstTensorView sines,
                               const PagedBatch& batch)
{
    const Work work{qkv, x, static_cast<const CudaProduct&>(product), norm, false};
    requireProduct("projectIntoCache", work);
    const kernels::cuda::Skinny job = jobOf(work);
    const bool fits = work.product.packed ? kernels::cuda::awqFitsIntoCache(job, static_cast<int>(cache.keys.extent(3)))
                                          : kernels::cuda::fitsIntoCache(job);
    if (!few(work) || !fits) {
        project(qkv, x, product, norm, false);
        rotateIntoCache(cache, qkv, cosines, sines, batch);
        return;
    }
    const kernels::cuda::RotateIntoCache turn = rotation("projectIntoCache", cache, qkv, cosines, sines, batch);
    const kernels::cuda::SkinnyIntoCache target{.cosines = turn.cosines,
                                                .sines = turn.sines,
                                                .keys = turn.keys,
                                                .values = turn.values,
                                                .places = turn.places,
                                                .heads = turn.heads,
                                                .kvHeads = turn.kvHeads,
                                                .headDim = turn.headDim,
                                                .blockTokens = turn.blockTokens};
    check("projectIntoCache", work.product.packed
                                  ? kernels::cuda::awqSkinnyIntoCache(packedJobOf(work), target, m_device->stream())
                                  : kernels::cuda::skinnyIntoCache(job, target, m_device->stream()));
}

void CudaOps::gatedProject(TensorView y, TensorView scratch, ConstTensorView x, const Product& product,
                           const Norm& norm)
{
    const Work work{y, x, static_cast<const CudaProduct&>(product), norm, false};
    requireProduct("gatedProject", work);
    if (x.extent(0) == 0)
        return;
    if (few(work)) {
        runFew(work);
        return;
    }
    Contract("gatedProject")
        .require(scratch.extent(0) > 0 && scratch.extent(1) == work.product.rows,
                 "scratch should be as wide as gate and up together");
    const ConstTensorView input = normed(x, norm);
    // Not tried with a packed matrix, of which parts are widened: with 2,048 rows, a usual step, their tiles would fill
    // a device of 132 multiprocessors in 21 turns, where those of the whole take 18.
    if (const kernels::cuda::GatedProduct job = gatedJobOf({y, input, work.product, norm, false});
        !work.product.packed && job.rows >= kernels::cuda::kFewestGatedRows && kernels::cuda::takesGatedProduct(job)) {
        check("gatedProject", kernels::cuda::gatedProduct(job, m_device->stream()));
        return;
    }
    for (std::int64_t first = 0; first < x.extent(0); first += scratch.extent(0)) {
        const std::int64_t rows = std::min(scratch.extent(0), x.extent(0) - first);
        const TensorView pairs = scratch.rows(0, rows);
        const TensorView out = y.rows(first, rows);
        runMany(pairs, input.rows(first, rows), work.product, false);
        check("gatedProject", kernels::cuda::siluMulPairs({.y = out.bytes(),
                                                           .yStride = out.rowStride(),
                                                           .x = pairs.bytes(),
                                                           .xStride = pairs.rowStride(),
                                                           .rows = static_cast<int>(rows),
                                                           .columns = static_cast<int>(work.product.outputs()),
                                                           .type = format()},
                                                          m_device->stream()));
    }
}

} // namespace argus::ops::cuda
