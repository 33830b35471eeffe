#pragma once
// The head's copy of a model, handed out in pieces to workers that lack it, on a thread of its own: disks are slow.

#include "engine/base/inbox.h"
#include "engine/base/sha256.h"
#include "engine/protocol/cluster.pb.h"

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace argus::node {

class ModelServer {
public:
    /// Sends to a worker; called on the server's thread, must not block.
    using Send = std::function<void(const std::string& worker, wire::HeadToWorker message)>;
    explicit ModelServer(Send send);
    ~ModelServer();
    ModelServer(const ModelServer&) = delete;
    ModelServer& operator=(const ModelServer&) = delete;

    /// What is handed out.
    struct Offer {
        std::filesystem::path folder;
        std::map<std::string, Sha256> files; ///< by name, with their identities
        std::filesystem::path lists;         ///< where the lists of their blocks are
    };
    /// From now on that, and nothing else, is handed out under that ticket. Any thread.
    void offer(std::uint64_t ticket, Offer offer);
    /// Any thread; never waits.
    void serve(const std::string& worker, const wire::PullChunks& asked);

private:
    struct Request {
        std::string worker;
        wire::PullChunks asked;
    };
    void run();
    void answer(const Request& request);
    [[nodiscard]] std::filesystem::path fileFor(const wire::PullChunks& asked);

    static constexpr std::size_t kMostOffers = 64;

    Send m_send;
    Inbox<Request> m_requests{4096};
    std::mutex m_mutex; // guards m_offers
    std::map<std::uint64_t, Offer> m_offers;
    std::thread m_thread;
};

} // namespace argus::node
