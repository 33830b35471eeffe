#pragma once
// A head for tests: a real SecureServer and UploadStore on a thread, and a script instead of a model.

#include "engine/base/ids.h"
#include "engine/client/client.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/chunked_transfer.h"
#include "engine/protocol/secure_socket.h"
#include "engine/protocol/validate.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace argus::testing {

constexpr Milliseconds kPatience{20'000}; // only a failing test waits that long

/// Everything a client has said, and the chance to say anything back. Methods may be called from the test's thread; the
/// script runs on the head's.
class ScriptedHead {
public:
    using Message = wire::ClientMessage;
    /// Sees every message before the head does; true: dealt with.
    using Script = std::function<bool(ScriptedHead&, const Message&)>;

    explicit ScriptedHead(const std::filesystem::path& folder) : m_keys(protocol::makeKeys())
    {
        auto store = protocol::UploadStore::open({.folder = folder});
        if (!store)
            std::abort();
        m_store = std::move(store).value();
    }
    ~ScriptedHead() { stop(); }

    /// Starts, or starts again on the same port.
    void start(Script script = {})
    {
        m_script = std::move(script);
        m_stopping = false;
        auto bound = protocol::SecureServer::bind(
            {.keys = m_keys, .endpoint = m_endpoint, .admits = [this](const std::string& key) {
                 const std::lock_guard lock(m_mutex);
                 return m_admitted.contains(key);
             }});
        if (!bound)
            std::abort();
        m_server = std::move(bound).value();
        m_endpoint = m_server->endpoint();
        m_thread = std::thread([this] { run(); });
    }
    /// Gone as after kill -9: sockets closed without a word. Uploads wait to be resumed.
    void stop()
    {
        if (!m_thread.joinable())
            return;
        m_stopping = true;
        m_server->wake();
        m_thread.join();
        m_server.reset();
        const std::lock_guard lock(m_mutex);
        for (const std::string& session : m_sessions)
            m_store->sessionGone(session, now());
        m_sessions.clear();
        m_outgoing.clear();
    }
    void admit(const std::string& key)
    {
        const std::lock_guard lock(m_mutex);
        m_admitted.insert(key);
    }
    /// Connections that stand are not cut.
    void dismiss(const std::string& key)
    {
        const std::lock_guard lock(m_mutex);
        m_admitted.erase(key);
    }
    [[nodiscard]] client::HeadAddress addressFor(const protocol::CurveKeys& keys) const
    {
        return {.endpoint = m_endpoint, .headPublicKey = m_keys.publicKey, .own = {keys.publicKey, keys.secretKey}};
    }
    [[nodiscard]] const protocol::CurveKeys& keys() const { return m_keys; }
    [[nodiscard]] const std::string& endpoint() const { return m_endpoint; }
    /// Only while stopped: a port nobody has.
    void listenAt(std::string endpoint) { m_endpoint = std::move(endpoint); }

    /// To the client that spoke last.
    void say(wire::HeadMessage message)
    {
        message.set_protocol_version(protocol::kVersion);
        {
            const std::lock_guard lock(m_mutex);
            m_outgoing.push_back(message.SerializeAsString());
        }
        m_server->wake();
    }
    void sayText(const std::string& ask, std::uint64_t offset, const std::string& text)
    {
        wire::HeadMessage message;
        message.mutable_ask_text()->set_id(ask);
        message.mutable_ask_text()->set_offset(offset);
        message.mutable_ask_text()->set_text(text);
        say(std::move(message));
    }
    void sayFinished(const std::string& ask, const std::string& text,
                     wire::AskFinished::Reason reason = wire::AskFinished::STOP)
    {
        wire::HeadMessage message;
        message.mutable_ask_finished()->set_id(ask);
        message.mutable_ask_finished()->set_text(text);
        message.mutable_ask_finished()->set_reason(reason);
        say(std::move(message));
    }
    void sayFailed(const std::string& ask, const Error& error)
    {
        wire::HeadMessage message;
        message.mutable_ask_failed()->set_id(ask);
        *message.mutable_ask_failed()->mutable_error() = protocol::toWire(error);
        say(std::move(message));
    }

    /// Waits until the `count`-th message with that body has come; nothing when it does not.
    [[nodiscard]] std::optional<Message> heard(Message::BodyCase body, std::size_t count = 1)
    {
        std::unique_lock lock(m_mutex);
        std::optional<Message> found;
        m_changed.wait_for(lock, kPatience, [&] {
            std::size_t seen = 0;
            for (const Message& message : m_heard)
                if (message.body_case() == body && ++seen == count) {
                    found = message;
                    return true;
                }
            return false;
        });
        return found;
    }
    [[nodiscard]] std::size_t heardCount(Message::BodyCase body)
    {
        const std::lock_guard lock(m_mutex);
        return static_cast<std::size_t>(std::count_if(
            m_heard.begin(), m_heard.end(), [&](const Message& message) { return message.body_case() == body; }));
    }
    /// The greatest offset granted at an upload's begin, in order of the begins.
    [[nodiscard]] std::vector<std::uint64_t> beginOffsets()
    {
        const std::lock_guard lock(m_mutex);
        return m_beginOffsets;
    }
    /// The path of a finished upload.
    [[nodiscard]] std::optional<std::filesystem::path> uploaded(const Sha256& sha256)
    {
        const std::lock_guard lock(m_mutex);
        auto path = m_store->path(sha256, now());
        return path ? std::optional(*path) : std::nullopt;
    }
    std::atomic<bool> silent{false};             ///< says nothing at all any more, though it reads
    std::atomic<std::uint64_t> grantUpTo{~0ULL}; ///< grants beyond that offset are kept back

private:
    void run()
    {
        while (!m_stopping) {
            flush();
            const auto received = m_server->receive(Deadline::in(Milliseconds(500)));
            if (!received)
                continue;
            m_peer = received->peer;
            auto message = protocol::parseClientMessage(std::as_bytes(std::span(received->frame)));
            if (!message)
                continue;
            {
                const std::lock_guard lock(m_mutex);
                m_heard.push_back(*message);
                if (message->has_upload_chunk())
                    m_heard.back().mutable_upload_chunk()->clear_data();
            }
            m_changed.notify_all();
            if (m_script && m_script(*this, *message))
                continue;
            answer(*message, {.session = received->peer, .publicKey = received->publicKey});
        }
    }
    void flush()
    {
        std::unique_lock lock(m_mutex);
        while (!m_outgoing.empty()) {
            const std::string frame = std::move(m_outgoing.front());
            m_outgoing.pop_front();
            lock.unlock();
            if (!silent)
                (void)m_server->send(m_peer, frame);
            lock.lock();
        }
    }
    void answer(const Message& message, const protocol::Uploader& uploader)
    {
        wire::HeadMessage reply;
        switch (message.body_case()) {
        case Message::kHello:
            reply.mutable_welcome()->set_head_name("scripted");
            return say(std::move(reply));
        case Message::kHeartbeat:
            reply.mutable_status()->set_sequence(message.heartbeat().sequence());
            return say(std::move(reply));
        case Message::kUploadBegin: {
            std::unique_lock lock(m_mutex);
            m_sessions.insert(uploader.session);
            auto outcome =
                m_store->begin(uploader, message.upload_begin().sha256(), message.upload_begin().size(), now());
            if (const auto* grant = std::get_if<protocol::UploadStore::Grant>(&outcome))
                m_beginOffsets.push_back(grant->offset);
            lock.unlock();
            return reportUpload(message.upload_begin().sha256(), std::move(outcome));
        }
        case Message::kUploadChunk: {
            const wire::UploadChunk& chunk = message.upload_chunk();
            std::unique_lock lock(m_mutex);
            auto outcome =
                m_store->chunk(uploader, chunk.sha256(), chunk.offset(), std::as_bytes(std::span(chunk.data())), now());
            lock.unlock();
            if (outcome)
                reportUpload(chunk.sha256(), *std::move(outcome));
            return;
        }
        default:
            return;
        }
    }
    void reportUpload(const Sha256& sha256,
                      std::variant<protocol::UploadStore::Finished, protocol::UploadStore::Grant, Error> outcome)
    {
        wire::HeadMessage reply;
        if (std::holds_alternative<protocol::UploadStore::Finished>(outcome)) {
            reply.mutable_upload_done()->set_sha256(sha256);
        } else if (const auto* grant = std::get_if<protocol::UploadStore::Grant>(&outcome)) {
            if (grant->offset > grantUpTo)
                return;
            reply.mutable_upload_grant()->set_sha256(sha256);
            reply.mutable_upload_grant()->set_offset(grant->offset);
            reply.mutable_upload_grant()->set_credit(grant->credit);
        } else {
            reply.mutable_upload_failed()->set_sha256(sha256);
            *reply.mutable_upload_failed()->mutable_error() = protocol::toWire(std::get<Error>(outcome));
        }
        say(std::move(reply));
    }

    protocol::CurveKeys m_keys;
    std::string m_endpoint = "tcp://127.0.0.1:*";
    std::unique_ptr<protocol::SecureServer> m_server;
    std::unique_ptr<protocol::UploadStore> m_store;
    Script m_script;
    std::thread m_thread;
    std::atomic<bool> m_stopping{false};
    std::string m_peer; // head's thread
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::set<std::string> m_admitted;
    std::set<std::string> m_sessions;
    std::vector<Message> m_heard;
    std::vector<std::uint64_t> m_beginOffsets;
    std::deque<std::string> m_outgoing;
};

/// What a client has told, to be waited for.
class EventLog {
public:
    [[nodiscard]] std::function<void(client::Event)> sink()
    {
        return [this](client::Event event) {
            const std::lock_guard lock(m_mutex);
            m_events.push_back(std::move(event));
            m_changed.notify_all();
        };
    }
    /// Waits for the `count`-th event of that type for which `matches` holds.
    template <typename T>
    [[nodiscard]] std::optional<T> await(std::size_t count = 1, const std::function<bool(const T&)>& matches = {})
    {
        std::unique_lock lock(m_mutex);
        std::optional<T> found;
        m_changed.wait_for(lock, kPatience, [&] {
            std::size_t seen = 0;
            for (const client::Event& event : m_events)
                if (const T* one = std::get_if<T>(&event); one && (!matches || matches(*one)) && ++seen == count) {
                    found = *one;
                    return true;
                }
            return false;
        });
        return found;
    }
    template <typename T>
    [[nodiscard]] std::vector<T> all()
    {
        const std::lock_guard lock(m_mutex);
        std::vector<T> found;
        for (const client::Event& event : m_events)
            if (const T* one = std::get_if<T>(&event))
                found.push_back(*one);
        return found;
    }
    [[nodiscard]] std::string textOf(const std::string& ask)
    {
        std::string text;
        for (const client::TextArrived& piece : all<client::TextArrived>())
            if (piece.ask == ask)
                text += piece.text;
        return text;
    }

private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::deque<client::Event> m_events;
};

} // namespace argus::testing
