#include "kernels/cuda/gated_product.h"

#include "kernels/cuda/products/gated_launch.cuh"

namespace argus::kernels::cuda {
namespace {

using Shape = products::GatedShape<2, 2>;

/// Whether the device of the calling thread is of compute capability 9.0 and runs code that was compiled for it in
/// particular; found out once, as in launch.cuh.
bool hasGatedTiles()
{
    thread_local const bool has = [] {
        int device = 0;
        int major = 0;
        int minor = 0;
        cudaFuncAttributes code{};
        // Compiled for anything else the kernel is but a trap, with next to no registers.
        return cudaGetDevice(&device) == cudaSuccess &&
               cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess && major == 9 &&
               cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess && minor == 0 &&
               cudaFuncGetAttributes(&code, products::gatedTiles<__half, Shape>) == cudaSuccess && code.numRegs >= 64 &&
               products::mapEncoder() != nullptr;
    }();
    return has;
}

bool aligned(const void* pointer, std::int64_t stride)
{
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0 && stride % 8 == 0;
}

} // namespace

bool takesGatedProduct(const GatedProduct& work)
{
    return work.type != Format::F32 && work.rows > 0 && work.outputs % 16 == 0 && aligned(work.x, work.xStride) &&
           aligned(work.weight, work.inputs) && aligned(work.y, work.yStride) &&
           reinterpret_cast<std::uintptr_t>(work.bias) % 4 == 0 && hasGatedTiles();
}

Status gatedProduct(const GatedProduct& work, Stream stream)
{
    if (work.rows == 0)
        return 0;
    if (!takesGatedProduct(work))
        return cudaErrorNotSupported;
    return work.type == Format::F16 ? products::launchGated<__half, Shape>(work, {}, stream)
                                    : products::launchGated<__nv_bfloat16, Shape>(work, {}, stream);
}

} // namespace argus::kernels::cuda
