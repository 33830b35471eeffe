#include "engine/executor/link.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/executor/load_order.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>
#include <poll.h>

namespace argus::executor {
namespace {

/// How often the link looks up from an idle channel to see whether its ranks still live and get on.
constexpr Milliseconds kGlance{250};
/// How often the node is told that this process is not stuck as a whole.
constexpr Milliseconds kSigns{1'000};
/// The node reads answers between two polls of its own; one that takes longer is stuck.
constexpr Milliseconds kSendPatience{30'000};
/// How long the ranks of the last model may take to end before the next one is loaded.
constexpr Milliseconds kUnloadPatience{30'000};
/// Exchanges kept for a load order that is still on its way: a few for each rank there can be.
constexpr std::size_t kMostEarly = 4096;

bool peerHungUp(int fd)
{
    pollfd watched{.fd = fd, .events = POLLRDHUP, .revents = 0};
    return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

} // namespace

Link::Link(protocol::Channel channel, RankOptions options)
    : m_channel(std::move(channel)), m_options(std::move(options))
{
}

Link::~Link() = default;

Link::End Link::run()
{
    while (!m_crew || !m_crew->over()) {
        giveSign();
        if (m_crew && m_crew->over())
            break;
        auto frame = m_channel.receive(Deadline::in(kGlance));
        if (!frame) {
            if (frame.error().code == ErrorCode::Unreachable)
                return End::NodeGone;
            log::error("{}", frame.error().text());
            return End::Broken;
        }
        if (!frame->has_value())
            continue;
        auto message = std::make_shared<wire::NodeToExecutor>();
        if (!message->ParseFromString((*frame)->body)) {
            log::error("the node sent {} bytes that are no message", (*frame)->body.size());
            return End::Broken;
        }
        auto descriptors = std::make_shared<const std::vector<UniqueFd>>(std::move((*frame)->descriptors));
        if (const auto end = take({.message = std::move(message), .descriptors = std::move(descriptors)}))
            return *end;
    }
    return peerHungUp(m_channel.fd()) ? End::NodeGone : End::RanksGone;
}

void Link::giveSign()
{
    if (m_crew)
        if (const std::optional<Error> stuck = m_crew->stuck(now()))
            fail(*stuck);
    if (now() - m_sign <= kSigns)
        return;
    m_sign = now();
    wire::ExecutorToNode alive;
    alive.mutable_alive();
    if (auto sent = send(alive, m_epoch); !sent)
        log::debug("{}", sent.error().text()); // the next receive notices
}

std::optional<Link::End> Link::take(Command command)
{
    const wire::NodeToExecutor& message = *command.message;
    switch (message.body_case()) {
    case wire::NodeToExecutor::kQuit:
        return End::Quit;
    case wire::NodeToExecutor::kLoad:
        if (message.epoch() > m_epoch)
            return load(command.message);
        break;
    case wire::NodeToExecutor::kExchange:
        if (message.epoch() >= m_epoch)
            return takeExchange(message), std::nullopt;
        break;
    case wire::NodeToExecutor::kStep:
    case wire::NodeToExecutor::kDrop:
        if (message.epoch() == m_epoch)
            return handOver(command);
        break;
    case wire::NodeToExecutor::BODY_NOT_SET:
        fail(makeError(ErrorCode::Unsupported, say("node-unknown-message"), say("do-install-together")));
        return std::nullopt;
    }
    log::debug("dropped a message of epoch {}, this is epoch {}", message.epoch(), m_epoch);
    return std::nullopt;
}

std::optional<Link::End> Link::load(std::shared_ptr<const wire::NodeToExecutor> order)
{
    if (m_crew) {
        m_crew->end("another model is loaded");
        if (!m_crew->ended(Deadline::in(kUnloadPatience))) {
            log::error("the ranks of epoch {} do not end", m_epoch);
            return End::Broken;
        }
        m_crew.reset();
    }
    m_epoch = order->epoch();
    if (auto checked = checkRanks(order->load()); !checked) {
        fail(checked.error());
        return std::nullopt;
    }
    m_crew = std::make_unique<Crew>(
        m_options, order, [this, epoch = m_epoch](wire::ExecutorToNode& message) { return send(message, epoch); });
    std::deque<wire::NodeToExecutor> early;
    std::swap(early, m_early);
    for (const wire::NodeToExecutor& exchange : early)
        if (exchange.epoch() >= m_epoch)
            takeExchange(exchange);
    return std::nullopt;
}

/// Never through the queues of the ranks: they wait for these while they load.
void Link::takeExchange(const wire::NodeToExecutor& message)
{
    if (m_crew && message.epoch() == m_epoch)
        m_crew->arrived(message.exchange());
    else if (message.epoch() > m_epoch && m_early.size() < kMostEarly)
        m_early.push_back(message);
}

std::optional<Link::End> Link::handOver(const Command& command)
{
    if (m_crew) {
        const bool handed = m_crew->push(command, [this] {
            giveSign();
            return peerHungUp(m_channel.fd());
        });
        if (handed)
            return std::nullopt;
        return peerHungUp(m_channel.fd()) ? End::NodeGone : End::RanksGone;
    }
    if (command.message->has_step())
        fail(makeError(ErrorCode::Internal,
                       fmt::format("step {} came before a model was loaded", command.message->step().step()),
                       say("do-restart-node")));
    return std::nullopt;
}

void Link::fail(const Error& error)
{
    log::error("{}", error.text());
    wire::ExecutorToNode message;
    *message.mutable_failed()->mutable_error() = protocol::toWire(error);
    if (auto sent = send(message, m_epoch); !sent)
        log::warn("{}", sent.error().text()); // the next receive notices
}

Result<Done> Link::send(wire::ExecutorToNode& message, std::uint64_t epoch)
{
    message.set_epoch(epoch);
    const std::lock_guard lock(m_sending);
    return m_channel.send(message, {}, Deadline::in(kSendPatience));
}

bool Link::finish(Deadline deadline)
{
    if (!m_crew)
        return true;
    m_crew->end("the node has said goodbye");
    return m_crew->ended(deadline);
}

} // namespace argus::executor
