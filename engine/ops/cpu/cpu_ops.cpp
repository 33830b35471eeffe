#include "engine/ops/cpu/cpu_ops.h"

#include "engine/ops/awq.h"
#include "engine/ops/contract.h"
#include "engine/ops/cpu/sampler.h"
#include "engine/ops/formats.h"
#include "kernels/activations.h"
#include "kernels/attention.h"
#include "kernels/cpu/team.h"
#include "kernels/linear.h"
#include "kernels/patchify.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/rows.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>
#include <numeric>

namespace argus::ops {

namespace {

/// Layers of one input: q, k, v is the largest group of the model.
constexpr std::size_t kMostParts = 4;

int coresOfThisProcess()
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? std::max(CPU_COUNT(&cores), 1) : 1;
}

bool alignedToItsElement(const ConstTensorView& view)
{
    return reinterpret_cast<std::uintptr_t>(view.bytes()) % sizeOf(view.dtype()) == 0;
}

/// Row by row, since either side may be strided.
void copyTensor(const char* operation, TensorView to, ConstTensorView from)
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
        const std::int64_t first = slices[static_cast<std::size_t>(i * 4)];
        const std::int64_t count = slices[static_cast<std::size_t>(i * 4 + 1)];
        const std::int64_t cached = slices[static_cast<std::size_t>(i * 4 + 2)];
        const std::int64_t slot = slices[static_cast<std::size_t>(i * 4 + 3)];
        const std::int64_t needed = (cached + count + blockTokens - 1) / blockTokens;
        if (first < 0 || count < 0 || cached < 0 || first + count > rows || needed > batch.blocks.extent(1) ||
            slot < 0 || slot >= batch.blocks.extent(0))
            throw OpsError(fmt::format("{}: slice {} ({} rows from {} after {} cached in slot {}) does not fit {} rows "
                                       "and {} slots of {} blocks",
                                       operation, i, count, first, cached, slot, rows, batch.blocks.extent(0),
                                       batch.blocks.extent(1)));
        requireIndices(operation, "blocks", indices(batch.blocks.rows(slot, 1)).first(static_cast<std::size_t>(needed)),
                       blocks);
    }
}

/// Negative ones stand for padding.
void requireSlot(const char* operation, std::int32_t slot, int slots)
{
    if (slot >= slots)
        throw OpsError(fmt::format("{}: slot {} of {}", operation, slot, slots));
}

/// One layer where the kernels read it. The rows of the weight are dense or strided; the bias is float.
struct CpuPart {
    Weight weight; ///< [outputs, inputs]
    Weight bias;   ///< no data: none
};

/// Parts one after another; of a gated product gate and up.
class CpuProduct final : public Product {
public:
    CpuProduct(std::int64_t outputs, std::int64_t inputs, std::vector<CpuPart> parts)
        : Product(outputs, inputs), m_parts(std::move(parts))
    {
    }
    [[nodiscard]] std::span<const CpuPart> parts() const { return m_parts; }

private:
    std::vector<CpuPart> m_parts;
};

constexpr const char* kNoNumbers = "a processor computes only with numbers that exist (load_format auto)";

/// What a kernel wants to know of a part whose product goes to y.
kernels::LinearPart partOf(const CpuPart& part, TensorView y)
{
    const ConstTensorView& weight = part.weight.view();
    return {.y = y.data<float>(),
            .yStride = y.rowStride(),
            .weight = weight.bytes(),
            .weightStride = weight.rowStride(),
            .bias = part.bias.view().bytes() ? part.bias.view().data<const float>() : nullptr,
            .outputs = static_cast<int>(weight.extent(0)),
            .format = formatOf(weight.dtype())};
}

/// -1 stands for a token that could not be drawn.
void requireId(const char* operation, std::size_t row, std::int32_t id, std::int64_t bound)
{
    if (id >= bound)
        throw OpsError(fmt::format("{}: ids[{}] = {} is not below {}", operation, row, id, bound));
}

std::span<std::uint32_t> seenOf(const TokenBook& book, std::int32_t slot)
{
    return {reinterpret_cast<std::uint32_t*>(book.seen.rows(slot, 1).data<std::int32_t>()),
            static_cast<std::size_t>(book.seen.extent(1))};
}

} // namespace

CpuOps::CpuOps(int threads)
    : Ops(cpuTraits()), m_team(std::make_unique<kernels::cpu::Team>(threads > 0 ? threads : coresOfThisProcess()))
{
}
CpuOps::~CpuOps() = default;

int CpuOps::threads() const
{
    return m_team->threads();
}

DeviceReport CpuOps::report() const
{
    return {.name = fmt::format("CPU, {} {}", threads(), threads() == 1 ? "thread" : "threads"), .kind = "cpu"};
}

DeviceTensor CpuOps::allocate(DType type, const Shape& shape)
{
    auto memory = std::make_shared<HostTensor>(type, shape);
    const TensorView view = memory->view();
    return {view, std::move(memory)};
}

Weight CpuOps::placeTable(ConstTensorView host)
{
    Contract("placeTable").require(host.bytes() != nullptr, kNoNumbers).weight("host", host, {"outputs", "inputs"});
    if (alignedToItsElement(host))
        return {host, nullptr};
    auto memory = std::make_shared<HostTensor>(host.dtype(), host.shape()); // an old file with an odd header
    copyTensor("placeTable", memory->view(), host);
    const ConstTensorView view = memory->view();
    return {view, std::move(memory)};
}

Weight CpuOps::placeVector(ConstTensorView host)
{
    const auto dims = Contract("placeVector")
                          .require(host.bytes() != nullptr, kNoNumbers)
                          .weight("host", host, {"length"})
                          .dense("host", host);
    auto memory = std::make_shared<HostTensor>(DType::F32, host.shape());
    auto* to = memory->view().data<float>();
    for (std::int64_t i = 0; i < dims["length"]; ++i)
        to[i] = widened(host, i);
    const ConstTensorView view = memory->view();
    return {view, std::move(memory)};
}

Weight CpuOps::placeFloats(std::span<const float> values)
{
    auto memory = std::make_shared<HostTensor>(DType::F32, Shape{static_cast<std::int64_t>(values.size())});
    std::copy(values.begin(), values.end(), memory->view().data<float>());
    const ConstTensorView view = memory->view();
    return {view, std::move(memory)};
}

ProductPtr CpuOps::placeProduct(std::span<const StoredLinear> parts)
{
    std::vector<CpuPart> placed;
    std::int64_t outputs = 0;
    for (const StoredLinear& part : parts) {
        CpuPart& each = placed.emplace_back();
        each.weight = part.packed ? widenAwq(part.awq) : placeTable(part.weight);
        Contract("placeProduct")
            .require(parts.size() <= kMostParts, "more layers than one input has")
            .require(each.weight.view().shape() == Shape{part.outputs, part.inputs} &&
                         part.inputs == parts.front().inputs,
                     "a layer has another size than its product");
        if (part.bias.rank() != 0)
            each.bias = placeVector(part.bias);
        outputs += part.outputs;
    }
    return std::make_shared<CpuProduct>(outputs, parts.front().inputs, std::move(placed));
}

ProductPtr CpuOps::placeGatedProduct(const StoredLinear& gate, const StoredLinear& up)
{
    const auto pair = placeProduct(std::array{gate, up});
    const auto parts = static_cast<const CpuProduct&>(*pair).parts();
    return std::make_shared<CpuProduct>(gate.outputs, gate.inputs, std::vector(parts.begin(), parts.end()));
}

ProductPtr CpuOps::productOf(const Weight& table)
{
    return std::make_shared<CpuProduct>(table.view().extent(0), table.view().extent(1),
                                        std::vector{CpuPart{.weight = table, .bias = {}}});
}

void CpuOps::upload(TensorView device, ConstTensorView host)
{
    copyTensor("upload", device, host);
}
void CpuOps::download(TensorView host, ConstTensorView device)
{
    copyTensor("download", host, device);
}

void CpuOps::fillZero(TensorView device)
{
    Contract("fillZero").dense("device", device);
    std::memset(device.bytes(), 0, static_cast<std::size_t>(device.shape().elements()) * sizeOf(device.dtype()));
}

Fetch CpuOps::fetch(ConstTensorView device)
{
    const auto numbers = indices(device);
    for (Fetch fetch = 0; fetch < kMostFetches; ++fetch)
        if (m_fetched[fetch].empty()) {
            m_fetched[fetch].assign(numbers.begin(), numbers.end());
            return fetch;
        }
    throw OpsError("fetch: more numbers on their way than places for them");
}

void CpuOps::take(Fetch fetch, std::span<std::int32_t> host)
{
    std::vector<std::int32_t>& numbers = m_fetched[fetch];
    std::copy_n(numbers.begin(), std::min(numbers.size(), host.size()), host.begin());
    numbers.clear();
}

void CpuOps::beginRecording()
{
    throw OpsError("a processor records no steps");
}
std::unique_ptr<Recording> CpuOps::endRecording()
{
    throw OpsError("a processor records no steps");
}
void CpuOps::abandonRecording()
{
    throw OpsError("a processor records no steps");
}
void CpuOps::replay(const Recording&)
{
    throw OpsError("a processor records no steps");
}

/// m_ids: the id of every row. Marks each as seen in its slot.
void CpuOps::resolveIds(const char* operation, ConstTensorView ids, ConstTensorView slots, std::int64_t vocabulary,
                        const TokenBook& book)
{
    const auto dims = Contract(operation)
                          .tensor("ids", ids, DType::I32, {"count"})
                          .tensor("slots", slots, DType::I32, {"count"})
                          .tensor("last", book.last, DType::I32, {"slots"})
                          .tensor("seen", book.seen, DType::I32, {"slots", "words"});
    const auto given = indices(ids);
    const auto of = indices(slots);
    const auto* const last = book.last.data<const std::int32_t>();
    const std::int64_t bound = std::min(vocabulary, std::int64_t{dims["words"]} * 32);
    m_ids.clear();
    for (std::size_t row = 0; row < given.size(); ++row) {
        requireSlot(operation, of[row], dims["slots"]);
        requireSlot(operation, given[row] < 0 ? -1 - given[row] : 0, dims["slots"]);
        m_ids.push_back(std::max(given[row] < 0 ? last[-1 - given[row]] : given[row], -1));
        requireId(operation, row, m_ids[row], bound);
    }
    for (std::size_t row = 0; row < m_ids.size(); ++row)
        if (of[row] >= 0 && m_ids[row] >= 0)
            seenOf(book, of[row])[static_cast<std::size_t>(m_ids[row] / 32)] |= 1U << (m_ids[row] % 32);
}

void CpuOps::embed(TensorView y, ConstTensorView table, ConstTensorView ids, ConstTensorView slots,
                   const TokenBook& book, const TableRows& held)
{
    const auto dims = Contract("embed")
                          .weight("table", table, {"rows", "columns"})
                          .tensor("ids", ids, DType::I32, {"count"})
                          .tensor("y", y, DType::F32, {"count", "columns"});
    resolveIds("embed", ids, slots, held.vocabulary > 0 ? held.vocabulary : dims["rows"], book);
    const auto isHeld = [&](std::int64_t id) { return id >= held.firstId && id < held.firstId + dims["rows"]; };
    m_rows.clear();
    for (const std::int32_t id : m_ids)
        m_rows.push_back(isHeld(id) ? static_cast<std::int32_t>(id - held.firstId) : 0);
    kernels::cpu::gatherRows({.y = y.data<float>(),
                              .yStride = y.rowStride(),
                              .table = table.bytes(),
                              .tableStride = table.rowStride(),
                              .index = m_rows.data(),
                              .count = dims["count"],
                              .columns = dims["columns"],
                              .format = formatOf(table.dtype())},
                             *m_team);
    for (std::size_t row = 0; row < m_ids.size(); ++row)
        if (!isHeld(m_ids[row]))
            std::fill_n(y.data<float>() + static_cast<std::int64_t>(row) * y.rowStride(), dims["columns"], 0.0f);
}

void CpuOps::markSeen(ConstTensorView ids, ConstTensorView slots, std::int64_t vocabulary, const TokenBook& book)
{
    resolveIds("markSeen", ids, slots, vocabulary, book);
}

void CpuOps::cutPatches(TensorView patches, ConstTensorView frames, const PixelScale& scale)
{
    const auto dims = Contract("cutPatches").patchesOf(patches, DType::F32, frames);
    kernels::Patchify work{.patches = patches.data<float>(),
                           .patchStride = patches.rowStride(),
                           .frames = frames.data<const std::uint8_t>(),
                           .frameCount = dims["frames"],
                           .gridH = dims["height"] / 14,
                           .gridW = dims["width"] / 14};
    std::copy(std::begin(scale.mean), std::end(scale.mean), work.mean);
    std::copy(std::begin(scale.deviation), std::end(scale.deviation), work.deviation);
    kernels::cpu::patchify(work, *m_team);
}

void CpuOps::gatherRows(TensorView y, ConstTensorView x, ConstTensorView index)
{
    const auto dims = Contract("gatherRows")
                          .tensor("x", x, DType::F32, {"rows", "columns"})
                          .tensor("index", index, DType::I32, {"count"})
                          .tensor("y", y, DType::F32, {"count", "columns"});
    requireIndices("gatherRows", "index", indices(index), dims["rows"]);
    kernels::cpu::gatherRows({.y = y.data<float>(),
                              .yStride = y.rowStride(),
                              .table = x.bytes(),
                              .tableStride = x.rowStride(),
                              .index = index.data<const std::int32_t>(),
                              .count = dims["count"],
                              .columns = dims["columns"],
                              .format = kernels::Format::F32},
                             *m_team);
}

void CpuOps::copyRows(TensorView y, ConstTensorView x)
{
    copyTensor("copyRows", y, x);
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

void CpuOps::project(TensorView y, ConstTensorView x, const Product& product, const Norm& norm, bool accumulate)
{
    const auto dims = Contract("project")
                          .tensor("x", x, DType::F32, {"rows", "inputs"})
                          .tensor("y", y, DType::F32, {"rows", "outputs"})
                          .require(x.extent(1) == product.inputs() && y.extent(1) == product.outputs(),
                                   "x or y has another width than the product");
    if (norm.gain.bytes()) {
        rmsNorm(norm.scratch, x, norm.gain, norm.epsilon);
        x = norm.scratch;
    }
    const auto parts = static_cast<const CpuProduct&>(product).parts();
    std::array<kernels::LinearPart, kMostParts> work;
    std::int64_t column = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::int64_t outputs = parts[i].weight.view().extent(0);
        work[i] = partOf(parts[i], y.columns(column, outputs));
        work[i].accumulate = accumulate;
        column += outputs;
    }
    kernels::cpu::linear({.x = x.data<const float>(),
                          .xStride = x.rowStride(),
                          .rows = dims["rows"],
                          .inputs = dims["inputs"],
                          .parts = {work.data(), parts.size()}},
                         *m_team);
}

void CpuOps::gatedProject(TensorView y, TensorView scratch, ConstTensorView x, const Product& product, const Norm& norm)
{
    const auto dims = Contract("gatedProject")
                          .tensor("x", x, DType::F32, {"rows", "inputs"})
                          .tensor("y", y, DType::F32, {"rows", "columns"})
                          .tensor("scratch", scratch, DType::F32, {"rows at a time", "columns"})
                          .require(scratch.extent(0) > 0 || x.extent(0) == 0, "scratch has no rows")
                          .require(x.extent(1) == product.inputs() && y.extent(1) == product.outputs(),
                                   "x or y has another width than the product");
    if (norm.gain.bytes()) {
        rmsNorm(norm.scratch, x, norm.gain, norm.epsilon);
        x = norm.scratch;
    }
    const auto parts = static_cast<const CpuProduct&>(product).parts();
    for (std::int64_t first = 0; first < x.extent(0); first += scratch.extent(0)) {
        const std::int64_t rows = std::min(scratch.extent(0), x.extent(0) - first);
        const TensorView gate = y.rows(first, rows);
        const TensorView up = scratch.rows(0, rows);
        const std::array work{partOf(parts[0], gate), partOf(parts[1], up)};
        kernels::cpu::linear({.x = x.rows(first, rows).data<const float>(),
                              .xStride = x.rowStride(),
                              .rows = static_cast<int>(rows),
                              .inputs = dims["inputs"],
                              .parts = work},
                             *m_team);
        kernels::cpu::siluMul({.y = gate.data<float>(),
                               .yStride = gate.rowStride(),
                               .a = gate.data<const float>(),
                               .aStride = gate.rowStride(),
                               .b = up.data<const float>(),
                               .bStride = up.rowStride(),
                               .rows = static_cast<int>(rows),
                               .columns = dims["columns"]},
                              *m_team);
    }
}

void CpuOps::ropeTables(TensorView cosines, TensorView sines, ConstTensorView positions, ConstTensorView frequencies,
                        std::span<const int> sections, bool)
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

void CpuOps::rotateIntoCache(const LayerCache& cache, TensorView qkv, ConstTensorView cosines, ConstTensorView sines,
                             const PagedBatch& batch)
{
    const std::int64_t keys = cache.keys.extent(1) * cache.keys.extent(3);
    const std::int64_t rotated = qkv.extent(1) - keys;
    rotate(qkv.columns(0, rotated), cosines, sines); // q and k stand side by side
    writeCache(cache, qkv.columns(rotated - keys, keys), qkv.columns(rotated, keys), batch);
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
    const auto dims =
        Contract("pagedAttention")
            .tensor("keys", cache.keys, DType::F32, {"blocks", "kvHeads", "blockTokens", "headDim"})
            .tensor("values", cache.values, DType::F32, {"blocks", "kvHeads", "blockTokens", "headDim"})
            .dense("keys", cache.keys)
            .dense("values", cache.values)
            .tensor("q", q, DType::F32, {"rows", "columns"})
            .tensor("y", y, DType::F32, {"rows", "columns"})
            .tensor("slices", batch.slices, DType::I32, {"sequences", "bounds"})
            .tensor("blocks of slots", batch.blocks, DType::I32, {"slots", "mostBlocks"})
            .dense("slices", batch.slices)
            .require(batch.slices.extent(1) == 4, "a slice has four numbers: first row, rows, cached, slot")
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
                              ConstTensorView ends, int, int headDim, float scale)
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

void CpuOps::gelu(TensorView y, ConstTensorView x)
{
    const auto dims = Contract("gelu")
                          .tensor("x", x, DType::F32, {"rows", "columns"})
                          .tensor("y", y, DType::F32, {"rows", "columns"});
    kernels::cpu::gelu({.y = y.data<float>(),
                        .yStride = y.rowStride(),
                        .a = x.data<const float>(),
                        .aStride = x.rowStride(),
                        .rows = dims["rows"],
                        .columns = dims["columns"]},
                       *m_team);
}

void CpuOps::sample(TensorView drawn, ConstTensorView scores, ConstTensorView sampling, const TokenBook& book,
                    bool /*greedy*/)
{
    const auto dims = Contract("sample")
                          .tensor("scores", scores, DType::F32, {"rows", "vocab"})
                          .tensor("sampling", sampling, DType::I32, {"rows", "words of a row"})
                          .tensor("drawn", drawn, DType::I32, {"rows"})
                          .tensor("last", book.last, DType::I32, {"slots"})
                          .tensor("seen", book.seen, DType::I32, {"slots", "words"})
                          .dense("sampling", sampling)
                          .require(sampling.extent(1) * 4 == sizeof(SamplingRow), "sampling is no SamplingRow");
    for (int i = 0; i < dims["rows"]; ++i) {
        SamplingRow row;
        std::memcpy(&row, sampling.rows(i, 1).bytes(), sizeof row);
        requireSlot("sample", row.slot, dims["slots"]);
        if (row.slot < 0)
            continue;
        const auto* const from = scores.rows(i, 1).data<const float>();
        m_scores.assign(from, from + dims["vocab"]);
        const std::span<std::uint32_t> seen = seenOf(book, row.slot);
        const std::int32_t id = sampleToken(m_scores, seen, row);
        drawn.data<std::int32_t>()[i] = id;
        book.last.data<std::int32_t>()[row.slot] = id;
        if (id >= 0 && id < dims["words"] * 32)
            seen[static_cast<std::size_t>(id / 32)] |= 1U << (id % 32);
    }
}

} // namespace argus::ops
