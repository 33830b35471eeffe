#pragma once
// The head's service for clients: who is connected, what they may do, what they have asked, what is still to be sent to
// them.
//
// No socket and no clock: frames come in with the time they came and go out through Outbox. Lives on one thread. Every
// request is answered.

#include "engine/base/clock.h"
#include "engine/node/engine.h"
#include "engine/protocol/chunked_transfer.h"
#include "engine/protocol/client.pb.h"
#include "engine/protocol/secure_socket.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace argus::api {

/// Where frames for clients go. Same promises as SecureServer::send.
class Outbox {
public:
    virtual ~Outbox() = default;
    virtual protocol::Delivery send(const std::string& peer, std::string_view frame) = 0;
};

class FrontDesk {
public:
    struct Options {
        std::string headName;
        std::string version;
        std::string address; ///< shown in status
        wire::Limits limits;
        Milliseconds silence{10'000};    ///< a session that says nothing for so long is dropped
        Milliseconds keepEnded{900'000}; ///< how long the end of an ask can be resumed
        std::size_t maxKept = 256;       ///< ended asks kept at most
        std::size_t maxAsks = 256;       ///< accepted and not ended
        std::size_t maxAsksPerKey = 64;
        std::size_t maxSessions = 128;
        /// Who a key belongs to and what it may do; asked for each message and several times a second, so that a change
        /// counts at once: nothing reaches a key that it does not know any more. Without it everybody is a client.
        std::function<std::optional<protocol::KnownClient>(const std::string& publicKey)> whoIs{};
    };
    FrontDesk(Options options, node::Engine& engine, protocol::UploadStore& uploads, Outbox& outbox, Instant now);

    /// One frame, whatever it is. Nothing it holds disturbs another peer.
    void receive(const protocol::Received& received, Instant now);
    /// What the node has to say.
    void take(node::NodeEvent event, Instant now);
    /// Sends what has gathered: text, progress, status, retries; drops who is silent. Call at least every kTick while
    /// busy() and every second otherwise.
    void tick(Instant now);
    static constexpr Milliseconds kTick{25};
    /// Something is running or waiting to be sent.
    [[nodiscard]] bool busy() const;
    /// Nothing waits to be sent.
    [[nodiscard]] bool quiet() const;
    /// Handshakes that were refused, for the log.
    void refusedHandshakes(std::size_t count, Instant now);

private:
    struct Session {
        std::string peer;
        std::string publicKey;
        std::string name; ///< random, made by the client
        std::string program;
        Instant heard;
        std::deque<std::string> pending; ///< frames that did not go out yet, in order, bounded
        std::uint32_t inspections = 0;
        std::uint64_t denied = 0; ///< messages that its role does not allow
        protocol::Role role = protocol::Role::Client; ///< that it was told of
    };
    /// By routing id and key: a stolen routing id without the key is somebody else.
    using SessionKey = std::pair<std::string, std::string>;
    using AskKey = std::pair<std::string, std::string>; ///< public key, ask id
    struct AskRecord {
        AskKey key;
        std::optional<SessionKey> session; ///< who hears of it; empty: nobody now
        std::string text;                  ///< all of the answer so far
        std::uint64_t sent = 0;            ///< bytes of it
        wire::AskProgress progress;        ///< the newest
        bool progressSent = true;
        std::optional<wire::HeadMessage> outcome; ///< AskFinished or AskFailed
        bool outcomeSent = false;
        Instant ended;
        std::vector<Sha256> pins;
    };
    struct Inspection {
        SessionKey session;
        Sha256 sha256;
    };
    struct Offender {
        std::uint64_t count = 0;
        Instant last;
    };

    void answer(Session& session, wire::ClientMessage& message, Instant now);
    /// Whether the key's role forbids that; the session has been told then, in the shape of an answer to it.
    [[nodiscard]] bool denies(Session& session, const wire::ClientMessage& message);
    [[nodiscard]] protocol::KnownClient whoIs(const Session& session) const;
    [[nodiscard]] bool isKnown(const std::string& publicKey) const;
    /// Whose key was revoked hears so and is gone; whose role has changed hears of that.
    void lookAtKeys(Instant now);
    [[nodiscard]] static Error revoked(const std::string& publicKey);
    void endRevoked(const SessionKey& key, Instant now);
    void welcome(Session& session, Instant now);
    void hello(const protocol::Received& received, const wire::Hello& hello, Instant now);
    void uploadBegin(Session& session, const wire::UploadBegin& begin, Instant now);
    void uploadChunk(Session& session, const wire::UploadChunk& chunk, Instant now);
    void inspect(Session& session, const wire::Inspect& request, Instant now);
    void ask(Session& session, wire::Ask& ask, Instant now);
    void accept(Session& session, wire::Ask& ask, Instant now);
    void resume(Session& session, const std::string& id, std::uint64_t offset);
    void cancel(Session& session, const std::string& id);
    void stop(Session& session);
    void administer(Session& session, const wire::ClientMessage& request);

    void on(node::Administered event, Instant now);
    void on(node::AskProgressed event, Instant now);
    void on(node::AskSaid event, Instant now);
    void on(node::AskEnded event, Instant now);
    void on(node::InspectionEnded event, Instant now);
    void on(node::StateChanged event, Instant now);
    void on(node::StopBegan event, Instant now);
    void on(node::Drained event, Instant now);

    /// Sent, or kept behind what already waits. Who lets too much wait is dropped.
    void post(Session& session, const wire::HeadMessage& message);
    void postAll(const wire::HeadMessage& message);
    void refuse(Session& session, const Error& error, const std::string& about);
    void refusePeer(const protocol::Received& received, const Error& error, Instant now);
    void flushPending(Session& session);
    /// What one ask has for its listener, as far as the peer takes it now; the rest goes later in larger pieces.
    void flushAsk(AskRecord& record);
    [[nodiscard]] bool deliver(Session& session, const wire::HeadMessage& message);
    void dropSession(const SessionKey& key, const char* why, Instant now);
    void dropGone(Instant now);
    void expire(Instant now);
    void sendStatus(Instant now);
    [[nodiscard]] wire::Status status(Instant now);
    [[nodiscard]] protocol::Uploader uploader(const Session& session) const;
    [[nodiscard]] Session* find(const std::optional<SessionKey>& key);
    [[nodiscard]] static SessionKey keyOf(const Session& session) { return {session.peer, session.publicKey}; }
    [[nodiscard]] std::size_t asksRunning() const;
    [[nodiscard]] std::size_t asksRunning(const std::string& publicKey) const;

    const Options m_options;
    node::Engine& m_engine;
    protocol::UploadStore& m_uploads;
    Outbox& m_outbox;
    const Instant m_started;
    std::map<SessionKey, Session> m_sessions;
    std::set<SessionKey> m_gone; ///< sessions to be dropped at the end of the current call
    std::map<node::AskNumber, AskRecord> m_asks;
    std::map<AskKey, node::AskNumber> m_numbers;
    std::map<std::uint64_t, Inspection> m_inspections;
    std::map<std::uint64_t, SessionKey> m_requests; ///< about the cluster
    std::map<std::string, Offender> m_offenders;    ///< by public key
    std::uint64_t m_refusedHandshakes = 0;
    std::optional<Instant> m_refusedLogged;
    node::AskNumber m_lastNumber = 0;
    std::uint64_t m_lastTicket = 0;
    std::uint64_t m_statusSequence = 0;
    std::optional<Instant> m_statusSent;
    std::optional<Instant> m_keysSeen;
    bool m_stateChanged = false;
    bool m_stopping = false;
};

} // namespace argus::api
