#include "engine/apps/executor_device.h"
#include "engine/base/catalogue.h"
#include "engine/comm/nccl/open.h"
#include "engine/executor/load_order.h"
#include "engine/model/config.h"
#include "engine/ops/cuda/open.h"

#include <fmt/format.h>

namespace argus::apps {

const char* const kExecutorName = "argus-executor-cuda";

Result<std::unique_ptr<ops::Ops>> openExecutorDevice(const wire::LoadModel& order, const wire::RankOrder& rank, int)
{
    const auto config = model::loadConfig(order.settings().model());
    if (!config)
        return config.error();
    DType compute = DType::BF16;
    if (order.dtype() == "float16")
        compute = DType::F16;
    else if (order.dtype() == "float32")
        compute = DType::F32;
    else if (order.dtype() != "bfloat16")
        return makeError(ErrorCode::Internal, fmt::format("the load order names dtype \"{:.40}\"", order.dtype()),
                         say("do-restart-node"), "dtype");
    return ops::openCuda({.device = static_cast<int>(rank.device_index()),
                          .compute = compute,
                          .arenaBytes = rank.device_bytes(),
                          .packed = config->awq});
}

Result<comm::Groups> openExecutorGroups(const wire::LoadModel& order, const wire::RankOrder& rank, ops::Ops& ops,
                                        comm::MeetingPoint& meeting, std::uint64_t epoch, Deadline forming)
{
    return comm::openNccl({.world = executor::worldOf(order, rank, epoch),
                           .device = static_cast<int>(rank.device_index()),
                           .stream = ops::cudaStream(ops),
                           .forming = forming.left(),
                           .operation = kGroupOperationPatience},
                          meeting);
}

} // namespace argus::apps
