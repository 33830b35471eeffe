#include "engine/ops/cpu/cpu_ops.h"

#include "engine/ops/contract.h"
#include "kernels/activations.h"
#include "kernels/attention.h"
#include "kernels/cpu/team.h"
#include "kernels/linear.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/rows.h"

#include <fmt/format.h>
#include <sched.h>

#include <array>
#include <cstring>
#include <memory>
#include <numeric>

namespace argus::ops {

namespace {

/// Projections of one input: q, k, v is the largest group of the model.
constexpr std::size_t kMostProjections = 4;

int coresOfThisProcess()
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? std::max(CPU_COUNT(&cores), 1) : 1;
}

kernels::Format formatOf(DType type)
{
    switch (type) {
    case DType::F16:
        return kernels::Format::F16;
    case DType::BF16:
        return kernels::Format::BF16;
    default:
        return kernels::Format::F32; // the contract has refused everything else
    }
}

bool alignedToItsElement(const ConstTensorView& view)
{
    return reinterpret_cast<std::uintptr_t>(view.bytes()) % sizeOf(view.dtype()) == 0;
}

/// Row by row, since either side may be strided.
void copyRows(const char* operation, TensorView to, ConstTensorView from)
{
    if (to.dtype() != from.dtype() || !(to.shape() == from.shape()))
        throw OpsError(fmt::format("{}: {} {} cannot be copied to {} {}", operation, nameOf(from.dtype()),
                                   from.shape().text(), nameOf(to.dtype()), to.shape().text()));
    const std::size_t element = sizeOf(to.dtype());
    const std::int64_t rows = to.rank() == 0 ? 1 : to.extent(0);
    const std::size_t bytes = static_cast<std::size_t>(to.rowElements()) * element;
    if (bytes == 0)
        return;
    for (std::int64_t row = 0; row < rows; ++row)
        std::memcpy(to.bytes() + static_cast<std::size_t>(row * to.rowStride()) * element,
                    from.bytes() + static_cast<std::size_t>(row * from.rowStride()) * element, bytes);
}

float widened(const ConstTensorView& view, std::int64_t index)
{
    const std::byte* at = view.bytes() + static_cast<std::size_t>(index) * sizeOf(view.dtype());
    if (view.dtype() == DType::F32) {
        float value = 0;
        std::memcpy(&value, at, sizeof(value));
        return value;
    }
    std::uint16_t bits = 0;
    std::memcpy(&bits, at, sizeof(bits));
    return view.dtype() == DType::BF16 ? fromBf16(bits) : fromF16(bits);
}

std::span<const std::int32_t> indices(const ConstTensorView& view)
{
    return {view.data<const std::int32_t>(), static_cast<std::size_t>(view.shape().elements())};
}

/// Every block and place a batch names lies in the cache, and every slice in the rows.
void requireBatch(const char* operation, const PagedBatch& batch, std::int64_t rows, std::int64_t blocks,
                  std::int64_t blockTokens)
{
    const auto slices = indices(batch.slices);
    for (std::int64_t i = 0; i < batch.slices.extent(0); ++i) {
        const std::int64_t first = slices[static_cast<std::size_t>(i * 3)];
        const std::int64_t count = slices[static_cast<std::size_t>(i * 3 + 1)];
        const std::int64_t cached = slices[static_cast<std::size_t>(i * 3 + 2)];
        const std::int64_t needed = (cached + count + blockTokens - 1) / blockTokens;
        if (first < 0 || count < 0 || cached < 0 || first + count > rows || needed > batch.blocks.extent(1))
            throw OpsError(fmt::format(
                "{}: slice {} ({} rows from {} after {} cached) does not fit {} rows and {} blocks a sequence",
                operation, i, count, first, cached, rows, batch.blocks.extent(1)));
        requireIndices(operation, "blocks", indices(batch.blocks.rows(i, 1)).first(static_cast<std::size_t>(needed)),
                       blocks);
    }
}

kernels::Elementwise elementwise(const char* operation, TensorView y, ConstTensorView a, ConstTensorView b)
{
    const auto dims = Contract(operation)
                          .tensor("x", a, DType::F32, {"rows", "columns"})
                          .tensor("other", b, DType::F32, {"rows", "columns"})
                          .tensor("y", y, DType::F32, {"rows", "columns"});
    return {.y = y.data<float>(),
            .yStride = y.rowStride(),
            .a = a.data<const float>(),
            .aStride = a.rowStride(),
            .b = b.data<const float>(),
            .bStride = b.rowStride(),
            .rows = dims["rows"],
            .columns = dims["columns"]};
}

} // namespace

CpuOps::CpuOps(int threads) : m_team(std::make_unique<kernels::cpu::Team>(threads > 0 ? threads : coresOfThisProcess()))
{
}
CpuOps::~CpuOps() = default;

int CpuOps::threads() const
{
    return m_team->threads();
}

DeviceTensor CpuOps::allocate(DType type, const Shape& shape)
{
    auto memory = std::make_shared<HostTensor>(type, shape);
    const TensorView view = memory->view();
    return {view, std::move(memory)};
}

Weight CpuOps::placeMatrix(ConstTensorView host)
{
    Contract("placeMatrix").weight("host", host, {"outputs", "inputs"});
    if (alignedToItsElement(host))
        return {host, nullptr};
    auto memory = std::make_shared<HostTensor>(host.dtype(), host.shape()); // an old file with an odd header
    copyRows("placeMatrix", memory->view(), host);
    const ConstTensorView view = memory->view();
    return {view, std::move(memory)};
}

Weight CpuOps::placeVector(ConstTensorView host)
{
    const auto dims = Contract("placeVector").weight("host", host, {"length"}).dense("host", host);
    auto memory = std::make_shared<HostTensor>(DType::F32, host.shape());
    auto* to = memory->view().data<float>();
    for (std::int64_t i = 0; i < dims["length"]; ++i)
        to[i] = widened(host, i);
    const ConstTensorView view = memory->view();
    return {view, std::move(memory)};
}

void CpuOps::upload(TensorView device, ConstTensorView host)
{
    copyRows("upload", device, host);
}
void CpuOps::download(TensorView host, ConstTensorView device)
{
    copyRows("download", host, device);
}

void CpuOps::gatherRows(TensorView y, ConstTensorView table, ConstTensorView ids)
{
    const auto dims = Contract("gatherRows")
                          .weight("table", table, {"rows", "columns"})
                          .tensor("ids", ids, DType::I32, {"count"})
                          .tensor("y", y, DType::F32, {"count", "columns"});
    requireIndices("gatherRows", "ids", indices(ids), dims["rows"]);
    kernels::cpu::gatherRows({.y = y.data<float>(),
                              .yStride = y.rowStride(),
                              .table = table.bytes(),
                              .tableStride = table.rowStride(),
                              .index = ids.data<const std::int32_t>(),
                              .count = dims["count"],
                              .columns = dims["columns"],
                              .format = formatOf(table.dtype())},
                             *m_team);
}

void CpuOps::scatterRows(TensorView y, ConstTensorView x, ConstTensorView index)
{
    const auto dims = Contract("scatterRows")
                          .tensor("x", x, DType::F32, {"count", "columns"})
                          .tensor("index", index, DType::I32, {"count"})
                          .tensor("y", y, DType::F32, {"rows", "columns"});
    requireIndices("scatterRows", "index", indices(index), dims["rows"]);
    kernels::cpu::scatterRows({.y = y.data<float>(),
                               .yStride = y.rowStride(),
                               .x = x.data<const float>(),
                               .xStride = x.rowStride(),
                               .index = index.data<const std::int32_t>(),
                               .count = dims["count"],
                               .columns = dims["columns"]},
                              *m_team);
}

void CpuOps::rmsNorm(TensorView y, ConstTensorView x, ConstTensorView gain, float epsilon)
{
    const auto dims = Contract("rmsNorm")
                          .tensor("x", x, DType::F32, {"tokens", "hidden"})
                          .tensor("gain", gain, DType::F32, {"hidden"})
                          .tensor("y", y, DType::F32, {"tokens", "hidden"});
    kernels::cpu::rmsNorm({.y = y.data<float>(),
                           .yStride = y.rowStride(),
                           .x = x.data<const float>(),
                           .xStride = x.rowStride(),
                           .gain = gain.data<const float>(),
                           .tokens = dims["tokens"],
                           .hidden = dims["hidden"],
                           .epsilon = epsilon},
                          *m_team);
}

void CpuOps::addRmsNorm(TensorView y, TensorView residual, ConstTensorView addend, ConstTensorView gain, float epsilon)
{
    const auto dims =
        Contract("addRmsNorm")
            .tensor("residual", residual, DType::F32, {"tokens", "hidden"})
            .tensor("addend", addend, DType::F32, {"tokens", "hidden"})
            .tensor("gain", gain, DType::F32, {"hidden"})
            .tensor("y", y, DType::F32, {"tokens", "hidden"})
            .require(y.bytes() != residual.bytes() || residual.extent(0) == 0, "y must not be the residual");
    kernels::cpu::rmsNorm({.y = y.data<float>(),
                           .yStride = y.rowStride(),
                           .x = residual.data<float>(),
                           .xStride = residual.rowStride(),
                           .residual = residual.data<float>(),
                           .addend = addend.data<const float>(),
                           .addendStride = addend.rowStride(),
                           .gain = gain.data<const float>(),
                           .tokens = dims["tokens"],
                           .hidden = dims["hidden"],
                           .epsilon = epsilon},
                          *m_team);
}

void CpuOps::project(ConstTensorView x, std::span<const Projection> projections)
{
    std::array<kernels::LinearPart, kMostProjections> parts;
    Contract group("project");
    group.tensor("x", x, DType::F32, {"rows", "inputs"})
        .require(projections.size() <= parts.size(), "more projections than one input has");
    for (std::size_t i = 0; i < projections.size(); ++i) {
        const Projection& each = projections[i];
        Contract dims = group; // outputs differ from one projection to the next
        dims.weight("weight", each.weight, {"outputs", "inputs"}).tensor("y", each.y, DType::F32, {"rows", "outputs"});
        if (each.bias.bytes())
            dims.tensor("bias", each.bias, DType::F32, {"outputs"});
        dims.require(alignedToItsElement(each.weight),
                     "weight is not aligned to its element; placeMatrix() sees to that");
        parts[i] = {.y = each.y.data<float>(),
                    .yStride = each.y.rowStride(),
                    .weight = each.weight.bytes(),
                    .weightStride = each.weight.rowStride(),
                    .bias = each.bias.bytes() ? each.bias.data<const float>() : nullptr,
                    .outputs = dims["outputs"],
                    .format = formatOf(each.weight.dtype()),
                    .accumulate = each.accumulate};
    }
    kernels::cpu::linear({.x = x.data<const float>(),
                          .xStride = x.rowStride(),
                          .rows = group["rows"],
                          .inputs = group["inputs"],
                          .parts = {parts.data(), projections.size()}},
                         *m_team);
}

void CpuOps::ropeTables(TensorView cosines, TensorView sines, ConstTensorView positions, ConstTensorView frequencies,
                        std::span<const int> sections)
{
    const auto dims = Contract("ropeTables")
                          .tensor("positions", positions, DType::I32, {"axes", "tokens"})
                          .tensor("frequencies", frequencies, DType::F32, {"half"})
                          .tensor("cosines", cosines, DType::F32, {"tokens", "half"})
                          .tensor("sines", sines, DType::F32, {"tokens", "half"})
                          .dense("cosines", cosines)
                          .dense("sines", sines);
    if (std::accumulate(sections.begin(), sections.end(), 0) != dims["half"] ||
        static_cast<int>(sections.size()) != dims["axes"])
        throw OpsError(fmt::format("ropeTables: {} sections should add up to half = {}, one an axis", sections.size(),
                                   dims["half"]));
    kernels::cpu::ropeTables({.cosines = cosines.data<float>(),
                              .sines = sines.data<float>(),
                              .positions = positions.data<const std::int32_t>(),
                              .positionStride = positions.rowStride(),
                              .frequencies = frequencies.data<const float>(),
                              .sections = sections,
                              .tokens = dims["tokens"],
                              .half = dims["half"]},
                             *m_team);
}

void CpuOps::rotate(TensorView x, ConstTensorView cosines, ConstTensorView sines)
{
    const auto dims = Contract("rotate")
                          .tensor("x", x, DType::F32, {"tokens", "columns"})
                          .tensor("cosines", cosines, DType::F32, {"tokens", "half"})
                          .tensor("sines", sines, DType::F32, {"tokens", "half"})
                          .dense("cosines", cosines)
                          .dense("sines", sines)
                          .multipleOf("columns", cosines.extent(1) * 2);
    kernels::cpu::rotate({.x = x.data<float>(),
                          .xStride = x.rowStride(),
                          .cosines = cosines.data<const float>(),
                          .sines = sines.data<const float>(),
                          .tokens = dims["tokens"],
                          .heads = dims["columns"] / (2 * dims["half"]),
                          .half = dims["half"]},
                         *m_team);
}

void CpuOps::writeCache(const LayerCache& cache, ConstTensorView k, ConstTensorView v, const PagedBatch& batch)
{
    const auto dims = Contract("writeCache")
                          .tensor("keys", cache.keys, DType::F32, {"blocks", "kvHeads", "blockTokens", "headDim"})
                          .tensor("values", cache.values, DType::F32, {"blocks", "kvHeads", "blockTokens", "headDim"})
                          .dense("keys", cache.keys)
                          .dense("values", cache.values)
                          .tensor("k", k, DType::F32, {"rows", "columns"})
                          .tensor("v", v, DType::F32, {"rows", "columns"})
                          .tensor("places", batch.places, DType::I32, {"rows"})
                          .require(k.extent(1) == cache.keys.extent(1) * cache.keys.extent(3),
                                   "a row of k should be kvHeads · headDim long");
    requireIndices("writeCache", "places", indices(batch.places), std::int64_t{dims["blocks"]} * dims["blockTokens"]);
    kernels::WriteCache work{.places = batch.places.data<const std::int32_t>(),
                             .tokens = dims["rows"],
                             .kvHeads = dims["kvHeads"],
                             .headDim = dims["headDim"],
                             .blockTokens = dims["blockTokens"]};
    work.cache = cache.keys.data<float>();
    work.x = k.data<const float>();
    work.xStride = k.rowStride();
    kernels::cpu::writeCache(work, *m_team);
    work.cache = cache.values.data<float>();
    work.x = v.data<const float>();
    work.xStride = v.rowStride();
    kernels::cpu::writeCache(work, *m_team);
}

void CpuOps::pagedAttention(TensorView y, ConstTensorView q, const LayerCache& cache, const PagedBatch& batch,
                            float scale)
{
    const auto dims = Contract("pagedAttention")
                          .tensor("keys", cache.keys, DType::F32, {"blocks", "kvHeads", "blockTokens", "headDim"})
                          .tensor("values", cache.values, DType::F32, {"blocks", "kvHeads", "blockTokens", "headDim"})
                          .dense("keys", cache.keys)
                          .dense("values", cache.values)
                          .tensor("q", q, DType::F32, {"rows", "columns"})
                          .tensor("y", y, DType::F32, {"rows", "columns"})
                          .tensor("slices", batch.slices, DType::I32, {"sequences", "bounds"})
                          .tensor("blocks of sequences", batch.blocks, DType::I32, {"sequences", "mostBlocks"})
                          .dense("slices", batch.slices)
                          .require(batch.slices.extent(1) == 3, "a slice has three bounds: first row, rows, cached")
                          .multipleOf("headDim", kernels::kHeadDimStep)
                          .atMost("headDim", kernels::kMaxHeadDim)
                          .multipleOf("columns", cache.keys.extent(1) * cache.keys.extent(3));
    requireBatch("pagedAttention", batch, dims["rows"], dims["blocks"], dims["blockTokens"]);
    kernels::cpu::pagedAttention({.y = y.data<float>(),
                                  .yStride = y.rowStride(),
                                  .q = q.data<const float>(),
                                  .qStride = q.rowStride(),
                                  .keys = cache.keys.data<const float>(),
                                  .values = cache.values.data<const float>(),
                                  .slices = batch.slices.data<const std::int32_t>(),
                                  .blocks = batch.blocks.data<const std::int32_t>(),
                                  .blocksStride = batch.blocks.rowStride(),
                                  .sliceCount = dims["sequences"],
                                  .heads = dims["columns"] / dims["headDim"],
                                  .kvHeads = dims["kvHeads"],
                                  .headDim = dims["headDim"],
                                  .blockTokens = dims["blockTokens"],
                                  .scale = scale},
                                 *m_team);
}

void CpuOps::segmentAttention(TensorView y, ConstTensorView q, ConstTensorView k, ConstTensorView v,
                              ConstTensorView ends, int headDim, float scale)
{
    const auto dims =
        Contract("segmentAttention")
            .tensor("q", q, DType::F32, {"rows", "columns"})
            .tensor("k", k, DType::F32, {"rows", "columns"})
            .tensor("v", v, DType::F32, {"rows", "columns"})
            .tensor("y", y, DType::F32, {"rows", "columns"})
            .tensor("ends", ends, DType::I32, {"bounds"})
            .require(headDim > 0 && headDim % kernels::kHeadDimStep == 0 && headDim <= kernels::kMaxHeadDim,
                     "a head should be a multiple of 16 up to 128 long")
            .multipleOf("columns", headDim)
            .require(q.rowStride() == k.rowStride() && k.rowStride() == v.rowStride(),
                     "q, k and v should have one stride")
            .require(ends.extent(0) > 0, "ends should begin with 0");
    const auto bounds = indices(ends);
    for (std::size_t i = 0; i < bounds.size(); ++i)
        if (bounds[i] < (i == 0 ? 0 : bounds[i - 1]) || (i == 0 && bounds[i] != 0) ||
            (i + 1 == bounds.size() && bounds[i] != dims["rows"]))
            throw OpsError(fmt::format("segmentAttention: ends[{}] = {} does not ascend from 0 to {}", i, bounds[i],
                                       dims["rows"]));
    kernels::cpu::segmentAttention({.y = y.data<float>(),
                                    .yStride = y.rowStride(),
                                    .q = q.data<const float>(),
                                    .k = k.data<const float>(),
                                    .v = v.data<const float>(),
                                    .stride = q.rowStride(),
                                    .ends = bounds.data(),
                                    .segments = dims["bounds"] - 1,
                                    .heads = dims["columns"] / headDim,
                                    .headDim = headDim,
                                    .scale = scale},
                                   *m_team);
}

void CpuOps::siluMul(TensorView y, ConstTensorView gate, ConstTensorView up)
{
    kernels::cpu::siluMul(elementwise("siluMul", y, gate, up), *m_team);
}

void CpuOps::gelu(TensorView y, ConstTensorView x)
{
    kernels::cpu::gelu(elementwise("gelu", y, x, x), *m_team);
}

void CpuOps::add(TensorView y, ConstTensorView a, ConstTensorView b)
{
    kernels::cpu::add(elementwise("add", y, a, b), *m_team);
}

} // namespace argus::ops
