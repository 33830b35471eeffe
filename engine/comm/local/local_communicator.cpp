#include "engine/comm/local/local_communicator.h"

#include "engine/base/catalogue.h"
#include "engine/comm/arithmetic.h"
#include "engine/comm/shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace argus::comm::local {

namespace {

/// Elements between two meetings: they stay in the cache of a core.
constexpr std::int64_t kMostElements = std::int64_t{1} << 18;

const std::byte* elementsFrom(ConstTensorView dense, std::int64_t begin)
{
    return dense.bytes() + begin * static_cast<std::int64_t>(sizeOf(dense.dtype()));
}

} // namespace

LocalCommunicator::LocalCommunicator(std::shared_ptr<LocalGroup> group, const GroupPlace& place, Milliseconds operation)
    : Communicator(place.rank, place.size), m_group(std::move(group)), m_name(place.name), m_operation(operation)
{
    m_group->join(place.name, place.size);
}

LocalCommunicator::~LocalCommunicator()
{
    m_group->breakOff(GroupBroken::Why::PeerGone, say("rank-has-ended", rank(), m_name));
}

void LocalCommunicator::abort() noexcept
{
    m_group->breakOff(GroupBroken::Why::Aborted, say("group-aborted", m_name));
}

void LocalCommunicator::sum(TensorView x)
{
    requireSum(x);
    reduce(x, x, false);
}

void LocalCommunicator::addSum(TensorView residual, TensorView partial)
{
    requireAddSum(residual, partial);
    reduce(residual, partial, true);
}

/// Each rank adds up one part, in rank order, and everybody takes it from there.
void LocalCommunicator::reduce(TensorView result, ConstTensorView mine, bool accumulate)
{
    const std::int64_t elements = mine.shape().elements();
    for (std::int64_t begin = 0; begin < elements; begin += kMostElements) {
        const Range range{begin, std::min(begin + kMostElements, elements)};
        const Range own = range.part(rank(), size());
        m_group->show(rank(), mine);
        m_group->beginReading(rank(), deadline());
        m_total.resize(own.count());
        for (int of = 0; of < size(); ++of)
            (of == 0 ? widen : add)(m_total.data(), elementsFrom(m_group->shown(of), own.begin), mine.dtype(),
                                    own.count());
        // Not into `result` yet, which may be what others read.
        std::vector<std::byte>& part = m_group->result(rank());
        part.resize(own.count() * sizeOf(result.dtype()));
        if (accumulate)
            addFrom(m_total.data(), result, own);
        narrow(part.data(), result.dtype(), m_total.data(), own.count());
        m_group->endReading(rank(), deadline());
        for (int of = 0; of < size(); ++of)
            unpack(result, m_group->result(of).data(), range.part(of, size()));
    }
}

void LocalCommunicator::gatherColumns(TensorView y, ConstTensorView x, TensorView scratch)
{
    requireGather(y, x, scratch, size());
    const std::int64_t columns = x.extent(1);
    const auto elementBytes = static_cast<std::int64_t>(sizeOf(x.dtype()));
    m_group->show(rank(), x);
    m_group->beginReading(rank(), deadline());
    for (int of = 0; of < size(); ++of) {
        const ConstTensorView theirs = m_group->shown(of);
        for (std::int64_t row = 0; row < x.extent(0); ++row)
            std::memcpy(y.bytes() + (row * y.rowStride() + of * columns) * elementBytes,
                        theirs.bytes() + row * theirs.rowStride() * elementBytes,
                        static_cast<std::size_t>(columns * elementBytes));
    }
    m_group->endReading(rank(), deadline());
}

void LocalCommunicator::send(ConstTensorView x, int to)
{
    requireMessage(x, to, *this);
    const std::size_t bytes = static_cast<std::size_t>(x.shape().elements()) * sizeOf(x.dtype());
    m_group->send(rank(), to, {x.bytes(), x.bytes() + bytes}, deadline());
}

void LocalCommunicator::receive(TensorView x, int from)
{
    requireMessage(x, from, *this);
    const std::size_t bytes = static_cast<std::size_t>(x.shape().elements()) * sizeOf(x.dtype());
    const std::vector<std::byte> message = m_group->receive(from, rank(), deadline());
    if (message.size() != bytes)
        throw OpsError(
            fmt::format("rank {} of {} was sent {} bytes and expected {}", rank(), m_name, message.size(), bytes));
    std::memcpy(x.bytes(), message.data(), bytes);
}

} // namespace argus::comm::local
