#pragma once
// One rank among those that compute a model together: its part, and what it does with the others.

#include "engine/comm/communicator.h"
#include "engine/model/shard.h"
#include "engine/ops/ops.h"

namespace argus::model {

struct Rank {
    Shard shard;
    comm::Communicator* tensor = nullptr;   ///< of its stage; null: it is alone, or only measured
    comm::Communicator* pipeline = nullptr; ///< over the stages
};

/// hidden += the product of x, of which every rank of `group` has a share; no group: the whole product. `scratch` has
/// the shape of hidden and the compute type, and may be written. hidden is the same on every rank, before and after.
void addProduct(ops::Ops& ops, comm::Communicator* group, TensorView hidden, ConstTensorView x,
                const ops::Product& product, TensorView scratch);

/// The type in which hidden rows go from one stage to the next: the compute type where it has the range of the residual
/// stream, which float16 has not.
[[nodiscard]] DType travelType(const ops::Ops& ops);

} // namespace argus::model
