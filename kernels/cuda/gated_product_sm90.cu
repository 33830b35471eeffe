#include "kernels/cuda/gated_product.h"

#include "kernels/cuda/products/gated_tiles.cuh"

#include <cudaTypedefs.h>

#include <algorithm>

namespace argus::kernels::cuda {
namespace {

/// The driver's function that describes a matrix to the copying hardware; null where there is none. Asked for by name,
/// for nothing else here needs the driver's library.
PFN_cuTensorMapEncodeTiled_v12000 mapEncoder()
{
    static const auto encoder = [] {
        void* function = nullptr;
        cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
        constexpr unsigned kVersion = 12000; // the function as CUDA 12.0 had it
        const cudaError_t status =
            cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, kVersion, cudaEnableDefault, &found);
#else
        const cudaError_t status =
            cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &function, cudaEnableDefault, &found);
#endif
        if (status != cudaSuccess || found != cudaDriverEntryPointSuccess)
            function = nullptr;
        return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
    }();
    return encoder;
}

/// A matrix of 16-bit elements in global memory.
struct MappedMatrix {
    const void* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t stride = 0;
    Format type = Format::BF16;
};
/// Boxes of 64 columns. What a load finds beyond the matrix is zero.
bool encodeMap(CUtensorMap& map, const MappedMatrix& matrix, int boxRows)
{
    const cuuint64_t extents[2] = {static_cast<cuuint64_t>(matrix.columns), static_cast<cuuint64_t>(matrix.rows)};
    const cuuint64_t strides[1] = {static_cast<cuuint64_t>(matrix.stride) * 2};
    const cuuint32_t box[2] = {64, static_cast<cuuint32_t>(boxRows)};
    const cuuint32_t steps[2] = {1, 1};
    const CUtensorMapDataType type =
        matrix.type == Format::F16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    return mapEncoder()(&map, type, 2, const_cast<void*>(matrix.data), extents, strides, box, steps,
                        CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                        CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

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
               cudaFuncGetAttributes(&code, products::gatedTiles<__half>) == cudaSuccess && code.numRegs >= 64 &&
               mapEncoder() != nullptr;
    }();
    return has;
}

bool aligned(const void* pointer, std::int64_t stride)
{
    return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0 && stride % 8 == 0;
}

template <typename T>
Status launchGated(const GatedProduct& work, Stream stream)
{
    using Layout = products::GatedLayout;
    constexpr int kCluster = products::GatedOrder::kCluster;
    constexpr int kClusterRows = Layout::kRows * kCluster;
    products::GatedTiles tiles{};
    if (!encodeMap(tiles.x, {work.x, work.rows, work.inputs, work.xStride, work.type}, Layout::kRows) ||
        !encodeMap(tiles.weight, {work.weight, work.outputs, work.inputs, work.inputs, work.type},
                   Layout::kOutputs / kCluster) ||
        !encodeMap(tiles.y, {work.y, work.rows, work.outputs / 2, work.yStride, work.type}, 64))
        return cudaErrorInvalidValue;
    tiles.bias = work.bias;
    tiles.outputs = work.outputs;
    tiles.steps = (work.inputs + Layout::kInputs - 1) / Layout::kInputs;
    tiles.rowTiles = (work.rows + kClusterRows - 1) / kClusterRows;
    tiles.outTiles = (work.outputs + Layout::kOutputs - 1) / Layout::kOutputs;
    // Two blocks always find room beside each other: multiprocessors come in pairs.
    const int clusters = std::max(std::min(tiles.rowTiles * tiles.outTiles, work.processors / kCluster), 1);
    const auto kernel = products::gatedTiles<T>;
    if (const cudaError_t status = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                        cudaFuncAttributeMaxDynamicSharedMemorySize, Layout::kBytes);
        status != cudaSuccess)
        return static_cast<Status>(status);
    return launch(kernel, dim3(static_cast<unsigned>(clusters * kCluster)), dim3(Layout::kThreads), Layout::kBytes,
                  stream, tiles);
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
    return work.type == Format::F16 ? launchGated<__half>(work, stream) : launchGated<__nv_bfloat16>(work, stream);
}

} // namespace argus::kernels::cuda
