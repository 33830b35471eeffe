#include "engine/comm/shapes.h"

#include "engine/comm/arithmetic.h"

#include <fmt/format.h>

namespace argus::comm {

namespace {

std::string text(ConstTensorView x)
{
    return fmt::format("{}{} {}", x.dense() ? "" : "strided ", nameOf(x.dtype()), x.shape().text());
}

} // namespace

void requireSum(ConstTensorView x)
{
    if (!addable(x.dtype()) || !x.dense())
        throw OpsError(fmt::format("sum: x is {}; a dense float type is needed", text(x)));
}

void requireAddSum(ConstTensorView residual, ConstTensorView partial)
{
    if (!addable(residual.dtype()) || !addable(partial.dtype()) || !partial.dense() || residual.rank() != 2 ||
        !(residual.shape() == partial.shape()))
        throw OpsError(fmt::format("addSum: residual is {} and partial {}; both have two axes, the same extents and "
                                   "float types, and partial is dense",
                                   text(residual), text(partial)));
}

void requireGather(ConstTensorView y, ConstTensorView x, ConstTensorView scratch, int ranks)
{
    const bool shaped = y.rank() == 2 && x.rank() == 2 && y.extent(0) == x.extent(0) &&
                        y.extent(1) == x.extent(1) * ranks && y.dtype() == x.dtype();
    if (!shaped || scratch.dtype() != x.dtype() || !scratch.dense() ||
        scratch.shape().elements() < x.shape().elements() * ranks)
        throw OpsError(fmt::format("gatherColumns: y is {}, x {} and scratch {}; with {} ranks y has that many times "
                                   "the columns of x, and scratch is dense with at least as many elements",
                                   text(y), text(x), text(scratch), ranks));
}

void requireMessage(ConstTensorView x, int other, const Communicator& group)
{
    if (!x.dense() || other < 0 || other >= group.size() || other == group.rank())
        throw OpsError(
            fmt::format("a message of {} between rank {} and rank {} of {}: it is dense, and for another rank", text(x),
                        group.rank(), other, group.size()));
}

} // namespace argus::comm
