#include "tests/golden/thread_group.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

namespace argus::golden {

namespace {

/// Where the ranks of a group meet. Any thread.
class Meeting {
public:
    explicit Meeting(int size) : m_size(size), m_shown(static_cast<std::size_t>(size)) {}

    /// Shows a tensor to the others; returns when all have shown theirs.
    const std::vector<ConstTensorView>& show(int rank, ConstTensorView mine)
    {
        {
            const std::lock_guard lock(m_mutex);
            m_shown[static_cast<std::size_t>(rank)] = mine;
        }
        meet();
        return m_shown;
    }

    /// Returns when all have come.
    void meet()
    {
        std::unique_lock lock(m_mutex);
        const int round = m_round;
        if (++m_waiting == m_size) {
            m_waiting = 0;
            ++m_round;
            m_changed.notify_all();
            return;
        }
        wait(lock, [&] { return m_round != round; });
    }

    void put(int from, int to, HostTensor numbers)
    {
        const std::lock_guard lock(m_mutex);
        m_letters[{from, to}].push_back(std::move(numbers));
        m_changed.notify_all();
    }
    HostTensor get(int from, int to)
    {
        std::unique_lock lock(m_mutex);
        std::deque<HostTensor>& letters = m_letters[{from, to}];
        wait(lock, [&] { return !letters.empty(); });
        HostTensor numbers = std::move(letters.front());
        letters.pop_front();
        return numbers;
    }

    void abort()
    {
        const std::lock_guard lock(m_mutex);
        m_broken = true;
        m_changed.notify_all();
    }

private:
    template <typename Reached>
    void wait(std::unique_lock<std::mutex>& lock, const Reached& reached)
    {
        m_changed.wait(lock, [&] { return m_broken || reached(); });
        if (m_broken)
            throw comm::GroupBroken(comm::GroupBroken::Why::Aborted, "a rank of this group has failed");
    }

    std::mutex m_mutex;
    std::condition_variable m_changed;
    const int m_size;
    int m_waiting = 0;
    int m_round = 0;
    bool m_broken = false;
    std::vector<ConstTensorView> m_shown;
    std::map<std::pair<int, int>, std::deque<HostTensor>> m_letters;
};

void require(bool kept, const char* promise)
{
    if (!kept)
        throw OpsError(promise);
}

class ThreadCommunicator final : public comm::Communicator {
public:
    ThreadCommunicator(int rank, int size, ops::Ops& ops, std::shared_ptr<Meeting> meeting)
        : Communicator(rank, size), m_ops(ops), m_meeting(std::move(meeting))
    {
    }

    void sum(TensorView x) override { m_ops.upload(x, sumOfAll(x).view()); }

    void addSum(TensorView residual, TensorView partial) override
    {
        require(residual.shape() == partial.shape(), "addSum: residual and partial have different shapes");
        require(partial.dtype() == m_ops.computeType(), "addSum: partial is not of the compute type");
        HostTensor total = sumOfAll(partial);
        const HostTensor before = onHost(residual);
        const std::int64_t count = total.shape().elements();
        for (std::int64_t i = 0; i < count; ++i)
            total.view().data<float>()[i] += before.view().data<const float>()[i];
        m_ops.upload(residual, total.view());
        std::fill_n(total.view().data<float>(), count, -1e30f);
        m_ops.upload(partial, total.view()); // it may be overwritten, so it is
    }

    void gatherColumns(TensorView y, ConstTensorView x, TensorView scratch) override
    {
        const std::int64_t columns = x.extent(1);
        require(y.extent(0) == x.extent(0) && y.extent(1) == size() * columns &&
                    scratch.shape().elements() >= y.shape().elements() && scratch.dtype() == x.dtype(),
                "gatherColumns: y is not what the ranks have side by side, or scratch is too small");
        const HostTensor mine = onHost(x);
        HostTensor all(DType::F32, y.shape());
        const std::vector<ConstTensorView>& shown = m_meeting->show(rank(), mine.view());
        for (std::int64_t from = 0; from < size(); ++from)
            for (std::int64_t row = 0; row < x.extent(0); ++row)
                std::copy_n(shown[static_cast<std::size_t>(from)].rows(row, 1).data<const float>(), columns,
                            all.view().rows(row, 1).data<float>() + from * columns);
        m_meeting->meet(); // everybody has read
        m_ops.upload(y, all.view());
    }

    void send(ConstTensorView x, int to) override
    {
        require(x.dense() && to != rank(), "send: x is not dense, or goes nowhere");
        m_meeting->put(rank(), to, onHost(x));
    }

    void receive(TensorView x, int from) override
    {
        const HostTensor numbers = m_meeting->get(from, rank());
        require(x.dense() && numbers.shape() == x.shape(), "receive: something of another shape was sent");
        m_ops.upload(x, numbers.view());
    }

    void abort() noexcept override { m_meeting->abort(); }

private:
    HostTensor onHost(ConstTensorView x)
    {
        HostTensor host(DType::F32, x.shape());
        m_ops.download(host.view(), x);
        return host;
    }

    /// Of every rank's x, in the order of ranks.
    HostTensor sumOfAll(ConstTensorView x)
    {
        require(x.dense(), "sum: the tensor is not dense");
        const HostTensor mine = onHost(x);
        HostTensor total(DType::F32, x.shape());
        const std::int64_t count = x.shape().elements();
        std::fill_n(total.view().data<float>(), count, 0.0f);
        bool alike = true;
        const std::vector<ConstTensorView>& shown = m_meeting->show(rank(), mine.view());
        for (const ConstTensorView& each : shown)
            alike = alike && each.shape() == x.shape();
        for (const ConstTensorView& each : shown)
            for (std::int64_t i = 0; alike && i < count; ++i)
                total.view().data<float>()[i] += each.data<const float>()[i];
        m_meeting->meet(); // everybody has read
        require(alike, "sum: the ranks have tensors of different shapes");
        return total;
    }

    ops::Ops& m_ops;
    std::shared_ptr<Meeting> m_meeting;
};

} // namespace

std::vector<std::unique_ptr<comm::Communicator>> threadGroup(const std::vector<ops::Ops*>& devices)
{
    const auto size = static_cast<int>(devices.size());
    const auto meeting = std::make_shared<Meeting>(size);
    std::vector<std::unique_ptr<comm::Communicator>> ranks;
    for (int rank = 0; rank < size; ++rank)
        ranks.push_back(
            std::make_unique<ThreadCommunicator>(rank, size, *devices[static_cast<std::size_t>(rank)], meeting));
    return ranks;
}

} // namespace argus::golden
