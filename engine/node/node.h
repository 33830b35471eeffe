#pragma once
// The head of a cluster, which may be the whole cluster: owns accepted asks, the deployment and the membership.
//
//   main thread     run(): the executor child of this machine, stop requests, descriptors to watch
//   argus-planner   the book of asks, the scheduler, the sending end of the executors
//   argus-media     decoder children, one a job
//   argus-loader    finds devices, reads model folders, plans deployments; a job at a time
//   argus-workers   the socket to the workers; only where others may join
//   argus-pairing   the socket for a machine that joins, while a code is valid
//   argus-gpus      the NVIDIA driver, which may let it wait; only where a GPU could be taken

#include "engine/cluster/pairing.h"
#include "engine/node/engine.h"
#include "engine/node/worker.h"
#include "engine/protocol/secure_socket.h"
#include "engine/protocol/settings.pb.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace argus::node {

/// How other machines come in.
struct ClusterDoor {
    std::unique_ptr<protocol::SecureServer> workers; ///< bound; admits the keys of known workers
    std::unique_ptr<protocol::SecureServer> models;  ///< bound; for the same keys: where workers fetch models
    std::string pairingEndpoint;                     ///< "tcp://0.0.0.0:47702"
    std::string host;                                ///< by which machines reach this one: "192.168.1.5"
    std::string headPublicKey;
    /// Keeps the key of a machine that has paired; called on the pairing thread.
    std::function<Result<Done>(const std::string& publicKey, const std::string& name)> admit;
    /// Whether that key may be a worker; called on the workers' thread.
    std::function<bool(const std::string& publicKey)> knows;
    /// The same; called on the thread that hands out models.
    std::function<bool(const std::string& publicKey)> knowsForModels;
    /// Forgets that key; false when it was not known.
    std::function<bool(const std::string& publicKey)> forget;
};

class Node final : public Engine {
public:
    struct Options {
        wire::EngineSettings settings;
        std::filesystem::path programs; ///< folder of the executors and of argus-decoder
        std::string name;               ///< shown in status; empty: the host's
        std::string version;
        std::string logLevel = "info";           ///< of the executor
        unsigned cpuDevices = 1;                 ///< parts that the processor is divided into
        std::chrono::milliseconds drain{30'000}; ///< how long running asks may go on after requestStop()
    };
    /// `listener` is called on the node's threads and must not block. No event comes after the destructor has returned.
    /// Without a door nobody joins.
    Node(Options options, std::function<void(NodeEvent)> listener, std::unique_ptr<ClusterDoor> door = nullptr);
    /// After run() has returned.
    ~Node() override;

    using Watched = node::Watched;
    /// On the main thread: reads the model, keeps the executor alive, returns when the node has drained and its
    /// executor has ended. False: a decoder still ran; end the process without waiting for threads.
    [[nodiscard]] bool run(std::span<const Watched> watched);
    /// Ends without waiting for running asks, which fail.
    void stopNow(std::string reason);

    [[nodiscard]] bool submit(AcceptedAsk ask) override;
    void cancel(AskNumber number) override;
    [[nodiscard]] bool inspect(std::uint64_t ticket, std::filesystem::path file, int thumbnailSide) override;
    [[nodiscard]] bool administer(std::uint64_t ticket, wire::ClientMessage request) override;
    [[nodiscard]] wire::Status status() const override;
    void requestStop(std::string reason) override;
    /// A line for the next machine that joins; one is valid at a time. Any thread. Errors  Unsupported without a door
    [[nodiscard]] Result<cluster::JoinLine> makeJoinLine();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace argus::node
