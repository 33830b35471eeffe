#pragma once
// Ranks that compute one thing together: sums, gathers and messages between them, on tensors of their devices.

#include "engine/base/clock.h"
#include "engine/tensor/tensor.h"

#include <memory>
#include <utility>

namespace argus::comm {

/// The group cannot be used any more: neither this operation nor a later one succeeds. The epoch is over.
class GroupBroken : public OpsError {
public:
    /// NoWay: the other rank may well live, but the line to it is broken.
    enum class Why { PeerGone, NoWay, Timeout, Aborted, Version };
    GroupBroken(Why why, Said said) : OpsError(std::move(said)), m_why(why) {}
    [[nodiscard]] Why why() const { return m_why; }

private:
    Why m_why;
};

/// One group as one of its ranks sees it. Lives on its rank's thread, but for abort(). Every rank of a group calls the
/// same operations in the same order with the same shapes. On a GPU operations are enqueued on the stream of the rank's
/// Ops, and may be recorded there; on a CPU they are done when they return.
///
/// Views may have a row stride unless it says dense. Errors: every operation throws GroupBroken, also for what was
/// enqueued before.
class Communicator {
public:
    virtual ~Communicator() = default;
    Communicator(const Communicator&) = delete;
    Communicator& operator=(const Communicator&) = delete;

    [[nodiscard]] int rank() const { return m_rank; }
    [[nodiscard]] int size() const { return m_size; }

    /// x = the sum of every rank's x, in bits the same everywhere. x F32, F16 or BF16, dense
    virtual void sum(TensorView x) = 0;
    /// residual += the sum of every rank's partial; residual [rows, columns] of the residual type, in bits the same
    /// everywhere; partial [rows, columns] of the compute type, dense, may be overwritten
    virtual void addSum(TensorView residual, TensorView partial) = 0;
    /// y [rows, size · columns] = side by side what the ranks have as x [rows, columns]; scratch holds size · rows ·
    /// columns elements of x's type
    virtual void gatherColumns(TensorView y, ConstTensorView x, TensorView scratch) = 0;
    /// x, dense, to and from another rank; they meet in order
    virtual void send(ConstTensorView x, int to) = 0;
    virtual void receive(TensorView x, int from) = 0;

    /// Throws GroupBroken when something that was enqueued or replayed has failed, as far as that is known. Costs no
    /// wait: ask before believing what a recorded step has computed.
    virtual void requireWhole() {}

    /// Any thread, any time, more than once: operations that wait end with GroupBroken, as far as the library can.
    virtual void abort() noexcept = 0;

protected:
    Communicator(int rank, int size) : m_rank(rank), m_size(size) {}

private:
    int m_rank = 0;
    int m_size = 1;
};

/// The groups of one rank; none where it would be alone.
struct Groups {
    std::unique_ptr<Communicator> tensor;   ///< of its stage; rank in it: tensorRank
    std::unique_ptr<Communicator> pipeline; ///< the ranks of the same tensorRank in every stage; rank in it: stage
};

} // namespace argus::comm
