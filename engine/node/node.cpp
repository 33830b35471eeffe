#include "engine/node/node_impl.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace argus::node {
namespace {

constexpr std::size_t kPlannerInbox = 65536;
constexpr std::size_t kMainInbox = 65536;
constexpr std::size_t kMostJobs = 256;
constexpr unsigned kMediaThreads = 2;
constexpr Milliseconds kTick{500};
constexpr Milliseconds kQuitPatience{2'000};
constexpr Milliseconds kMediaPatience{500};
constexpr Milliseconds kRetirePatience{1'000};
/// A driver that no program keeps awake takes two seconds a GPU to wake up.
constexpr Milliseconds kGpuPatience{30'000};
constexpr Milliseconds kGpuLastWords{500};
/// Beyond the drain's own deadline, for the planner to fail what is left.
constexpr Milliseconds kDrainGrace{2'000};

wire::HeadToWorker message()
{
    wire::HeadToWorker out;
    out.set_protocol_version(protocol::kVersion);
    return out;
}

} // namespace

Node::Impl::Impl(Options given, std::function<void(NodeEvent)> hears, std::unique_ptr<ClusterDoor> cluster)
    : options(std::move(given)), name(options.name.empty() ? machineFacts().hostName : options.name),
      listener(std::move(hears)), door(std::move(cluster)),
      machine(
          {.programs = options.programs, .cpuDevices = options.cpuDevices, .gpus = options.settings.device() != "cpu"}),
      plannerInbox(kPlannerInbox), mainInbox(kMainInbox), jobs(kMostJobs),
      host(options.programs, options.logLevel, link, hostHooks()), supervisor(*this, supervisorHooks()),
      models(door ? std::move(door->models) : nullptr, door ? door->knowsForModels : nullptr),
      clusterPlan(
          options.version,
          [this](const std::string& worker, wire::HeadToWorker out) { desk->send(worker, std::move(out)); }, models),
      wanted(options.settings)
{
    wakeFd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    log::alsoTo([this](std::string_view line) { logs.add(name, line); });
    if (door)
        desk = std::make_unique<cluster::WorkerDesk>(
            std::move(door->workers), workersOptions(), logs, [this](cluster::WorkerEvent event) {
                std::visit([this](auto&& each) { tellMain(std::move(each)); }, std::move(event));
            });
}

cluster::Workers::Options Node::Impl::workersOptions() const
{
    cluster::Workers::Options made;
    made.headName = name;
    made.version = options.version;
    made.modelPort = models.port();
    made.admits = door->knows;
    return made;
}

Node::Impl::~Impl()
{
    log::alsoTo(nullptr);
}

// ---- the planner's hands: its thread ----

/// A step goes to every machine of the deployment; pixels only where they are looked at.
bool Node::Impl::send(const wire::NodeToExecutor& step, std::span<const int> descriptors)
{
    std::shared_ptr<const Deployment> to;
    {
        const std::scoped_lock lock(boardMutex);
        if (step.epoch() != routeEpoch)
            return false;
        to = route;
    }
    if (!to)
        return false;
    std::string bytes;
    bool taken = true;
    for (const Seat& seat : to->seats) {
        const std::span<const int> pixels = seat.first ? descriptors : std::span<const int>();
        if (seat.node == name) {
            taken = link.send(step, pixels) && taken;
            continue;
        }
        if (bytes.empty())
            bytes = step.SerializeAsString();
        taken = sendFar(seat, bytes, pixels) && taken;
    }
    return taken;
}

bool Node::Impl::sendFar(const Seat& seat, const std::string& bytes, std::span<const int> descriptors)
{
    wire::HeadToWorker order = message();
    order.mutable_to_executor()->set_message(bytes);
    wire::HeadToWorker drop = message();
    for (const int descriptor : descriptors) {
        struct stat info = {};
        if (::fstat(descriptor, &info) != 0)
            return false;
        const std::uint64_t id = ++pixelIds;
        const auto total = static_cast<std::uint64_t>(info.st_size);
        for (std::uint64_t at = 0; at < total; at += protocol::kChunkBytes) {
            wire::HeadToWorker piece = message();
            wire::PixelChunk& chunk = *piece.mutable_pixels();
            chunk.set_id(id);
            chunk.set_total(total);
            chunk.set_offset(at);
            std::string& data = *chunk.mutable_data();
            data.resize(std::min<std::uint64_t>(protocol::kChunkBytes, total - at));
            if (::pread(descriptor, data.data(), data.size(), static_cast<off_t>(at)) !=
                static_cast<ssize_t>(data.size()))
                return false;
            desk->send(seat.node, std::move(piece));
        }
        order.mutable_to_executor()->add_pixels(id);
        drop.mutable_drop_pixels()->add_ids(id);
    }
    desk->send(seat.node, std::move(order));
    if (!descriptors.empty())
        desk->send(seat.node, std::move(drop)); // the executor holds them by then
    return true;
}

void Node::Impl::tell(NodeEvent event)
{
    if (std::holds_alternative<Drained>(event))
        tellMain(PlannerDrained{}); // the front desk hears of it when the executors have ended too
    else
        listener(std::move(event));
}

void Node::Impl::readMedia(AskNumber ask, std::size_t index, const std::filesystem::path& file)
{
    const bool queued = pool.add([this, ask, index, file](const media::MediaReader& reader) {
        tellPlanner(MediaRead{.number = ask, .index = index, .outcome = reader.read(file)});
    });
    if (!queued)
        tellPlanner(MediaRead{.number = ask,
                              .index = index,
                              .outcome = makeError(ErrorCode::Busy, say("media-queue-full"), say("do-ask-later"))});
}

// ---- the supervisor's hands: the main thread ----

void Node::Impl::start(std::uint64_t epoch, const Seat& seat)
{
    if (seat.node == name) {
        host.start(epoch, seat.kind, seat.order);
        machine.setProcess(host.process());
        return;
    }
    wire::HeadToWorker out = message();
    out.mutable_start()->set_epoch(epoch);
    out.mutable_start()->set_kind(seat.kind);
    *out.mutable_start()->mutable_load() = seat.order;
    desk->send(seat.node, std::move(out));
}

void Node::Impl::end(std::uint64_t epoch, const Seat& seat, const std::string& why)
{
    if (seat.node == name) {
        if (host.running() && host.epoch() == epoch)
            return host.end(epoch, why);
        return tellMain(LocalEnded{epoch, why});
    }
    wire::HeadToWorker out = message();
    out.mutable_end()->set_epoch(epoch);
    out.mutable_end()->set_why(why);
    desk->send(seat.node, std::move(out));
}

void Node::Impl::send(const Seat& seat, const wire::NodeToExecutor& order)
{
    if (seat.node != name)
        (void)sendFar(seat, order.SerializeAsString(), {});
    else if (!link.send(order, {}) && host.running() && host.epoch() == order.epoch())
        host.end(order.epoch(), say("why-takes-nothing")); // its ranks would wait for it in vain
}

bool Node::Impl::present(const std::string& node) const
{
    if (node == name)
        return true;
    if (desk)
        for (const cluster::WorkerView& worker : desk->view())
            if (worker.name == node)
                return worker.present();
    return false;
}

ExecutorHost::Hooks Node::Impl::hostHooks()
{
    return {.said = [this](wire::ExecutorToNode said) { supervisor.said(name, std::move(said), now()); },
            .ended = [this](std::uint64_t epoch, const Said& how) { supervisor.ended(name, epoch, how, now()); },
            .cannotStart = [this](std::uint64_t epoch,
                                  Error error) { supervisor.cannotStart(name, epoch, std::move(error), now()); },
            .wrote = [this](std::string_view lines) { logs.add(name, lines); }};
}

Supervisor::Hooks Node::Impl::supervisorHooks()
{
    return {.ready = [this](std::uint64_t epoch) { executorsReady(epoch); },
            .result =
                [this](std::uint64_t epoch, wire::StepResult result) {
                    tellPlanner(StepDone{epoch, std::move(result)});
                },
            .sequencesFailed =
                [this](std::uint64_t epoch, wire::SequencesFailed failures) {
                    tellPlanner(SequencesFailed{epoch, {failures.failures().begin(), failures.failures().end()}});
                },
            .lost =
                [this](std::uint64_t epoch, Said how) {
                    tellPlanner(ExecutorLost{epoch, std::move(how)});
                },
            .failed = [this](Error error, bool wasReady) { deploymentFailed(std::move(error), wasReady); },
            .changed = [this](const ExecutorFigures& fresh) { executorsChanged(fresh); },
            .replan = [this] { replan(); }};
}

void Node::Impl::executorsReady(std::uint64_t epoch)
{
    {
        const std::scoped_lock lock(boardMutex);
        route = deployment;
        routeEpoch = epoch;
        served = deployment;
    }
    tellPlanner(ExecutorReady{epoch});
}

void Node::Impl::executorsChanged(const ExecutorFigures& fresh)
{
    {
        const std::scoped_lock lock(boardMutex);
        executors = fresh;
        if (fresh.state != ExecutorState::Ready)
            route.reset();
    }
    listener(StateChanged{});
}

// ---- queues ----

void Node::Impl::tellPlanner(PlannerMessage told)
{
    if (!plannerInbox.push(std::move(told)) && !plannerInbox.ended())
        log::error("the planner's queue is full");
}

void Node::Impl::tellMain(MainMessage told)
{
    if (!mainInbox.push(std::move(told)))
        return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wakeFd.get(), &one, sizeof one);
}

// ---- threads ----

void Node::Impl::plan()
{
    ::pthread_setname_np(::pthread_self(), "argus-planner");
    Planner planner(*this);
    while (!plannerInbox.ended()) {
        std::optional<PlannerMessage> told = plannerInbox.pop(Deadline::in(kTick));
        if (told)
            planner.take(std::move(*told), now());
        else
            planner.tick(now());
        const std::scoped_lock lock(boardMutex);
        figures = planner.figures();
    }
}

void Node::Impl::load()
{
    ::pthread_setname_np(::pthread_self(), "argus-loader");
    machine.find(Deadline::in(kGpuPatience));
    while (!jobs.ended())
        if (const std::optional<std::function<void()>> job = jobs.pop(Deadline::in(kTick)))
            (*job)();
}

bool Node::Impl::run(std::span<const Watched> watched)
{
    plannerThread = std::thread([this] { plan(); });
    loaderThread = std::thread([this] { load(); });
    if (desk)
        desk->start();
    deploy(options.settings);
    while (!drained && !(stopBy && now() >= *stopBy))
        turn(watched);
    supervisor.retire("was ended because the head stops", now());
    for (const Deadline until = Deadline::in(kRetirePatience); desk && !supervisor.idle() && !until.passed();)
        turn({}); // workers are told, and say so
    host.stop(Deadline::in(kQuitPatience));
    if (desk)
        desk->stop();
    machine.stop(Deadline::in(kGpuLastWords));
    const bool clean = pool.stop(Deadline::in(kMediaPatience));
    clusterPlan.stop();
    jobs.close();
    plannerInbox.close();
    mainInbox.close();
    plannerThread.join();
    loaderThread.join();
    listener(Drained{});
    return clean;
}

void Node::Impl::turn(std::span<const Watched> watched)
{
    std::vector<pollfd> waiting{{.fd = wakeFd.get(), .events = POLLIN, .revents = 0}};
    for (const int fd : host.descriptors())
        waiting.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    const std::size_t ours = waiting.size();
    for (const Watched& one : watched)
        waiting.push_back({.fd = one.fd, .events = POLLIN | POLLRDHUP, .revents = 0});
    const Deadline until(std::min(supervisor.nextDeadline(now()), stopBy.value_or(now() + kTick)));
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min(until.left(), kTick).count()));
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wakeFd.get(), &count, sizeof count);
    while (std::optional<MainMessage> told = mainInbox.pop(Deadline(now())))
        take(std::move(*told));
    host.work();
    supervisor.work(now());
    for (std::size_t i = 0; i < watched.size(); ++i)
        if (waiting[ours + i].revents != 0)
            watched[i].onReady();
}

// ---- the main thread ----

void Node::Impl::take(MainMessage told)
{
    std::visit([this](auto&& each) { on(std::move(each)); }, std::move(told));
}

void Node::Impl::beginStop(Milliseconds patience, const std::string& reason)
{
    const Instant until = now() + patience;
    if (stopBy && until >= *stopBy - kDrainGrace)
        return; // asked before, and sooner
    log::info("stopping: {}", reason);
    stopBy = until + kDrainGrace;
    listener(StopBegan{reason});
    tellPlanner(BeginDrain{until});
}

void Node::Impl::startMedia(const wire::EngineSettings& limits, const media::PreprocessConfig& preprocess)
{
    auto reader =
        std::make_shared<media::MediaReader>(options.programs / "argus-decoder", decodeLimits(limits), preprocess);
    if (std::exchange(mediaStarted, true))
        pool.use(std::move(reader));
    else
        pool.start(std::move(reader), kMediaThreads);
}

// ---- Node ----

Node::Node(Options options, std::function<void(NodeEvent)> listener, std::unique_ptr<ClusterDoor> door)
    : m_impl(std::make_unique<Impl>(std::move(options), std::move(listener), std::move(door)))
{
}
Node::~Node() = default;

bool Node::run(std::span<const Watched> watched)
{
    return m_impl->run(watched);
}
void Node::stopNow(std::string reason)
{
    m_impl->tellMain(StopRequested{std::move(reason), Milliseconds(0)});
}
bool Node::submit(AcceptedAsk ask)
{
    return m_impl->plannerInbox.push(SubmitAsk{std::move(ask)});
}
void Node::cancel(AskNumber number)
{
    m_impl->tellPlanner(CancelAsk{number});
}
bool Node::inspect(std::uint64_t ticket, std::filesystem::path file, int thumbnailSide)
{
    return m_impl->pool.add([this, ticket, file = std::move(file), thumbnailSide](const media::MediaReader& reader) {
        m_impl->listener(InspectionEnded{.ticket = ticket, .outcome = reader.inspect(file, thumbnailSide)});
    });
}
bool Node::administer(std::uint64_t ticket, wire::ClientMessage request)
{
    m_impl->tellMain(AdminRequest{ticket, std::move(request)});
    return true;
}
wire::Status Node::status() const
{
    wire::Status status;
    m_impl->describe(status);
    return status;
}
void Node::requestStop(std::string reason)
{
    m_impl->tellMain(StopRequested{std::move(reason), m_impl->options.drain});
}
Result<cluster::JoinLine> Node::makeJoinLine()
{
    return m_impl->makeJoinLine();
}

} // namespace argus::node
