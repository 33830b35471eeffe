#pragma once
// The operations of a group of CPU ranks, on a mesh of connections.

#include "engine/comm/arithmetic.h"
#include "engine/comm/communicator.h"
#include "engine/comm/gloo/mesh.h"

#include <functional>
#include <vector>

namespace argus::comm::gloo {

/// Few elements: every rank sends all it has to every other, which is one way over the network. Many: each rank adds up
/// one part and sends the result around, which is less to send. Both add in rank order, so the bits are the same.
class GlooCommunicator final : public Communicator {
public:
    explicit GlooCommunicator(std::unique_ptr<Mesh> mesh);

    void sum(TensorView x) override;
    void addSum(TensorView residual, TensorView partial) override;
    void gatherColumns(TensorView y, ConstTensorView x, TensorView scratch) override;
    void send(ConstTensorView x, int to) override;
    void receive(TensorView x, int from) override;
    void abort() noexcept override { m_mesh->abort(); }

private:
    void reduce(TensorView result, ConstTensorView mine, bool accumulate);
    void reduceWhole(TensorView result, ConstTensorView mine, bool accumulate, Range range);
    void reduceInParts(TensorView result, ConstTensorView mine, bool accumulate, Range range);
    void addUp(ConstTensorView mine, Range range);
    [[nodiscard]] std::byte* inbox(int from, std::size_t bytesOfEach);

    std::unique_ptr<Mesh> m_mesh;
    std::vector<float> m_total;
    std::vector<std::byte> m_inbox; ///< what the others sent, rank by rank
    std::vector<std::byte> m_packed;
};

} // namespace argus::comm::gloo
