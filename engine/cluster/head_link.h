#pragma once
// A worker's way to its head: the thread that owns the socket, hello and heartbeats.

#include "engine/base/clock.h"
#include "engine/base/inbox.h"
#include "engine/base/result.h"
#include "engine/protocol/cluster.pb.h"
#include "engine/protocol/keys.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <variant>

namespace argus::cluster {

/// The head has taken us in; also after the connection was lost: nothing that was under way counts any more.
struct HeadFound {
    std::string headName;
    std::uint16_t modelPort = 0; ///< of its host, where it hands out models; 0: it does not
};
/// No word from it, or no connection.
struct HeadLost {
    std::string why;
    bool gone = false; ///< the connection is; else it is only silent
};
/// It does not want this worker (any more): trying again would change nothing.
struct HeadRefuses {
    Error error;
};
struct HeadSaid {
    wire::HeadToWorker message;
};
using HeadEvent = std::variant<HeadFound, HeadLost, HeadRefuses, HeadSaid>;

class HeadLink {
public:
    struct Options {
        protocol::CurveKeys keys;
        std::string endpoint;
        std::string headPublicKey;
        std::string name;
        std::string incarnation;
        std::string version;
        Milliseconds heartbeat{500};
        Milliseconds headSilence{6'000};
        /// The owner's loop has turned within this time, or no heartbeat is sent: a hung worker must not look alive.
        Milliseconds loopPatience{2'000};
    };
    /// `listener` is called on the link's thread and must not block.
    HeadLink(Options options, std::function<void(HeadEvent)> listener);
    ~HeadLink();
    HeadLink(const HeadLink&) = delete;
    HeadLink& operator=(const HeadLink&) = delete;

    /// Errors  BadRequest for an unusable address or key
    [[nodiscard]] Result<Done> start();
    void stop();

    // ---- any thread; never waits ----

    /// Goes out in order while the head is found; dropped while it is not, and when it does not take what is sent for
    /// long.
    void send(wire::WorkerMessage message);
    /// What hello and the next messages say of this machine.
    void setInventory(const wire::Inventory& inventory);
    void setMemory(std::vector<wire::DeviceMemory> memory);
    void setEpoch(std::uint64_t epoch) { m_epoch.store(epoch); }
    /// The owner's loop has turned.
    void turned() { m_turned.store(now()); }

private:
    struct Session;
    void run();
    Options m_options;
    std::function<void(HeadEvent)> m_listener;
    Inbox<std::string> m_outgoing;
    std::atomic<Instant> m_turned{Instant{}};
    std::atomic<std::uint64_t> m_epoch{0};
    std::atomic<bool> m_stop{false};
    std::mutex m_mutex; // guards the two below and m_wake
    wire::Inventory m_inventory;
    std::vector<wire::DeviceMemory> m_memory;
    std::function<void()> m_wake;
    std::thread m_thread;
};

} // namespace argus::cluster
