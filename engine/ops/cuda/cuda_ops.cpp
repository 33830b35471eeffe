#include "engine/ops/cuda/cuda_ops.h"

#include "engine/base/catalogue.h"
#include "engine/ops/contract.h"
#include "engine/ops/cuda_layout.h"
#include "engine/ops/formats.h"
#include "kernels/cpu/team.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/image.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/sampling.h"
#include "kernels/cuda/skinny.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

namespace argus::ops {

Result<std::unique_ptr<Ops>> openCuda(const CudaSettings& settings)
{
    try {
        auto device = cuda::Device::open(settings);
        if (!device)
            return std::move(device).error();
        auto blasMemory = (*device)->take(kProductBytes);
        auto kernelMemory = (*device)->take(kKernelBytes);
        auto widened = settings.packed ? (*device)->take(kWidenedBytes) : nullptr;
        if (kernels::cuda::samplingWorkspace(kMostSequences, 0) > kSamplingBytes ||
            kernels::cuda::skinnyWorkspace(0, (*device)->processors()) > kSamplingPlace - kProductPlace)
            return Error{ErrorCode::Internal, "this GPU's kernels need more workspace than was planned for them",
                         "report it with the name of the GPU, and use --device cpu", "device"};
        auto blas = cuda::Blas::open(blasMemory.get(), kProductBytes);
        if (!blas)
            return std::move(blas).error();
        return std::unique_ptr<Ops>(new cuda::CudaOps(settings, std::move(*device), std::move(*blas),
                                                      std::move(blasMemory), std::move(kernelMemory),
                                                      std::move(widened)));
    } catch (const OpsError& refused) {
        return makeError(ErrorCode::DoesNotFit, refused.said(), say("do-end-programs"), "device");
    }
}

} // namespace argus::ops

namespace argus::ops::cuda {

namespace {

/// 16 bytes at a time: every row has to begin at a multiple of that.
void requireVectors(const char* operation, std::initializer_list<ConstTensorView> views)
{
    for (const ConstTensorView& view : views)
        if (reinterpret_cast<std::uintptr_t>(view.bytes()) % 16 != 0 ||
            view.rowStride() * static_cast<std::int64_t>(sizeOf(view.dtype())) % 16 != 0)
            throw OpsError(fmt::format("{}: rows of {} {} do not begin at multiples of 16 bytes", operation,
                                       nameOf(view.dtype()), view.shape().text()));
}

class Graph final : public Recording {
public:
    explicit Graph(cudaGraphExec_t graph) : m_graph(graph) {}
    ~Graph() override { cudaGraphExecDestroy(m_graph); }
    [[nodiscard]] cudaGraphExec_t get() const { return m_graph; }

private:
    cudaGraphExec_t m_graph = nullptr;
};

/// Threads that fill pinned memory: one copies at some 10 GB/s, the bus takes several times that.
constexpr int kCopiers = 6;
constexpr std::size_t kCopiedPiece = std::size_t{1} << 20; ///< bytes of one task of theirs

} // namespace

CudaOps::CudaOps(const CudaSettings& settings, std::unique_ptr<Device> device, std::unique_ptr<Blas> blas,
                 std::shared_ptr<std::byte> blasMemory, std::shared_ptr<std::byte> kernelMemory,
                 std::shared_ptr<std::byte> widened)
    : Ops(cudaTraits({.compute = settings.compute,
                      .packed = settings.packed,
                      .major = device->capabilityMajor(),
                      .minor = device->capabilityMinor()})),
      m_mostFewRows(settings.mostFewRows), m_device(std::move(device)), m_blas(std::move(blas)),
      m_blasMemory(std::move(blasMemory)), m_kernelMemory(std::move(kernelMemory)), m_widened(std::move(widened)),
      m_copiers(std::make_unique<kernels::cpu::Team>(kCopiers))
{
    check("cudaHostAlloc",
          cudaHostAlloc(reinterpret_cast<void**>(&m_fetched),
                        sizeof(std::int32_t) * kMostFetches * kMostFetchedElements, cudaHostAllocDefault));
    for (cudaEvent_t& event : m_fetchDone)
        check("cudaEventCreate", cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync));
    // The kernels' counters stand at zero before the first launch and after every one.
    check("cudaMemset", cudaMemsetAsync(m_kernelMemory.get(), 0, kKernelBytes, m_device->stream()));
    // The last eight bytes are ours: no kernel's workspace reaches there.
    m_overflows = reinterpret_cast<unsigned long long*>(m_kernelMemory.get() + kKernelBytes) - 1;
}

CudaOps::~CudaOps()
{
    cudaStreamSynchronize(m_device->stream());
    for (const cudaEvent_t event : m_fetchDone)
        if (event != nullptr)
            cudaEventDestroy(event);
    cudaFreeHost(m_fetched);
}

kernels::Format CudaOps::format() const
{
    return formatOf(computeType());
}
kernels::Format CudaOps::residualFormat() const
{
    return formatOf(residualType());
}

DeviceReport CudaOps::report() const
{
    return {.name = m_device->name(), .kind = "cuda", .usedBytes = m_device->arena().used()};
}

DeviceTensor CudaOps::allocate(DType type, const Shape& shape)
{
    auto memory = m_device->take(static_cast<std::uint64_t>(shape.elements()) * sizeOf(type));
    const TensorView view(memory.get(), type, shape);
    return {view, std::move(memory)};
}

void CudaOps::upload(TensorView device, ConstTensorView host)
{
    Contract("upload")
        .dense("device", device)
        .require(device.shape() == host.shape() && (device.dtype() == host.dtype() || host.dtype() == DType::F32),
                 "device and host tensor have different shapes or types");
    const std::size_t bytes = static_cast<std::size_t>(host.shape().elements()) * sizeOf(host.dtype());
    if (bytes == 0)
        return;
    if (device.dtype() == host.dtype() && host.dense() && bytes <= Device::kSmallBytes) {
        m_device->uploadSmall(device.bytes(), host.bytes(), bytes);
        return;
    }
    const std::int64_t columns = host.rowElements();
    const std::size_t rowBytes = static_cast<std::size_t>(columns) * sizeOf(host.dtype());
    const bool converts = device.dtype() != host.dtype();
    for (std::int64_t first = 0; first < host.extent(0);) {
        const Device::Half half = m_device->beginStaging();
        const std::int64_t count = std::min(host.extent(0) - first, static_cast<std::int64_t>(half.bytes / rowBytes));
        if (count == 0)
            throw OpsError(fmt::format("upload: a row of {} is longer than the staging memory", host.shape().text()));
        const std::size_t part = static_cast<std::size_t>(count) * rowBytes;
        fillRows(half.host, host.rows(first, count));
        std::byte* const target = device.bytes() + static_cast<std::size_t>(first * columns) * sizeOf(device.dtype());
        check("upload", cudaMemcpyAsync(converts ? half.device : target, half.host, part, cudaMemcpyHostToDevice,
                                        m_device->stream()));
        if (converts)
            check("upload", kernels::cuda::copyRows({.y = target,
                                                     .yStride = columns,
                                                     .x = half.device,
                                                     .xStride = columns,
                                                     .count = static_cast<int>(count),
                                                     .columns = static_cast<int>(columns),
                                                     .from = formatOf(host.dtype()),
                                                     .to = formatOf(device.dtype())},
                                                    m_device->stream()));
        m_device->endStaging();
        first += count;
    }
}

/// Several threads copy: pages of a mapped file are faulted in on the way.
void CudaOps::fill(std::byte* pinned, const std::byte* from, std::size_t bytes)
{
    const auto pieces = static_cast<std::int64_t>((bytes + kCopiedPiece - 1) / kCopiedPiece);
    m_copiers->forEachTask(static_cast<std::int64_t>(bytes), pieces, [&](std::int64_t piece) {
        const std::size_t at = static_cast<std::size_t>(piece) * kCopiedPiece;
        std::memcpy(pinned + at, from + at, std::min(kCopiedPiece, bytes - at));
    });
}

/// Rows of a view one behind the other: a part of a matrix stands in the rows of the whole one.
void CudaOps::fillRows(std::byte* pinned, ConstTensorView from)
{
    const std::size_t rowBytes = static_cast<std::size_t>(from.rowElements()) * sizeOf(from.dtype());
    const std::size_t bytes = static_cast<std::size_t>(from.extent(0)) * rowBytes;
    if (from.dense()) {
        fill(pinned, from.bytes(), bytes);
        return;
    }
    const auto rowsOfPiece = static_cast<std::int64_t>(std::max<std::size_t>(kCopiedPiece / rowBytes, 1));
    const std::size_t step = static_cast<std::size_t>(from.rowStride()) * sizeOf(from.dtype());
    const std::int64_t pieces = (from.extent(0) + rowsOfPiece - 1) / rowsOfPiece;
    m_copiers->forEachTask(static_cast<std::int64_t>(bytes), pieces, [&](std::int64_t piece) {
        const std::int64_t end = std::min(from.extent(0), (piece + 1) * rowsOfPiece);
        for (auto row = static_cast<std::size_t>(piece * rowsOfPiece); row < static_cast<std::size_t>(end); ++row)
            std::memcpy(pinned + row * rowBytes, from.bytes() + row * step, rowBytes);
    });
}

void CudaOps::download(TensorView host, ConstTensorView device)
{
    Contract("download")
        .require(host.shape() == device.shape() && (host.dtype() == device.dtype() || host.dtype() == DType::F32),
                 "host and device tensor have different shapes or types");
    const auto rows = host.rank() == 0 ? 1 : host.extent(0);
    const auto columns = static_cast<std::size_t>(host.rowElements());
    if (rows == 0 || columns == 0)
        return;
    const std::size_t rowBytes = columns * sizeOf(device.dtype());
    const bool converts = host.dtype() != device.dtype();
    HostTensor raw;
    TensorView to = host;
    if (converts) {
        raw = HostTensor(device.dtype(), device.shape());
        to = raw.view();
    }
    check("download",
          cudaMemcpy2DAsync(to.bytes(), static_cast<std::size_t>(to.rowStride()) * sizeOf(to.dtype()), device.bytes(),
                            static_cast<std::size_t>(device.rowStride()) * sizeOf(device.dtype()), rowBytes,
                            static_cast<std::size_t>(rows), cudaMemcpyDeviceToHost, m_device->stream()));
    synchronize();
    if (!converts)
        return;
    for (std::int64_t row = 0; row < rows; ++row) {
        const auto* const from = raw.view().rows(row, 1).bytes();
        auto* const out = host.rows(row, 1).data<float>();
        for (std::size_t i = 0; i < columns; ++i) {
            std::uint16_t bits = 0;
            std::memcpy(&bits, from + 2 * i, sizeof bits);
            out[i] = device.dtype() == DType::BF16 ? fromBf16(bits) : fromF16(bits);
        }
    }
}

void CudaOps::fillZero(TensorView device)
{
    Contract("fillZero").dense("device", device);
    check("fillZero", cudaMemsetAsync(device.bytes(), 0,
                                      static_cast<std::size_t>(device.shape().elements()) * sizeOf(device.dtype()),
                                      m_device->stream()));
}

void CudaOps::synchronize()
{
    check("synchronize", cudaStreamSynchronize(m_device->stream()));
}

Fetch CudaOps::fetch(ConstTensorView device)
{
    const std::int64_t count = device.shape().elements();
    Contract("fetch")
        .dense("device", device)
        .require(device.dtype() == DType::I32 && count > 0 && count <= kMostFetchedElements,
                 "a fetch is 1 to 1024 I32");
    for (Fetch fetch = 0; fetch < kMostFetches; ++fetch) {
        const auto place = static_cast<std::size_t>(fetch);
        if (m_fetchLength[place] != 0)
            continue;
        check("fetch", cudaMemcpyAsync(m_fetched + fetch * kMostFetchedElements, device.bytes(),
                                       static_cast<std::size_t>(count) * sizeof(std::int32_t), cudaMemcpyDeviceToHost,
                                       m_device->stream()));
        check("fetch", cudaEventRecord(m_fetchDone[place], m_device->stream()));
        m_fetchLength[place] = count;
        return fetch;
    }
    throw OpsError("fetch: more numbers on their way than places for them");
}

bool CudaOps::arrived(Fetch fetch)
{
    const cudaError_t status = cudaEventQuery(m_fetchDone[static_cast<std::size_t>(fetch)]);
    if (status == cudaErrorNotReady)
        return false;
    check("arrived", status);
    return true;
}

void CudaOps::take(Fetch fetch, std::span<std::int32_t> host)
{
    const auto place = static_cast<std::size_t>(fetch);
    check("take", cudaEventSynchronize(m_fetchDone[place]));
    std::copy_n(m_fetched + fetch * kMostFetchedElements,
                std::min(static_cast<std::size_t>(m_fetchLength[place]), host.size()), host.begin());
    m_fetchLength[place] = 0;
}

int CudaOps::recordedLongest(std::int64_t sequences, int longest, int most) const
{
    if (computeType() == DType::F32) // one kernel for all lengths
        return most;
    return kernels::cuda::pagedAttentionReach(static_cast<int>(sequences), longest, most);
}

void CudaOps::beginRecording()
{
    check("record", cudaStreamBeginCapture(m_device->stream(), cudaStreamCaptureModeThreadLocal));
}

std::unique_ptr<Recording> CudaOps::endRecording()
{
    cudaGraph_t graph = nullptr;
    check("record", cudaStreamEndCapture(m_device->stream(), &graph));
    cudaGraphExec_t runnable = nullptr;
    const cudaError_t status = cudaGraphInstantiate(&runnable, graph, 0);
    cudaGraphDestroy(graph);
    check("record", status);
    return std::make_unique<Graph>(runnable);
}

void CudaOps::abandonRecording()
{
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    check("record", cudaStreamIsCapturing(m_device->stream(), &status));
    if (status != cudaStreamCaptureStatusNone) {
        cudaGraph_t graph = nullptr;
        (void)cudaStreamEndCapture(m_device->stream(), &graph); // says once more why it was refused
        if (graph != nullptr)
            (void)cudaGraphDestroy(graph);
    }
    (void)cudaGetLastError(); // or the next operation would be told of it
}

void CudaOps::replay(const Recording& recording)
{
    check("replay", cudaGraphLaunch(static_cast<const Graph&>(recording).get(), m_device->stream()));
}

void CudaOps::embed(TensorView y, ConstTensorView table, ConstTensorView ids, ConstTensorView slots,
                    const TokenBook& book, const TableRows& held)
{
    const auto dims = Contract("embed")
                          .tensor("table", table, computeType(), {"rows", "columns"})
                          .tensor("ids", ids, DType::I32, {"count"})
                          .tensor("slots", slots, DType::I32, {"count"})
                          .tensor("last", book.last, DType::I32, {"slots of the device"})
                          .tensor("seen", book.seen, DType::I32, {"slots of the device", "words"})
                          .tensor("y", y, residualType(), {"count", "columns"})
                          .multipleOf("columns", 8);
    requireVectors("embed", {y, table});
    check("embed", kernels::cuda::gatherRows({.y = y.bytes(),
                                              .yStride = y.rowStride(),
                                              .table = table.bytes(),
                                              .tableStride = table.rowStride(),
                                              .ids = ids.data<const std::int32_t>(),
                                              .last = book.last.data<const std::int32_t>(),
                                              .seen = reinterpret_cast<std::uint32_t*>(book.seen.data<std::int32_t>()),
                                              .seenStride = book.seen.rowStride(),
                                              .slots = slots.data<const std::int32_t>(),
                                              .count = dims["count"],
                                              .columns = dims["columns"],
                                              .rows = dims["rows"],
                                              .firstId = static_cast<int>(held.firstId),
                                              .knownIds = static_cast<int>(held.vocabulary),
                                              .type = format(),
                                              .out = residualFormat()},
                                             m_device->stream()));
}

void CudaOps::markSeen(ConstTensorView ids, ConstTensorView slots, std::int64_t vocabulary, const TokenBook& book)
{
    const auto dims = Contract("markSeen")
                          .tensor("ids", ids, DType::I32, {"count"})
                          .tensor("slots", slots, DType::I32, {"count"})
                          .tensor("last", book.last, DType::I32, {"slots of the device"})
                          .tensor("seen", book.seen, DType::I32, {"slots of the device", "words"})
                          .require(vocabulary <= book.seen.extent(1) * 32, "seen has no bit for every id");
    check("markSeen",
          kernels::cuda::gatherRows({.ids = ids.data<const std::int32_t>(),
                                     .last = book.last.data<const std::int32_t>(),
                                     .seen = reinterpret_cast<std::uint32_t*>(book.seen.data<std::int32_t>()),
                                     .seenStride = book.seen.rowStride(),
                                     .slots = slots.data<const std::int32_t>(),
                                     .count = dims["count"],
                                     .knownIds = static_cast<int>(vocabulary),
                                     .type = format(),
                                     .out = format()},
                                    m_device->stream()));
}

void CudaOps::cutPatches(TensorView patches, ConstTensorView frames, const PixelScale& scale)
{
    const auto dims = Contract("cutPatches")
                          .patchesOf(patches, computeType(), frames)
                          .require(reinterpret_cast<std::uintptr_t>(frames.bytes()) % 4 == 0, "frames lie unaligned");
    requireVectors("cutPatches", {patches});
    kernels::cuda::Patchify work{.patches = patches.bytes(),
                                 .patchStride = patches.rowStride(),
                                 .frames = frames.data<const std::uint8_t>(),
                                 .frameCount = dims["frames"],
                                 .gridH = dims["height"] / 14,
                                 .gridW = dims["width"] / 14,
                                 .type = format()};
    std::copy(std::begin(scale.mean), std::end(scale.mean), work.mean);
    std::copy(std::begin(scale.deviation), std::end(scale.deviation), work.deviation);
    check("cutPatches", kernels::cuda::patchify(work, m_device->stream()));
}

void CudaOps::gatherRows(TensorView y, ConstTensorView x, ConstTensorView index)
{
    const auto dims = Contract("gatherRows")
                          .tensor("x", x, y.dtype(), {"rows", "columns"})
                          .tensor("index", index, DType::I32, {"count"})
                          .tensor("y", y, y.dtype(), {"count", "columns"})
                          .multipleOf("columns", 8);
    requireVectors("gatherRows", {y, x});
    check("gatherRows", kernels::cuda::gatherRows({.y = y.bytes(),
                                                   .yStride = y.rowStride(),
                                                   .table = x.bytes(),
                                                   .tableStride = x.rowStride(),
                                                   .ids = index.data<const std::int32_t>(),
                                                   .count = dims["count"],
                                                   .columns = dims["columns"],
                                                   .rows = dims["rows"],
                                                   .type = formatOf(y.dtype()),
                                                   .out = formatOf(y.dtype())},
                                                  m_device->stream()));
}

void CudaOps::scatterRows(TensorView y, ConstTensorView x, ConstTensorView index)
{
    const auto dims = Contract("scatterRows")
                          .tensor("x", x, y.dtype(), {"count", "columns"})
                          .tensor("index", index, DType::I32, {"count"})
                          .tensor("y", y, y.dtype(), {"rows", "columns"});
    check("scatterRows", kernels::cuda::copyRows({.y = y.bytes(),
                                                  .yStride = y.rowStride(),
                                                  .x = x.bytes(),
                                                  .xStride = x.rowStride(),
                                                  .index = index.data<const std::int32_t>(),
                                                  .count = dims["count"],
                                                  .columns = dims["columns"],
                                                  .from = formatOf(x.dtype()),
                                                  .to = formatOf(y.dtype())},
                                                 m_device->stream()));
}

void CudaOps::copyRows(TensorView y, ConstTensorView x)
{
    const auto ofStep = [this](DType type) { return type == computeType() || type == residualType(); };
    const auto dims = Contract("copyRows")
                          .tensor("x", x, x.dtype(), {"rows", "columns"})
                          .tensor("y", y, y.dtype(), {"rows", "columns"})
                          .require(ofStep(x.dtype()) && ofStep(y.dtype()), "x or y holds another type than steps do");
    check("copyRows", kernels::cuda::copyRows({.y = y.bytes(),
                                               .yStride = y.rowStride(),
                                               .x = x.bytes(),
                                               .xStride = x.rowStride(),
                                               .count = dims["rows"],
                                               .columns = dims["columns"],
                                               .from = formatOf(x.dtype()),
                                               .to = formatOf(y.dtype())},
                                              m_device->stream()));
}

void CudaOps::rmsNorm(TensorView y, ConstTensorView x, ConstTensorView gain, float epsilon)
{
    const auto dims = Contract("rmsNorm")
                          .tensor("x", x, residualType(), {"tokens", "hidden"})
                          .tensor("gain", gain, computeType(), {"hidden"})
                          .tensor("y", y, computeType(), {"tokens", "hidden"})
                          .multipleOf("hidden", 8);
    requireVectors("rmsNorm", {y, x});
    check("rmsNorm", kernels::cuda::rmsNorm({.y = y.bytes(),
                                             .yStride = y.rowStride(),
                                             .x = x.bytes(),
                                             .xStride = x.rowStride(),
                                             .gain = gain.bytes(),
                                             .tokens = dims["tokens"],
                                             .hidden = dims["hidden"],
                                             .epsilon = epsilon,
                                             .type = format(),
                                             .residual = residualFormat()},
                                            m_device->stream()));
}

void CudaOps::ropeTables(TensorView cosines, TensorView sines, ConstTensorView positions, ConstTensorView frequencies,
                         std::span<const int> sections, bool rounded)
{
    const auto dims =
        Contract("ropeTables")
            .tensor("positions", positions, DType::I32, {"axes", "tokens"})
            .tensor("frequencies", frequencies, DType::F32, {"half"})
            .tensor("cosines", cosines, DType::F32, {"tokens", "half"})
            .tensor("sines", sines, DType::F32, {"tokens", "half"})
            .dense("cosines", cosines)
            .dense("sines", sines)
            .require(static_cast<std::int64_t>(sections.size()) == positions.extent(0) && sections.size() <= 3,
                     "one section an axis, at most three");
    kernels::cuda::RopeTables work{.cosines = cosines.data<float>(),
                                   .sines = sines.data<float>(),
                                   .positions = positions.data<const std::int32_t>(),
                                   .positionStride = positions.rowStride(),
                                   .frequencies = frequencies.data<const float>(),
                                   .tokens = dims["tokens"],
                                   .half = dims["half"],
                                   .type = rounded ? format() : kernels::Format::F32};
    std::copy(sections.begin(), sections.end(), work.sections);
    check("ropeTables", kernels::cuda::ropeTables(work, m_device->stream()));
}

void CudaOps::rotate(TensorView x, ConstTensorView cosines, ConstTensorView sines)
{
    const auto dims = Contract("rotate")
                          .tensor("x", x, computeType(), {"tokens", "columns"})
                          .tensor("cosines", cosines, DType::F32, {"tokens", "half"})
                          .tensor("sines", sines, DType::F32, {"tokens", "half"})
                          .dense("cosines", cosines)
                          .dense("sines", sines)
                          .multipleOf("half", 8)
                          .multipleOf("columns", cosines.extent(1) * 2);
    requireVectors("rotate", {x});
    check("rotate", kernels::cuda::rotate({.x = x.bytes(),
                                           .xStride = x.rowStride(),
                                           .cosines = cosines.data<const float>(),
                                           .sines = sines.data<const float>(),
                                           .tokens = dims["tokens"],
                                           .heads = dims["columns"] / (2 * dims["half"]),
                                           .half = dims["half"],
                                           .type = format()},
                                          m_device->stream()));
}

/// The kernel's arguments, checked.
kernels::cuda::RotateIntoCache CudaOps::rotation(const char* operation, const LayerCache& cache, TensorView qkv,
                                                 ConstTensorView cosines, ConstTensorView sines,
                                                 const PagedBatch& batch) const
{
    const auto dims =
        Contract(operation)
            .tensor("keys", cache.keys, computeType(), {"blocks", "kvHeads", "blockTokens", "headDim"})
            .tensor("values", cache.values, computeType(), {"blocks", "kvHeads", "blockTokens", "headDim"})
            .dense("keys", cache.keys)
            .dense("values", cache.values)
            .tensor("qkv", qkv, computeType(), {"tokens", "columns"})
            .tensor("cosines", cosines, DType::F32, {"tokens", "half"})
            .tensor("sines", sines, DType::F32, {"tokens", "half"})
            .dense("cosines", cosines)
            .dense("sines", sines)
            .tensor("places", batch.places, DType::I32, {"tokens"})
            .multipleOf("half", 8)
            .multipleOf("columns", cache.keys.extent(3))
            .require(cosines.extent(1) * 2 == cache.keys.extent(3), "half is not half of headDim");
    requireVectors(operation, {qkv});
    return {.qkv = qkv.bytes(),
            .qkvStride = qkv.rowStride(),
            .cosines = cosines.data<const float>(),
            .sines = sines.data<const float>(),
            .keys = cache.keys.bytes(),
            .values = cache.values.bytes(),
            .places = batch.places.data<const std::int32_t>(),
            .tokens = dims["tokens"],
            .heads = dims["columns"] / dims["headDim"] - 2 * dims["kvHeads"],
            .kvHeads = dims["kvHeads"],
            .headDim = dims["headDim"],
            .blockTokens = dims["blockTokens"],
            .type = format()};
}

void CudaOps::rotateIntoCache(const LayerCache& cache, TensorView qkv, ConstTensorView cosines, ConstTensorView sines,
                              const PagedBatch& batch)
{
    check("rotateIntoCache", kernels::cuda::rotateIntoCache(
                                 rotation("rotateIntoCache", cache, qkv, cosines, sines, batch), m_device->stream()));
}

void CudaOps::pagedAttention(TensorView y, ConstTensorView q, const LayerCache& cache, const PagedBatch& batch,
                             float scale)
{
    const auto dims =
        Contract("pagedAttention")
            .tensor("keys", cache.keys, computeType(), {"blocks", "kvHeads", "blockTokens", "headDim"})
            .tensor("values", cache.values, computeType(), {"blocks", "kvHeads", "blockTokens", "headDim"})
            .dense("keys", cache.keys)
            .dense("values", cache.values)
            .tensor("q", q, computeType(), {"rows", "columns"})
            .tensor("y", y, computeType(), {"rows", "columns"})
            .tensor("slices", batch.slices, DType::I32, {"sequences", "numbers"})
            .tensor("blocks of slots", batch.blocks, DType::I32, {"slots", "mostBlocks"})
            .dense("slices", batch.slices)
            .require(batch.slices.extent(1) == 4, "a slice has four numbers: first row, rows, cached, slot")
            .require(computeType() == DType::F32 || cache.keys.extent(3) == 128,
                     "a head should be 128 long in 16-bit types")
            .multipleOf("headDim", 16)
            .atMost("headDim", 128)
            .multipleOf("columns", cache.keys.extent(1) * cache.keys.extent(3));
    requireVectors("pagedAttention", {y, q});
    const int heads = dims["columns"] / dims["headDim"];
    check("pagedAttention", kernels::cuda::pagedAttention({.y = y.bytes(),
                                                           .yStride = y.rowStride(),
                                                           .q = q.bytes(),
                                                           .qStride = q.rowStride(),
                                                           .keys = cache.keys.bytes(),
                                                           .values = cache.values.bytes(),
                                                           .slices = batch.slices.data<const std::int32_t>(),
                                                           .blockTable = batch.blocks.data<const std::int32_t>(),
                                                           .blocksStride = batch.blocks.rowStride(),
                                                           .rows = dims["rows"],
                                                           .sliceCount = dims["sequences"],
                                                           .mostRows = batch.mostRows,
                                                           .longest = batch.longest,
                                                           .decodeOnly = batch.decodeOnly,
                                                           .heads = heads,
                                                           .kvHeads = dims["kvHeads"],
                                                           .headDim = dims["headDim"],
                                                           .blockTokens = dims["blockTokens"],
                                                           .scale = scale,
                                                           .type = format(),
                                                           .workspace = m_kernelMemory.get(),
                                                           .workspaceBytes = kProductPlace,
                                                           .processors = m_device->processors()},
                                                          m_device->stream()));
}

void CudaOps::segmentAttention(TensorView y, ConstTensorView q, ConstTensorView k, ConstTensorView v,
                               ConstTensorView ends, int longest, int headDim, float scale)
{
    const auto dims = Contract("segmentAttention")
                          .tensor("q", q, computeType(), {"rows", "columns"})
                          .tensor("k", k, computeType(), {"rows", "columns"})
                          .tensor("v", v, computeType(), {"rows", "columns"})
                          .tensor("y", y, computeType(), {"rows", "columns"})
                          .tensor("ends", ends, DType::I32, {"bounds"})
                          .require(headDim > 0 && headDim % 16 == 0 && headDim <= 128 &&
                                       (computeType() == DType::F32 || headDim == 80),
                                   "a head should be 80 long, or in float32 a multiple of 16 up to 128")
                          .multipleOf("columns", headDim)
                          .require(q.rowStride() == k.rowStride() && k.rowStride() == v.rowStride(),
                                   "q, k and v should have one stride")
                          .require(ends.extent(0) > 0, "ends should begin with 0");
    requireVectors("segmentAttention", {y, q, k, v});
    check("segmentAttention", kernels::cuda::segmentAttention({.y = y.bytes(),
                                                               .yStride = y.rowStride(),
                                                               .q = q.bytes(),
                                                               .k = k.bytes(),
                                                               .v = v.bytes(),
                                                               .stride = q.rowStride(),
                                                               .ends = ends.data<const std::int32_t>(),
                                                               .rows = dims["rows"],
                                                               .segments = dims["bounds"] - 1,
                                                               .longest = longest,
                                                               .heads = dims["columns"] / headDim,
                                                               .headDim = headDim,
                                                               .scale = scale,
                                                               .type = format()},
                                                              m_device->stream()));
}

void CudaOps::gelu(TensorView y, ConstTensorView x)
{
    const auto dims = Contract("gelu")
                          .tensor("x", x, computeType(), {"rows", "columns"})
                          .tensor("y", y, computeType(), {"rows", "columns"})
                          .multipleOf("columns", 8);
    requireVectors("gelu", {y, x});
    check("gelu", kernels::cuda::biasGelu({.y = y.bytes(),
                                           .yStride = y.rowStride(),
                                           .x = x.bytes(),
                                           .xStride = x.rowStride(),
                                           .rows = dims["rows"],
                                           .columns = dims["columns"],
                                           .type = format()},
                                          m_device->stream()));
}

void CudaOps::sample(TensorView drawn, ConstTensorView scores, ConstTensorView sampling, const TokenBook& book,
                     bool greedy)
{
    static_assert(sizeof(SamplingRow) == sizeof(kernels::cuda::SamplingRow));
    const auto dims = Contract("sample")
                          .tensor("scores", scores, residualType(), {"rows", "vocab"})
                          .tensor("sampling", sampling, DType::I32, {"rows", "words of a row"})
                          .tensor("drawn", drawn, DType::I32, {"rows"})
                          .tensor("last", book.last, DType::I32, {"slots"})
                          .tensor("seen", book.seen, DType::I32, {"slots", "words"})
                          .dense("sampling", sampling)
                          .require(sampling.extent(1) * 4 == sizeof(SamplingRow), "sampling is no SamplingRow");
    check("sample",
          kernels::cuda::sample({.scores = scores.bytes(),
                                 .scoreStride = scores.rowStride(),
                                 .sampling = reinterpret_cast<const kernels::cuda::SamplingRow*>(sampling.bytes()),
                                 .seen = reinterpret_cast<std::uint32_t*>(book.seen.data<std::int32_t>()),
                                 .seenStride = book.seen.rowStride(),
                                 .tokens = book.last.data<std::int32_t>(),
                                 .drawn = drawn.data<std::int32_t>(),
                                 .rows = dims["rows"],
                                 .vocab = dims["vocab"],
                                 .greedy = greedy,
                                 .type = residualFormat(),
                                 .workspace = m_kernelMemory.get() + kSamplingPlace,
                                 .workspaceBytes = kSamplingBytes},
                                m_device->stream()));
}

} // namespace argus::ops::cuda
