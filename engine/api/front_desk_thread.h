#pragma once
// The thread that owns the head's socket and its front desk.

#include "engine/api/front_desk.h"
#include "engine/base/inbox.h"
#include "engine/protocol/secure_socket.h"

#include <atomic>
#include <memory>
#include <thread>

namespace argus::api {

class FrontDeskThread {
public:
    /// Takes the bound socket and the upload store; start() gives it the engine.
    FrontDeskThread(std::unique_ptr<protocol::SecureServer> server, std::unique_ptr<protocol::UploadStore> uploads);
    ~FrontDeskThread();
    FrontDeskThread(const FrontDeskThread&) = delete;
    FrontDeskThread& operator=(const FrontDeskThread&) = delete;

    /// Any thread; never waits.
    void post(node::NodeEvent event);
    void start(FrontDesk::Options options, node::Engine& engine);
    /// Sends what is still to be sent, until the deadline, and ends. The engine must not be destroyed before.
    void stop(Deadline deadline);

private:
    void run(FrontDesk::Options options, node::Engine& engine);

    std::unique_ptr<protocol::SecureServer> m_server;
    std::unique_ptr<protocol::UploadStore> m_uploads;
    Inbox<node::NodeEvent> m_events;
    std::thread m_thread;
    std::atomic<bool> m_stopping{false};
    std::atomic<Instant> m_until{Instant{}};
};

} // namespace argus::api
