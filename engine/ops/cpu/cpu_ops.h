#pragma once
// Ops on this machine's processor: float32 activations, weights read where they are mapped.

#include "engine/ops/ops.h"

#include <memory>
#include <vector>

namespace argus::kernels::cpu {
class Team;
}

namespace argus::ops {

/// A row's result has the same bits whichever rows it is computed with.
class CpuOps : public Ops {
public:
    /// threads: how many cores one operation may use; 0: all this process may run on.
    explicit CpuOps(int threads);
    ~CpuOps() override;
    [[nodiscard]] int threads() const;

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
    void synchronize() override {} // every operation is done when it returns
    [[nodiscard]] Fetch fetch(ConstTensorView device) override;
    [[nodiscard]] bool arrived(Fetch) override { return true; }
    void take(Fetch fetch, std::span<std::int32_t> host) override;
    [[nodiscard]] bool records() const override { return false; }
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
    void pagedAttention(TensorView y, ConstTensorView q, const LayerCache& cache, const PagedBatch& batch,
                        float scale) override;
    void segmentAttention(TensorView y, ConstTensorView q, ConstTensorView k, ConstTensorView v, ConstTensorView ends,
                          int longest, int headDim, float scale) override;
    void gelu(TensorView y, ConstTensorView x) override;
    void sample(TensorView drawn, ConstTensorView scores, ConstTensorView sampling, const TokenBook& book,
                bool greedy) override;

private:
    void resolveIds(const char* operation, ConstTensorView ids, ConstTensorView slots, std::int64_t vocabulary,
                    const TokenBook& book);
    void writeCache(const LayerCache& cache, ConstTensorView k, ConstTensorView v, const PagedBatch& batch);

    std::unique_ptr<kernels::cpu::Team> m_team;
    std::vector<std::int32_t> m_fetched[kMostFetches]; ///< empty: free
    std::vector<std::int32_t> m_ids;                   ///< of a step, those of slots looked up; -1: none was drawn
    std::vector<std::int32_t> m_rows;                  ///< of the table, one an id; any where it holds none
    std::vector<float> m_scores;                       ///< one row, which the sampler changes
};

} // namespace argus::ops
