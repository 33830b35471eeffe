#include "engine/cluster/worker_desk.h"

#include "engine/base/log.h"

#include <pthread.h>

#include <chrono>
#include <utility>

namespace argus::cluster {
namespace {

constexpr std::size_t kMostTasks = 65'536;
constexpr int kFramesPerTurn = 256;
constexpr Milliseconds kTick{50};
constexpr Milliseconds kRetry{2};

} // namespace

class WorkerDesk::Hands final : public Workers::Port {
public:
    explicit Hands(WorkerDesk& desk) : m_desk(desk) {}
    protocol::Delivery send(const std::string& peer, std::string_view frame) override
    {
        return m_desk.m_server->send(peer, frame);
    }
    /// Told at the end of a turn, when view() shows what the event is about.
    void tell(WorkerEvent event) override
    {
        m_changed = m_changed || !std::holds_alternative<WorkerSaid>(event);
        m_events.push_back(std::move(event));
    }
    void log(const std::string& node, std::string_view lines) override { m_desk.m_logs.add(node, lines); }
    double wallClock() override
    {
        return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    }

    void deliver(const Workers& workers, bool figures)
    {
        if (std::exchange(m_changed, false) || figures) {
            std::vector<WorkerView> view = workers.view();
            const std::scoped_lock lock(m_desk.m_mutex);
            m_desk.m_view = std::move(view);
        }
        for (WorkerEvent& event : std::exchange(m_events, {}))
            m_desk.m_listener(std::move(event));
    }

private:
    WorkerDesk& m_desk;
    std::vector<WorkerEvent> m_events;
    bool m_changed = false;
};

WorkerDesk::WorkerDesk(std::unique_ptr<protocol::SecureServer> server, Workers::Options options, LogBook& logs,
                       std::function<void(WorkerEvent)> listener)
    : m_server(std::move(server)), m_options(std::move(options)), m_logs(logs), m_listener(std::move(listener)),
      m_tasks(kMostTasks)
{
}

WorkerDesk::~WorkerDesk()
{
    stop();
}

void WorkerDesk::start()
{
    m_thread = std::thread([this] { run(); });
}

void WorkerDesk::stop()
{
    m_stop.store(true);
    m_server->wake();
    if (m_thread.joinable())
        m_thread.join();
}

void WorkerDesk::post(Task task)
{
    if (!m_tasks.push(std::move(task)))
        log::error("the queue to the workers is full");
    m_server->wake();
}

void WorkerDesk::send(const std::string& name, wire::HeadToWorker message)
{
    post([name, message = std::move(message)](Workers& workers, Instant now) { workers.send(name, message, now); });
}

void WorkerDesk::remove(const std::string& name)
{
    post([name](Workers& workers, Instant now) { workers.remove(name, now); });
}

std::vector<WorkerView> WorkerDesk::view() const
{
    const std::scoped_lock lock(m_mutex);
    return m_view;
}

void WorkerDesk::run()
{
    ::pthread_setname_np(::pthread_self(), "argus-workers");
    Hands hands(*this);
    Workers workers(m_options, hands);
    Instant nextTick = now();
    while (!m_stop.load()) {
        const Instant until = workers.pending() ? std::min(nextTick, now() + kRetry) : nextTick;
        std::optional<protocol::Received> received = m_server->receive(Deadline(until));
        for (int i = 0; received && i < kFramesPerTurn; ++i) {
            workers.receive(*received, now());
            received = m_server->receive(Deadline(now()));
        }
        if (received)
            workers.receive(*received, now());
        while (std::optional<Task> task = m_tasks.pop(Deadline(now())))
            (*task)(workers, now());
        const bool due = now() >= nextTick;
        if (due || workers.pending())
            workers.tick(now());
        if (due)
            nextTick = now() + kTick;
        hands.deliver(workers, due);
    }
}

} // namespace argus::cluster
