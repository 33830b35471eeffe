#pragma once
// Pairing: a machine shows that it knows the code of the moment, and head and machine learn each other's key.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/cluster/join_line.h"
#include "engine/protocol/cluster.pb.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace argus::cluster {

/// The head's side: listens while a code is valid, on a thread of its own. One code at a time; it pairs once.
class PairingDesk {
public:
    struct Options {
        std::string endpoint; ///< "tcp://0.0.0.0:47702"
        std::string headName;
        std::string headPublicKey;
        std::string version;
        std::uint16_t workersPort = 0;
        Milliseconds validity{15 * 60'000};
        /// Admits the key from now on. Called on the desk's thread.
        std::function<Result<Done>(const std::string& publicKey, const std::string& name)> admit;
    };
    /// Errors  those of SecureServer::bind()
    [[nodiscard]] static Result<std::unique_ptr<PairingDesk>> open(Options options);
    ~PairingDesk();
    PairingDesk(const PairingDesk&) = delete;
    PairingDesk& operator=(const PairingDesk&) = delete;

    [[nodiscard]] const std::string& code() const { return m_code; }
    [[nodiscard]] std::uint16_t port() const { return m_port; }
    [[nodiscard]] Instant validUntil() const { return m_until; }
    /// The code has been used, or is too old.
    [[nodiscard]] bool closed() const { return m_closed.load(); }

private:
    struct Socket;
    PairingDesk(Options options, std::string code);
    void serve();
    [[nodiscard]] wire::PairAnswer answer(const std::string& frame);

    Options m_options;
    std::string m_code;
    Instant m_until;
    std::uint16_t m_port = 0;
    std::unique_ptr<Socket> m_socket;
    std::atomic<bool> m_closed{false};
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

/// What a machine that has joined knows of its head.
struct PairedHead {
    std::string name;
    std::string publicKey;
    std::string endpoint; ///< of its socket for workers
};
/// The other side. Errors  Unreachable (nobody there; what to check), Denied (the code is not that of the moment),
/// Timeout, or what the head says
[[nodiscard]] Result<PairedHead> pairWithHead(const JoinLine& line, const std::string& name,
                                              const std::string& publicKey, const std::string& version,
                                              Deadline deadline);

} // namespace argus::cluster
