#include "engine/apps/executor_device.h"
#include "engine/base/catalogue.h"
#include "engine/comm/gloo/open.h"
#include "engine/executor/load_order.h"
#include "engine/ops/cpu/cpu_ops.h"

namespace argus::apps {

const char* const kExecutorName = "argus-executor-cpu";

Result<std::unique_ptr<ops::Ops>> openExecutorDevice(const wire::LoadModel& order, const wire::RankOrder&, int threads)
{
    if (order.settings().load_format() == "dummy")
        return makeError(ErrorCode::Unsupported, say("dummy-cpu"), say("do-load-auto"), "load_format");
    return std::unique_ptr<ops::Ops>(std::make_unique<ops::CpuOps>(threads));
}

Result<comm::Groups> openExecutorGroups(const wire::LoadModel& order, const wire::RankOrder& rank, ops::Ops&,
                                        comm::MeetingPoint& meeting, std::uint64_t epoch, Deadline forming)
{
    return comm::openGloo({.world = executor::worldOf(order, rank, epoch),
                           .address = order.address(),
                           .interface = order.interface(),
                           .forming = forming.left(),
                           .operation = kGroupOperationPatience},
                          meeting);
}

} // namespace argus::apps
