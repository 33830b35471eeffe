// Deployments as the head's main thread has them: planned, started, replaced, rolled back; and what clients ask of the
// cluster.

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/node/node_impl.h"
#include "engine/plan/complete_settings.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace argus::node {
namespace {

constexpr std::size_t kMostLogText = protocol::kMaxClientFrame - 4096;

wire::HeadMessage headMessage()
{
    wire::HeadMessage out;
    out.set_protocol_version(protocol::kVersion);
    return out;
}

} // namespace

ClusterPlan::Snapshot Node::Impl::snapshot() const
{
    ClusterPlan::Snapshot now{.headName = name, .inventory = machine.inventory(), .memory = machine.memory()};
    if (desk)
        now.workers = desk->view();
    const std::scoped_lock lock(boardMutex);
    now.running = deployment;
    now.figures = executors;
    return now;
}

// ---- deploying ----

/// A plan is made for these settings, and started when it is possible.
void Node::Impl::deploy(const wire::EngineSettings& settings)
{
    wanted = settings;
    ++number;
    rolledBack.reset();
    {
        const std::scoped_lock lock(boardMutex);
        boardRolledBack.reset(); // of an older wish: whoever follows this one would take it for an answer
    }
    replan();
}

void Node::Impl::replan()
{
    if (std::exchange(planning, true))
        return;
    later([this, settings = wanted, wantedNumber = number] {
        clusterPlan.forget();
        tellMain(
            DeploymentPlanned{wantedNumber, std::make_shared<Planned>(clusterPlan.make(settings, snapshot(), false))});
    });
}

void Node::Impl::on(DeploymentPlanned message)
{
    planning = false;
    if (message.number != number)
        return replan(); // something else is wanted by now
    for (const plan::Problem& problem : message.planned->preflight.problems)
        if (problem.warning)
            log::warn("{}: {}", problem.code, problem.error.cause);
    if (const std::optional<Error> error = message.planned->error())
        refuseDeployment(*error);
    else
        adopt(std::move(message.planned), message.number);
    tellNeededCopies();
}

/// Workers keep what they fetched from being removed while the deployment of the moment needs it, and no longer: also
/// what was fetched for one that is refused.
void Node::Impl::tellNeededCopies()
{
    if (desk)
        for (const cluster::WorkerView& worker : desk->view())
            if (worker.present())
                tellNeededCopy(worker.name);
}

void Node::Impl::tellNeededCopy(const std::string& node)
{
    wire::HeadToWorker out;
    out.set_protocol_version(protocol::kVersion);
    out.mutable_needed_copy();
    {
        const std::scoped_lock lock(boardMutex);
        if (!deployment) // just started, or it waits for machines: what it wants is not removed under its plan
            out.mutable_needed_copy()->set_folder(modelName(wanted.model()));
        else
            for (const Seat& seat : deployment->seats)
                if (seat.node == node)
                    out.mutable_needed_copy()->set_folder(seat.order.settings().model());
    }
    desk->send(node, std::move(out));
}

void Node::Impl::adopt(std::shared_ptr<Planned> planned, std::uint64_t plannedNumber)
{
    std::shared_ptr<const Deployment> fresh =
        deploymentOf(plannedNumber, wanted, planned->model, std::move(*planned->preflight.placement), planned->cluster);
    startMedia(fresh->settings, fresh->preprocess);
    {
        const std::scoped_lock lock(boardMutex);
        deployment = fresh;
        boardRolledBack = rolledBack;
        route.reset();
    }
    tellPlanner(DeploymentKnown{fresh});
    if (!stopBy)
        supervisor.deploy(std::move(fresh), now());
}

/// No plan: what is wrong is known before anything was touched, so what runs goes on.
void Node::Impl::refuseDeployment(Error error)
{
    if (supervisor.waitsToRestart()) // machines are missing; it is tried again when one comes
        return log::warn("cannot start again yet: {}", error.text());
    if (!supervisor.idle()) {
        log::error("the deployment is refused: {}", error.text());
        rolledBack = std::move(error);
        {
            const std::scoped_lock lock(boardMutex);
            boardRolledBack = rolledBack;
        }
        return listener(StateChanged{});
    }
    if (!mediaStarted)
        startMedia(options.settings, {});
    log::error("the model cannot be served: {}", error.text());
    ExecutorFigures failed = supervisor.figures();
    failed.state = ExecutorState::Failed;
    failed.error = error;
    tellPlanner(DeploymentFailed{std::move(error)});
    executorsChanged(failed);
}

/// The supervisor has given up. What never got ready makes room for what was there before.
void Node::Impl::deploymentFailed(Error error, bool wasReady)
{
    if (wasReady || !served || served->number == number)
        return tellPlanner(DeploymentFailed{std::move(error)});
    log::warn("going back to the deployment before");
    rolledBack = std::move(error);
    wanted = served->asked;
    ++number;
    replan();
}

// ---- workers ----

void Node::Impl::on(cluster::WorkerJoined message)
{
    log::debug("{} can be given work", message.name);
    tellNeededCopy(message.name);
    listener(StateChanged{});
    if (supervisor.waitsToRestart())
        supervisor.nodeJoined(now());
    else if (supervisor.idle() && !stopBy) // there was no plan; perhaps there is one now
        replan();
}

void Node::Impl::on(cluster::WorkerSaid message)
{
    switch (message.message.body_case()) {
    case wire::WorkerMessage::kFromExecutor: {
        wire::ExecutorToNode said;
        if (said.ParseFromString(message.message.from_executor().message()))
            supervisor.said(message.name, std::move(said), now());
        else
            log::warn("{} passed on a message that cannot be read", message.name);
        return;
    }
    case wire::WorkerMessage::kEnded: {
        const wire::ExecutorEnded& ended = message.message.ended();
        if (ended.error().code().empty())
            supervisor.ended(message.name, ended.epoch(),
                             ended.has_how_said() ? protocol::fromWire(ended.how_said()) : Said(ended.how()), now());
        else
            supervisor.cannotStart(message.name, ended.epoch(), protocol::fromWire(ended.error()), now());
        return;
    }
    case wire::WorkerMessage::kModelReport:
        return clusterPlan.report(message.name, std::move(*message.message.mutable_model_report()));
    default:
        return;
    }
}

// ---- what clients ask ----

void Node::Impl::answer(std::uint64_t ticket, wire::HeadMessage out)
{
    listener(Administered{.ticket = ticket, .answer = std::move(out)});
}

void Node::Impl::on(AdminRequest message)
{
    wire::HeadMessage out = headMessage();
    switch (message.request.body_case()) {
    case wire::ClientMessage::kPreflight:
        later([this, ticket = message.ticket, request = message.request.preflight()] {
            wire::HeadMessage done = headMessage();
            *done.mutable_preflight_done() =
                toWire(request.id(), clusterPlan.make(request.settings(), snapshot(), true));
            answer(ticket, std::move(done));
        });
        return;
    case wire::ClientMessage::kDeploy: {
        const wire::Deploy& request = message.request.deploy();
        out.mutable_deploy_answer()->set_id(request.id());
        if (const Result<wire::EngineSettings> whole = plan::completed(request.settings()); !whole) {
            *out.mutable_deploy_answer()->mutable_error() = protocol::toWire(whole.error());
        } else {
            deploy(request.settings());
            out.mutable_deploy_answer()->set_deployment(number);
        }
        return answer(message.ticket, std::move(out));
    }
    case wire::ClientMessage::kMakeJoinLine: {
        wire::JoinLine& line = *out.mutable_join_line();
        line.set_id(message.request.make_join_line().id());
        const Result<cluster::JoinLine> made = makeJoinLine();
        if (made) {
            line.set_line(fmt::format("argus-node start --join '{}'", made->text()));
            const std::scoped_lock lock(pairingMutex);
            line.set_valid_seconds(std::chrono::duration<double>(pairing->validUntil() - now()).count());
        } else {
            *line.mutable_error() = protocol::toWire(made.error());
        }
        return answer(message.ticket, std::move(out));
    }
    case wire::ClientMessage::kGetLog:
        return readLog(message.ticket, message.request.get_log());
    case wire::ClientMessage::kRemoveNode:
        return removeNode(message.ticket, message.request.remove_node().node());
    default:
        return;
    }
}

void Node::Impl::readLog(std::uint64_t ticket, const wire::GetLog& request)
{
    wire::HeadMessage out = headMessage();
    wire::LogText& log = *out.mutable_log_text();
    log.set_id(request.id());
    const std::string node = request.node().empty() ? name : request.node();
    log.set_node(node);
    const std::size_t most =
        request.most_bytes() > 0 ? std::min<std::size_t>(request.most_bytes(), kMostLogText) : kMostLogText;
    if (logs.knows(node) || node == name || present(node))
        log.set_text(logs.tail(node, most));
    else
        *log.mutable_error() = protocol::toWire(
            makeError(ErrorCode::NotFound, say("node-never-here", node), say("do-name-of-status"), "node"));
    answer(ticket, std::move(out));
}

void Node::Impl::removeNode(std::uint64_t ticket, const std::string& node)
{
    const std::vector<cluster::WorkerView> workers = desk ? desk->view() : std::vector<cluster::WorkerView>();
    const auto found = std::find_if(workers.begin(), workers.end(),
                                    [&](const cluster::WorkerView& worker) { return worker.name == node; });
    if (found == workers.end()) {
        wire::HeadMessage out = headMessage();
        *out.mutable_refused()->mutable_error() = protocol::toWire(
            makeError(ErrorCode::NotFound, say("worker-never-joined", node), say("do-name-of-status"), "node"));
        out.mutable_refused()->set_about(node);
        return answer(ticket, std::move(out));
    }
    log::info("{} is removed from the cluster", node);
    if (!door->forget(found->key))
        log::warn("the key of {} was not among those that may join", node);
    desk->remove(node);
}

Result<cluster::JoinLine> Node::Impl::makeJoinLine()
{
    if (!door)
        return makeError(ErrorCode::Unsupported, say("head-is-private"), say("do-listening-head"), "listen");
    const std::scoped_lock lock(pairingMutex);
    pairing.reset(); // its port is the next one's
    const std::string& endpoint = desk->endpoint();
    Result<std::unique_ptr<cluster::PairingDesk>> opened = cluster::PairingDesk::open(
        {.endpoint = door->pairingEndpoint,
         .headName = name,
         .headPublicKey = door->headPublicKey,
         .version = options.version,
         .workersPort = static_cast<std::uint16_t>(std::stoul(endpoint.substr(endpoint.rfind(':') + 1))),
         .admit = door->admit});
    if (!opened)
        return std::move(opened).error();
    pairing = std::move(*opened);
    return cluster::JoinLine{.host = door->host, .port = pairing->port(), .code = pairing->code()};
}

} // namespace argus::node
