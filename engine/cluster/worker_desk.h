#pragma once
// The thread that owns the head's socket for workers and its book of them.

#include "engine/base/inbox.h"
#include "engine/cluster/log_book.h"
#include "engine/cluster/workers.h"
#include "engine/protocol/secure_socket.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace argus::cluster {

class WorkerDesk {
public:
    /// Takes the bound socket. `listener` is called on the desk's thread and must not block.
    WorkerDesk(std::unique_ptr<protocol::SecureServer> server, Workers::Options options, LogBook& logs,
               std::function<void(WorkerEvent)> listener);
    ~WorkerDesk();
    WorkerDesk(const WorkerDesk&) = delete;
    WorkerDesk& operator=(const WorkerDesk&) = delete;

    void start();
    /// No event comes after this.
    void stop();

    // ---- any thread; never waits ----

    void send(const std::string& name, wire::HeadToWorker message);
    void remove(const std::string& name);
    /// The workers as of the last change.
    [[nodiscard]] std::vector<WorkerView> view() const;
    [[nodiscard]] const std::string& endpoint() const { return m_server->endpoint(); }

private:
    class Hands;
    using Task = std::function<void(Workers&, Instant)>;
    void run();
    void post(Task task);

    std::unique_ptr<protocol::SecureServer> m_server;
    Workers::Options m_options;
    LogBook& m_logs;
    std::function<void(WorkerEvent)> m_listener;
    Inbox<Task> m_tasks;
    std::thread m_thread;
    std::atomic<bool> m_stop{false};
    mutable std::mutex m_mutex; // guards m_view
    std::vector<WorkerView> m_view;
};

} // namespace argus::cluster
