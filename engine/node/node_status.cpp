// What a head says of itself, its workers and the deployment.

#include "engine/base/catalogue.h"
#include "engine/node/node_impl.h"
#include "engine/protocol/validate.h"

#include <algorithm>

namespace argus::node {
namespace {

double seconds(Instant from, Instant to)
{
    return std::chrono::duration<double>(to - from).count();
}

/// What is looked at together.
struct Board {
    ExecutorFigures executors;
    PlannerFigures figures;
    std::shared_ptr<const Deployment> deployment;
    std::optional<Error> rolledBack;
    wire::EngineSettings asked;
};

const char* seatState(ExecutorState state)
{
    return state == ExecutorState::Loading ? "starting" : executorStateName(state);
}

const plan::PlannedRank* rankOn(const Board& board, const std::string& node, const wire::InventoryDevice& device)
{
    if (!board.deployment)
        return nullptr;
    for (const Seat& seat : board.deployment->seats)
        if (seat.node == node && seat.kind == device.kind())
            for (const wire::RankOrder& rank : seat.order.ranks())
                if (rank.device_index() == device.index())
                    return &board.deployment->placement.ranks[rank.rank()];
    return nullptr;
}

/// What the executor holds. It cannot see the CUDA context and the kernels around its own memory; the driver can.
void describeUse(wire::DeviceStatus& out, const wire::Loaded& loaded, std::uint64_t ofProcess)
{
    out.set_weights_bytes(loaded.weights_bytes());
    out.set_kv_reserved_bytes(loaded.kv_bytes());
    const std::uint64_t placed = loaded.weights_bytes() + loaded.kv_bytes();
    out.set_runtime_bytes(std::max(loaded.runtime_bytes(), ofProcess - std::min(ofProcess, placed)));
}

void describeRank(wire::DeviceStatus& out, const Board& board, const plan::PlannedRank& rank, std::uint64_t ofProcess)
{
    out.set_used(true);
    out.set_rank(static_cast<std::uint32_t>(rank.rank));
    out.set_stage(static_cast<std::uint32_t>(rank.shard.stage));
    out.set_tensor_rank(static_cast<std::uint32_t>(rank.shard.tensorRank));
    out.set_first_layer(static_cast<std::uint32_t>(rank.shard.firstLayer));
    out.set_end_layer(static_cast<std::uint32_t>(rank.shard.endLayer));
    out.set_joined(english(rank.joined));
    if (!rank.joined.empty())
        *out.mutable_joined_said() = protocol::toWire(rank.joined);
    const auto figures = board.executors.ranks.find(static_cast<std::uint32_t>(rank.rank));
    if (figures == board.executors.ranks.end())
        return;
    out.set_load_done_bytes(figures->second.loadDone);
    out.set_load_total_bytes(figures->second.loadTotal);
    if (!figures->second.loaded)
        return;
    describeUse(out, *figures->second.loaded, ofProcess);
    out.set_kv_used_bytes(board.figures.kvBlocksUsed * rank.kvBlockBytes);
}

/// Processors are shown where they compute, or where there is nothing else.
void describeDevices(wire::NodeStatus& node, const Board& board, const wire::Inventory& inventory,
                     const std::vector<wire::DeviceMemory>& memory)
{
    const bool gpus = std::any_of(inventory.devices().begin(), inventory.devices().end(),
                                  [](const wire::InventoryDevice& each) { return each.kind() == "cuda"; });
    for (int i = 0; i < inventory.devices_size(); ++i) {
        const wire::InventoryDevice& device = inventory.devices(i);
        const plan::PlannedRank* const rank = rankOn(board, node.name(), device);
        if (device.kind() == "cpu" && gpus && rank == nullptr)
            continue;
        wire::DeviceStatus& out = *node.add_devices();
        out.set_name(device.name());
        out.set_kind(device.kind());
        out.set_index(device.index());
        out.set_problem(device.problem());
        *out.mutable_name_said() = device.name_said();
        *out.mutable_problem_said() = device.problem_said();
        const bool known = static_cast<std::size_t>(i) < memory.size();
        const wire::DeviceMemory now = known ? memory[static_cast<std::size_t>(i)] : wire::DeviceMemory();
        out.set_memory_total(known ? now.total() : device.memory_total());
        out.set_memory_free(known ? now.free() : device.memory_free());
        if (rank != nullptr)
            describeRank(out, board, *rank, now.of_executor());
    }
}

bool hasSeat(const Board& board, const std::string& node)
{
    return board.deployment && std::any_of(board.deployment->seats.begin(), board.deployment->seats.end(),
                                           [&](const Seat& seat) { return seat.node == node; });
}

void describeWorker(wire::NodeStatus& node, const Board& board, const cluster::WorkerView& worker, Instant now)
{
    node.set_name(worker.name);
    node.set_role("worker");
    node.set_address(worker.address);
    node.set_version(worker.version);
    node.set_key(worker.key);
    node.set_state(worker.state == cluster::WorkerState::Idle && hasSeat(board, worker.name)
                       ? seatState(board.executors.state)
                       : cluster::workerStateName(worker.state));
    node.set_age_seconds(seconds(worker.heard, now));
    node.set_state_seconds(seconds(worker.since, now));
    node.set_round_trip_seconds(std::max(worker.roundTripSeconds, 0.0));
    node.set_link_bytes_per_second(worker.linkBytesPerSecond);
    if (!worker.present() && !worker.why.empty())
        *node.mutable_problem() = protocol::toWire(
            makeError(ErrorCode::Unreachable, say("node-is", worker.name, worker.why), say("do-look-at-node")));
    describeDevices(node, board, worker.inventory, worker.memory);
}

void describeNetwork(wire::NodeStatus& node, const wire::Inventory& inventory)
{
    node.set_interface(inventory.interface());
    node.set_nccl(inventory.nccl());
    for (const wire::NetworkInterface& interface : inventory.interfaces())
        node.add_interfaces(interface.name());
}

void describeFetching(wire::NodeStatus& node, const ClusterPlan::Fetching& fetching)
{
    node.set_fetch_done_bytes(fetching.done);
    node.set_fetch_total_bytes(fetching.total);
    if (node.state() != "idle")
        return; // something runs there meanwhile
    node.set_state("fetching");
    node.set_state_seconds(0);
}

void describeDeployment(wire::Deployment& out, const Board& board)
{
    const Deployment* const deployment = board.deployment.get();
    const wire::EngineSettings& settings = deployment ? deployment->settings : board.asked;
    out.set_model_path(settings.model());
    out.set_tensor_parallel_size(std::max(1U, settings.tensor_parallel_size()));
    out.set_pipeline_parallel_size(std::max(1U, settings.pipeline_parallel_size()));
    out.set_dtype(settings.dtype());
    *out.mutable_settings() = deployment ? deployment->asked : board.asked;
    if (deployment) {
        out.set_model_name(deployment->model->name);
        out.set_demo(deployment->model->demo);
        out.set_max_model_len(deployment->placement.maxModelLen);
        out.set_kv_blocks(deployment->placement.kvBlocks);
        out.set_number(deployment->number);
    }
    out.set_kv_blocks_used(board.figures.kvBlocksUsed);
    out.set_state(executorStateName(board.executors.state));
    if (board.executors.error)
        *out.mutable_error() = protocol::toWire(*board.executors.error);
    if (board.rolledBack) {
        out.set_rolled_back(true);
        if (!board.executors.error)
            *out.mutable_error() = protocol::toWire(*board.rolledBack);
    }
    out.set_epoch(board.executors.epoch);
    out.set_load_done_bytes(board.executors.loadDone());
    out.set_load_total_bytes(board.executors.loadTotal());
    out.set_restarts(board.executors.restarts);
    out.set_replayed_asks(board.figures.replayed);
}

} // namespace

void Node::Impl::describe(wire::Status& status) const
{
    Board board;
    {
        const std::scoped_lock lock(boardMutex);
        board = {.executors = executors,
                 .figures = figures,
                 .deployment = deployment,
                 .rolledBack = boardRolledBack,
                 .asked = options.settings};
    }
    const wire::Inventory inventory = machine.inventory();
    wire::NodeStatus& head = *status.add_nodes();
    head.set_name(name);
    head.set_role("head");
    head.set_version(options.version);
    head.set_state(!board.deployment || hasSeat(board, name) ? seatState(board.executors.state) : "idle");
    describeNetwork(head, inventory);
    describeDevices(head, board, inventory, machine.memory());
    const std::optional<ClusterPlan::Fetching> fetching = clusterPlan.fetching();
    if (desk)
        for (const cluster::WorkerView& worker : desk->view()) {
            wire::NodeStatus& node = *status.add_nodes();
            describeWorker(node, board, worker, now());
            describeNetwork(node, worker.inventory);
            if (fetching && fetching->node == worker.name)
                describeFetching(node, *fetching);
        }
    describeDeployment(*status.mutable_deployment(), board);
    status.set_asks_running(board.figures.running);
    status.set_asks_waiting(board.figures.waiting);
}

} // namespace argus::node
