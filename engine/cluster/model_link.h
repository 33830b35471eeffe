#pragma once
// A worker's second way to its head, for the bytes of models alone: on a line of its own they hold up neither
// heartbeats nor steps.

#include "engine/base/clock.h"
#include "engine/base/result.h"
#include "engine/protocol/cluster.pb.h"
#include "engine/protocol/keys.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>

namespace argus::protocol {
class SecureClient;
}

namespace argus::cluster {

/// Some of what was asked for.
struct ModelPiece {
    wire::ModelChunk chunk;
};
/// The line broke and is there again: what was under way is lost. Nothing is asked for before resume().
struct ModelLineBack {
    std::uint64_t link = 0; ///< number of the link that says it
};
/// It could not be made (again) in time.
struct ModelLineFailed {
    std::uint64_t link = 0;
    std::string endpoint;
};
using ModelLinkEvent = std::variant<ModelPiece, ModelLineBack, ModelLineFailed>;

/// Connected as long as it lives, which is as long as a model is fetched.
class ModelLink {
public:
    struct Options {
        protocol::CurveKeys keys;
        std::string endpoint;
        std::string headPublicKey;
        std::uint64_t number = 0;      ///< tells its events from those of an earlier one
        Milliseconds patience{10'000}; ///< without a connection
    };
    /// `listener` is called on the link's thread and must not block. Errors  BadRequest for an unusable address or key
    [[nodiscard]] static Result<std::unique_ptr<ModelLink>> open(Options options,
                                                                 std::function<void(ModelLinkEvent)> listener);
    ~ModelLink();
    ModelLink(const ModelLink&) = delete;
    ModelLink& operator=(const ModelLink&) = delete;

    [[nodiscard]] std::uint64_t number() const { return m_options.number; }

    // ---- any thread; never waits ----

    /// Dropped between the end of a connection and resume().
    void ask(wire::PullChunks asked);
    void resume();

private:
    ModelLink(Options options, std::unique_ptr<protocol::SecureClient> client,
              std::function<void(ModelLinkEvent)> listener);
    void run();
    [[nodiscard]] bool send();
    void read(const std::string& frame);

    Options m_options;
    std::unique_ptr<protocol::SecureClient> m_client;
    std::function<void(ModelLinkEvent)> m_listener;
    std::mutex m_mutex; // guards the three below
    std::deque<std::string> m_queue;
    std::uint64_t m_owed = 0; ///< pieces that were asked for and have not come; others are dropped
    bool m_broken = false;
    bool m_connected = false;  ///< link's thread
    bool m_complained = false; ///< link's thread
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

} // namespace argus::cluster
