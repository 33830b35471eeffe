#include "engine/protocol/secure_socket.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/base/unique_fd.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/fault_hooks.h"
#include "engine/protocol/zap_handler.h"
#include "engine/protocol/zmq_tools.h"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>

namespace argus::protocol {
namespace {

constexpr int kCurveOverhead = 33; // what CURVE adds to a frame, and what ZMQ_MAXMSGSIZE counts (measured)
constexpr int kServerReceiveQueue =
    64; // messages a peer: eight chunks for each of four uploads, and as many small ones
constexpr int kClientSendQueue = 64;
constexpr int kClientReceiveQueue = 256;
constexpr Milliseconds kLongestPoll{60'000}; // zmq_poll takes an int; the caller's deadline decides

/// Lets wake() end a poll from another thread.
class Alarm {
public:
    Alarm() : m_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    [[nodiscard]] bool valid() const { return m_fd.valid(); }
    void ring() const
    {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t told = ::write(m_fd.get(), &one, sizeof one);
    }
    void silence() const
    {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(m_fd.get(), &count, sizeof count);
    }
    [[nodiscard]] zmq::pollitem_t pollItem() const { return {nullptr, m_fd.get(), ZMQ_POLLIN, 0}; }

private:
    UniqueFd m_fd;
};

/// One log line a minute for one kind of nuisance, however often it comes.
class OncePerMinute {
public:
    [[nodiscard]] bool due()
    {
        const Instant current = now();
        if (m_last && current - *m_last < Milliseconds(60'000))
            return false;
        m_last = current;
        return true;
    }

private:
    std::optional<Instant> m_last;
};

/// What every socket of ours has set. ZMTP heartbeats stay off: on a connecting socket with a full queue they abort the
/// process (libzmq issue 4767), they lose messages under back-pressure, and they do not see a hung program. Heartbeats
/// are our messages.
void setCommon(zmq::socket_t& socket, const std::string& endpoint)
{
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::handshake_ivl, 2000);
    socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(kMaxClientFrame) + kCurveOverhead);
    socket.set(zmq::sockopt::tcp_keepalive, 1);
    socket.set(zmq::sockopt::tcp_keepalive_idle, 30);
    socket.set(zmq::sockopt::tcp_keepalive_intvl, 10);
    socket.set(zmq::sockopt::tcp_keepalive_cnt, 3);
    socket.set(zmq::sockopt::tcp_maxrt, 10'000);
    // Only where it is asked for: it would make a bound 127.0.0.1 read [::ffff:127.0.0.1].
    socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
}

std::optional<Error> checkOptions(const CurveKeys& keys, const std::string& endpoint)
{
    if (!isKey(keys.publicKey) || !isKey(keys.secretKey))
        return makeError(ErrorCode::BadRequest, say("own-key-wrong"), say("do-restore-own-key"));
    if (!endpoint.starts_with("tcp://")) // CURVE protects nothing on inproc
        return makeError(ErrorCode::BadRequest, say("no-address", endpoint), say("do-write-address"));
    return std::nullopt;
}

Error bindError(const std::string& endpoint, const zmq::error_t& problem)
{
    if (problem.num() == EADDRINUSE)
        return makeError(ErrorCode::Busy, say("port-taken", endpoint), say("do-other-port"));
    return makeError(ErrorCode::BadRequest, say("cannot-listen", endpoint, problem.what()), say("do-listen-here"));
}

faults::Speaker head(Peers peers)
{
    return peers == Peers::HeadAndClient   ? faults::Speaker::ToClient
           : peers == Peers::HeadAndWorker ? faults::Speaker::ToWorker
                                           : faults::Speaker::Nobody;
}

faults::Speaker headsPeer(Peers peers)
{
    return peers == Peers::HeadAndClient   ? faults::Speaker::Client
           : peers == Peers::HeadAndWorker ? faults::Speaker::Worker
                                           : faults::Speaker::Nobody;
}

std::string_view viewOf(const zmq::message_t& message)
{
    return {message.data<char>(), message.size()};
}

/// zmq::poll until something is there or the deadline; a signal counts as nothing.
void pollFor(zmq::pollitem_t* items, std::size_t count, Deadline deadline)
{
    try {
        zmq::poll(items, count, std::min(deadline.left(), kLongestPoll));
    } catch (const zmq::error_t& problem) {
        if (problem.num() != EINTR)
            log::error("waiting for messages: {}", problem.what());
    }
}

/// Takes and drops the rest of a message of several parts. It ends: libzmq hands a message out only when its last part
/// has come. What remains is an admitted peer that never sends a last part; libzmq keeps those parts, bounded by
/// nothing, until that peer's connection ends (it cannot be cut from here). Strangers cannot do that: nothing is kept
/// before the handshake.
std::size_t dropRest(zmq::socket_t& socket)
{
    std::size_t dropped = 0;
    zmq::message_t part;
    do {
        if (!socket.recv(part, zmq::recv_flags::dontwait))
            break;
        ++dropped;
    } while (part.more());
    return dropped;
}

} // namespace

// ---- server ----

struct SecureServer::Impl {
    // Destroyed from below upwards: monitor, socket, ZAP handler, context.
    zmq::context_t context{1};
    std::unique_ptr<ZapHandler> zap;
    zmq::socket_t socket;
    std::optional<Monitor> monitor;
    Alarm alarm;
    std::string endpoint;
    Peers peers = Peers::Unnamed;
    std::size_t failedHandshakes = 0;
    std::size_t dropped = 0;
    OncePerMinute logDropped;
    OncePerMinute logFailed;

    void open(const Options& options);
    void countFailures();
    std::optional<Received> take();
    void drop(const char* why);
};

void SecureServer::Impl::open(const Options& options)
{
    socket = zmq::socket_t(context, zmq::socket_type::router);
    setCommon(socket, options.endpoint);
    socket.set(zmq::sockopt::curve_server, true);
    socket.set(zmq::sockopt::curve_secretkey, options.keys.secretKey);
    socket.set(zmq::sockopt::zap_domain, "argus");
    socket.set(zmq::sockopt::router_mandatory, true); // else what a slow client cannot take is lost in silence
    socket.set(zmq::sockopt::backlog, 1024);
    socket.set(zmq::sockopt::rcvhwm, kServerReceiveQueue);
    socket.set(zmq::sockopt::sndhwm, options.sendQueue);
    monitor.emplace(context, socket, "server",
                    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
    socket.bind(options.endpoint);
    endpoint = socket.get(zmq::sockopt::last_endpoint);
}

void SecureServer::Impl::countFailures()
{
    while (monitor->take())
        if (++failedHandshakes > 0 && logFailed.due())
            log::warn("a connection to {} was dropped: it did not speak our protocol, or expects another head (said "
                      "once a minute)",
                      endpoint);
}

void SecureServer::Impl::drop(const char* why)
{
    ++dropped;
    if (logDropped.due())
        log::warn("dropped a message: {} (said once a minute)", why);
}

/// One message, or nothing: there was none, or it had to be dropped.
std::optional<Received> SecureServer::Impl::take()
{
    zmq::message_t peer;
    zmq::message_t body;
    if (!socket.recv(peer, zmq::recv_flags::dontwait))
        return std::nullopt;
    if (!peer.more() || !socket.recv(body, zmq::recv_flags::dontwait)) {
        drop("it had no body");
        return std::nullopt;
    }
    if (body.more()) {
        dropRest(socket);
        drop("it had several parts");
        return std::nullopt;
    }
    // gets() throws when the property is absent, as it is when libzmq let a key in unasked.
    std::string publicKey;
    try {
        publicKey = body.gets("User-Id");
    } catch (const zmq::error_t&) {
    }
    if (!isKey(publicKey)) {
        drop("its sender's key was never checked");
        return std::nullopt;
    }
    if (!faults::passes(headsPeer(peers), faults::Way::Received, viewOf(body)))
        return std::nullopt;
    return Received{.peer = peer.to_string(), .publicKey = std::move(publicKey), .frame = body.to_string()};
}

Result<std::unique_ptr<SecureServer>> SecureServer::bind(Options options)
{
    if (auto error = checkOptions(options.keys, options.endpoint))
        return *std::move(error);
    auto impl = std::make_unique<Impl>();
    impl->peers = options.peers;
    impl->context.set(zmq::ctxopt::blocky, 0);
    if (!impl->alarm.valid())
        return makeError(ErrorCode::Io, say("no-eventfd", systemError(errno)), say("do-close-programs"));
    auto zap = ZapHandler::start(impl->context, std::move(options.admits));
    if (!zap)
        return std::move(zap).error();
    impl->zap = std::move(zap).value();
    try {
        impl->open(options);
    } catch (const zmq::error_t& problem) {
        return bindError(options.endpoint, problem);
    }
    return std::unique_ptr<SecureServer>(new SecureServer(std::move(impl)));
}

SecureServer::SecureServer(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
SecureServer::~SecureServer() = default;

const std::string& SecureServer::endpoint() const
{
    return m_impl->endpoint;
}

std::optional<Received> SecureServer::receive(Deadline deadline)
{
    for (;;) {
        zmq::pollitem_t items[] = {
            {m_impl->socket.handle(), 0, ZMQ_POLLIN, 0}, m_impl->alarm.pollItem(), m_impl->monitor->pollItem()};
        pollFor(items, std::size(items), deadline);
        try {
            if (items[2].revents != 0)
                m_impl->countFailures();
            if (items[1].revents != 0) {
                m_impl->alarm.silence();
                return std::nullopt;
            }
            if (items[0].revents != 0)
                if (auto received = m_impl->take())
                    return received;
        } catch (const zmq::error_t& problem) {
            log::error("receiving: {}", problem.what());
        }
        if (deadline.passed())
            return std::nullopt;
    }
}

Delivery SecureServer::send(const std::string& peer, std::string_view frame)
{
    if (frame.size() > kMaxClientFrame) {
        log::error("a message of {} bytes is not sent: {} is the most", frame.size(), kMaxClientFrame);
        return Delivery::Gone;
    }
    if (!faults::passes(head(m_impl->peers), faults::Way::Sent, frame))
        return Delivery::Sent;
    try {
        const auto flags = zmq::send_flags::dontwait;
        if (!m_impl->socket.send(zmq::buffer(peer), flags | zmq::send_flags::sndmore))
            return Delivery::Full;
        return m_impl->socket.send(zmq::buffer(frame), flags) ? Delivery::Sent : Delivery::Full;
    } catch (const zmq::error_t&) {
        return Delivery::Gone; // EHOSTUNREACH
    }
}

void SecureServer::wake()
{
    m_impl->alarm.ring();
}

std::size_t SecureServer::takeRefusedCount()
{
    return m_impl->zap->takeRefusedCount() + std::exchange(m_impl->failedHandshakes, 0);
}

std::size_t SecureServer::takeDroppedCount()
{
    return std::exchange(m_impl->dropped, 0);
}

// ---- client ----

struct SecureClient::Impl {
    zmq::context_t context{1};
    zmq::socket_t socket;
    std::optional<Monitor> monitor;
    Alarm alarm;
    Peers peers = Peers::Unnamed;
    bool connected = false;

    void open(const Options& options);
    std::optional<Happened> takeEvent();
    std::optional<Happened> takeMessage();
};

void SecureClient::Impl::open(const Options& options)
{
    socket = zmq::socket_t(context, zmq::socket_type::dealer);
    setCommon(socket, options.endpoint);
    socket.set(zmq::sockopt::curve_serverkey, options.serverPublicKey);
    socket.set(zmq::sockopt::curve_publickey, options.keys.publicKey);
    socket.set(zmq::sockopt::curve_secretkey, options.keys.secretKey);
    socket.set(zmq::sockopt::immediate,
               true); // nothing queues up for a head that is not there: the client keeps what it wants to say
    socket.set(zmq::sockopt::reconnect_ivl, 250);
    socket.set(zmq::sockopt::reconnect_ivl_max, 5000);
    socket.set(zmq::sockopt::connect_timeout, 5000);
    socket.set(zmq::sockopt::rcvhwm, kClientReceiveQueue);
    socket.set(zmq::sockopt::sndhwm, kClientSendQueue);
    monitor.emplace(context, socket, "client",
                    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED |
                        ZMQ_EVENT_CLOSED);
    socket.connect(options.endpoint);
}

std::optional<SecureClient::Happened> SecureClient::Impl::takeEvent()
{
    using Kind = Happened::Kind;
    while (const auto event = monitor->take()) {
        const bool was = connected;
        switch (event->what) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            connected = true;
            return Happened{.kind = Kind::HandshakeDone};
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            return Happened{.kind = Kind::Refused};
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            return Happened{.kind = Kind::HandshakeFailed};
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return Happened{.kind = Kind::HandshakeFailed,
                            .foreign = event->value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH};
        case ZMQ_EVENT_DISCONNECTED:
            connected = false;
            if (was)
                return Happened{.kind = Kind::Lost};
            break; // the end of a handshake that has been told already
        case ZMQ_EVENT_CLOSED:
            return Happened{.kind = Kind::Unanswered};
        default:
            break;
        }
    }
    return std::nullopt;
}

std::optional<SecureClient::Happened> SecureClient::Impl::takeMessage()
{
    zmq::message_t body;
    if (!socket.recv(body, zmq::recv_flags::dontwait))
        return std::nullopt;
    if (body.more()) {
        dropRest(socket); // no head of ours does that
        return std::nullopt;
    }
    if (!faults::passes(head(peers), faults::Way::Received, viewOf(body)))
        return std::nullopt;
    return Happened{.kind = Happened::Kind::Message, .frame = body.to_string()};
}

Result<std::unique_ptr<SecureClient>> SecureClient::connect(Options options)
{
    if (auto error = checkOptions(options.keys, options.endpoint))
        return *std::move(error);
    if (!isKey(options.serverPublicKey))
        return makeError(ErrorCode::BadRequest, say("head-key-wrong"), say("do-copy-head-key"));
    auto impl = std::make_unique<Impl>();
    impl->peers = options.peers;
    impl->context.set(zmq::ctxopt::blocky, 0);
    if (!impl->alarm.valid())
        return makeError(ErrorCode::Io, say("no-eventfd", systemError(errno)), say("do-close-programs"));
    try {
        impl->open(options);
    } catch (const zmq::error_t& problem) {
        return makeError(ErrorCode::BadRequest, say("address-unusable", options.endpoint, problem.what()),
                         say("do-write-address"));
    }
    return std::unique_ptr<SecureClient>(new SecureClient(std::move(impl)));
}

SecureClient::SecureClient(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
SecureClient::~SecureClient() = default;

std::optional<SecureClient::Happened> SecureClient::receive(Deadline deadline)
{
    for (;;) {
        zmq::pollitem_t items[] = {
            {m_impl->socket.handle(), 0, ZMQ_POLLIN, 0}, m_impl->alarm.pollItem(), m_impl->monitor->pollItem()};
        pollFor(items, std::size(items), deadline);
        try {
            // The connection's events first: HandshakeDone is told before the first message of that connection.
            if (items[2].revents != 0)
                if (auto happened = m_impl->takeEvent())
                    return happened;
            if (items[1].revents != 0) {
                m_impl->alarm.silence();
                return std::nullopt;
            }
            if (items[0].revents != 0)
                if (auto happened = m_impl->takeMessage())
                    return happened;
        } catch (const zmq::error_t& problem) {
            log::error("receiving: {}", problem.what());
        }
        if (deadline.passed())
            return std::nullopt;
    }
}

bool SecureClient::send(std::string_view frame)
{
    if (frame.size() > kMaxClientFrame)
        return false;
    if (!faults::passes(headsPeer(m_impl->peers), faults::Way::Sent, frame))
        return true;
    try {
        return m_impl->socket.send(zmq::buffer(frame), zmq::send_flags::dontwait).has_value();
    } catch (const zmq::error_t& problem) {
        log::error("sending: {}", problem.what());
        return false;
    }
}

void SecureClient::wake()
{
    m_impl->alarm.ring();
}

} // namespace argus::protocol
