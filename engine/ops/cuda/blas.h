#pragma once
// Large matrix products through cuBLASLt, which is loaded when a GPU is opened and not before: a program that links it
// could not start where it is missing, and loading its half gigabyte takes time.

#include "engine/base/result.h"
#include "engine/tensor/dtype.h"

#include <cuda_runtime_api.h>

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>

namespace argus::ops::cuda {

/// y = x · weightᵀ (+ bias), or y += that
///
/// Shapes   x [rows, inputs], weight [outputs, inputs], y [rows, outputs], rows a stride apart (elements); bias
/// [outputs] of
///          type `biasType` or null
/// Promises x and weight have `type`, y has `yType` (the type, or F32); sums are float32
struct Gemm {
    void* y = nullptr;
    std::int64_t yStride = 0;
    const void* x = nullptr;
    std::int64_t xStride = 0;
    const void* weight = nullptr;
    std::int64_t weightStride = 0;
    const void* bias = nullptr;
    std::int64_t rows = 0;
    std::int64_t outputs = 0;
    std::int64_t inputs = 0;
    DType type = DType::BF16;
    DType yType = DType::BF16;
    DType biasType = DType::BF16; ///< the type of y
    bool accumulate = false;
};

class Blas {
public:
    /// Errors: NotFound when the machine has no cuBLASLt, naming where it was looked for.
    [[nodiscard]] static Result<std::unique_ptr<Blas>> open(void* workspace, std::size_t workspaceBytes);
    ~Blas();
    Blas(const Blas&) = delete;
    Blas& operator=(const Blas&) = delete;

    /// Throws OpsError when cuBLASLt knows no way to do it.
    void run(const Gemm& work, cudaStream_t stream);

private:
    struct Library;
    struct Choice;
    Blas(std::unique_ptr<Library> library, void* workspace, std::size_t workspaceBytes);

    /// What a choice of algorithm depends on; rows in steps, since prompts have every length.
    using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, int, int, bool, bool>;
    std::unique_ptr<Library> m_library;
    void* m_workspace = nullptr;
    std::size_t m_workspaceBytes = 0;
    std::map<Key, std::unique_ptr<Choice>> m_choices;
};

} // namespace argus::ops::cuda
