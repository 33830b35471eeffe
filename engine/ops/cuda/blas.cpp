#include "engine/ops/cuda/blas.h"

#include "engine/base/catalogue.h"
#include "engine/ops/ops.h"

#include <cublasLt.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <string>

namespace argus::ops::cuda {

namespace {

constexpr const char* kPlaces[] = {"libcublasLt.so.13", "libcublasLt.so.12", "/usr/local/cuda/lib64/libcublasLt.so.13",
                                   "/usr/local/cuda/lib64/libcublasLt.so.12", "/usr/local/cuda/lib64/libcublasLt.so"};

cudaDataType_t typeOf(DType type)
{
    return type == DType::F16 ? CUDA_R_16F : type == DType::BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// Row counts that share a choice: exact for few rows, where every tile counts.
std::int64_t rowStep(std::int64_t rows)
{
    if (rows <= 128)
        return rows;
    const std::int64_t step = rows <= 1024 ? 64 : 256;
    return (rows + step - 1) / step * step;
}

} // namespace

/// The functions that are used, by the names they have in cublasLt.h.
struct Blas::Library {
    void* handle = nullptr;
    cublasLtHandle_t context = nullptr;
    decltype(&cublasLtCreate) create = nullptr;
    decltype(&cublasLtDestroy) destroy = nullptr;
    decltype(&cublasLtMatmul) matmul = nullptr;
    decltype(&cublasLtMatmulDescCreate) descCreate = nullptr;
    decltype(&cublasLtMatmulDescDestroy) descDestroy = nullptr;
    decltype(&cublasLtMatmulDescSetAttribute) descSet = nullptr;
    decltype(&cublasLtMatrixLayoutCreate) layoutCreate = nullptr;
    decltype(&cublasLtMatrixLayoutDestroy) layoutDestroy = nullptr;
    decltype(&cublasLtMatmulPreferenceCreate) preferenceCreate = nullptr;
    decltype(&cublasLtMatmulPreferenceDestroy) preferenceDestroy = nullptr;
    decltype(&cublasLtMatmulPreferenceSetAttribute) preferenceSet = nullptr;
    decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;

    ~Library()
    {
        if (context != nullptr)
            destroy(context);
        // The library stays loaded: CUDA does not like its parts to leave while the device is open.
    }

    template <typename Function>
    bool find(Function& function, const char* name)
    {
        function = reinterpret_cast<Function>(::dlsym(handle, name));
        return function != nullptr;
    }
    bool findAll()
    {
        return find(create, "cublasLtCreate") && find(destroy, "cublasLtDestroy") && find(matmul, "cublasLtMatmul") &&
               find(descCreate, "cublasLtMatmulDescCreate") && find(descDestroy, "cublasLtMatmulDescDestroy") &&
               find(descSet, "cublasLtMatmulDescSetAttribute") && find(layoutCreate, "cublasLtMatrixLayoutCreate") &&
               find(layoutDestroy, "cublasLtMatrixLayoutDestroy") &&
               find(preferenceCreate, "cublasLtMatmulPreferenceCreate") &&
               find(preferenceDestroy, "cublasLtMatmulPreferenceDestroy") &&
               find(preferenceSet, "cublasLtMatmulPreferenceSetAttribute") &&
               find(heuristic, "cublasLtMatmulAlgoGetHeuristic");
    }
};

struct Blas::Choice {
    cublasLtMatmulAlgo_t algorithm{};
};

namespace {

void require(const char* what, cublasStatus_t status)
{
    if (status != CUBLAS_STATUS_SUCCESS)
        throw OpsError(fmt::format("project: cuBLASLt's {} failed with status {}", what, static_cast<int>(status)));
}

} // namespace

Result<std::unique_ptr<Blas>> Blas::open(void* workspace, std::size_t workspaceBytes)
{
    auto library = std::make_unique<Library>();
    for (const char* place : kPlaces)
        if (library->handle == nullptr)
            library->handle = ::dlopen(place, RTLD_NOW | RTLD_LOCAL);
    const Said remedy = say("do-install-blas");
    if (library->handle == nullptr)
        return makeError(ErrorCode::NotFound, say("blas-missing", "/usr/local/cuda/lib64", "libcublasLt.so.13 / .12"),
                         remedy, "device");
    if (!library->findAll() || library->create(&library->context) != CUBLAS_STATUS_SUCCESS)
        return makeError(ErrorCode::Unsupported, say("blas-unusable"), remedy, "device");
    return std::unique_ptr<Blas>(new Blas(std::move(library), workspace, workspaceBytes));
}

Blas::Blas(std::unique_ptr<Library> library, void* workspace, std::size_t workspaceBytes)
    : m_library(std::move(library)), m_workspace(workspace), m_workspaceBytes(workspaceBytes)
{
}
Blas::~Blas() = default;

// cuBLASLt counts in columns: our rows of y, x and the weight are its columns, so it computes yᵀ = weight · xᵀ with the
// weight's matrix transposed.
void Blas::run(const Gemm& work, cudaStream_t stream)
{
    Library& lt = *m_library;
    struct Description {
        Library& lt;
        cublasLtMatmulDesc_t operation = nullptr;
        std::array<cublasLtMatrixLayout_t, 3> layouts{}; // weight, x, y
        ~Description()
        {
            for (const cublasLtMatrixLayout_t layout : layouts)
                if (layout != nullptr)
                    lt.layoutDestroy(layout);
            if (operation != nullptr)
                lt.descDestroy(operation);
        }
    } description{lt};
    require("descCreate", lt.descCreate(&description.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    const cublasOperation_t transposed = CUBLAS_OP_T;
    require("descSet", lt.descSet(description.operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed));
    if (work.bias != nullptr) {
        const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
        const cudaDataType_t biasType = typeOf(work.biasType);
        require("descSet",
                lt.descSet(description.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
        require("descSet",
                lt.descSet(description.operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &biasType, sizeof biasType));
        require("descSet",
                lt.descSet(description.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &work.bias, sizeof work.bias));
    }
    const auto extent = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
    auto& [weight, x, y] = description.layouts;
    require("layoutCreate",
            lt.layoutCreate(&weight, typeOf(work.type), extent(work.inputs), extent(work.outputs), work.weightStride));
    require("layoutCreate",
            lt.layoutCreate(&x, typeOf(work.type), extent(work.inputs), extent(work.rows), work.xStride));
    require("layoutCreate",
            lt.layoutCreate(&y, typeOf(work.yType), extent(work.outputs), extent(work.rows), work.yStride));

    const Key key{rowStep(work.rows),           work.outputs,         work.inputs,    static_cast<int>(work.type),
                  static_cast<int>(work.yType), work.bias != nullptr, work.accumulate};
    std::unique_ptr<Choice>& choice = m_choices[key];
    if (!choice) {
        cublasLtMatmulPreference_t preference = nullptr;
        require("preferenceCreate", lt.preferenceCreate(&preference));
        cublasLtMatmulHeuristicResult_t best{};
        int found = 0;
        lt.preferenceSet(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &m_workspaceBytes,
                         sizeof m_workspaceBytes);
        const cublasStatus_t status =
            lt.heuristic(lt.context, description.operation, weight, x, y, y, preference, 1, &best, &found);
        lt.preferenceDestroy(preference);
        if (status != CUBLAS_STATUS_SUCCESS || found == 0)
            throw OpsError(fmt::format("project: cuBLASLt knows no product of {} rows, {} outputs and {} inputs",
                                       work.rows, work.outputs, work.inputs));
        choice = std::make_unique<Choice>(Choice{best.algo});
    }
    const float one = 1;
    const float beta = work.accumulate ? 1 : 0;
    require("matmul", lt.matmul(lt.context, description.operation, &one, work.weight, weight, work.x, x, &beta, work.y,
                                y, work.y, y, &choice->algorithm, m_workspace, m_workspaceBytes, stream));
}

} // namespace argus::ops::cuda
