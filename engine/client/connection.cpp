#include "engine/client/connection.h"

#include "engine/base/catalogue.h"
#include "engine/base/ids.h"
#include "engine/base/log.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <algorithm>
#include <span>
#include <utility>

namespace argus::client {
namespace {

constexpr Milliseconds kBeat{1000};
constexpr Milliseconds kSilence{6000}; // six missed heartbeats: gone, whatever TCP believes
constexpr Milliseconds kGreetingPatience{5000};
constexpr Milliseconds kConnectPatience{5000}; // then people are told that nobody answers; the socket goes on trying
constexpr Milliseconds kRefusedPause{
    3000}; // libzmq gives up after a refusal; we knock again, since the key may be allowed meanwhile
constexpr Milliseconds kWrongHeadPause{5000};
constexpr Milliseconds kFullPause{10};   // until a full socket is tried again
constexpr int kHandshakesBeforeWord = 3; // one may fail because a head was just ending
/// "I do not know this connection": the head has given the session up.
bool isForgotten(const wire::HeadMessage& message)
{
    return message.has_refused() && message.refused().about().empty() &&
           protocol::fromWire(message.refused().error()).code == ErrorCode::NotFound;
}

/// Another key than this one's may come in, or this one again when it is allowed again.
bool isRevoked(const wire::HeadMessage& message)
{
    return message.has_refused() && message.refused().about().empty() &&
           protocol::fromWire(message.refused().error()).saidCause().id == "key-revoked";
}

constexpr const char* kVersionText = "0.1";

} // namespace

Connection::Connection(HeadAddress head, std::string program, Handlers handlers)
    : m_head(std::move(head)), m_program(std::move(program)), m_session(randomId()), m_handlers(std::move(handlers)),
      m_since(now())
{
}

Result<std::unique_ptr<Connection>> Connection::open(HeadAddress head, std::string program, Handlers handlers)
{
    std::unique_ptr<Connection> connection(new Connection(std::move(head), std::move(program), std::move(handlers)));
    if (auto made = connection->makeSocket(); !made)
        return std::move(made).error();
    return connection;
}

Result<Done> Connection::makeSocket()
{
    auto fresh =
        protocol::SecureClient::connect({.keys = {.publicKey = m_head.own.publicKey, .secretKey = m_head.own.secretKey},
                                         .serverPublicKey = m_head.headPublicKey,
                                         .endpoint = m_head.endpoint,
                                         .peers = protocol::Peers::HeadAndClient});
    if (!fresh)
        return std::move(fresh).error();
    const std::lock_guard lock(m_socketMutex);
    m_socket = std::move(fresh).value();
    m_state = State::Connecting;
    m_since = now();
    m_failedHandshakes = 0;
    return Done{};
}

void Connection::send(wire::ClientMessage message)
{
    message.set_protocol_version(protocol::kVersion);
    m_outbox.push_back(message.SerializeAsString());
}

void Connection::wake()
{
    const std::lock_guard lock(m_socketMutex);
    m_socket->wake();
}

void Connection::step(Deadline deadline)
{
    doWhatIsDue(now());
    flush();
    const auto soon = m_outbox.empty() ? Milliseconds(100)
                                       : kFullPause; // doWhatIsDue() counts in seconds; ten times a second is enough
    const Deadline until(std::min(deadline.at(), Deadline::in(soon).at()));
    if (const auto happened = m_socket->receive(until))
        handle(*happened);
}

void Connection::flush()
{
    while (m_state != State::Connecting && !m_outbox.empty() && m_socket->send(m_outbox.front()))
        m_outbox.pop_front();
}

void Connection::doWhatIsDue(Instant current)
{
    if (m_replaceAt && current >= *m_replaceAt) {
        m_replaceAt.reset();
        if (auto made = makeSocket(); !made)
            retryLater(made.error(), kWrongHeadPause);
        return;
    }
    switch (m_state) {
    case State::Connecting:
        if (!m_replaceAt && current - m_since > kConnectPatience)
            lose(makeError(ErrorCode::Unreachable, say("nobody-answers", m_head.endpoint),
                           say("do-check-head-firewall")));
        return;
    case State::Greeting:
        return greet(current);
    case State::Up:
        return beat(current);
    }
}

void Connection::greet(Instant current)
{
    if (current - m_since > kGreetingPatience)
        return retryLater(
            makeError(ErrorCode::Timeout, say("head-no-greeting", m_head.endpoint), say("do-restart-head")), kBeat);
    if (current >= m_nextHello)
        sayHello();
}

void Connection::sayHello()
{
    wire::ClientMessage hello;
    hello.mutable_hello()->set_session(m_session);
    hello.mutable_hello()->set_program(m_program);
    hello.mutable_hello()->set_version(kVersionText);
    send(std::move(hello));
    m_nextHello = now() + kBeat;
}

void Connection::beat(Instant current)
{
    if (current - m_heard > kSilence)
        return retryLater(makeError(ErrorCode::Timeout,
                                    say("head-silent-for", m_head.endpoint,
                                        std::chrono::duration_cast<std::chrono::seconds>(current - m_heard).count()),
                                    say("do-check-network")),
                          Milliseconds(0));
    if (current < m_nextBeat || !m_outbox.empty())
        return;
    wire::ClientMessage beat;
    beat.mutable_heartbeat()->set_sequence(++m_beats);
    send(std::move(beat));
    m_nextBeat = current + kBeat;
}

void Connection::handle(const Happened& happened)
{
    using Kind = Happened::Kind;
    switch (happened.kind) {
    case Kind::Message:
        return handleFrame(happened.frame);
    case Kind::HandshakeDone:
        if (m_state == State::Up)
            m_handlers.down();
        m_replaceAt.reset();
        m_outbox.clear();
        m_state = State::Greeting;
        m_since = now();
        m_failedHandshakes = 0;
        return sayHello();
    case Kind::Lost:
        return lose(
            makeError(ErrorCode::Unreachable, say("connection-lost", m_head.endpoint), say("do-wait-restoring")));
    case Kind::Unanswered:
        return lose(makeError(ErrorCode::Unreachable, say("nobody-answers", m_head.endpoint), say("do-check-head")));
    case Kind::Refused:
        return retryLater(makeError(ErrorCode::Denied, say("key-unknown", m_head.endpoint),
                                    say("do-allow-key", m_head.own.publicKey)),
                          kRefusedPause);
    case Kind::HandshakeFailed:
        break;
    }
    if (happened.foreign)
        return retryLater(makeError(ErrorCode::Unsupported, say("no-head", m_head.endpoint), say("do-check-address")),
                          kWrongHeadPause);
    if (++m_failedHandshakes < kHandshakesBeforeWord)
        return;
    retryLater(makeError(ErrorCode::Denied,
                         say("other-head", m_head.endpoint, protocol::fingerprint(m_head.headPublicKey)),
                         say("do-new-key")),
               kWrongHeadPause);
}

void Connection::handleFrame(const std::string& frame)
{
    auto message = protocol::parseHeadMessage(std::as_bytes(std::span(frame)));
    if (message) {
        m_heard = now();
        return handleMessage(std::move(message).value());
    }
    log::debug("dropped a message of the head: {}", message.error().text());
    if (m_state == State::Greeting && message.error().code == ErrorCode::Unsupported)
        retryLater(std::move(message).error(), kWrongHeadPause);
}

void Connection::handleMessage(wire::HeadMessage message)
{
    if (m_state == State::Connecting)
        return; // left over from a connection that is lost
    if (m_state == State::Up && isForgotten(message)) {
        // The head has given this session up, after a sleep of this computer, say: greet it anew.
        m_handlers.down();
        m_outbox.clear();
        m_state = State::Greeting;
        m_since = now();
        return sayHello();
    }
    if (m_state == State::Up && isRevoked(message))
        return retryLater(protocol::fromWire(message.refused().error()), kRefusedPause);
    if (m_state == State::Up)
        return m_handlers.message(std::move(message));
    if (isForgotten(message))
        return; // about what was said before this greeting
    if (message.has_refused())
        return retryLater(protocol::fromWire(message.refused().error()), kRefusedPause);
    if (!message.has_welcome())
        return;
    m_state = State::Up;
    m_nextBeat = now();
    m_told.clear();
    m_outbox.clear();
    m_handlers.emit(Connected{message.welcome()});
    m_handlers.up(message.welcome());
}

/// Back to connecting; says so once a cause.
void Connection::lose(Error why)
{
    const bool wasUp = m_state == State::Up;
    m_state = State::Connecting;
    m_since = now();
    m_outbox.clear();
    if (wasUp)
        m_handlers.down();
    if (why.cause == m_told)
        return;
    m_told = why.cause;
    m_handlers.emit(Disconnected{std::move(why)});
}

/// The same for a socket that is of no more use.
void Connection::retryLater(Error why, Milliseconds pause)
{
    lose(std::move(why));
    m_replaceAt = now() + pause;
}

} // namespace argus::client
