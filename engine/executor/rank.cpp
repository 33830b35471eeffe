#include "engine/executor/rank.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/executor/load_order.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"
#include "engine/protocol/fault_hooks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace argus::executor {
namespace {

/// How long a step on the device may be done before somebody looks.
constexpr std::chrono::microseconds kGlance{50};
/// How often a rank that has nothing to do looks whether the others are still there.
constexpr Milliseconds kIdleGlance{500};

/// First use: a GPU's driver loads every kernel from the disk then, a processor its weights.
constexpr Milliseconds kFirstSteps{60'000};

/// Bytes this process holds beyond files it maps: resident less shared pages.
std::uint64_t privateBytes()
{
    std::ifstream file("/proc/self/statm");
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    std::uint64_t shared = 0;
    if (!(file >> size >> resident >> shared) || shared > resident)
        return 0;
    return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

int cores()
{
    return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U));
}

Error errorOf(const comm::GroupBroken& problem, const wire::LoadModel& plan, const wire::RankOrder& rank)
{
    using Why = comm::GroupBroken::Why;
    const bool noWay = problem.why() == Why::NoWay;
    const ErrorCode code = noWay || problem.why() == Why::PeerGone ? ErrorCode::Unreachable
                           : problem.why() == Why::Timeout         ? ErrorCode::Timeout
                           : problem.why() == Why::Version         ? ErrorCode::Unsupported
                                                                   : ErrorCode::Cancelled;
    std::vector<Said> peers;
    for (const std::uint32_t peer : peersOf(plan, rank))
        peers.emplace_back(std::to_string(peer));
    return makeError(code, say("rank-lost", rank.rank(), std::move(peers), problem.said()),
                     noWay ? say("do-look-at-line") : say("do-look-at-machines"), noWay ? "interface" : "");
}

} // namespace

Rank::Rank(const RankOptions& options, std::shared_ptr<const wire::NodeToExecutor> order, int index, RankHost& host)
    : m_options(options), m_keepsLoad(std::move(order)), m_load(*m_keepsLoad), m_index(index), m_host(host)
{
}

Rank::~Rank() = default;

void Rank::run()
{
    guarded([this] {
        if (auto loaded = load(); !loaded) {
            unload();
            fail(loaded.error());
        }
    });
    while (!m_over)
        guarded([this] { serveNext(); });
    unload(); // on the thread that made it
}

template <typename Work>
void Rank::guarded(const Work& work)
{
    try {
        work();
    } catch (const ops::DeviceLost& problem) {
        // The node starts another process and replays what was asked.
        log::error("{}", problem.what());
        m_over = true;
    } catch (const comm::GroupBroken& problem) {
        fail(errorOf(problem, m_load.load(), order()));
        m_over = true;
    } catch (const std::bad_alloc&) {
        fail(makeError(ErrorCode::DoesNotFit, say("memory-ran-out"), say("do-close-or-lower"), "max_model_len"));
    } catch (const OpsError& problem) {
        fail(makeError(ErrorCode::Internal, problem.said(), say("do-ask-and-report")));
    } catch (const std::exception& problem) {
        fail(makeError(ErrorCode::Internal, problem.what(), say("do-ask-and-report")));
    }
}

void Rank::serveNext()
{
    const bool waiting = m_runner && m_runner->open() > 0;
    if (waiting)
        watchDevice();
    else
        m_pulse.enter(Pulse::State::Idle);
    if (const auto command = nextCommand(waiting))
        handle(*command);
    else if (m_commands.closed())
        m_over = true;
    if (m_over)
        return;
    requireWhole();
    finishReady();
}

/// The next command; nothing while a step is on the device, or to look after the others now and then.
std::optional<Command> Rank::nextCommand(bool waiting)
{
    if (waiting)
        return m_commands.popUntil(Deadline(now() + kGlance));
    return joined() ? m_commands.popUntil(Deadline::in(kIdleGlance)) : m_commands.pop();
}

void Rank::requireWhole()
{
    for (comm::Communicator* const group : {m_groups.tensor.get(), m_groups.pipeline.get()})
        if (group != nullptr)
            group->requireWhole();
}

/// Reports steps that the device has done; waits for one when no more may be open.
void Rank::finishReady()
{
    while (m_runner && m_runner->open() > 0) {
        watchDevice();
        const bool full = m_runner->open() == m_runner->mostOpen();
        if (full && joined())
            waitForOldest();
        if (!m_runner->ready() && (!full || joined()))
            return;
        wire::StepResult result = m_runner->finish();
        m_pulse.beat();
        m_openWork.pop_front();
        m_proven = true;
        requireWhole(); // nothing of a step that lost its group is told
        report(std::move(result));
    }
}

/// A device whose rank has others may wait for one who is gone, so it is not waited for blindly.
void Rank::waitForOldest()
{
    while (!m_runner->ready() && !m_commands.closed()) {
        requireWhole();
        std::this_thread::sleep_for(kGlance);
    }
}

/// A GPU that has steps open is watched from when it was given the last one, or has finished one. A processor has none
/// on its way when this looks.
void Rank::watchDevice()
{
    if (m_pulse.state() == Pulse::State::Device)
        return;
    double work = 0;
    for (const double each : m_openWork)
        work += each;
    m_pulse.enter(Pulse::State::Device, devicePatience(work) + (m_proven ? Milliseconds(0) : kFirstSteps));
}

Milliseconds Rank::patienceFor(const StepWork& work) const
{
    // What is open goes first, and the queue to a GPU may be full of it.
    StepWork all = work;
    for (const double each : m_openWork)
        all.total += each;
    const Milliseconds patience = workingPatience(all, m_gpu);
    return m_proven ? patience : patience + kFirstSteps;
}

void Rank::handle(const Command& command)
{
    const wire::NodeToExecutor& message = *command.message;
    if (message.has_step())
        step(message.step(), *command.descriptors);
    else if (message.has_drop() && m_runner)
        m_runner->drop(message.drop());
}

Result<Done> Rank::load()
{
    const Instant started = now();
    const wire::LoadModel& plan = m_load.load();
    const wire::EngineSettings& settings = plan.settings();
    auto sizes = sizesOf(plan);
    if (!sizes)
        return std::move(sizes).error();
    const auto scale = pixelScaleOf(plan);
    if (!scale)
        return scale.error();
    auto config = model::loadConfig(settings.model());
    if (!config)
        return std::move(config).error();
    std::shared_ptr<const model::Checkpoint> weights; // none: made up
    if (settings.load_format() != "dummy") {
        auto checkpoint = model::Checkpoint::open(settings.model());
        if (!checkpoint)
            return std::move(checkpoint).error();
        weights = std::move(*checkpoint);
    }
    auto ops = m_options.makeOps(plan, order(), threadsOf(plan, order(), m_options.threads, cores()));
    if (!ops)
        return std::move(ops).error();
    m_ops = std::move(*ops);
    m_gpu = m_ops->report().kind != "cpu";
    if (auto joined = join(plan); !joined)
        return joined;
    const model::Shard shard = shardOf(plan, order());
    auto loaded = model::Qwen25VL::load(
        *m_ops, std::move(*config), std::move(weights), *sizes,
        [this](std::uint64_t done, std::uint64_t total, const std::string& tensor) {
            reportProgress(done, total, tensor);
        },
        {}, shard, &m_groups);
    if (!loaded)
        return std::move(loaded).error();
    m_model = std::move(*loaded);
    m_model->tellLayers([this] { m_pulse.beat(); });
    m_ops->synchronize(); // what is said to be loaded is there
    m_runner = std::make_unique<StepRunner>(*m_ops, *m_model, *sizes, *scale, shard);
    m_sealed.emplace();
    reportLoaded(*sizes, started);
    return Done{};
}

Result<Done> Rank::join(const wire::LoadModel& plan)
{
    if (ranksOfAll(plan) == 1)
        return Done{};
    if (!m_options.openGroups)
        return makeError(ErrorCode::Unsupported, say("no-sharing"), say("do-sizes-one"), "tensor_parallel_size");
    auto groups = m_options.openGroups(plan, order(), *m_ops, m_host.meetingPoint(), m_load.epoch(),
                                       Deadline::in(m_options.groupPatience));
    if (!groups)
        return std::move(groups).error();
    const std::lock_guard lock(m_mutex);
    m_groups = {.tensor = watched(std::move(groups->tensor), m_pulse),
                .pipeline = watched(std::move(groups->pipeline), m_pulse)};
    if (m_aborted)
        throw comm::GroupBroken(comm::GroupBroken::Why::Aborted, say("model-unloaded"));
    return Done{};
}

void Rank::reportLoaded(const model::RuntimeSizes& sizes, Instant started)
{
    wire::ExecutorToNode message;
    wire::Loaded& report = *message.mutable_loaded();
    const ops::DeviceReport device = m_ops->report();
    report.set_rank(order().rank());
    report.set_device_name(device.name);
    report.set_device_kind(device.kind);
    report.set_weights_bytes(m_model->weightBytes());
    report.set_kv_bytes(m_model->kvBytes());
    const std::uint64_t kept = report.weights_bytes() + report.kv_bytes();
    // A device counts everything that stands on it; of a processor's memory the mapped weights are not its own.
    report.set_runtime_bytes(device.usedBytes > 0
                                 ? device.usedBytes - std::min(device.usedBytes, kept)
                                 : privateBytes() / static_cast<std::uint64_t>(m_load.load().ranks_size()));
    report.set_seconds(std::chrono::duration<double>(now() - started).count());
    send(message);
    const auto gib = [](std::uint64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(1ULL << 30); };
    log::info("rank {} of {} loaded its share of the model in {:.2f} s on {}: weights {:.2f} GiB, KV cache {:.2f} GiB "
              "in {} blocks of {} tokens, working memory {:.2f} GiB",
              order().rank(), ranksOfAll(m_load.load()), report.seconds(), device.name, gib(report.weights_bytes()),
              gib(report.kv_bytes()), sizes.kvBlocks, sizes.kvBlockTokens, gib(report.runtime_bytes()));
}

void Rank::reportProgress(std::uint64_t doneBytes, std::uint64_t totalBytes, const std::string& tensor)
{
    constexpr Milliseconds kBetween{100}; // what a person can follow
    if (doneBytes < totalBytes && now() - m_lastProgress < kBetween)
        return;
    m_lastProgress = now();
    wire::ExecutorToNode message;
    wire::LoadProgress& progress = *message.mutable_progress();
    progress.set_rank(order().rank());
    progress.set_done_bytes(doneBytes);
    progress.set_total_bytes(totalBytes);
    progress.set_tensor(tensor);
    send(message);
}

void Rank::step(const wire::StepPlan& plan, std::span<const UniqueFd> descriptors)
{
    if (!m_runner) {
        fail(makeError(ErrorCode::Internal, fmt::format("step {} came before a model was loaded", plan.step()),
                       say("do-restart-node")));
        return;
    }
    const StepWork work = workOf(m_model->config(), plan);
    m_pulse.enter(Pulse::State::Working, patienceFor(work));
    protocol::faults::atStep(order().rank());
    if (auto begun = m_runner->begin(plan, descriptors); !begun)
        return fail(begun.error());
    m_openWork.push_back(work.total);
}

void Rank::report(wire::StepResult result)
{
    if (!m_runner->reports())
        return reportFailures(result);
    wire::ExecutorToNode message;
    *message.mutable_result() = std::move(result);
    send(message);
}

void Rank::reportFailures(const wire::StepResult& result)
{
    if (result.failures_size() == 0)
        return;
    wire::ExecutorToNode message;
    message.mutable_sequences_failed()->set_step(result.step());
    *message.mutable_sequences_failed()->mutable_failures() = result.failures();
    send(message);
}

void Rank::abort() noexcept
{
    m_commands.close();
    const std::lock_guard lock(m_mutex);
    m_aborted = true;
    for (comm::Communicator* const group : {m_groups.tensor.get(), m_groups.pipeline.get()})
        if (group != nullptr)
            group->abort();
}

void Rank::unload()
{
    m_sealed.reset();
    m_runner.reset();
    m_model.reset();
    comm::Groups groups;
    {
        const std::lock_guard lock(m_mutex);
        std::swap(groups, m_groups);
    }
    groups = {}; // uses the device
    m_ops.reset();
}

void Rank::fail(const Error& error)
{
    if (!m_host.failed(error))
        m_over = true;
}

void Rank::send(wire::ExecutorToNode& message)
{
    if (m_over)
        return;
    if (auto sent = m_host.answer(message); !sent) {
        log::warn("{}", sent.error().text());
        m_over = true;
    }
}

} // namespace argus::executor
