#pragma once
// One machine that computes for a head: runs an executor when it is told to, and says what it has.
//
//   main thread       run(): the executor child, pixels that came for it, deadlines
//   argus-head-link   the socket to the head, heartbeats
//   argus-model-link  the second socket to the head, while a model is fetched
//   argus-checks      reads a model folder when the head asks what is in it

#include "engine/cluster/head_link.h"
#include "engine/node/local_machine.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace argus::node {

/// A descriptor to watch while running, and what to do when it is readable or closed at the other end; called on the
/// main thread.
struct Watched {
    int fd = -1;
    std::function<void()> onReady;
};

class Worker {
public:
    struct Options {
        cluster::HeadLink::Options link;
        LocalMachine::Options machine;
        std::string logLevel = "info"; ///< of the executor
        /// Without a word of the head this long, the executor is ended: the devices are free for others, and nobody
        /// else can be using the ranks that ran here.
        Milliseconds headPatience{30'000};
    };
    explicit Worker(Options options);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// On the main thread, until stop(); an error when the head does not want this worker.
    [[nodiscard]] std::optional<Error> run(std::span<const Watched> watched);
    /// Says goodbye and ends run(). From the main thread, while it runs.
    void stop(const std::string& why);

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace argus::node
