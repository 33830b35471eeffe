#include "engine/api/front_desk_thread.h"

#include "engine/base/log.h"

#include <pthread.h>

#include <utility>

namespace argus::api {
namespace {

/// Every event is small but an answer's end; asks and their tokens are bounded far below this.
constexpr std::size_t kMaxEvents = 1U << 20;
/// Frames taken between two ticks, so that a flood does not silence the answers.
constexpr int kFramesPerTurn = 256;
constexpr Milliseconds kIdle{250};

class ServerOutbox final : public Outbox {
public:
    explicit ServerOutbox(protocol::SecureServer& server) : m_server(server) {}
    protocol::Delivery send(const std::string& peer, std::string_view frame) override
    {
        return m_server.send(peer, frame);
    }

private:
    protocol::SecureServer& m_server;
};

} // namespace

FrontDeskThread::FrontDeskThread(std::unique_ptr<protocol::SecureServer> server,
                                 std::unique_ptr<protocol::UploadStore> uploads)
    : m_server(std::move(server)), m_uploads(std::move(uploads)), m_events(kMaxEvents)
{
}

FrontDeskThread::~FrontDeskThread()
{
    stop(Deadline::in(Milliseconds(0)));
}

void FrontDeskThread::post(node::NodeEvent event)
{
    if (!m_events.push(std::move(event)))
        log::error("the front desk's queue is full");
    m_server->wake();
}

void FrontDeskThread::start(FrontDesk::Options options, node::Engine& engine)
{
    m_thread = std::thread([this, options = std::move(options), &engine] { run(options, engine); });
}

void FrontDeskThread::stop(Deadline deadline)
{
    if (!m_thread.joinable())
        return;
    m_until.store(deadline.at());
    m_stopping.store(true);
    m_server->wake();
    m_thread.join();
}

void FrontDeskThread::run(FrontDesk::Options options, node::Engine& engine)
{
    ::pthread_setname_np(::pthread_self(), "argus-desk");
    ServerOutbox outbox(*m_server);
    FrontDesk desk(std::move(options), engine, *m_uploads, outbox, now());
    Instant nextTick = now();
    for (;;) {
        std::optional<protocol::Received> received = m_server->receive(Deadline(nextTick));
        for (int i = 0; received && i < kFramesPerTurn; ++i) {
            desk.receive(*received, now());
            received = m_server->receive(Deadline(now()));
        }
        if (received)
            desk.receive(*received, now());
        while (std::optional<node::NodeEvent> event = m_events.pop(Deadline(now())))
            desk.take(std::move(*event), now());
        if (now() >= nextTick) {
            desk.tick(now());
            desk.refusedHandshakes(m_server->takeRefusedCount(), now());
            nextTick = now() + (desk.busy() ? FrontDesk::kTick : kIdle);
        } else if (desk.busy()) {
            nextTick = std::min(nextTick, now() + FrontDesk::kTick);
        }
        if (m_stopping.load() && (desk.quiet() || now() >= m_until.load()))
            return;
    }
}

} // namespace argus::api
