#pragma once
// ROUTER and DEALER sockets with CURVE always on.
//
// libzmq accepts every key while no ZAP handler answers, so the handler starts, and is tested with a throw-away key,
// before any bind; and every message without the User-Id that only our handler sets is dropped. A message is one frame;
// one of several parts is dropped.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/protocol/keys.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace argus::protocol {

/// Whom a head and its peer are to each other: fault hooks know their messages by it.
enum class Peers { Unnamed, HeadAndClient, HeadAndWorker };

/// One message at a ROUTER: where to answer, who sent it, what.
struct Received {
    std::string peer;      ///< routing id, a return address and nothing more; new after every reconnect
    std::string publicKey; ///< of the sender, Z85, proven by the handshake
    std::string frame;     ///< at most kMaxClientFrame bytes
};

enum class Delivery { Sent, Full, Gone };

/// The head's socket. Lives on one thread; wake() may be called from any.
class SecureServer {
public:
    struct Options {
        CurveKeys keys;
        std::string endpoint; ///< "tcp://127.0.0.1:*" picks a port; only tcp
        std::function<bool(const std::string& publicKey)>
            admits; ///< called on the ZAP thread for every handshake; must not block
        Peers peers = Peers::Unnamed;
        int sendQueue = 256; ///< frames a peer, before send() says Full
    };
    /// Errors: BadRequest (key or endpoint), Busy when the port is taken, Internal when libzmq's check of keys does not
    /// work.
    [[nodiscard]] static Result<std::unique_ptr<SecureServer>> bind(Options options);
    ~SecureServer();

    /// The endpoint with the port that was taken.
    [[nodiscard]] const std::string& endpoint() const;
    /// One message, or nothing at the deadline or after wake().
    [[nodiscard]] std::optional<Received> receive(Deadline deadline);
    /// Never waits. Full: the peer does not read; keep it and try later. Gone: nobody has that address any more (or the
    /// frame exceeds kMaxClientFrame, which is logged: it would cost the peer its connection).
    [[nodiscard]] Delivery send(const std::string& peer, std::string_view frame);
    void wake();
    /// Handshakes that were refused or failed since the last call, for one log line instead of thousands.
    [[nodiscard]] std::size_t takeRefusedCount();
    /// Messages that were dropped (several parts, no proven sender) since the last call.
    [[nodiscard]] std::size_t takeDroppedCount();

private:
    struct Impl;
    explicit SecureServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

/// The client's socket. Lives on one thread; wake() may be called from any. It reconnects by itself with back-off,
/// except after Refused.
class SecureClient {
public:
    struct Options {
        CurveKeys keys;
        std::string serverPublicKey;
        std::string endpoint; ///< only tcp
        Peers peers = Peers::Unnamed;
    };
    /// Returns at once; the connection comes later. Errors: BadRequest (key or endpoint), Internal.
    [[nodiscard]] static Result<std::unique_ptr<SecureClient>> connect(Options options);
    ~SecureClient();

    struct Happened {
        enum class Kind {
            Message,
            HandshakeDone,
            HandshakeFailed, ///< somebody answers there, who is not the head of that key; libzmq tries again
            Refused,         ///< the head does not know our key; libzmq has given up: make a new socket to try again
            Lost,            ///< the connection is gone, and what was on its way may be; libzmq tries again
            Unanswered,      ///< nobody listens there; libzmq tries again
        } kind = Kind::Message;
        std::string frame = {}; ///< Message only
        bool foreign = false;   ///< HandshakeFailed only: it speaks ZeroMQ without encryption; libzmq has given up
    };
    /// One message or change of the connection, or nothing at the deadline or after wake().
    [[nodiscard]] std::optional<Happened> receive(Deadline deadline);
    [[nodiscard]] bool send(std::string_view frame); ///< false: queue full or not connected; try later
    void wake();

private:
    struct Impl;
    explicit SecureClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace argus::protocol
