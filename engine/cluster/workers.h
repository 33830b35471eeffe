#pragma once
// The head's book of workers: who has joined, who answers, what each has to compute with.
//
// No socket and no clock: frames come in with the time they came and go out through Port. Lives on one thread.
//
//   joining ─hello, link measured─▶ idle ⇄ in use (the head's business)
//   idle ─3 s silent─▶ suspect ─word─▶ idle;  suspect ─6 s silent, or its address is gone─▶ lost ─hello─▶ joining
//   lost 4 times within 5 minutes, by a process that was never restarted ─▶ quarantined for 5 minutes, then joining

#include "engine/base/clock.h"
#include "engine/protocol/cluster.pb.h"
#include "engine/protocol/secure_socket.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace argus::cluster {

/// It can be given work.
struct WorkerJoined {
    std::string name;
};
/// It is gone, and so is the executor it had, as far as anybody can tell.
struct WorkerGone {
    std::string name;
    Said why; ///< "has been silent for 6 s", "was restarted"
};
/// Anything else it said: started, ended, from_executor, model_report, pull.
struct WorkerSaid {
    std::string name;
    wire::WorkerMessage message;
};
/// A state or figure is different now.
struct WorkersChanged {};
using WorkerEvent = std::variant<WorkerJoined, WorkerGone, WorkerSaid, WorkersChanged>;

enum class WorkerState { Joining, Idle, Suspect, Lost, Quarantined };
[[nodiscard]] const char* workerStateName(WorkerState state);

/// What status and plan need of one.
struct WorkerView {
    std::string name;
    std::string key;
    std::string version;
    std::string address; ///< of the interface it reaches the head with
    WorkerState state = WorkerState::Lost;
    Instant since; ///< it has been in this state
    Instant heard;
    Said why; ///< why it is lost
    wire::Inventory inventory;
    std::vector<wire::DeviceMemory> memory;
    double roundTripSeconds = 0;
    double linkBytesPerSecond = 0;
    double clockAheadSeconds = 0;

    [[nodiscard]] bool present() const { return state == WorkerState::Idle || state == WorkerState::Suspect; }
};

class Workers {
public:
    class Port {
    public:
        virtual ~Port() = default;
        virtual protocol::Delivery send(const std::string& peer, std::string_view frame) = 0;
        virtual void tell(WorkerEvent event) = 0;
        virtual void log(const std::string& node, std::string_view lines) = 0;
        /// Seconds since 1970, for comparing clocks.
        virtual double wallClock() = 0;
    };
    struct Options {
        std::string headName;
        std::string version;
        std::uint16_t modelPort = 0; ///< where workers fetch models
        Milliseconds suspectAfter{3'000};
        Milliseconds lostAfter{6'000};
        Milliseconds heartbeat{250};
        /// Whether a key still counts: a connection outlives the removal of its key. None: every key does.
        std::function<bool(const std::string& publicKey)> admits{};
    };
    static constexpr std::size_t kMostWorkers = 63; ///< beside the head, in one status
    static constexpr std::uint64_t kMostQueued = 1ULL << 30;

    Workers(Options options, Port& port) : m_options(std::move(options)), m_port(port) {}

    /// One frame, whatever it is. Nothing it holds disturbs another worker.
    void receive(const protocol::Received& received, Instant now);
    /// Heartbeats, silences, retries. Call at least every 50 ms, and every 2 while pending().
    void tick(Instant now);
    /// Frames wait for a worker that does not take them at once.
    [[nodiscard]] bool pending() const;
    /// In order; dropped when it is not present (its end is told by WorkerGone).
    void send(const std::string& name, const wire::HeadToWorker& message, Instant now);
    /// Its key does not count any more: it is told so and forgotten. False when there is none of that name.
    bool remove(const std::string& name, Instant now);
    [[nodiscard]] std::vector<WorkerView> view() const;

private:
    struct Worker {
        WorkerView view;
        std::string incarnation;
        std::string peer;
        std::deque<std::string> queue;
        std::uint64_t queued = 0;
        std::uint64_t sequence = 0;
        Instant beaten{};
        std::optional<Instant> probed;
        std::deque<Instant> losses;
    };

    void hello(const protocol::Received& received, const wire::WorkerHello& hello, Instant now);
    void refuse(const protocol::Received& received, const Error& error);
    void tellRefusal(const protocol::Received& received, const Error& error);
    [[nodiscard]] std::uint64_t countNonsense(const std::string& key);
    void said(Worker& worker, wire::WorkerMessage message, Instant now);
    void beat(Worker& worker, double sentSeconds, Instant now);
    void probe(Worker& worker, Instant now);
    void lose(Worker& worker, const Said& why, Instant now);
    void enter(Worker& worker, WorkerState state, Instant now);
    void push(Worker& worker, const wire::HeadToWorker& message, Instant now);
    void flush(Worker& worker, Instant now);
    [[nodiscard]] std::string freeName(const std::string& wanted, const std::string& key) const;
    [[nodiscard]] Worker* named(const std::string& name);

    Options m_options;
    Port& m_port;
    std::map<std::string, Worker> m_workers;         ///< by public key
    std::map<std::string, std::uint64_t> m_nonsense; ///< frames that were no message, by public key
};

} // namespace argus::cluster
