#include "engine/node/supervisor.h"

#include "engine/base/log.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <utility>

namespace argus::node {
namespace {

/// Pause before the n-th restart in a row. After the last one it has failed.
constexpr std::array<std::chrono::seconds, 4> kBackOff{std::chrono::seconds(0), std::chrono::seconds(1),
                                                       std::chrono::seconds(5), std::chrono::seconds(15)};
/// An executor that was ready this long has worked: its death counts as the first again.
constexpr std::chrono::seconds kProvenAfter{60};
/// Without a word of progress this long, loading is stuck. A cold disk reads a 72B shard in less.
constexpr std::chrono::minutes kLoadSilence{10};
constexpr Milliseconds kSendPatience{5'000};
/// A frame that has begun comes whole: the executor writes it in one go.
constexpr Milliseconds kFramePatience{5'000};
constexpr int kMaxFramesAtOnce = 64;
constexpr int kChannelInChild = 3;
/// What the dynamic loader ends a program with that lacks a library. A program that is not there is told apart earlier.
constexpr int kLibraryMissing = 127;

/// GPUs are counted as NVML counts them, and kernels that are never called stay on the disk. Which GPUs are visible is
/// the user's business: CUDA_VISIBLE_DEVICES passes as it is.
std::vector<std::pair<std::string, std::string>> cudaEnvironment()
{
    return {{"CUDA_DEVICE_ORDER", "PCI_BUS_ID"}, {"CUDA_MODULE_LOADING", "LAZY"}};
}

} // namespace

// ---- the link ----

bool ExecutorLink::send(const wire::NodeToExecutor& message, std::span<const int> descriptors)
{
    std::shared_ptr<protocol::Channel> channel;
    {
        const std::scoped_lock lock(m_mutex);
        if (message.epoch() != m_epoch)
            return false;
        channel = m_channel;
    }
    if (!channel)
        return false;
    const Result<Done> sent = channel->send(message, descriptors, Deadline::in(kSendPatience));
    if (!sent)
        log::warn("cannot send to the executor: {}", sent.error().text());
    return sent.ok();
}

void ExecutorLink::open(std::uint64_t epoch, std::shared_ptr<protocol::Channel> channel)
{
    const std::scoped_lock lock(m_mutex);
    m_epoch = epoch;
    m_channel = std::move(channel);
}

void ExecutorLink::close()
{
    const std::scoped_lock lock(m_mutex);
    m_channel.reset();
}

const char* executorStateName(ExecutorState state)
{
    switch (state) {
    case ExecutorState::Stopped:
        return "stopped";
    case ExecutorState::Loading:
        return "loading";
    case ExecutorState::Ready:
        return "ready";
    case ExecutorState::Restarting:
        return "restarting";
    case ExecutorState::Failed:
        return "failed";
    }
    return "failed";
}

// ---- the supervisor ----

Supervisor::Supervisor(std::filesystem::path programs, std::string logLevel, ExecutorLink& link, Hooks hooks)
    : m_programs(std::move(programs)), m_logLevel(std::move(logLevel)), m_link(link), m_hooks(std::move(hooks))
{
}

Supervisor::~Supervisor()
{
    if (m_child.running()) {
        log::warn("the executor was still running when its node ended");
        m_child.kill();
    }
}

void Supervisor::deploy(std::shared_ptr<const Deployment> deployment, Instant now)
{
    m_deployment = std::move(deployment);
    m_figures.state = ExecutorState::Loading;
    startChild(now);
}

void Supervisor::startChild(Instant now)
{
    m_restartAt.reset();
    m_endedBecause.clear();
    ++m_figures.epoch;
    m_figures.loaded.reset();
    m_figures.loadDone = 0;
    m_figures.loadTotal = 0;
    auto ends = protocol::Channel::pair();
    if (!ends)
        return giveUp(std::move(ends).error());
    auto& [ours, theirs] = *ends;
    ChildOptions options{.program = m_programs / programName(),
                         .arguments = {"--channel-fd", std::to_string(kChannelInChild), "--log-level", m_logLevel},
                         .descriptors = {{theirs.get(), kChannelInChild}}};
    if (m_deployment->device.gpu)
        options.environment = cudaEnvironment();
    Result<ChildProcess> child = ChildProcess::start(options);
    if (!child)
        return giveUp(std::move(child).error());
    m_child = std::move(*child);
    m_figures.process = m_child.pid();
    m_channel = std::make_shared<protocol::Channel>(std::move(ours));
    m_lastHeard = now;
    m_link.open(m_figures.epoch, m_channel);
    log::info("{} {} started, epoch {}", programName(), m_child.pid(), m_figures.epoch);
    wire::NodeToExecutor order;
    order.set_epoch(m_figures.epoch);
    *order.mutable_load() = loadOrder(*m_deployment);
    if (!m_link.send(order, {}))
        m_child.signal(SIGKILL); // its end is noticed like any other
    tell();
}

Instant Supervisor::nextDeadline(Instant now) const
{
    return m_restartAt.value_or(now + std::chrono::seconds(1));
}

void Supervisor::work(Instant now)
{
    if (m_restartAt && now >= *m_restartAt)
        startChild(now);
    if (m_channel)
        receive(now);
    if (m_child.running())
        if (const std::optional<ExitReport> report = m_child.wait(Deadline(now)))
            ended(*report, now);
    const bool loading = m_child.running() && !m_figures.loaded;
    if (loading && now - m_lastHeard > kLoadSilence)
        giveUpOn(m_figures.epoch, fmt::format("said nothing for {} minutes while loading", kLoadSilence.count()), now);
    if (m_readySince && now - *m_readySince > kProvenAfter)
        m_quickCrashes = 0;
}

void Supervisor::receive(Instant now)
{
    for (int i = 0; i < kMaxFramesAtOnce && m_channel; ++i) {
        pollfd waiting{.fd = m_channel->fd(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, 0) <= 0)
            return;
        Result<std::optional<protocol::Channel::Frame>> frame = m_channel->receive(Deadline::in(kFramePatience));
        if (frame && !*frame)
            return;
        wire::ExecutorToNode message;
        if (frame && message.ParseFromString((*frame)->body)) {
            if (message.epoch() == m_figures.epoch)
                handle(std::move(message), now);
            continue;
        }
        // The end of the stream: either it is dying, or it can no longer be talked to. Both end in its exit report.
        if (frame)
            m_endedBecause = "sent a message that cannot be read";
        else if (frame.error().code != ErrorCode::Unreachable)
            m_endedBecause = frame.error().cause;
        m_link.close();
        m_channel.reset();
        if (const std::optional<ExitReport> report = m_child.wait(Deadline::in(kFramePatience / 10)))
            return ended(*report, now);
        m_child.signal(SIGKILL);
    }
}

void Supervisor::handle(wire::ExecutorToNode message, Instant now)
{
    m_lastHeard = now;
    switch (message.body_case()) {
    case wire::ExecutorToNode::kProgress:
        m_figures.loadDone = message.progress().done_bytes();
        m_figures.loadTotal = message.progress().total_bytes();
        return tell();
    case wire::ExecutorToNode::kLoaded:
        m_figures.loaded = message.loaded();
        m_figures.loadDone = m_figures.loadTotal;
        m_figures.state = ExecutorState::Ready;
        m_figures.error.reset();
        m_readySince = now;
        log::info("model loaded in {:.2f} s on {}", message.loaded().seconds(), message.loaded().device_name());
        tell();
        return m_hooks.ready(m_figures.epoch);
    case wire::ExecutorToNode::kResult:
        return m_hooks.result(m_figures.epoch, std::move(*message.mutable_result()));
    case wire::ExecutorToNode::kFailed:
        if (!m_figures.loaded) // the same files would fail the same way again
            return giveUp(protocol::fromWire(message.failed().error()));
        m_endedBecause = fmt::format("gave up: {}", message.failed().error().cause());
        m_child.signal(SIGKILL);
        return;
    case wire::ExecutorToNode::kExchange:
    case wire::ExecutorToNode::kSequencesFailed:
    case wire::ExecutorToNode::BODY_NOT_SET:
        return;
    }
}

void Supervisor::ended(const ExitReport& report, Instant now)
{
    const std::string how = m_endedBecause.empty() ? report.text() : m_endedBecause;
    m_link.close();
    m_channel.reset();
    m_readySince.reset();
    log::warn("the executor {}", how);
    if (report.signal == 0 && report.code == kLibraryMissing && !m_figures.loaded)
        return giveUp({ErrorCode::NotFound,
                       fmt::format("{} cannot start: a library that it needs is missing", programName()),
                       "install the library that the head's log names",
                       {}});
    m_hooks.lost(m_figures.epoch, how);
    if (m_quickCrashes >= kBackOff.size())
        return giveUp({ErrorCode::Crashed,
                       fmt::format("the executor ended {} times in a row; the last one {}", m_quickCrashes + 1, how),
                       "look into the head's log, then stop the head and start it again",
                       {}});
    const std::chrono::seconds pause = kBackOff[m_quickCrashes++];
    m_restartAt = now + pause;
    ++m_figures.restarts;
    m_figures.state = ExecutorState::Restarting;
    m_figures.loaded.reset();
    m_figures.error =
        Error{ErrorCode::Crashed,
              fmt::format("the executor {}", how),
              pause.count() == 0 ? "it is starting again" : fmt::format("it starts again in {} s", pause.count()),
              {}};
    tell();
}

std::string Supervisor::programName() const
{
    return fmt::format("argus-executor-{}", m_deployment->device.kind());
}

/// A GPU that cannot be used is not quietly replaced by the CPU, which may be a hundred times slower: people decide.
void Supervisor::giveUp(Error error)
{
    if (m_deployment->device.gpu && error.remedy.find("--device cpu") == std::string::npos)
        error.remedy += fmt::format("{}{}", error.remedy.empty() ? "" : ", or ", plan::kOnTheCpu);
    m_link.close();
    m_channel.reset();
    m_restartAt.reset();
    m_readySince.reset();
    if (m_child.running())
        m_child.kill();
    log::error("the model is not served: {}", error.text());
    m_figures.state = ExecutorState::Failed;
    m_figures.error = error;
    tell();
    m_hooks.failed(std::move(error));
}

void Supervisor::giveUpOn(std::uint64_t epoch, const std::string& why, Instant)
{
    if (epoch != m_figures.epoch || !m_child.running())
        return;
    m_endedBecause = why;
    m_child.signal(SIGKILL);
}

void Supervisor::stop(Deadline deadline)
{
    m_restartAt.reset();
    if (m_child.running()) {
        wire::NodeToExecutor quit;
        quit.set_epoch(m_figures.epoch);
        quit.mutable_quit();
        const bool told = m_link.send(quit, {});
        m_link.close();
        if (!told || !m_child.wait(deadline))
            m_child.kill();
    }
    m_link.close();
    m_channel.reset();
    m_figures.state = ExecutorState::Stopped;
    tell();
}

} // namespace argus::node
