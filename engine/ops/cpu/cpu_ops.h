#pragma once
// Ops on this machine's processor: float32 activations, weights read where they are mapped.

#include "engine/ops/ops.h"

#include <memory>

namespace argus::kernels::cpu {
class Team;
}

namespace argus::ops {

class CpuOps final : public Ops {
public:
    /// threads: how many cores one operation may use; 0: all this process may run on.
    explicit CpuOps(int threads);
    ~CpuOps() override;
    [[nodiscard]] int threads() const;

    [[nodiscard]] DType computeType() const override { return DType::F32; }
    [[nodiscard]] DeviceTensor allocate(DType type, const Shape& shape) override;
    [[nodiscard]] Weight placeMatrix(ConstTensorView host) override;
    [[nodiscard]] Weight placeVector(ConstTensorView host) override;
    void upload(TensorView device, ConstTensorView host) override;
    void download(TensorView host, ConstTensorView device) override;
    void synchronize() override {} // every operation is done when it returns

    void gatherRows(TensorView y, ConstTensorView table, ConstTensorView ids) override;
    void scatterRows(TensorView y, ConstTensorView x, ConstTensorView index) override;
    void rmsNorm(TensorView y, ConstTensorView x, ConstTensorView gain, float epsilon) override;
    void addRmsNorm(TensorView y, TensorView residual, ConstTensorView addend, ConstTensorView gain,
                    float epsilon) override;
    void project(ConstTensorView x, std::span<const Projection> projections) override;
    void ropeTables(TensorView cosines, TensorView sines, ConstTensorView positions, ConstTensorView frequencies,
                    std::span<const int> sections) override;
    void rotate(TensorView x, ConstTensorView cosines, ConstTensorView sines) override;
    void writeCache(const LayerCache& cache, ConstTensorView k, ConstTensorView v, const PagedBatch& batch) override;
    void pagedAttention(TensorView y, ConstTensorView q, const LayerCache& cache, const PagedBatch& batch,
                        float scale) override;
    void segmentAttention(TensorView y, ConstTensorView q, ConstTensorView k, ConstTensorView v, ConstTensorView ends,
                          int headDim, float scale) override;
    void siluMul(TensorView y, ConstTensorView gate, ConstTensorView up) override;
    void gelu(TensorView y, ConstTensorView x) override;
    void add(TensorView y, ConstTensorView a, ConstTensorView b) override;

private:
    std::unique_ptr<kernels::cpu::Team> m_team;
};

} // namespace argus::ops
