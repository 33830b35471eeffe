#pragma once
// One client's connection as a state machine over SecureClient: greeting, heartbeats, silence, refusal, back-off.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/client/client.h"
#include "engine/protocol/secure_socket.h"

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace argus::client {

/// Lives on the I/O thread, except wake(). Keeps trying for ever; says Connected and Disconnected, each once a change.
class Connection {
public:
    struct Handlers {
        std::function<void(const wire::Welcome&)> up; ///< a head has said welcome: a new connection, all else forgotten
        std::function<void()> down;                   ///< that connection is over
        std::function<void(wire::HeadMessage)> message; ///< anything but the first welcome
        std::function<void(Event)> emit;
    };

    /// Errors: BadRequest for an unusable address or key.
    [[nodiscard]] static Result<std::unique_ptr<Connection>> open(HeadAddress head, std::string program,
                                                                  Handlers handlers);

    /// To the head, in order; only while up. Kept while the socket's queue is full (bounded by the credit of uploads).
    void send(wire::ClientMessage message);
    [[nodiscard]] bool isUp() const { return m_state == State::Up; }
    /// Does what is due, waits for one thing to happen, or until the deadline or wake().
    void step(Deadline deadline);
    void wake(); ///< from any thread

private:
    enum class State { Connecting, Greeting, Up };
    using Happened = protocol::SecureClient::Happened;

    Connection(HeadAddress head, std::string program, Handlers handlers);
    [[nodiscard]] Result<Done> makeSocket();
    void handle(const Happened& happened);
    void handleFrame(const std::string& frame);
    void handleMessage(wire::HeadMessage message);
    void doWhatIsDue(Instant current);
    void greet(Instant current);
    void sayHello();
    void beat(Instant current);
    void flush();
    void lose(Error why);
    void retryLater(Error why, Milliseconds pause);

    HeadAddress m_head;
    std::string m_program;
    std::string m_session; ///< one a client, so that a head recognises who comes back
    Handlers m_handlers;
    std::mutex m_socketMutex; ///< guards the pointer against wake() while the socket is replaced
    std::unique_ptr<protocol::SecureClient> m_socket;
    State m_state = State::Connecting;
    std::deque<std::string> m_outbox;
    Instant m_since; ///< of the state
    Instant m_heard; ///< the head's last sign of life
    Instant m_nextBeat;
    Instant m_nextHello;
    std::optional<Instant> m_replaceAt; ///< when a socket that has given up is made anew
    std::uint64_t m_beats = 0;
    int m_failedHandshakes = 0;
    std::string m_told; ///< the cause that Disconnected has named last; empty while up
};

} // namespace argus::client
