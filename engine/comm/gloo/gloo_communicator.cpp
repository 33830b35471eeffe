#include "engine/comm/gloo/gloo_communicator.h"

#include "engine/comm/arithmetic.h"
#include "engine/comm/shapes.h"

#include <algorithm>
#include <cstring>

namespace argus::comm::gloo {

namespace {

/// Elements that are on their way at a time: what the inbox holds of each rank.
constexpr std::int64_t kMostElements = std::int64_t{1} << 20;
/// Up to so many bytes a message to every rank takes less time than two rounds of smaller ones.
constexpr std::size_t kMostWholeBytes = std::size_t{64} << 10;

} // namespace

GlooCommunicator::GlooCommunicator(std::unique_ptr<Mesh> mesh)
    : Communicator(mesh->rank(), mesh->size()), m_mesh(std::move(mesh))
{
}

void GlooCommunicator::sum(TensorView x)
{
    requireSum(x);
    reduce(x, x, false);
}

void GlooCommunicator::addSum(TensorView residual, TensorView partial)
{
    requireAddSum(residual, partial);
    reduce(residual, partial, true);
}

void GlooCommunicator::reduce(TensorView result, ConstTensorView mine, bool accumulate)
{
    const std::int64_t elements = mine.shape().elements();
    for (std::int64_t begin = 0; begin < elements; begin += kMostElements) {
        const Range range{begin, std::min(begin + kMostElements, elements)};
        // Two ranks send the same bytes either way.
        if (size() == 2 || range.count() * sizeOf(mine.dtype()) <= kMostWholeBytes)
            reduceWhole(result, mine, accumulate, range);
        else
            reduceInParts(result, mine, accumulate, range);
    }
}

void GlooCommunicator::reduceWhole(TensorView result, ConstTensorView mine, bool accumulate, Range range)
{
    const auto elementBytes = static_cast<std::int64_t>(sizeOf(mine.dtype()));
    const std::size_t bytes = range.count() * sizeOf(mine.dtype());
    std::vector<Outgoing> outgoing;
    std::vector<Incoming> incoming;
    for (int other = 0; other < size(); ++other) {
        if (other == rank())
            continue;
        outgoing.push_back({other, mine.bytes() + range.begin * elementBytes, bytes});
        incoming.push_back({other, inbox(other, bytes), bytes});
    }
    m_mesh->exchange(outgoing, incoming);
    addUp(mine, range);
    write(result, accumulate, range, m_total.data());
}

void GlooCommunicator::reduceInParts(TensorView result, ConstTensorView mine, bool accumulate, Range range)
{
    const auto elementBytes = static_cast<std::int64_t>(sizeOf(mine.dtype()));
    const Range own = range.part(rank(), size());
    const std::size_t bytes = own.count() * sizeOf(mine.dtype());
    std::vector<Outgoing> outgoing;
    std::vector<Incoming> incoming;
    for (int other = 0; other < size(); ++other) {
        if (other == rank())
            continue;
        const Range part = range.part(other, size());
        outgoing.push_back({other, mine.bytes() + part.begin * elementBytes, part.count() * sizeOf(mine.dtype())});
        incoming.push_back({other, inbox(other, bytes), bytes});
    }
    m_mesh->exchange(outgoing, incoming);
    addUp(mine, own);
    write(result, accumulate, own, m_total.data());

    // Everybody has one part of the result; what travels now has its type.
    const std::size_t resultBytes = sizeOf(result.dtype());
    m_packed.resize(own.count() * resultBytes);
    pack(m_packed.data(), result, own);
    const std::size_t largest = range.part(0, size()).count() * resultBytes; // the first parts are the longest
    outgoing.clear();
    incoming.clear();
    for (int other = 0; other < size(); ++other) {
        if (other == rank())
            continue;
        outgoing.push_back({other, m_packed.data(), m_packed.size()});
        incoming.push_back({other, inbox(other, largest), range.part(other, size()).count() * resultBytes});
    }
    m_mesh->exchange(outgoing, incoming);
    for (int other = 0; other < size(); ++other)
        if (other != rank())
            unpack(result, inbox(other, largest), range.part(other, size()));
}

/// m_total = the sum of what the ranks have in the range, in rank order; that of the others is in the inbox.
void GlooCommunicator::addUp(ConstTensorView mine, Range range)
{
    const std::size_t bytes = range.count() * sizeOf(mine.dtype());
    m_total.resize(range.count());
    for (int of = 0; of < size(); ++of) {
        const std::byte* x = of == rank() ? mine.bytes() + range.begin * static_cast<std::int64_t>(sizeOf(mine.dtype()))
                                          : inbox(of, bytes);
        (of == 0 ? widen : add)(m_total.data(), x, mine.dtype(), range.count());
    }
}

std::byte* GlooCommunicator::inbox(int from, std::size_t bytesOfEach)
{
    const std::size_t wanted = bytesOfEach * static_cast<std::size_t>(size());
    if (m_inbox.size() < wanted)
        m_inbox.resize(wanted);
    return m_inbox.data() + bytesOfEach * static_cast<std::size_t>(from);
}

void GlooCommunicator::gatherColumns(TensorView y, ConstTensorView x, TensorView scratch)
{
    requireGather(y, x, scratch, size());
    const std::int64_t columns = x.extent(1);
    const std::size_t elementBytes = sizeOf(x.dtype());
    const auto elements = static_cast<std::size_t>(x.shape().elements());
    const std::size_t bytes = elements * elementBytes;
    const auto place = [&](int of) { return scratch.bytes() + bytes * static_cast<std::size_t>(of); };
    pack(place(rank()), x, {0, static_cast<std::int64_t>(elements)});
    std::vector<Outgoing> outgoing;
    std::vector<Incoming> incoming;
    for (int other = 0; other < size(); ++other) {
        if (other == rank())
            continue;
        outgoing.push_back({other, place(rank()), bytes});
        incoming.push_back({other, place(other), bytes});
    }
    m_mesh->exchange(outgoing, incoming);
    const auto rowBytes = static_cast<std::size_t>(columns) * elementBytes;
    for (int of = 0; of < size(); ++of)
        for (std::int64_t row = 0; row < x.extent(0); ++row)
            std::memcpy(y.bytes() + (row * y.rowStride() + of * columns) * static_cast<std::int64_t>(elementBytes),
                        place(of) + static_cast<std::size_t>(row) * rowBytes, rowBytes);
}

void GlooCommunicator::send(ConstTensorView x, int to)
{
    requireMessage(x, to, *this);
    m_mesh->post({to, x.bytes(), static_cast<std::size_t>(x.shape().elements()) * sizeOf(x.dtype())});
}

void GlooCommunicator::receive(TensorView x, int from)
{
    requireMessage(x, from, *this);
    const Incoming incoming{from, x.bytes(), static_cast<std::size_t>(x.shape().elements()) * sizeOf(x.dtype())};
    m_mesh->exchange({}, std::span(&incoming, 1));
}

} // namespace argus::comm::gloo
