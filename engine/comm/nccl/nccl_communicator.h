#pragma once
// The operations of a group of GPU ranks: our own kernels for what is small and near, NCCL for the rest.

#include "engine/comm/communicator.h"
#include "engine/comm/nccl/connection.h"
#include "engine/comm/nccl/peers.h"

#include <atomic>
#include <memory>

namespace argus::comm::nccl {

class NcclCommunicator final : public Communicator {
public:
    /// `peers` may be null.
    NcclCommunicator(std::unique_ptr<Connection> connection, std::unique_ptr<PeerGroup> peers, cudaStream_t stream);
    ~NcclCommunicator() override;

    void sum(TensorView x) override;
    void addSum(TensorView residual, TensorView partial) override;
    void gatherColumns(TensorView y, ConstTensorView x, TensorView scratch) override;
    void send(ConstTensorView x, int to) override;
    void receive(TensorView x, int from) override;
    void requireWhole() override;
    void abort() noexcept override;

private:
    void requireUsable();
    [[nodiscard]] bool near(bool fits);

    std::unique_ptr<Connection> m_connection;
    std::unique_ptr<PeerGroup> m_peers;
    cudaStream_t m_stream = nullptr;
    std::atomic<bool> m_aborted = false;
};

} // namespace argus::comm::nccl
