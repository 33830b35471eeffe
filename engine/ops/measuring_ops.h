#pragma once
// A device that holds nothing: it counts what a model would take on a GPU. Loading a model of made-up weights onto it
// is the memory estimate, so estimate and load cannot disagree.

#include "engine/ops/arena.h"
#include "engine/ops/ops.h"

namespace argus::ops {

/// Everything that computes throws OpsError.
class MeasuringOps final : public Ops {
public:
    explicit MeasuringOps(const CudaFacts& facts);

    /// Bytes of weights, and of everything else including what the device keeps for itself.
    [[nodiscard]] std::uint64_t weightBytes() const { return m_weights; }
    [[nodiscard]] std::uint64_t otherBytes() const { return m_other; }

    [[nodiscard]] DeviceReport report() const override { return {.name = "estimate", .kind = "estimate"}; }
    [[nodiscard]] DeviceTensor allocate(DType type, const Shape& shape) override;
    [[nodiscard]] Weight placeTable(ConstTensorView host) override;
    [[nodiscard]] Weight placeVector(ConstTensorView host) override;
    [[nodiscard]] Weight placeFloats(std::span<const float> values) override;
    [[nodiscard]] ProductPtr placeProduct(std::span<const StoredLinear> parts) override;
    [[nodiscard]] ProductPtr placeGatedProduct(const StoredLinear& gate, const StoredLinear& up) override;
    [[nodiscard]] ProductPtr productOf(const Weight& table) override;

    void upload(TensorView, ConstTensorView) override {}
    void download(TensorView, ConstTensorView) override { refuse(); }
    void fillZero(TensorView) override {}
    void synchronize() override {}
    [[nodiscard]] Fetch fetch(ConstTensorView) override { return refuse(), 0; }
    [[nodiscard]] bool arrived(Fetch) override { return refuse(), false; }
    void take(Fetch, std::span<std::int32_t>) override { refuse(); }
    [[nodiscard]] bool records() const override { return false; }
    void beginRecording() override { refuse(); }
    [[nodiscard]] std::unique_ptr<Recording> endRecording() override { return refuse(), nullptr; }
    void abandonRecording() override { refuse(); }
    void replay(const Recording&) override { refuse(); }

    void embed(TensorView, ConstTensorView, ConstTensorView, ConstTensorView, const TokenBook&,
               const TableRows&) override
    {
        refuse();
    }
    void markSeen(ConstTensorView, ConstTensorView, std::int64_t, const TokenBook&) override { refuse(); }
    void gatherRows(TensorView, ConstTensorView, ConstTensorView) override { refuse(); }
    void scatterRows(TensorView, ConstTensorView, ConstTensorView) override { refuse(); }
    void copyRows(TensorView, ConstTensorView) override { refuse(); }
    void cutPatches(TensorView, ConstTensorView, const PixelScale&) override { refuse(); }
    void rmsNorm(TensorView, ConstTensorView, ConstTensorView, float) override { refuse(); }
    void project(TensorView, ConstTensorView, const Product&, const Norm&, bool) override { refuse(); }
    void gatedProject(TensorView, TensorView, ConstTensorView, const Product&, const Norm&) override { refuse(); }
    void ropeTables(TensorView, TensorView, ConstTensorView, ConstTensorView, std::span<const int>, bool) override
    {
        refuse();
    }
    void rotate(TensorView, ConstTensorView, ConstTensorView) override { refuse(); }
    void rotateIntoCache(const LayerCache&, TensorView, ConstTensorView, ConstTensorView, const PagedBatch&) override
    {
        refuse();
    }
    void pagedAttention(TensorView, ConstTensorView, const LayerCache&, const PagedBatch&, float) override { refuse(); }
    void segmentAttention(TensorView, ConstTensorView, ConstTensorView, ConstTensorView, ConstTensorView, int, int,
                          float) override
    {
        refuse();
    }
    void gelu(TensorView, ConstTensorView) override { refuse(); }
    void sample(TensorView, ConstTensorView, ConstTensorView, const TokenBook&, bool) override { refuse(); }

private:
    [[noreturn]] static void refuse() { throw OpsError("a device for estimates computes nothing"); }
    Weight counted(DType type, const Shape& shape);

    std::uint64_t m_weights = 0;
    std::uint64_t m_other = 0;
};

} // namespace argus::ops
