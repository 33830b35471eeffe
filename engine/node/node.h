#pragma once
// One machine of the cluster: supervises its executor, owns accepted asks.
//
//   main thread     run(): the executor child, its channel's receiving end, stop requests, descriptors to watch
//   argus-planner   the book of asks, the scheduler, the channel's sending end
//   argus-media     decoder children, one a job
//   argus-loader    chooses the device and reads the model folder once, then ends
//   argus-gpus      the NVIDIA driver, which may let it wait; only where a GPU could be taken

#include "engine/node/engine.h"
#include "engine/protocol/settings.pb.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace argus::node {

class Node final : public Engine {
public:
    struct Options {
        wire::EngineSettings settings;
        std::filesystem::path programs; ///< folder of the executors and of argus-decoder
        std::string name;               ///< shown in status; empty: the host's
        std::string version;
        std::string logLevel = "info";           ///< of the executor
        std::chrono::milliseconds drain{30'000}; ///< how long running asks may go on after requestStop()
    };
    /// `listener` is called on the node's threads and must not block. No event comes after the destructor has returned.
    Node(Options options, std::function<void(NodeEvent)> listener);
    /// After run() has returned.
    ~Node() override;

    /// A descriptor to watch while running, and what to do when it is readable or closed at the other end; called on
    /// the main thread.
    struct Watched {
        int fd = -1;
        std::function<void()> onReady;
    };
    /// On the main thread: reads the model, keeps the executor alive, returns when the node has drained and its
    /// executor has ended. False: a decoder still ran; end the process without waiting for threads.
    [[nodiscard]] bool run(std::span<const Watched> watched);
    /// Ends without waiting for running asks, which fail.
    void stopNow(std::string reason);

    [[nodiscard]] bool submit(AcceptedAsk ask) override;
    void cancel(AskNumber number) override;
    [[nodiscard]] bool inspect(std::uint64_t ticket, std::filesystem::path file, int thumbnailSide) override;
    [[nodiscard]] wire::Status status() const override;
    void requestStop(std::string reason) override;
    /// Settings in force: completed ones once the model folder is read, as given before.
    [[nodiscard]] wire::EngineSettings settings() const;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace argus::node
