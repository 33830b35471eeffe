#pragma once
// From a GatedProduct to a launch of gatedTiles().

#include "kernels/cuda/products/gated_tiles.cuh"

#include <cudaTypedefs.h>

#include <algorithm>

namespace argus::kernels::cuda::products {

/// The driver's function that describes a matrix to the copying hardware; null where there is none. Asked for by name,
/// for nothing else here needs the driver's library.
[[nodiscard]] inline PFN_cuTensorMapEncodeTiled_v12000 mapEncoder()
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
[[nodiscard]] inline bool encodeMap(CUtensorMap& map, const MappedMatrix& matrix, int boxRows)
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

/// Takes `work` as it is: see takesGatedProduct(). Two blocks of a cluster always find room beside each other; where
/// more are wanted, `work.processors` should be a number that clusters of so many can fill.
template <typename T, typename Shape>
[[nodiscard]] Status launchGated(const GatedProduct& work, const GatedRaster& raster, Stream stream)
{
    using Layout = GatedLayout;
    constexpr int kClusterRows = Layout::kRows * Shape::kCluster;
    GatedTiles tiles{};
    if (!encodeMap(tiles.x, {work.x, work.rows, work.inputs, work.xStride, work.type}, Layout::kRows) ||
        !encodeMap(tiles.weight, {work.weight, work.outputs, work.inputs, work.inputs, work.type},
                   Layout::kOutputs / Shape::kCluster) ||
        !encodeMap(tiles.y, {work.y, work.rows, work.outputs / 2, work.yStride, work.type}, 64))
        return cudaErrorInvalidValue;
    tiles.bias = work.bias;
    tiles.outputs = work.outputs;
    tiles.steps = (work.inputs + Layout::kInputs - 1) / Layout::kInputs;
    tiles.rowTiles = (work.rows + kClusterRows - 1) / kClusterRows;
    tiles.outTiles = (work.outputs + Layout::kOutputs - 1) / Layout::kOutputs;
    tiles.groupRows = raster.groupRows;
    tiles.hints = raster.hints;
    const int clusters = std::max(std::min(tiles.rowTiles * tiles.outTiles, work.processors / Shape::kCluster), 1);
    const auto kernel = gatedTiles<T, Shape>;
    if (const cudaError_t status = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                        cudaFuncAttributeMaxDynamicSharedMemorySize, Layout::kBytes);
        status != cudaSuccess)
        return static_cast<Status>(status);
    return launch(kernel, dim3(static_cast<unsigned>(clusters * Shape::kCluster)), dim3(Layout::kThreads),
                  Layout::kBytes, stream, tiles);
}

} // namespace argus::kernels::cuda::products
