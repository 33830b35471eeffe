#include "engine/node/node.h"

#include "engine/base/log.h"
#include "engine/node/gpu_watch.h"
#include "engine/node/inbox.h"
#include "engine/node/machine.h"
#include "engine/node/media_pool.h"
#include "engine/node/planner.h"
#include "engine/node/supervisor.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <mutex>
#include <thread>
#include <utility>
#include <variant>

namespace argus::node {
namespace {

constexpr std::size_t kPlannerInbox = 65536;
constexpr std::size_t kMainInbox = 1024;
constexpr unsigned kMediaThreads = 2;
constexpr Milliseconds kTick{500};
constexpr Milliseconds kQuitPatience{2'000};
constexpr Milliseconds kMediaPatience{500};
/// A driver that no program keeps awake takes two seconds a GPU to wake up.
constexpr Milliseconds kGpuPatience{30'000};
constexpr Milliseconds kGpuLastWords{500};
/// Beyond the drain's own deadline, for the planner to fail what is left.
constexpr Milliseconds kDrainGrace{2'000};

// ---- what the main thread is told ----

struct DeploymentRead {
    Result<std::shared_ptr<const Deployment>> outcome;
};
struct GiveUpOn {
    std::uint64_t epoch = 0;
    std::string why;
};
struct StopRequested {
    std::string reason;
    Milliseconds patience{0};
};
struct PlannerDrained {};
using MainMessage = std::variant<DeploymentRead, GiveUpOn, StopRequested, PlannerDrained>;

} // namespace

struct Node::Impl final : PlannerPort {
    Impl(Options given, std::function<void(NodeEvent)> hears)
        : options(std::move(given)), listener(std::move(hears)), facts(machineFacts()),
          supervisor(options.programs, options.logLevel, link, hooks())
    {
        wakeFd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }

    // ---- the planner's hands: its thread ----

    bool send(const wire::NodeToExecutor& message, std::span<const int> descriptors) override
    {
        return link.send(message, descriptors);
    }
    void tell(NodeEvent event) override
    {
        if (std::holds_alternative<Drained>(event))
            tellMain(PlannerDrained{}); // the front desk hears of it when the executor has ended too
        else
            listener(std::move(event));
    }
    void giveUpOn(std::uint64_t epoch, const std::string& why) override { tellMain(GiveUpOn{epoch, why}); }
    void readMedia(AskNumber number, std::size_t index, const std::filesystem::path& file) override
    {
        const bool queued = pool.add([this, number, index, file](const media::MediaReader& reader) {
            tellPlanner(MediaRead{.number = number, .index = index, .outcome = reader.read(file)});
        });
        if (!queued)
            tellPlanner(MediaRead{
                .number = number,
                .index = index,
                .outcome =
                    Error{ErrorCode::Busy, "too many images and videos wait to be read", "ask again in a while", {}}});
    }

    // ---- queues ----

    void tellPlanner(PlannerMessage message)
    {
        if (!plannerInbox.push(std::move(message)) && !plannerInbox.ended())
            log::error("the planner's queue is full");
    }
    void tellMain(MainMessage message)
    {
        if (mainInbox.push(std::move(message)))
            wakeMain();
    }
    void wakeMain() const
    {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(wakeFd.get(), &one, sizeof one);
    }

    Supervisor::Hooks hooks()
    {
        return {.ready = [this](std::uint64_t epoch) { tellPlanner(ExecutorReady{epoch}); },
                .result =
                    [this](std::uint64_t epoch, wire::StepResult result) {
                        tellPlanner(StepDone{epoch, std::move(result)});
                    },
                .lost =
                    [this](std::uint64_t epoch, std::string how) {
                        tellPlanner(ExecutorLost{epoch, std::move(how)});
                    },
                .failed = [this](Error error) { tellPlanner(DeploymentFailed{std::move(error)}); },
                .changed = [this](const ExecutorFigures& fresh) { executorChanged(fresh); }};
    }

    void executorChanged(const ExecutorFigures& fresh)
    {
        gpus.setProcess(fresh.process);
        {
            const std::scoped_lock lock(boardMutex);
            executor = fresh;
        }
        listener(StateChanged{});
    }

    // ---- threads ----

    void plan()
    {
        ::pthread_setname_np(::pthread_self(), "argus-planner");
        Planner planner(*this);
        while (!plannerInbox.ended()) {
            std::optional<PlannerMessage> message = plannerInbox.pop(Deadline::in(kTick));
            if (message)
                planner.take(std::move(*message), now());
            else
                planner.tick(now());
            const std::scoped_lock lock(boardMutex);
            figures = planner.figures();
        }
    }
    void load()
    {
        ::pthread_setname_np(::pthread_self(), "argus-loader");
        const plan::Devices devices = findDevices();
        Result<plan::Device> chosen = plan::chooseDevice(options.settings.device(), devices);
        if (chosen && chosen->gpu)
            gpus.follow(chosen->gpu->index);
        else
            gpus.stop(Deadline(now())); // the driver may sleep again
        if (!chosen)
            return tellMain(DeploymentRead{std::move(chosen).error()});
        if (const std::optional<Error> problem = plan::gpuProblem(devices);
            problem && (!devices.gpus.empty() || devices.failure))
            log::warn("computing on the CPU: {}", problem->cause);
        {
            const std::scoped_lock lock(boardMutex);
            device = *chosen;
        }
        tellMain(DeploymentRead{readDeployment(options.settings, *chosen)});
    }
    /// GPUs are looked for only where one could be taken: waking a driver may take seconds.
    plan::Devices findDevices()
    {
        std::error_code ignored;
        plan::Devices devices;
        devices.hostMemoryFree = memoryFigures().available;
        devices.cudaNeeded = ARGUS_CUDA_MAJOR;
        devices.cudaInstalled = std::filesystem::exists(options.programs / "argus-executor-cuda", ignored);
        if (!devices.cudaInstalled || options.settings.device() == "cpu")
            return devices;
        GpuFacts found = gpus.find(Deadline::in(kGpuPatience));
        devices.driver = std::move(found.driver);
        devices.driverCuda = found.driverCuda;
        devices.gpus = std::move(found.gpus);
        devices.failure = std::move(found.failure);
        return devices;
    }

    // ---- the main thread ----

    void take(MainMessage message)
    {
        if (auto* read = std::get_if<DeploymentRead>(&message))
            return deploymentRead(std::move(read->outcome));
        if (auto* giveUp = std::get_if<GiveUpOn>(&message))
            return supervisor.giveUpOn(giveUp->epoch, giveUp->why, now());
        if (auto* stop = std::get_if<StopRequested>(&message))
            return beginStop(stop->patience, stop->reason);
        drained = true;
    }
    void deploymentRead(Result<std::shared_ptr<const Deployment>> outcome)
    {
        media::PreprocessConfig preprocess;
        wire::EngineSettings limits = options.settings;
        if (outcome) {
            preprocess = (*outcome)->preprocess;
            limits = (*outcome)->settings;
        }
        pool.start(
            std::make_shared<media::MediaReader>(options.programs / "argus-decoder", decodeLimits(limits), preprocess),
            kMediaThreads);
        if (!outcome)
            return modelFailed(std::move(outcome).error());
        {
            const std::scoped_lock lock(boardMutex);
            deployment = *outcome;
        }
        tellPlanner(DeploymentKnown{*outcome});
        if (!stopBy)
            supervisor.deploy(std::move(*outcome), now());
    }
    void modelFailed(Error error)
    {
        log::error("the model cannot be served: {}", error.text());
        ExecutorFigures failed;
        failed.state = ExecutorState::Failed;
        failed.error = error;
        tellPlanner(DeploymentFailed{std::move(error)});
        executorChanged(failed);
    }
    void beginStop(Milliseconds patience, const std::string& reason)
    {
        const Instant until = now() + patience;
        if (stopBy && until >= *stopBy - kDrainGrace)
            return; // asked before, and sooner
        log::info("stopping: {}", reason);
        stopBy = until + kDrainGrace;
        listener(StopBegan{reason});
        tellPlanner(BeginDrain{until});
    }
    bool run(std::span<const Watched> watched)
    {
        plannerThread = std::thread([this] { plan(); });
        loaderThread = std::thread([this] { load(); });
        while (!drained && !(stopBy && now() >= *stopBy))
            turn(watched);
        supervisor.stop(Deadline::in(kQuitPatience));
        gpus.stop(Deadline::in(kGpuLastWords));
        const bool clean = pool.stop(Deadline::in(kMediaPatience));
        plannerInbox.close();
        mainInbox.close();
        plannerThread.join();
        loaderThread.join();
        listener(Drained{});
        return clean;
    }
    void turn(std::span<const Watched> watched)
    {
        std::vector<pollfd> waiting{{.fd = wakeFd.get(), .events = POLLIN, .revents = 0},
                                    {.fd = supervisor.channelFd(), .events = POLLIN, .revents = 0},
                                    {.fd = supervisor.childFd(), .events = POLLIN, .revents = 0}};
        for (const Watched& one : watched)
            waiting.push_back({.fd = one.fd, .events = POLLIN | POLLRDHUP, .revents = 0});
        const Deadline until(std::min(supervisor.nextDeadline(now()), stopBy.value_or(now() + kTick)));
        ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min(until.left(), kTick).count()));
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wakeFd.get(), &count, sizeof count);
        while (std::optional<MainMessage> message = mainInbox.pop(Deadline(now())))
            take(std::move(*message));
        supervisor.work(now());
        for (std::size_t i = 0; i < watched.size(); ++i)
            if (waiting[i + 3].revents != 0)
                watched[i].onReady();
    }

    // ---- status: any thread ----

    void describe(wire::Status& status) const;

    const Options options;
    const std::function<void(NodeEvent)> listener;
    const MachineFacts facts;
    Inbox<PlannerMessage> plannerInbox{kPlannerInbox};
    Inbox<MainMessage> mainInbox{kMainInbox};
    UniqueFd wakeFd;
    ExecutorLink link;
    GpuWatch gpus;
    Supervisor supervisor;
    MediaPool pool;
    std::thread plannerThread;
    std::thread loaderThread;
    std::optional<Instant> stopBy;
    bool drained = false;

    mutable std::mutex boardMutex; // guards what status() copies
    ExecutorFigures executor;
    PlannerFigures figures;
    plan::Device device; ///< the CPU until one is chosen
    std::shared_ptr<const Deployment> deployment;
};

namespace {

void describeCpu(wire::DeviceStatus& out, const MachineFacts& facts, const wire::EngineSettings& settings)
{
    const unsigned threads = settings.threads() > 0 ? settings.threads() : facts.threads;
    out.set_name(fmt::format("{}, {} {}", facts.processor, threads, threads == 1 ? "thread" : "threads"));
    const MemoryFigures memory = memoryFigures();
    out.set_memory_total(memory.total);
    out.set_memory_free(memory.available);
}

void describeGpu(wire::DeviceStatus& out, const plan::Gpu& gpu, const std::optional<GpuMemory>& memory)
{
    out.set_name(gpu.name);
    out.set_memory_total(memory ? memory->total : gpu.memoryTotal);
    out.set_memory_free(memory ? memory->free : gpu.memoryFree);
}

/// What the executor holds. It cannot see the CUDA context and the kernels around its own memory; the driver can.
void describeUse(wire::DeviceStatus& out, const wire::Loaded& loaded, const std::optional<GpuMemory>& memory)
{
    out.set_weights_bytes(loaded.weights_bytes());
    out.set_kv_reserved_bytes(loaded.kv_bytes());
    const std::uint64_t placed = loaded.weights_bytes() + loaded.kv_bytes();
    const std::uint64_t process = memory ? memory->ofProcess.value_or(0) : 0;
    out.set_runtime_bytes(std::max(loaded.runtime_bytes(), process - std::min(process, placed)));
}

void describeDeployment(wire::Deployment& out, const ExecutorFigures& executor, const Deployment* deployment,
                        const wire::EngineSettings& asked, const PlannerFigures& figures)
{
    const wire::EngineSettings& settings = deployment ? deployment->settings : asked;
    out.set_model_path(settings.model());
    out.set_tensor_parallel_size(std::max(1U, settings.tensor_parallel_size()));
    out.set_pipeline_parallel_size(std::max(1U, settings.pipeline_parallel_size()));
    out.set_dtype(settings.dtype());
    if (deployment) {
        out.set_model_name(deployment->name);
        out.set_demo(deployment->demo);
        out.set_max_model_len(deployment->budget.maxModelLen);
        out.set_kv_blocks(deployment->budget.kvBlocks);
    }
    out.set_kv_blocks_used(figures.kvBlocksUsed);
    out.set_state(executorStateName(executor.state));
    if (executor.error)
        *out.mutable_error() = protocol::toWire(*executor.error);
    out.set_epoch(executor.epoch);
    out.set_load_done_bytes(executor.loadDone);
    out.set_load_total_bytes(executor.loadTotal);
    out.set_restarts(executor.restarts);
}

const char* nodeState(ExecutorState state)
{
    return state == ExecutorState::Loading ? "starting" : executorStateName(state);
}

} // namespace

void Node::Impl::describe(wire::Status& status) const
{
    ExecutorFigures nowExecutor;
    PlannerFigures nowFigures;
    plan::Device nowDevice;
    std::shared_ptr<const Deployment> nowDeployment;
    {
        const std::scoped_lock lock(boardMutex);
        nowExecutor = executor;
        nowFigures = figures;
        nowDevice = device;
        nowDeployment = deployment;
    }
    wire::NodeStatus& node = *status.add_nodes();
    node.set_name(options.name.empty() ? facts.hostName : options.name);
    node.set_role("head");
    node.set_version(options.version);
    node.set_state(nodeState(nowExecutor.state));
    wire::DeviceStatus& out = *node.add_devices();
    const std::optional<GpuMemory> memory = gpus.latest();
    out.set_kind(nowDevice.kind());
    nowDevice.gpu ? describeGpu(out, *nowDevice.gpu, memory)
                  : describeCpu(out, facts, nowDeployment ? nowDeployment->settings : options.settings);
    if (nowExecutor.loaded)
        describeUse(out, *nowExecutor.loaded, memory);
    if (nowExecutor.loaded && nowDeployment)
        out.set_kv_used_bytes(nowFigures.kvBlocksUsed * nowDeployment->budget.kvBlockBytes);
    describeDeployment(*status.mutable_deployment(), nowExecutor, nowDeployment.get(), options.settings, nowFigures);
    status.set_asks_running(nowFigures.running);
    status.set_asks_waiting(nowFigures.waiting);
}

Node::Node(Options options, std::function<void(NodeEvent)> listener)
    : m_impl(std::make_unique<Impl>(std::move(options), std::move(listener)))
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

void Node::requestStop(std::string reason)
{
    m_impl->tellMain(StopRequested{std::move(reason), m_impl->options.drain});
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
    Impl& impl = *m_impl;
    return impl.pool.add([&impl, ticket, file = std::move(file), thumbnailSide](const media::MediaReader& reader) {
        impl.listener(InspectionEnded{.ticket = ticket, .outcome = reader.inspect(file, thumbnailSide)});
    });
}

wire::Status Node::status() const
{
    wire::Status status;
    m_impl->describe(status);
    return status;
}

wire::EngineSettings Node::settings() const
{
    const std::scoped_lock lock(m_impl->boardMutex);
    return m_impl->deployment ? m_impl->deployment->settings : m_impl->options.settings;
}

} // namespace argus::node
