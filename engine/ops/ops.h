#pragma once
// The device interface: every operation of the model, on views of the device's memory. CpuOps implements it; a device
// with memory of its own fits as well.

#include "engine/tensor/tensor.h"

#include <cstdint>
#include <memory>
#include <span>

namespace argus::ops {

/// Memory of a device with a shape, given back when the last copy of it goes. May borrow: a weight that is used where
/// it is mapped has no owner here.
class DeviceTensor {
public:
    DeviceTensor() = default;
    DeviceTensor(TensorView view, std::shared_ptr<void> owner) : m_view(view), m_owner(std::move(owner)) {}
    [[nodiscard]] const TensorView& view() const { return m_view; }
    [[nodiscard]] std::int64_t extent(int axis) const { return m_view.extent(axis); }
    /// Rows [first, first + count), the way most steps use a tensor that was sized for the largest.
    [[nodiscard]] TensorView rows(std::int64_t first, std::int64_t count) const { return m_view.rows(first, count); }

private:
    TensorView m_view;
    std::shared_ptr<void> m_owner;
};

/// A stored matrix where the device can read it, in whatever float type the checkpoint has.
class Weight {
public:
    Weight() = default;
    Weight(ConstTensorView view, std::shared_ptr<const void> owner) : m_view(view), m_owner(std::move(owner)) {}
    [[nodiscard]] const ConstTensorView& view() const { return m_view; }

private:
    ConstTensorView m_view;
    std::shared_ptr<const void> m_owner;
};

/// One product of a group that shares its input.
struct Projection {
    TensorView y = {};           ///< [rows, outputs]
    ConstTensorView weight = {}; ///< [outputs, inputs]
    ConstTensorView bias = {};   ///< [outputs]; no data: none
    bool accumulate = false;     ///< y += product: the residual stream
};

/// The keys and values of one layer: [blocks, kvHeads, blockTokens, headDim] each.
struct LayerCache {
    TensorView keys = {};
    TensorView values = {};
};

/// Where each sequence of a step stands; index tensors of the device.
struct PagedBatch {
    ConstTensorView slices = {}; ///< I32 [sequences, 3]: first row, rows, tokens cached before them
    ConstTensorView blocks = {}; ///< I32 [sequences, most blocks]: block table of each sequence
    ConstTensorView places = {}; ///< I32 [rows]: block · blockTokens + offset that each row is written to
};

/// One device. Lives on its rank's thread, like everything allocated from it. Operations are enqueued in order;
/// synchronize() or download() wait.
///
/// Views may have a row stride; the innermost rows are dense. Activations have computeType(). Index tensors are I32.
/// No row, no work: an empty step is ordinary. Every operation throws OpsError when shapes, types or indices do not
/// fit, naming operation and tensor. Results of a row do not depend on which other rows are computed with it.
class Ops {
public:
    virtual ~Ops() = default;

    [[nodiscard]] virtual DType computeType() const = 0;
    /// Memory for weights, cache or activations: taken when a model is loaded, not while it runs. Contents are
    /// undefined.
    [[nodiscard]] virtual DeviceTensor allocate(DType type, const Shape& shape) = 0;
    /// A matrix of a checkpoint, F32, F16 or BF16. May keep using `host`, which must outlive the result.
    [[nodiscard]] virtual Weight placeMatrix(ConstTensorView host) = 0;
    /// A vector of a checkpoint (gain, bias), converted to computeType().
    [[nodiscard]] virtual Weight placeVector(ConstTensorView host) = 0;
    /// Copies to the device; same type and shape. `host` may be reused when this returns.
    virtual void upload(TensorView device, ConstTensorView host) = 0;
    /// Copies to the host, waiting for what was enqueued before.
    virtual void download(TensorView host, ConstTensorView device) = 0;
    virtual void synchronize() = 0;

    /// y[i,:] = table[ids[i],:], widened to computeType(). y [count, columns], table [rows, columns], ids [count]
    virtual void gatherRows(TensorView y, ConstTensorView table, ConstTensorView ids) = 0;
    /// y[index[i],:] = x[i,:]. Indices do not repeat
    virtual void scatterRows(TensorView y, ConstTensorView x, ConstTensorView index) = 0;
    /// y = x / sqrt(mean(x²) + epsilon) · gain. y, x [tokens, hidden], gain [hidden]; y may be x
    virtual void rmsNorm(TensorView y, ConstTensorView x, ConstTensorView gain, float epsilon) = 0;
    /// residual += addend, then y = the norm of residual
    virtual void addRmsNorm(TensorView y, TensorView residual, ConstTensorView addend, ConstTensorView gain,
                            float epsilon) = 0;
    /// For each projection y = x · weightᵀ + bias (or y += …). x [rows, inputs]; no y overlaps x
    virtual void project(ConstTensorView x, std::span<const Projection> projections) = 0;

    /// cosines and sines [tokens, half] of positions [axes, tokens] · frequencies [half]; the first sections[0] columns
    /// use axis 0, and so on
    virtual void ropeTables(TensorView cosines, TensorView sines, ConstTensorView positions,
                            ConstTensorView frequencies, std::span<const int> sections) = 0;
    /// Rotates every head of x [tokens, heads · 2·half] in place, half-split
    virtual void rotate(TensorView x, ConstTensorView cosines, ConstTensorView sines) = 0;
    /// Puts k and v [rows, kvHeads · headDim] into the places of the batch
    virtual void writeCache(const LayerCache& cache, ConstTensorView k, ConstTensorView v, const PagedBatch& batch) = 0;
    /// Causal by index in the sequence, after writeCache of the same rows. y, q [rows, heads · headDim]; heads share
    /// key heads in order
    virtual void pagedAttention(TensorView y, ConstTensorView q, const LayerCache& cache, const PagedBatch& batch,
                                float scale) = 0;
    /// Both ways within segments. y, q, k, v [rows, heads · headDim] (q, k, v with one stride), ends [segments + 1]
    /// from 0 to rows
    virtual void segmentAttention(TensorView y, ConstTensorView q, ConstTensorView k, ConstTensorView v,
                                  ConstTensorView ends, int headDim, float scale) = 0;

    /// y = silu(gate) · up; y may be either
    virtual void siluMul(TensorView y, ConstTensorView gate, ConstTensorView up) = 0;
    /// y = the exact GELU of x; y may be x
    virtual void gelu(TensorView y, ConstTensorView x) = 0;
    /// y = a + b; y may be either
    virtual void add(TensorView y, ConstTensorView a, ConstTensorView b) = 0;
};

} // namespace argus::ops
