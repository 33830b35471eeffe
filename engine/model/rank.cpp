#include "engine/model/rank.h"

namespace argus::model {

void addProduct(ops::Ops& ops, comm::Communicator* group, TensorView hidden, ConstTensorView x,
                const ops::Product& product, TensorView scratch)
{
    if (group == nullptr) {
        ops.project(hidden, x, product, {}, true);
        return;
    }
    if (travelType(ops) != ops.residualType()) { // half as much to send
        ops.project(scratch, x, product, {}, false);
        group->addSum(hidden, scratch);
        return;
    }
    // The stream itself is the sum of what one rank adds to it and what the others have alone.
    if (group->rank() != 0)
        ops.fillZero(hidden);
    ops.project(hidden, x, product, {}, true);
    group->sum(hidden);
}

DType travelType(const ops::Ops& ops)
{
    return ops.computeType() == DType::F16 ? ops.residualType() : ops.computeType();
}

} // namespace argus::model
