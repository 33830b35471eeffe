#pragma once
// What the operations of every communicator ask of their tensors. Each throws OpsError naming shapes and types.

#include "engine/comm/communicator.h"

namespace argus::comm {

void requireSum(ConstTensorView x);
void requireAddSum(ConstTensorView residual, ConstTensorView partial);
void requireGather(ConstTensorView y, ConstTensorView x, ConstTensorView scratch, int ranks);
/// A dense tensor to or from another rank of the group.
void requireMessage(ConstTensorView x, int other, const Communicator& group);

} // namespace argus::comm
