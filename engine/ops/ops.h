#pragma once
// The device interface: every operation of the model, on views of the device's memory. CpuOps and CudaOps implement it.

#include "engine/ops/traits.h"
#include "engine/tensor/tensor.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

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

/// A stored vector or table where the device can read it.
class Weight {
public:
    Weight() = default;
    Weight(ConstTensorView view, std::shared_ptr<const void> owner) : m_view(view), m_owner(std::move(owner)) {}
    [[nodiscard]] const ConstTensorView& view() const { return m_view; }
    [[nodiscard]] const std::shared_ptr<const void>& owner() const { return m_owner; }

private:
    ConstTensorView m_view;
    std::shared_ptr<const void> m_owner;
};

/// The three tensors of a linear layer that AWQ has packed to four bits. Source: design/qwen2_5_vl.md §12.2
struct AwqTensors {
    ConstTensorView qweight = {}; ///< I32 [inputs, outputs / 8]
    ConstTensorView qzeros = {};  ///< I32 [inputs / 128, outputs / 8]
    ConstTensorView scales = {};  ///< F16 [inputs / 128, outputs]
};

/// A linear layer as the checkpoint has it, and its size on the device; what the file has less is zero there. A view
/// without data is a layer whose numbers are made up (load_format dummy).
struct StoredLinear {
    ConstTensorView weight = {}; ///< F32, F16 or BF16 [file's outputs, file's inputs]
    ConstTensorView bias = {};   ///< [file's outputs]; rank 0: the layer has none
    AwqTensors awq = {};         ///< instead of `weight` when `packed`
    bool packed = false;
    std::int64_t outputs = 0;
    std::int64_t inputs = 0;
};

/// Linear layers that share their input, made ready for a device: what project() and gatedProject() take. Opaque.
class Product {
public:
    virtual ~Product() = default;
    /// Columns of a result: the outputs of all parts; of one of them for a gated product.
    [[nodiscard]] std::int64_t outputs() const { return m_outputs; }
    [[nodiscard]] std::int64_t inputs() const { return m_inputs; }

protected:
    Product(std::int64_t outputs, std::int64_t inputs) : m_outputs(outputs), m_inputs(inputs) {}

private:
    std::int64_t m_outputs = 0;
    std::int64_t m_inputs = 0;
};
using ProductPtr = std::shared_ptr<const Product>;

/// A norm that belongs to the input of a product; `scratch` [rows, inputs] of computeType() may be written.
struct Norm {
    ConstTensorView gain = {}; ///< no data: the input is taken as it is
    float epsilon = 0;
    TensorView scratch = {};
};

/// The keys and values of one layer: [blocks, kvHeads, blockTokens, headDim] each.
struct LayerCache {
    TensorView keys = {};
    TensorView values = {};
};

/// Where each sequence of a step stands; index tensors of the device.
struct PagedBatch {
    ConstTensorView slices = {}; ///< I32 [sequences, 4]: first row, rows, tokens cached before them, slot
    ConstTensorView blocks = {}; ///< I32 [slots, most blocks]: block table of each slot
    ConstTensorView places = {}; ///< I32 [rows]: block · blockTokens + offset that each row is written to
    int mostRows = 0;            ///< rows of the largest slice
    int longest = 0;             ///< no sequence has more tokens than this, the step's included
    bool decodeOnly = false;     ///< row i is the one row of slice i
};

/// How one row's token is drawn; laid out for an upload as it is.
struct SamplingRow {
    std::int32_t slot = -1; ///< negative: padding, nothing is drawn
    std::int32_t topK = 0;  ///< 0: off
    float temperature = 0;  ///< 0: greedy, and the penalty still applies
    float topP = 1;
    float penalty = 1;
    std::int32_t reserved = 0;
    double uniform = 0; ///< in [0, 1): the random number
};
static_assert(sizeof(SamplingRow) == 32);

/// What the tokens of slots are and were.
struct TokenBook {
    TensorView last = {}; ///< I32 [slots]: the token drawn last
    TensorView seen = {}; ///< I32 [slots, ceil(vocab / 32)]: a bit for every id of prompt and answer
};

/// How the bytes of a picture become numbers, by channel (red, green, blue): (value / 255 - mean) / deviation. The
/// published processors' numbers.
struct PixelScale {
    float mean[3] = {0.48145466F, 0.4578275F, 0.40821073F};
    float deviation[3] = {0.26862954F, 0.26130258F, 0.27577711F};
};

/// Which rows of a vocabulary a table holds: those of ids from firstId on.
struct TableRows {
    std::int64_t firstId = 0;
    std::int64_t vocabulary = 0; ///< ids there are; 0: the table holds all of them
};

/// Numbers on their way to the host. From fetch() until take(), at most kMostFetches at a time: more than there are
/// steps on their way, which is as many as a pipeline has stages.
using Fetch = int;
constexpr int kMostFetches = 32;
constexpr std::int64_t kMostFetchedElements = 1024;

/// A recorded sequence of operations.
class Recording {
public:
    virtual ~Recording() = default;
};

/// What a person is told of a device.
struct DeviceReport {
    std::string name;            ///< "CPU, 2 threads"
    std::string kind;            ///< "cpu", "cuda"
    std::uint64_t usedBytes = 0; ///< memory of the device that is in use here, weights and cache included; 0: not known
};

/// A checkpoint's numbers cannot be held in the type that is computed with. Thrown while weights are placed.
class OutOfRange : public OpsError {
    using OpsError::OpsError;
};

/// The device answers no more, and neither will what was on it: its process has to end. Thrown by any operation.
class DeviceLost : public OpsError {
    using OpsError::OpsError;
};

/// One device. Lives on its rank's thread, like everything allocated from it. Operations are enqueued in order;
/// synchronize(), download() and take() wait.
///
/// Views may have a row stride; the innermost rows are dense. Activations have computeType(), the residual stream
/// residualType(). Index tensors are I32. No row, no work: an empty step is ordinary. Every operation throws OpsError
/// when shapes, types or (where the device's memory is the host's) indices do not fit, naming operation and tensor.
class Ops {
public:
    virtual ~Ops() = default;
    Ops(const Ops&) = delete;
    Ops& operator=(const Ops&) = delete;

    [[nodiscard]] DType computeType() const { return m_traits.compute; }
    [[nodiscard]] DType residualType() const { return m_traits.residual; }
    /// The extent that an inner dimension of `size` gets on this device: at least that, the rest being zero.
    [[nodiscard]] std::int64_t padded(std::int64_t size) const
    {
        return (size + m_traits.innerPadding - 1) / m_traits.innerPadding * m_traits.innerPadding;
    }
    /// The scratch that gatedProject() wants for results [rows, columns].
    [[nodiscard]] Shape gatedScratch(std::int64_t rows, std::int64_t columns) const
    {
        return {std::min(rows, m_traits.gatedRows), columns * m_traits.gatedFactor};
    }
    [[nodiscard]] virtual DeviceReport report() const = 0;

    /// Memory for weights, cache or activations. Contents are undefined. Errors: OpsError when there is none left.
    [[nodiscard]] virtual DeviceTensor allocate(DType type, const Shape& shape) = 0;
    /// A table whose rows are gathered, F32, F16 or BF16 in the file. May keep using `host`, which must outlive the
    /// result. Without data: made up.
    [[nodiscard]] virtual Weight placeTable(ConstTensorView host) = 0;
    /// A vector of a checkpoint (a gain), converted to computeType(). Without data: ones.
    [[nodiscard]] virtual Weight placeVector(ConstTensorView host) = 0;
    /// Float32 numbers that stay float32.
    [[nodiscard]] virtual Weight placeFloats(std::span<const float> values) = 0;
    /// Layers of one input, results side by side. May keep using the memory of the parts.
    [[nodiscard]] virtual ProductPtr placeProduct(std::span<const StoredLinear> parts) = 0;
    /// The gate and the up projection of an MLP, for gatedProject().
    [[nodiscard]] virtual ProductPtr placeGatedProduct(const StoredLinear& gate, const StoredLinear& up) = 0;
    /// A table used as a matrix: tied embeddings.
    [[nodiscard]] virtual ProductPtr productOf(const Weight& table) = 0;

    /// Copies to the device; the same shape. F32 is converted to the type of `device`, other types are equal. `host`
    /// may be reused when this returns.
    virtual void upload(TensorView device, ConstTensorView host) = 0;
    /// Copies to the host, waiting for what was enqueued before; converts 16-bit floats when `host` is F32.
    virtual void download(TensorView host, ConstTensorView device) = 0;
    virtual void fillZero(TensorView device) = 0;
    virtual void synchronize() = 0;
    /// Starts a copy of at most kMostFetchedElements I32 to the host.
    [[nodiscard]] virtual Fetch fetch(ConstTensorView device) = 0;
    /// Whether take() would not wait.
    [[nodiscard]] virtual bool arrived(Fetch fetch) = 0;
    /// Waits for the numbers and copies them; ends the fetch.
    virtual void take(Fetch fetch, std::span<std::int32_t> host) = 0;

    /// Whether steps may be recorded and replayed here.
    [[nodiscard]] virtual bool records() const = 0;
    /// The largest PagedBatch::longest, at most `most`, with which a decode step of so many sequences is the same
    /// operations as with `longest`: what to record it with, so that it serves until sequences are longer.
    [[nodiscard]] virtual int recordedLongest(std::int64_t sequences, int longest, int most) const
    {
        (void)sequences;
        (void)longest;
        return most;
    }
    /// Between these two, operations are recorded and not run; uploads and downloads are not allowed.
    virtual void beginRecording() = 0;
    [[nodiscard]] virtual std::unique_ptr<Recording> endRecording() = 0;
    /// Instead of endRecording(), when an operation in between has thrown: what was recorded is gone, and operations
    /// run again. Throws  DeviceLost
    virtual void abandonRecording() = 0;
    virtual void replay(const Recording& recording) = 0;

    /// y[i,:] = table[id,:], id = ids[i], or the last token of slot -1 - ids[i] where that is negative; marks id as
    /// seen in slots[i]. y [count, columns] of residualType(), ids and slots [count]; a slot below 0 is padding and
    /// leaves no mark. Where no token could be drawn, y is zero and nothing marked; where `held` says that the table
    /// lacks the id, y is zero and the id marked
    virtual void embed(TensorView y, ConstTensorView table, ConstTensorView ids, ConstTensorView slots,
                       const TokenBook& book, const TableRows& held) = 0;
    /// Marks ids as embed() does, of a vocabulary of `vocabulary`, and does nothing else
    virtual void markSeen(ConstTensorView ids, ConstTensorView slots, std::int64_t vocabulary,
                          const TokenBook& book) = 0;
    /// Patches [t·h·w, 1176] of frames U8 [frames, 14·h, 14·w, 3] on the device, t = ceil(frames / 2), h and w even:
    /// rows in merge-block order, columns (channel, frame of the pair, y, x); an odd last frame stands for both of its
    /// pair. Every value is the float that the reference's slow path has, rounded to computeType(). Both dense
    /// Source   design/qwen2_5_vl.md §5.1, §6.6
    virtual void cutPatches(TensorView patches, ConstTensorView frames, const PixelScale& scale) = 0;
    /// y[i,:] = x[index[i],:]; x and y of one type
    virtual void gatherRows(TensorView y, ConstTensorView x, ConstTensorView index) = 0;
    /// y[index[i],:] = x[i,:]. Indices do not repeat
    virtual void scatterRows(TensorView y, ConstTensorView x, ConstTensorView index) = 0;
    /// y = x, each of computeType() or residualType(), rounded to nearest where y's has fewer bits
    virtual void copyRows(TensorView y, ConstTensorView x) = 0;
    /// y = x / sqrt(mean(x²) + epsilon) · gain. y, x [tokens, hidden], gain [hidden]; y may be x. x of residualType()
    virtual void rmsNorm(TensorView y, ConstTensorView x, ConstTensorView gain, float epsilon) = 0;
    /// y = product of x, or of the norm of x, of computeType() or residualType(); with `accumulate` y += it, y being of
    /// residualType(). x is of residualType() where there is a norm. y does not overlap x
    virtual void project(TensorView y, ConstTensorView x, const Product& product, const Norm& norm,
                         bool accumulate) = 0;
    /// y = silu(gate part) · up part of x, or of the norm of x, as many rows at a time as scratch
    /// (see gatedScratch()) has
    virtual void gatedProject(TensorView y, TensorView scratch, ConstTensorView x, const Product& product,
                              const Norm& norm) = 0;

    /// cosines and sines F32 [tokens, half] of positions [axes, tokens] · frequencies [half]; the first sections[0]
    /// columns use axis 0, and so on. `rounded`: to computeType(), as the published text model does
    virtual void ropeTables(TensorView cosines, TensorView sines, ConstTensorView positions,
                            ConstTensorView frequencies, std::span<const int> sections, bool rounded) = 0;
    /// Rotates every head of x [tokens, heads · 2·half] in place, half-split
    virtual void rotate(TensorView x, ConstTensorView cosines, ConstTensorView sines) = 0;
    /// qkv [rows, (heads + 2 · kvHeads) · headDim]: rotates q in place and k, and puts k and v into the places of the
    /// batch
    virtual void rotateIntoCache(const LayerCache& cache, TensorView qkv, ConstTensorView cosines,
                                 ConstTensorView sines, const PagedBatch& batch) = 0;
    /// project() of x to qkv and rotateIntoCache() of that, where a device may do both at once: what the k and v
    /// columns of qkv hold afterwards is not said
    virtual void projectIntoCache(const LayerCache& cache, TensorView qkv, ConstTensorView x, const Product& product,
                                  const Norm& norm, ConstTensorView cosines, ConstTensorView sines,
                                  const PagedBatch& batch)
    {
        project(qkv, x, product, norm, false);
        rotateIntoCache(cache, qkv, cosines, sines, batch);
    }
    /// Causal by index in the sequence, after rotateIntoCache() of the same rows. y, q [rows, heads · headDim]; heads
    /// share key heads in order
    virtual void pagedAttention(TensorView y, ConstTensorView q, const LayerCache& cache, const PagedBatch& batch,
                                float scale) = 0;
    /// Both ways within segments. y, q, k, v [rows, heads · headDim] (q, k, v with one stride), ends [segments + 1]
    /// from 0 to rows, none longer than `longest`
    virtual void segmentAttention(TensorView y, ConstTensorView q, ConstTensorView k, ConstTensorView v,
                                  ConstTensorView ends, int longest, int headDim, float scale) = 0;
    /// y = the exact GELU of x; y may be x
    virtual void gelu(TensorView y, ConstTensorView x) = 0;

    /// Draws one token a row of scores [rows, vocab] of residualType(): it goes to drawn[i], to the last token of its
    /// slot, and is seen there. -1 stands for scores that are not finite. sampling: `rows` SamplingRow as I32 [rows,
    /// 8]; `greedy` promises that no temperature of theirs is above 0. Source  design/qwen2_5_vl.md §10
    virtual void sample(TensorView drawn, ConstTensorView scores, ConstTensorView sampling, const TokenBook& book,
                        bool greedy) = 0;

protected:
    explicit Ops(Traits traits) : m_traits(traits) {}

private:
    Traits m_traits;
};

} // namespace argus::ops
