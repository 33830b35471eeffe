#pragma once
// Ops on one NVIDIA GPU: our kernels, and cuBLASLt for products of many rows.

#include "engine/ops/cuda/blas.h"
#include "engine/ops/cuda/device.h"
#include "kernels/cuda/awq.h"
#include "kernels/cuda/gated_product.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/skinny.h"

#include <array>

namespace argus::kernels::cpu {
class Team;
}

namespace argus::ops::cuda {

/// A product where the kernels read it.
class CudaProduct final : public Product {
public:
    CudaProduct(std::int64_t outputs, std::int64_t inputs) : Product(outputs, inputs) {}

    bool packed = false;
    bool gated = false;                               ///< rows of gate and up alternate
    std::int64_t rows = 0;                            ///< of the matrix
    std::shared_ptr<const void> owner;                ///< of borrowed memory: tied embeddings
    std::shared_ptr<std::byte> weight, scales, zeros; ///< `weight` holds the codes when packed
    std::shared_ptr<std::byte> bias, wideBias;        ///< of the compute type, and as float32; null: none
};

/// See openCuda().
class CudaOps final : public Ops {
public:
    CudaOps(const CudaSettings& settings, std::unique_ptr<Device> device, std::unique_ptr<Blas> blas,
            std::shared_ptr<std::byte> blasMemory, std::shared_ptr<std::byte> kernelMemory,
            std::shared_ptr<std::byte> widened);
    ~CudaOps() override;

    [[nodiscard]] const Device& device() const { return *m_device; }
    [[nodiscard]] Blas& blas() { return *m_blas; }
    [[nodiscard]] DeviceReport report() const override;
    [[nodiscard]] DeviceTensor allocate(DType type, const Shape& shape) override;
    [[nodiscard]] Weight placeTable(ConstTensorView host) override;
    [[nodiscard]] Weight placeVector(ConstTensorView host) override;
    [[nodiscard]] Weight placeFloats(std::span<const float> values) override;
    [[nodiscard]] ProductPtr placeProduct(std::span<const StoredLinear> parts) override;
    [[nodiscard]] ProductPtr placeGatedProduct(const StoredLinear& gate, const StoredLinear& up) override;
    [[nodiscard]] ProductPtr productOf(const Weight& table) override;

    void upload(TensorView device, ConstTensorView host) override;
    void download(TensorView host, ConstTensorView device) override;
    void fillZero(TensorView device) override;
    void synchronize() override;
    [[nodiscard]] Fetch fetch(ConstTensorView device) override;
    [[nodiscard]] bool arrived(Fetch fetch) override;
    void take(Fetch fetch, std::span<std::int32_t> host) override;
    [[nodiscard]] bool records() const override { return true; }
    [[nodiscard]] int recordedLongest(std::int64_t sequences, int longest, int most) const override;
    void beginRecording() override;
    [[nodiscard]] std::unique_ptr<Recording> endRecording() override;
    void abandonRecording() override;
    void replay(const Recording& recording) override;

    void embed(TensorView y, ConstTensorView table, ConstTensorView ids, ConstTensorView slots, const TokenBook& book,
               const TableRows& held) override;
    void markSeen(ConstTensorView ids, ConstTensorView slots, std::int64_t vocabulary, const TokenBook& book) override;
    void cutPatches(TensorView patches, ConstTensorView frames, const PixelScale& scale) override;
    void gatherRows(TensorView y, ConstTensorView x, ConstTensorView index) override;
    void scatterRows(TensorView y, ConstTensorView x, ConstTensorView index) override;
    void copyRows(TensorView y, ConstTensorView x) override;
    void rmsNorm(TensorView y, ConstTensorView x, ConstTensorView gain, float epsilon) override;
    void project(TensorView y, ConstTensorView x, const Product& product, const Norm& norm, bool accumulate) override;
    void gatedProject(TensorView y, TensorView scratch, ConstTensorView x, const Product& product,
                      const Norm& norm) override;
    void ropeTables(TensorView cosines, TensorView sines, ConstTensorView positions, ConstTensorView frequencies,
                    std::span<const int> sections, bool rounded) override;
    void rotate(TensorView x, ConstTensorView cosines, ConstTensorView sines) override;
    void rotateIntoCache(const LayerCache& cache, TensorView qkv, ConstTensorView cosines, ConstTensorView sines,
                         const PagedBatch& batch) override;
    void projectIntoCache(const LayerCache& cache, TensorView qkv, ConstTensorView x, const Product& product,
                          const Norm& norm, ConstTensorView cosines, ConstTensorView sines,
                          const PagedBatch& batch) override;
    void pagedAttention(TensorView y, ConstTensorView q, const LayerCache& cache, const PagedBatch& batch,
                        float scale) override;
    void segmentAttention(TensorView y, ConstTensorView q, ConstTensorView k, ConstTensorView v, ConstTensorView ends,
                          int longest, int headDim, float scale) override;
    void gelu(TensorView y, ConstTensorView x) override;
    void sample(TensorView drawn, ConstTensorView scores, ConstTensorView sampling, const TokenBook& book,
                bool greedy) override;

private:
    void fill(std::byte* pinned, const std::byte* from, std::size_t bytes);
    void fillRows(std::byte* pinned, ConstTensorView from);

    // weights.cpp
    void placeRows(std::byte* target, std::int64_t targetColumns, std::int64_t firstRow, std::int64_t rowStep, DType to,
                   ConstTensorView host);
    void placeLinear(CudaProduct& product, const StoredLinear& part, std::int64_t firstRow, std::int64_t rowStep);
    void placeBias(CudaProduct& product, ConstTensorView bias, std::int64_t firstRow, std::int64_t rowStep);
    void placePacked(CudaProduct& product, const StoredLinear& part, std::int64_t firstRow, std::int64_t rowStep);
    void makeUp(CudaProduct& product);
    [[nodiscard]] std::shared_ptr<CudaProduct> emptyProduct(std::span<const StoredLinear> parts, bool gated);
    [[nodiscard]] std::byte* bring(ConstTensorView host, std::byte* target);
    void requireRange();

    // products.cpp
    struct Work {
        TensorView y;
        ConstTensorView x;
        const CudaProduct& product;
        const Norm& norm;
        bool accumulate = false;
    };
    [[nodiscard]] bool few(const Work& work) const;
    [[nodiscard]] kernels::cuda::Skinny jobOf(const Work& work) const;
    [[nodiscard]] kernels::cuda::AwqSkinny packedJobOf(const Work& work) const;
    /// Of x as it is: normed already.
    [[nodiscard]] kernels::cuda::GatedProduct gatedJobOf(const Work& work) const;
    void runFew(const Work& work);
    void runMany(TensorView y, ConstTensorView x, const CudaProduct& product, bool accumulate);
    [[nodiscard]] ConstTensorView normed(ConstTensorView x, const Norm& norm);
    void requireProduct(const char* operation, const Work& work) const;

    [[nodiscard]] kernels::cuda::RotateIntoCache rotation(const char* operation, const LayerCache& cache,
                                                          TensorView qkv, ConstTensorView cosines,
                                                          ConstTensorView sines, const PagedBatch& batch) const;

    [[nodiscard]] kernels::Format format() const;
    [[nodiscard]] kernels::Format residualFormat() const;

    std::int64_t m_mostFewRows = 0; ///< rows of a product that our own kernels take
    std::unique_ptr<Device> m_device;
    std::unique_ptr<Blas> m_blas;
    std::shared_ptr<std::byte> m_blasMemory, m_kernelMemory, m_widened;
    std::unique_ptr<kernels::cpu::Team> m_copiers; ///< fill pinned memory while a model is loaded
    std::uint64_t m_seed = 1;                      ///< of the next made-up tensor
    unsigned long long* m_overflows = nullptr;     ///< on the device: float16 conversions that left the range
    std::int32_t* m_fetched = nullptr;             ///< pinned [kMostFetches, kMostFetchedElements]
    std::array<cudaEvent_t, kMostFetches> m_fetchDone{};
    std::array<std::int64_t, kMostFetches> m_fetchLength{}; ///< 0: free
};

} // namespace argus::ops::cuda
