#include "engine/comm/nccl/open.h"

#include "engine/base/catalogue.h"
#include "engine/comm/line_limit.h"
#include "engine/comm/nccl/nccl_communicator.h"
#include "engine/comm/neighbours.h"
#include "engine/comm/outcome.h"

#include <algorithm>

namespace argus::comm {

namespace {

using namespace nccl;

/// From few bytes to as many as a step of decoding adds up: NCCL chooses by size among algorithms that it connects when
/// they are first used.
constexpr std::int64_t kWarmElements = std::int64_t{2} << 20;

/// Every kind of operation once, so that connections are made and code is loaded before anything is recorded.
void warmUp(Communicator& group, const GroupPlace& place, cudaStream_t stream, MeetingPoint& meeting, Deadline forming)
{
    const DeviceMemory memory = allocate(static_cast<std::size_t>(kWarmElements) * 4);
    (void)allAgree("warm", true, place, meeting, forming); // nobody asks for memory while others wait on their GPUs
    const std::int64_t few = 1024;
    const auto view = [&](DType type, std::int64_t rows, std::int64_t columns, std::int64_t offset) {
        return TensorView(memory.get() + offset * 4, type, {rows, columns});
    };
    for (const DType type : {DType::F32, DType::F16, DType::BF16}) {
        group.sum(view(type, 1, few, 0));
        group.addSum(view(DType::F32, 1, few, 0), view(type, 1, few, few));
    }
    for (std::int64_t elements = kWarmElements; elements > few; elements /= 4)
        group.sum(view(DType::F32, 1, elements, 0));
    const std::int64_t ranks = group.size();
    for (const std::int64_t columns : {few, kWarmElements / (2 * ranks + 1) / 8 * 8})
        group.gatherColumns(view(DType::F32, 1, columns * ranks, 0), view(DType::F32, 1, columns, columns * ranks),
                            view(DType::F32, ranks, columns, columns * (ranks + 1)));
    if (group.rank() > 0)
        group.receive(view(DType::F32, 1, few, 0), group.rank() - 1);
    if (group.rank() + 1 < group.size())
        group.send(view(DType::F32, 1, few, 0), group.rank() + 1);
    waitFor(stream, meeting, forming);
    group.requireWhole();
}

Groups form(const NcclSettings& settings, MeetingPoint& meeting)
{
    const Deadline forming = Deadline::in(settings.forming);
    const auto stream = static_cast<cudaStream_t>(settings.stream);
    const OnDevice on(settings.device);
    const std::shared_ptr<const Library> library = Library::open();
    const auto open = [&](const GroupPlace& place) -> std::unique_ptr<Communicator> {
        if (place.size == 1)
            return nullptr;
        const std::int64_t own = settings.ownKernelBytes < 0 ? ownKernelBytes(place.size) : settings.ownKernelBytes;
        auto connection =
            std::make_unique<Connection>(library, place, settings.device, meeting, forming, settings.operation);
        auto peers = PeerGroup::meet(place, settings.device, stream, own, settings.operation, meeting, forming);
        auto group = std::make_unique<NcclCommunicator>(std::move(connection), std::move(peers), stream);
        warmUp(*group, place, stream, meeting, forming);
        return group;
    };
    Groups groups;
    groups.tensor = open(tensorGroup(settings.world));
    groups.pipeline = open(pipelineGroup(settings.world));
    limitSilenceOnLines(); // between machines NCCL's connections are the kernel's, and all there are by now
    return groups;
}

} // namespace

std::int64_t ownKernelBytes(int ranks)
{
    // Every rank sends all it has to all others: with more of them NCCL's rings catch up sooner.
    return (std::int64_t{2} << 20) / std::max(ranks, 2);
}

Result<Groups> openNccl(const NcclSettings& settings, MeetingPoint& meeting)
{
    if (!settings.world.valid())
        return badWorld(settings.world);
    if (settings.world.size == 1)
        return Groups{};
    try {
        return form(settings, meeting);
    } catch (const GroupBroken& broken) {
        return errorOf(broken);
    } catch (const NoDeviceMemory& full) {
        return makeError(ErrorCode::DoesNotFit, full.said(), say("do-lower-share"), "gpu_memory_utilization");
    } catch (const MissingLibrary& missing) {
        return makeError(ErrorCode::NotFound, missing.said(), say("do-install-nccl-here", "2.14", "libnccl.so.2"));
    } catch (const OpsError& error) {
        return makeError(ErrorCode::Internal, error.said());
    } catch (const std::exception& error) {
        return makeError(ErrorCode::Internal, error.what());
    }
}

} // namespace argus::comm
