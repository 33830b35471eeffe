#include "engine/executor/link.h"

#include "engine/base/log.h"

#include <poll.h>
#include <pthread.h>

namespace argus::executor {
namespace {

/// How often the link looks up from an idle channel to see whether its rank still lives.
constexpr Milliseconds kGlance{500};
/// The node reads answers between two polls of its own; one that takes longer is stuck.
constexpr Milliseconds kSendPatience{30'000};

bool peerHungUp(int fd)
{
    pollfd watched{.fd = fd, .events = POLLRDHUP, .revents = 0};
    return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

} // namespace

Link::Link(protocol::Channel channel, RankOptions options)
    : m_channel(std::move(channel)),
      m_rank(std::move(options), m_commands, [this](const wire::ExecutorToNode& message) {
          return m_channel.send(message, {}, Deadline::in(kSendPatience));
      })
{
}

Link::~Link()
{
    m_commands.close();
    if (m_thread.joinable())
        m_thread.join();
}

Link::End Link::run()
{
    m_thread = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), "argus-rank-0");
        m_rank.run();
        const std::lock_guard lock(m_mutex);
        m_rankEnded = true;
        m_ended.notify_all();
    });
    while (!rankEnded()) {
        auto frame = m_channel.receive(Deadline::in(kGlance));
        if (!frame) {
            if (frame.error().code == ErrorCode::Unreachable)
                return End::NodeGone;
            log::error("{}", frame.error().text());
            return End::Broken;
        }
        if (!frame->has_value())
            continue;
        Command command{.message = {}, .descriptors = std::move((*frame)->descriptors)};
        if (!command.message.ParseFromString((*frame)->body)) {
            log::error("the node sent {} bytes that are no message", (*frame)->body.size());
            return End::Broken;
        }
        if (command.message.body_case() == wire::NodeToExecutor::kQuit)
            return End::Quit;
        if (!handOver(command))
            return End::NodeGone;
    }
    return End::NodeGone;
}

bool Link::handOver(Command& command)
{
    constexpr Milliseconds kTry{100};
    while (!m_commands.push(command, Deadline::in(kTry)))
        if (rankEnded() || peerHungUp(m_channel.fd()))
            return false;
    return true;
}

bool Link::finish(Deadline deadline)
{
    m_commands.close();
    std::unique_lock lock(m_mutex);
    return !m_thread.joinable() || m_ended.wait_until(lock, deadline.at(), [this] { return m_rankEnded; });
}

bool Link::rankEnded()
{
    const std::lock_guard lock(m_mutex);
    return m_rankEnded;
}

} // namespace argus::executor
