#pragma once
// The operations of CPU ranks that are threads of one executor, in memory. Results are those of Gloo's ranks, in bits.

#include "engine/comm/communicator.h"
#include "engine/comm/local/local_group.h"
#include "engine/comm/world.h"

#include <memory>
#include <vector>

namespace argus::comm::local {

class LocalCommunicator final : public Communicator {
public:
    LocalCommunicator(std::shared_ptr<LocalGroup> group, const GroupPlace& place, Milliseconds operation);
    /// Breaks the group: this rank will not come to another meeting.
    ~LocalCommunicator() override;

    void sum(TensorView x) override;
    void addSum(TensorView residual, TensorView partial) override;
    void gatherColumns(TensorView y, ConstTensorView x, TensorView scratch) override;
    void send(ConstTensorView x, int to) override;
    void receive(TensorView x, int from) override;
    void requireWhole() override { m_group->requireWhole(); }
    void abort() noexcept override;

private:
    void reduce(TensorView result, ConstTensorView mine, bool accumulate);
    [[nodiscard]] Deadline deadline() const { return Deadline::in(m_operation); }

    std::shared_ptr<LocalGroup> m_group;
    std::string m_name;
    Milliseconds m_operation;
    std::vector<float> m_total;
};

} // namespace argus::comm::local
