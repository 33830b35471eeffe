#include "engine/cluster/head_link.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/secure_socket.h"
#include "engine/protocol/validate.h"
#include "engine/protocol/validate_cluster.h"

#include <fmt/format.h>
#include <pthread.h>

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace argus::cluster {
namespace {

constexpr std::size_t kMostOutgoing = 65'536;
constexpr Milliseconds kTick{50};
constexpr Milliseconds kRetry{2};
constexpr Milliseconds kFarewell{200};
/// A socket that was turned away does not try again by itself.
constexpr Milliseconds kAfterRefusal{3'000};
/// Turned away this often in a row, it will not change.
constexpr int kMostRefusals = 3;

double seconds(Instant at)
{
    return std::chrono::duration<double>(at.time_since_epoch()).count();
}

} // namespace

/// One socket and what is said on it. Lives on the link's thread.
struct HeadLink::Session {
    Session(HeadLink& owner, std::unique_ptr<protocol::SecureClient> made) : link(owner), client(std::move(made)) {}

    /// False: the socket is of no use any more.
    bool turn();
    void takeOutgoing();
    bool take(protocol::SecureClient::Happened happened);
    bool read(const std::string& frame);
    void hello();
    void heartbeat();
    void lost(const std::string& why, bool gone = true);
    void send(const wire::WorkerMessage& message) { queue.push_back(message.SerializeAsString()); }
    void flush();
    void lastWords();

    HeadLink& link;
    std::unique_ptr<protocol::SecureClient> client;
    std::deque<std::string> queue;
    bool connected = false;
    bool found = false;
    bool refused = false; ///< in the handshake
    bool over = false;    ///< by the head's word
    Instant heard{};
    Instant saidHello{};
    Instant beaten{};
    std::uint64_t sequence = 0;
    double roundTrip = 0;
    std::uint64_t probed = 0;
};

HeadLink::HeadLink(Options options, std::function<void(HeadEvent)> listener)
    : m_options(std::move(options)), m_listener(std::move(listener)), m_outgoing(kMostOutgoing)
{
    turned();
}

HeadLink::~HeadLink()
{
    stop();
}

Result<Done> HeadLink::start()
{
    // A throw-away socket says at once when address or key cannot be used.
    auto probe = protocol::SecureClient::connect(
        {.keys = m_options.keys, .serverPublicKey = m_options.headPublicKey, .endpoint = m_options.endpoint});
    if (!probe)
        return std::move(probe).error();
    m_thread = std::thread([this] { run(); });
    return Done{};
}

void HeadLink::stop()
{
    m_stop.store(true);
    {
        const std::scoped_lock lock(m_mutex);
        if (m_wake)
            m_wake();
    }
    if (m_thread.joinable())
        m_thread.join();
}

void HeadLink::send(wire::WorkerMessage message)
{
    message.set_protocol_version(protocol::kVersion);
    if (!m_outgoing.push(message.SerializeAsString()))
        log::error("the queue to the head is full");
    const std::scoped_lock lock(m_mutex);
    if (m_wake)
        m_wake();
}

void HeadLink::setInventory(const wire::Inventory& inventory)
{
    const std::scoped_lock lock(m_mutex);
    m_inventory = inventory;
}

void HeadLink::setMemory(std::vector<wire::DeviceMemory> memory)
{
    const std::scoped_lock lock(m_mutex);
    m_memory = std::move(memory);
}

void HeadLink::run()
{
    ::pthread_setname_np(::pthread_self(), "argus-head-link");
    int refusals = 0;
    while (!m_stop.load()) {
        auto client = protocol::SecureClient::connect({.keys = m_options.keys,
                                                       .serverPublicKey = m_options.headPublicKey,
                                                       .endpoint = m_options.endpoint,
                                                       .peers = protocol::Peers::HeadAndWorker});
        if (!client)
            return m_listener(HeadRefuses{std::move(client).error()});
        Session session(*this, std::move(*client));
        {
            const std::scoped_lock lock(m_mutex);
            m_wake = [&session] { session.client->wake(); };
        }
        while (!m_stop.load() && session.turn())
            refusals = session.found ? 0 : refusals;
        if (m_stop.load())
            session.lastWords();
        {
            const std::scoped_lock lock(m_mutex);
            m_wake = nullptr;
        }
        if (session.over)
            return;
        if (session.refused && ++refusals >= kMostRefusals)
            return m_listener(HeadRefuses{makeError(ErrorCode::Denied, say("node-unknown"), say("do-join-line"))});
        for (const Instant until = now() + kAfterRefusal; session.refused && now() < until && !m_stop.load();)
            std::this_thread::sleep_for(kTick);
    }
}

bool HeadLink::Session::turn()
{
    const Deadline until = Deadline::in(queue.empty() ? kTick : kRetry);
    std::optional<protocol::SecureClient::Happened> happened = client->receive(until);
    while (happened) {
        if (!take(std::move(*happened)))
            return false;
        happened = client->receive(Deadline(now()));
    }
    takeOutgoing();
    if (found && now() - heard > link.m_options.headSilence)
        lost(fmt::format("has been silent for {} s", link.m_options.headSilence.count() / 1000), false);
    if (connected && !found && now() - saidHello > std::chrono::seconds(2))
        hello(); // it may have been asked to wait, or the word was lost
    heartbeat();
    flush();
    return true;
}

void HeadLink::Session::takeOutgoing()
{
    while (std::optional<std::string> frame = link.m_outgoing.pop(Deadline(now())))
        if (found)
            queue.push_back(std::move(*frame));
}

/// The socket does not linger, so what it was given last needs a moment to leave.
void HeadLink::Session::lastWords()
{
    takeOutgoing();
    flush();
    if (found)
        (void)client->receive(Deadline::in(kFarewell));
}

bool HeadLink::Session::take(protocol::SecureClient::Happened happened)
{
    using Kind = protocol::SecureClient::Happened::Kind;
    switch (happened.kind) {
    case Kind::Message:
        return read(happened.frame);
    case Kind::HandshakeDone:
        connected = true;
        hello();
        return true;
    case Kind::Refused:
        refused = true;
        lost("does not know this node's key");
        return false;
    case Kind::HandshakeFailed:
        lost("is not the one this node has joined: its key is another");
        return !happened.foreign;
    case Kind::Lost:
        lost("ended, or the connection broke");
        return true;
    case Kind::Unanswered:
        return true;
    }
    return true;
}

bool HeadLink::Session::read(const std::string& frame)
{
    Result<wire::HeadToWorker> message =
        protocol::parseHeadToWorker(std::as_bytes(std::span(frame.data(), frame.size())));
    if (!message) {
        log::warn("the head: {}", message.error().cause);
        return true;
    }
    heard = now();
    switch (message->body_case()) {
    case wire::HeadToWorker::kWelcome:
        if (std::exchange(found, true))
            lost("was restarted");
        found = true;
        link.m_listener(HeadFound{.headName = message->welcome().head_name(),
                                  .modelPort = static_cast<std::uint16_t>(message->welcome().model_port())});
        return true;
    case wire::HeadToWorker::kRefused:
        link.m_listener(HeadRefuses{protocol::fromWire(message->refused().error())});
        found = false;
        over = true;
        return false;
    case wire::HeadToWorker::kHeartbeat:
        if (message->heartbeat().sent_seconds() > 0)
            roundTrip = seconds(heard) - message->heartbeat().sent_seconds();
        return true;
    case wire::HeadToWorker::kLinkProbe: {
        probed += message->link_probe().filler().size();
        if (!message->link_probe().last())
            return true;
        wire::WorkerMessage echo;
        echo.set_protocol_version(protocol::kVersion);
        echo.mutable_link_echo()->set_received(std::exchange(probed, 0));
        send(echo);
        return true;
    }
    default:
        link.m_listener(HeadSaid{std::move(*message)});
        return true;
    }
}

void HeadLink::Session::hello()
{
    saidHello = now();
    wire::WorkerMessage message;
    message.set_protocol_version(protocol::kVersion);
    wire::WorkerHello& hello = *message.mutable_hello();
    hello.set_name(link.m_options.name);
    hello.set_incarnation(link.m_options.incarnation);
    hello.set_version(link.m_options.version);
    hello.set_epoch(link.m_epoch.load());
    {
        const std::scoped_lock lock(link.m_mutex);
        *hello.mutable_inventory() = link.m_inventory;
    }
    queue.clear();
    send(message);
}

void HeadLink::Session::heartbeat()
{
    if (!found || now() - beaten < link.m_options.heartbeat ||
        now() - link.m_turned.load() > link.m_options.loopPatience)
        return;
    beaten = now();
    wire::WorkerMessage message;
    message.set_protocol_version(protocol::kVersion);
    wire::WorkerHeartbeat& beat = *message.mutable_heartbeat();
    beat.set_sequence(++sequence);
    beat.set_sent_seconds(seconds(beaten));
    beat.set_round_trip_seconds(roundTrip);
    beat.set_clock_seconds(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
    {
        const std::scoped_lock lock(link.m_mutex);
        for (const wire::DeviceMemory& memory : link.m_memory)
            *beat.add_memory() = memory;
    }
    send(message);
}

void HeadLink::Session::lost(const std::string& why, bool gone)
{
    queue.clear();
    connected = connected && !gone;
    if (!std::exchange(found, false))
        return;
    log::warn("the head {}", why);
    link.m_listener(HeadLost{why, gone});
}

void HeadLink::Session::flush()
{
    while (connected && !queue.empty() && client->send(queue.front()))
        queue.pop_front();
}

} // namespace argus::cluster
