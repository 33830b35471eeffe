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

    void put(int from, int to, std::vector<float> numbers)
    {
        const std::lock_guard lock(m_mutex);
        m_letters[{from, to}].push_back(std::move(numbers));
        m_changed.notify_all();
    }
    std::vector<float> get(int from, int to)
    {
        std::unique_lock lock(m_mutex);
        std::deque<std::vector<float>>& letters = m_letters[{from, to}];
        wait(lock, [&] { return !letters.empty(); });
        std::vector<float> numbers = std::move(letters.front());
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
    std::map<std::pair<int, int>, std::deque<std::vector<float>>> m_letters;
};

void require(bool kept, const char* promise)
{
    if (!kept)
        throw OpsError(promise);
}

std::vector<float> copyOf(ConstTensorView dense)
{
    const auto* const values = dense.data<const float>();
    return {values, values + dense.shape().elements()};
}

class ThreadCommunicator final : public comm::Communicator {
public:
    ThreadCommunicator(int rank, int size, std::shared_ptr<Meeting> meeting)
        : Communicator(rank, size), m_meeting(std::move(meeting))
    {
    }

    void sum(TensorView x) override
    {
        const std::vector<float> total = sumOfAll(x);
        std::copy(total.begin(), total.end(), x.data<float>());
    }

    void addSum(TensorView residual, TensorView partial) override
    {
        require(residual.shape() == partial.shape(), "addSum: residual and partial have different shapes");
        const std::vector<float> total = sumOfAll(partial);
        std::fill_n(partial.data<float>(), total.size(), -1e30f); // it may be overwritten, so it is
        const std::int64_t columns = residual.extent(1);
        for (std::int64_t row = 0; row < residual.extent(0); ++row)
            for (std::int64_t i = 0; i < columns; ++i)
                residual.rows(row, 1).data<float>()[i] += total[static_cast<std::size_t>(row * columns + i)];
    }

    void gatherColumns(TensorView y, ConstTensorView x, TensorView scratch) override
    {
        const std::int64_t columns = x.extent(1);
        require(y.extent(0) == x.extent(0) && y.extent(1) == size() * columns &&
                    scratch.shape().elements() >= y.shape().elements() && scratch.dtype() == x.dtype(),
                "gatherColumns: y is not what the ranks have side by side, or scratch is too small");
        const std::vector<ConstTensorView>& all = m_meeting->show(rank(), x);
        for (std::int64_t from = 0; from < size(); ++from)
            for (std::int64_t row = 0; row < x.extent(0); ++row)
                std::copy_n(all[static_cast<std::size_t>(from)].rows(row, 1).data<const float>(), columns,
                            y.rows(row, 1).data<float>() + from * columns);
        m_meeting->meet(); // x belongs to its rank again when everybody has read it
    }

    void send(ConstTensorView x, int to) override
    {
        require(x.dense() && to != rank(), "send: x is not dense, or goes nowhere");
        m_meeting->put(rank(), to, copyOf(x));
    }

    void receive(TensorView x, int from) override
    {
        const std::vector<float> numbers = m_meeting->get(from, rank());
        require(x.dense() && static_cast<std::int64_t>(numbers.size()) == x.shape().elements(),
                "receive: something of another size was sent");
        std::copy(numbers.begin(), numbers.end(), x.data<float>());
    }

    void abort() noexcept override { m_meeting->abort(); }

private:
    /// Of every rank's x, in the order of ranks; when it returns, everybody has read.
    std::vector<float> sumOfAll(ConstTensorView x)
    {
        require(x.dense(), "sum: the tensor is not dense");
        const std::vector<ConstTensorView>& all = m_meeting->show(rank(), x);
        std::vector<float> total(static_cast<std::size_t>(x.shape().elements()), 0.0f);
        bool alike = true;
        for (const ConstTensorView& each : all)
            alike = alike && each.shape() == x.shape();
        for (const ConstTensorView& each : all)
            for (std::size_t i = 0; alike && i < total.size(); ++i)
                total[i] += each.data<const float>()[i];
        m_meeting->meet();
        require(alike, "sum: the ranks have tensors of different shapes");
        return total;
    }

    std::shared_ptr<Meeting> m_meeting;
};

} // namespace

std::vector<std::unique_ptr<comm::Communicator>> threadGroup(int size)
{
    const auto meeting = std::make_shared<Meeting>(size);
    std::vector<std::unique_ptr<comm::Communicator>> ranks;
    for (int rank = 0; rank < size; ++rank)
        ranks.push_back(std::make_unique<ThreadCommunicator>(rank, size, meeting));
    return ranks;
}

} // namespace argus::golden
