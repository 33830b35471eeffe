#include "engine/comm/nccl/nccl_communicator.h"

#include "engine/base/catalogue.h"
#include "engine/comm/shapes.h"
#include "kernels/cuda/rows.h"

namespace argus::comm::nccl {

namespace {

using kernels::Format;
using Why = GroupBroken::Why;

Format formatOf(DType type)
{
    return type == DType::F32 ? Format::F32 : type == DType::F16 ? Format::F16 : Format::BF16;
}
Type typeOf(DType type)
{
    return type == DType::F32 ? Type::Float32 : type == DType::F16 ? Type::Float16 : Type::Bfloat16;
}
std::size_t elementsOf(ConstTensorView x)
{
    return static_cast<std::size_t>(x.shape().elements());
}
std::size_t bytesOf(ConstTensorView x)
{
    return elementsOf(x) * sizeOf(x.dtype());
}

/// The sum of `partial` added to `result`, or in its place; seen as one long row where the memory allows it.
kernels::cuda::PeerSum sumInto(TensorView result, ConstTensorView partial, bool accumulate)
{
    const bool one = result.dense();
    return {.y = result.bytes(),
            .yStride = one ? partial.shape().elements() : result.rowStride(),
            .x = partial.bytes(),
            .rows = one ? 1 : partial.extent(0),
            .columns = one ? partial.shape().elements() : partial.extent(1),
            .type = formatOf(partial.dtype()),
            .out = formatOf(result.dtype()),
            .accumulate = accumulate};
}

} // namespace

NcclCommunicator::NcclCommunicator(std::unique_ptr<Connection> connection, std::unique_ptr<PeerGroup> peers,
                                   cudaStream_t stream)
    : Communicator(connection->place().rank, connection->place().size), m_connection(std::move(connection)),
      m_peers(std::move(peers)), m_stream(stream)
{
}

/// What is under way first has to end, in both ways, before any memory goes.
NcclCommunicator::~NcclCommunicator()
{
    if (m_peers)
        m_peers->end();
    m_connection.reset();
}

void NcclCommunicator::requireUsable()
{
    if (m_aborted)
        m_connection->breakOff(Why::Aborted, say("group-aborted", m_connection->place().name));
    if (m_peers && m_peers->timedOut())
        m_connection->breakOff(Why::Timeout, say("rank-waited-limit", rank(), m_connection->place().name));
}

void NcclCommunicator::requireWhole()
{
    requireUsable();
    m_connection->requireWhole();
}

/// Whether our own kernels take an operation; throws GroupBroken when the group is broken.
bool NcclCommunicator::near(bool fits)
{
    requireUsable();
    if (!m_peers || !fits)
        return false;
    m_connection->requireWhole();
    return true;
}

void NcclCommunicator::sum(TensorView x)
{
    requireSum(x);
    const kernels::cuda::PeerSum work = sumInto(x, x, false);
    if (near(m_peers && sumFits(work, m_peers->slotBytes()))) {
        require("sum", sumOfPeers(work, m_peers->peers(), m_stream));
        return;
    }
    if (elementsOf(x) != 0)
        m_connection->enqueue("sum", [&](const Library& nccl, Comm* comm) {
            return nccl.allReduce(x.bytes(), x.bytes(), elementsOf(x), typeOf(x.dtype()), Reduction::Sum, comm,
                                  m_stream);
        });
}

void NcclCommunicator::addSum(TensorView residual, TensorView partial)
{
    requireAddSum(residual, partial);
    const kernels::cuda::PeerSum work = sumInto(residual, partial, true);
    if (near(m_peers && sumFits(work, m_peers->slotBytes()))) {
        require("addSum", sumOfPeers(work, m_peers->peers(), m_stream));
        return;
    }
    if (elementsOf(partial) == 0)
        return;
    m_connection->enqueue("addSum", [&](const Library& nccl, Comm* comm) {
        return nccl.allReduce(partial.bytes(), partial.bytes(), elementsOf(partial), typeOf(partial.dtype()),
                              Reduction::Sum, comm, m_stream);
    });
    require("addSum", kernels::cuda::addRows({.y = work.y,
                                              .yStride = work.yStride,
                                              .x = work.x,
                                              .rows = work.rows,
                                              .columns = work.columns,
                                              .type = work.type,
                                              .out = work.out},
                                             m_stream));
}

void NcclCommunicator::gatherColumns(TensorView y, ConstTensorView x, TensorView scratch)
{
    requireGather(y, x, scratch, size());
    const std::int64_t rows = x.extent(0);
    const std::int64_t columns = x.extent(1);
    const Format format = formatOf(x.dtype());
    const kernels::cuda::PeerGather work{.y = y.bytes(),
                                         .yStride = y.rowStride(),
                                         .x = x.bytes(),
                                         .xStride = x.rowStride(),
                                         .rows = rows,
                                         .columns = columns,
                                         .type = format};
    if (near(m_peers && gatherFits(work, m_peers->slotBytes()))) {
        require("gatherColumns", gatherOfPeers(work, m_peers->peers(), m_stream));
        return;
    }
    if (elementsOf(x) == 0)
        return;
    const auto copy = [&](void* to, std::int64_t toStride, const void* from, std::int64_t fromStride) {
        require("gatherColumns", kernels::cuda::copyRows({.y = to,
                                                          .yStride = toStride,
                                                          .x = from,
                                                          .xStride = fromStride,
                                                          .count = static_cast<int>(rows),
                                                          .columns = static_cast<int>(columns),
                                                          .from = format,
                                                          .to = format},
                                                         m_stream));
    };
    const auto place = [&](int of) { return scratch.bytes() + bytesOf(x) * static_cast<std::size_t>(of); };
    const void* own = x.bytes();
    if (!x.dense()) {
        copy(place(rank()), columns, x.bytes(), x.rowStride());
        own = place(rank());
    }
    m_connection->enqueue("gatherColumns", [&](const Library& nccl, Comm* comm) {
        return nccl.allGather(own, scratch.bytes(), elementsOf(x), typeOf(x.dtype()), comm, m_stream);
    });
    for (int of = 0; of < size(); ++of)
        copy(y.bytes() + of * columns * static_cast<std::int64_t>(sizeOf(y.dtype())), y.rowStride(), place(of),
             columns);
}

void NcclCommunicator::send(ConstTensorView x, int to)
{
    requireMessage(x, to, *this);
    requireUsable();
    if (bytesOf(x) != 0)
        m_connection->enqueue("send", [&](const Library& nccl, Comm* comm) {
            return nccl.send(x.bytes(), bytesOf(x), Type::Int8, to, comm, m_stream);
        });
}

void NcclCommunicator::receive(TensorView x, int from)
{
    requireMessage(x, from, *this);
    requireUsable();
    if (bytesOf(x) != 0)
        m_connection->enqueue("receive", [&](const Library& nccl, Comm* comm) {
            return nccl.receive(x.bytes(), bytesOf(x), Type::Int8, from, comm, m_stream);
        });
}

void NcclCommunicator::abort() noexcept
{
    m_aborted = true;
    if (m_peers)
        m_peers->end();
    m_connection->breakOff(Why::Aborted, "the group was aborted");
}

} // namespace argus::comm::nccl
