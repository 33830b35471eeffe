#pragma once
// Inside of Node: what its .cpp files share.

#include "engine/base/inbox.h"
#include "engine/cluster/log_book.h"
#include "engine/cluster/worker_desk.h"
#include "engine/node/cluster_plan.h"
#include "engine/node/executor_host.h"
#include "engine/node/media_pool.h"
#include "engine/node/node.h"
#include "engine/node/planner.h"
#include "engine/node/supervisor.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

namespace argus::node {

// ---- what the main thread is told ----

/// A plan is made; `number` is that of the deployment it is for.
struct DeploymentPlanned {
    std::uint64_t number = 0;
    std::shared_ptr<Planned> planned;
};
struct GiveUpOn {
    std::uint64_t epoch = 0;
    Said why;
};
struct StopRequested {
    std::string reason;
    Milliseconds patience{0};
};
struct PlannerDrained {};
struct AdminRequest {
    std::uint64_t ticket = 0;
    wire::ClientMessage request;
};
/// The executor of this machine had ended before it was told to.
struct LocalEnded {
    std::uint64_t epoch = 0;
    Said how;
};
using MainMessage =
    std::variant<DeploymentPlanned, GiveUpOn, StopRequested, PlannerDrained, AdminRequest, LocalEnded,
                 cluster::WorkerJoined, cluster::WorkerGone, cluster::WorkerSaid, cluster::WorkersChanged>;

struct Node::Impl final : PlannerPort, Executors {
    Impl(Options given, std::function<void(NodeEvent)> hears, std::unique_ptr<ClusterDoor> cluster);
    ~Impl() override;
    [[nodiscard]] cluster::Workers::Options workersOptions() const;

    // ---- the planner's hands: its thread ----
    bool send(const wire::NodeToExecutor& message, std::span<const int> descriptors) override;
    void tell(NodeEvent event) override;
    void giveUpOn(std::uint64_t epoch, const Said& why) override { tellMain(GiveUpOn{epoch, why}); }
    void readMedia(AskNumber number, std::size_t index, const std::filesystem::path& file) override;
    bool sendFar(const Seat& seat, const std::string& message, std::span<const int> descriptors);

    // ---- the supervisor's hands: the main thread ----
    void start(std::uint64_t epoch, const Seat& seat) override;
    void end(std::uint64_t epoch, const Seat& seat, const std::string& why) override;
    void send(const Seat& seat, const wire::NodeToExecutor& message) override;
    [[nodiscard]] bool present(const std::string& node) const override;
    [[nodiscard]] Supervisor::Hooks supervisorHooks();
    [[nodiscard]] ExecutorHost::Hooks hostHooks();
    void executorsReady(std::uint64_t epoch);
    void executorsChanged(const ExecutorFigures& fresh);
    void deploymentFailed(Error error, bool wasReady);
    void tellNeededCopies();
    void tellNeededCopy(const std::string& node);

    // ---- queues ----
    void tellPlanner(PlannerMessage message);
    void tellMain(MainMessage message);
    void later(std::function<void()> job) { jobs.push(std::move(job)); }

    // ---- threads ----
    void plan();
    void load();
    bool run(std::span<const Watched> watched);
    void turn(std::span<const Watched> watched);

    // ---- the main thread ----
    void take(MainMessage message);
    void on(DeploymentPlanned message);
    void on(GiveUpOn message) { supervisor.giveUpOn(message.epoch, message.why); }
    void on(StopRequested message) { beginStop(message.patience, message.reason); }
    void on(PlannerDrained) { drained = true; }
    void on(AdminRequest message);
    void on(LocalEnded message) { supervisor.ended(name, message.epoch, message.how, now()); }
    void on(cluster::WorkerJoined message);
    void on(cluster::WorkerGone message)
    {
        clusterPlan.gone(message.name, message.why);
        supervisor.nodeGone(message.name, message.why, now());
    }
    void on(cluster::WorkerSaid message);
    void on(cluster::WorkersChanged) { listener(StateChanged{}); }
    void beginStop(Milliseconds patience, const std::string& reason);
    void deploy(const wire::EngineSettings& settings);
    void replan();
    void adopt(std::shared_ptr<Planned> planned, std::uint64_t number);
    void startMedia(const wire::EngineSettings& limits, const media::PreprocessConfig& preprocess);
    void refuseDeployment(Error error);
    void answer(std::uint64_t ticket, wire::HeadMessage message);
    void removeNode(std::uint64_t ticket, const std::string& node);
    void readLog(std::uint64_t ticket, const wire::GetLog& request);
    [[nodiscard]] ClusterPlan::Snapshot snapshot() const;

    // ---- any thread ----
    [[nodiscard]] Result<cluster::JoinLine> makeJoinLine();
    void describe(wire::Status& status) const;

    const Options options;
    const std::string name;
    const std::function<void(NodeEvent)> listener;
    const std::unique_ptr<ClusterDoor> door;
    LocalMachine machine;
    cluster::LogBook logs;
    Inbox<PlannerMessage> plannerInbox;
    Inbox<MainMessage> mainInbox;
    Inbox<std::function<void()>> jobs;
    UniqueFd wakeFd;
    ExecutorLink link;
    ExecutorHost host;
    Supervisor supervisor;
    std::unique_ptr<cluster::WorkerDesk> desk;
    ModelServer models;
    ClusterPlan clusterPlan;
    MediaPool pool;
    bool mediaStarted = false;
    std::thread plannerThread;
    std::thread loaderThread;
    std::optional<Instant> stopBy;
    bool drained = false;

    wire::EngineSettings wanted;              ///< of the newest deploy
    std::uint64_t number = 0;                 ///< of the newest deploy
    std::shared_ptr<const Deployment> served; ///< the last one that was ready
    std::optional<Error> rolledBack;          ///< why a newer one was given up
    bool planning = false;                    ///< a plan for `number` is on its way
    std::atomic<std::uint64_t> pixelIds{0};

    std::mutex pairingMutex; // guards pairing
    std::unique_ptr<cluster::PairingDesk> pairing;

    mutable std::mutex boardMutex; // guards what others look at
    ExecutorFigures executors;
    PlannerFigures figures;
    std::shared_ptr<const Deployment> deployment;
    std::optional<Error> boardRolledBack;
    std::shared_ptr<const Deployment> route; ///< whose executors take steps
    std::uint64_t routeEpoch = 0;
};

} // namespace argus::node
