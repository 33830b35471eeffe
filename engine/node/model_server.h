#pragma once
// The head's copy of a model, handed out in pieces to workers that lack it: on a socket and a thread of its own,
// because lines and disks are slow and heartbeats and steps must not wait for them.

#include "engine/base/sha256.h"
#include "engine/protocol/cluster.pb.h"
#include "engine/protocol/secure_socket.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace argus::node {

class ModelServer {
public:
    /// `socket`: bound; none where nobody joins. `knows`: whether a key still counts, since a connection outlives the
    /// removal of its key; called on the server's thread.
    ModelServer(std::unique_ptr<protocol::SecureServer> socket,
                std::function<bool(const std::string& publicKey)> knows);
    ~ModelServer();
    ModelServer(const ModelServer&) = delete;
    ModelServer& operator=(const ModelServer&) = delete;

    /// Where workers ask; 0 without a socket.
    [[nodiscard]] std::uint16_t port() const;

    /// What is handed out.
    struct Offer {
        std::filesystem::path folder;
        std::map<std::string, Sha256> files; ///< by name, with their identities
        std::filesystem::path lists;         ///< where the lists of their blocks are
    };
    /// From now on that, and nothing else, is handed out under that ticket. Any thread.
    void offer(std::uint64_t ticket, Offer offer);

private:
    /// A worker that asks: what it still gets, and a piece for which its line has no room yet.
    struct Asker {
        std::string peer;
        std::deque<wire::PullChunks> asked;
        std::string frame;
    };
    enum class Step { Idle, Moved, Waits, Gone };
    void run();
    void take(const protocol::Received& received);
    [[nodiscard]] Step serve(Asker& asker);
    [[nodiscard]] std::string nextFrame(Asker& asker);
    [[nodiscard]] std::filesystem::path fileFor(const wire::PullChunks& asked);

    static constexpr std::size_t kMostOffers = 64;
    static constexpr std::size_t kMostAsked = 4096; ///< by one worker

    std::unique_ptr<protocol::SecureServer> m_socket;
    std::function<bool(const std::string& publicKey)> m_knows;
    std::map<std::string, Asker> m_askers; ///< by public key
    std::mutex m_mutex;                    // guards m_offers
    std::map<std::uint64_t, Offer> m_offers;
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

} // namespace argus::node
