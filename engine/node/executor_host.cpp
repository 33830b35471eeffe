#include "engine/node/executor_host.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/comm/nccl_version.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <iterator>
#include <utility>

namespace argus::node {
namespace {

constexpr Milliseconds kSendPatience{5'000};
/// A frame that has begun comes whole: the executor writes it in one go.
constexpr Milliseconds kFramePatience{5'000};
constexpr int kMaxFramesAtOnce = 64;
/// An executor says once a second that it is alive, on a thread that waits for no device.
constexpr std::chrono::seconds kSilence{5};
constexpr int kChannelInChild = 3;
constexpr std::size_t kLongestLine = 16U << 10;
/// What the dynamic loader ends a program with that lacks a library. A program that is not there is told apart earlier.
constexpr int kLibraryMissing = 127;

/// GPUs are counted as NVML counts them, and kernels that are never called stay on the disk. Which GPUs are visible is
/// the user's business: CUDA_VISIBLE_DEVICES passes as it is.
std::vector<std::pair<std::string, std::string>> cudaEnvironment(const wire::LoadModel& order)
{
    std::vector<std::pair<std::string, std::string>> all{{"CUDA_DEVICE_ORDER", "PCI_BUS_ID"},
                                                         {"CUDA_MODULE_LOADING", "LAZY"}};
    for (auto& each : comm::ncclEnvironment(order.interface()))
        all.push_back(std::move(each));
    return all;
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
    const std::scoped_lock sending(m_sending);
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

// ---- the host ----

ExecutorHost::ExecutorHost(std::filesystem::path programs, std::string logLevel, ExecutorLink& link, Hooks hooks)
    : m_programs(std::move(programs)), m_logLevel(std::move(logLevel)), m_link(link), m_hooks(std::move(hooks))
{
}

ExecutorHost::~ExecutorHost()
{
    if (m_child.running()) {
        log::warn("the executor was still running when its node ended");
        m_child.kill();
    }
}

void ExecutorHost::start(std::uint64_t epoch, const std::string& kind, const wire::LoadModel& order)
{
    stop(Deadline(now()));
    m_epoch = epoch;
    m_loaded = false;
    m_aliveAt.reset();
    m_endedBecause = {};
    m_program = "argus-executor-" + kind;
    auto ends = protocol::Channel::pair();
    if (!ends)
        return m_hooks.cannotStart(epoch, std::move(ends).error());
    int lines[2] = {-1, -1};
    if (::pipe2(lines, O_CLOEXEC | O_NONBLOCK) != 0)
        return m_hooks.cannotStart(
            epoch, makeError(ErrorCode::Io, say("no-pipe", systemError(errno)), say("do-close-programs")));
    m_lines.reset(lines[0]);
    const UniqueFd theirLines(lines[1]);
    ::fcntl(theirLines.get(), F_SETFL, 0); // the child may wait for us, not we for it
    auto& [ours, theirs] = *ends;
    ChildOptions options{.program = m_programs / m_program,
                         .arguments = {"--channel-fd", std::to_string(kChannelInChild), "--log-level", m_logLevel},
                         .descriptors = {{theirs.get(), kChannelInChild}, {theirLines.get(), STDERR_FILENO}}};
    if (kind == "cuda")
        options.environment = cudaEnvironment(order);
    Result<ChildProcess> child = ChildProcess::start(options);
    if (!child)
        return m_hooks.cannotStart(epoch, std::move(child).error());
    m_child = std::move(*child);
    m_channel = std::make_shared<protocol::Channel>(std::move(ours));
    m_link.open(epoch, m_channel);
    log::info("{} {} started, epoch {}", m_program, m_child.pid(), epoch);
    wire::NodeToExecutor message;
    message.set_epoch(epoch);
    *message.mutable_load() = order;
    if (!m_link.send(message, {}))
        m_child.signal(SIGKILL); // its end is noticed like any other
}

void ExecutorHost::end(std::uint64_t epoch, const Said& why)
{
    if (epoch != m_epoch || !m_child.running() || endsByItself())
        return;
    if (m_endedBecause.empty())
        m_endedBecause = why;
    m_child.signal(SIGKILL);
}

/// It is dead or dies, as its end of the channel shows a moment before: that is why somebody wants to be rid of it, and
/// how it ended says more than what he saw of it. work() finds it, and does not wait for long.
bool ExecutorHost::endsByItself() const
{
    pollfd either[] = {{.fd = m_child.pidFd(), .events = POLLIN, .revents = 0},
                       {.fd = m_channel ? m_channel->fd() : -1, .events = 0, .revents = 0}};
    return m_endedBecause.empty() && ::poll(either, std::size(either), 0) > 0;
}

void ExecutorHost::stop(Deadline deadline)
{
    if (m_child.running()) {
        wire::NodeToExecutor quit;
        quit.set_epoch(m_epoch);
        quit.mutable_quit();
        const bool told = !deadline.passed() && m_link.send(quit, {});
        m_link.close();
        if (!told || !m_child.wait(deadline))
            m_child.kill();
    }
    readLines();
    m_lines.reset();
    m_link.close();
    m_channel.reset();
}

std::vector<int> ExecutorHost::descriptors() const
{
    return {m_channel ? m_channel->fd() : -1, m_child.running() ? m_child.pidFd() : -1,
            m_lines.valid() ? m_lines.get() : -1};
}

void ExecutorHost::work()
{
    if (m_lines.valid())
        readLines();
    if (m_channel)
        receive();
    if (m_child.running())
        if (const std::optional<ExitReport> report = m_child.wait(Deadline(now())))
            ended(*report);
    watch();
}

void ExecutorHost::watch()
{
    if (!m_child.running() || !m_aliveAt || now() - *m_aliveAt < kSilence)
        return;
    m_aliveAt.reset();
    end(m_epoch, say("how-no-sign", kSilence.count()));
}

void ExecutorHost::receive()
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
            if (message.has_alive())
                m_aliveAt = now();
            m_loaded = m_loaded || message.has_loaded();
            if (message.epoch() == m_epoch)
                m_hooks.said(std::move(message));
            continue;
        }
        // The end of the stream: either it is dying, or it can no longer be talked to. Both end in its exit report.
        if (m_endedBecause.empty() && frame)
            m_endedBecause = say("how-unreadable");
        else if (m_endedBecause.empty() && frame.error().code != ErrorCode::Unreachable)
            m_endedBecause = frame.error().saidCause();
        m_link.close();
        m_channel.reset();
        if (const std::optional<ExitReport> report = m_child.wait(Deadline::in(kFramePatience / 10)))
            return ended(*report);
        m_child.signal(SIGKILL);
    }
}

/// Its lines go on to our own stderr, where they went before anybody collected them, and to the log that is kept.
void ExecutorHost::readLines()
{
    char buffer[16384];
    for (int i = 0; i < kMaxFramesAtOnce && m_lines.valid(); ++i) {
        const ssize_t got = ::read(m_lines.get(), buffer, sizeof buffer);
        if (got == 0)
            m_lines.reset();
        if (got <= 0)
            break;
        [[maybe_unused]] const ssize_t passed = ::write(STDERR_FILENO, buffer, static_cast<std::size_t>(got));
        m_lastLine.append(buffer, static_cast<std::size_t>(got));
        const std::size_t end = m_lastLine.size() > kLongestLine ? m_lastLine.size() - 1 : m_lastLine.rfind('\n');
        if (end == std::string::npos)
            continue;
        if (m_hooks.wrote)
            m_hooks.wrote(std::string_view(m_lastLine).substr(0, end + 1));
        m_lastLine.erase(0, end + 1);
    }
}

void ExecutorHost::ended(const ExitReport& report)
{
    readLines();
    m_lines.reset();
    const Said how = m_endedBecause.empty() ? report.said() : m_endedBecause;
    m_link.close();
    m_channel.reset();
    log::warn("the executor {}", english(how));
    if (report.signal == 0 && report.code == kLibraryMissing && !m_loaded)
        return m_hooks.cannotStart(
            m_epoch, makeError(ErrorCode::NotFound, say("library-missing", m_program), say("do-install-library")));
    m_hooks.ended(m_epoch, how);
}

} // namespace argus::node
