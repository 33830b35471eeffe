#include "engine/cluster/model_link.h"

#include "engine/base/log.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/secure_socket.h"
#include "engine/protocol/validate_cluster.h"

#include <pthread.h>

#include <optional>
#include <span>
#include <utility>

namespace argus::cluster {
namespace {

constexpr Milliseconds kTick{200};
constexpr Milliseconds kRetry{2};

} // namespace

Result<std::unique_ptr<ModelLink>> ModelLink::open(Options options, std::function<void(ModelLinkEvent)> listener)
{
    auto client = protocol::SecureClient::connect({.keys = options.keys,
                                                   .serverPublicKey = options.headPublicKey,
                                                   .endpoint = options.endpoint,
                                                   .peers = protocol::Peers::HeadAndWorker});
    if (!client)
        return std::move(client).error();
    return std::unique_ptr<ModelLink>(new ModelLink(std::move(options), std::move(*client), std::move(listener)));
}

ModelLink::ModelLink(Options options, std::unique_ptr<protocol::SecureClient> client,
                     std::function<void(ModelLinkEvent)> listener)
    : m_options(std::move(options)), m_client(std::move(client)), m_listener(std::move(listener)),
      m_thread([this] { run(); })
{
}

ModelLink::~ModelLink()
{
    m_stop.store(true);
    m_client->wake();
    m_thread.join();
}

void ModelLink::ask(wire::PullChunks asked)
{
    wire::WorkerMessage message;
    message.set_protocol_version(protocol::kVersion);
    const std::uint32_t pieces = asked.chunks();
    *message.mutable_pull() = std::move(asked);
    {
        const std::scoped_lock lock(m_mutex);
        if (m_broken)
            return;
        m_queue.push_back(message.SerializeAsString());
        m_owed += pieces;
    }
    m_client->wake();
}

void ModelLink::resume()
{
    const std::scoped_lock lock(m_mutex);
    m_broken = false;
}

void ModelLink::run()
{
    ::pthread_setname_np(::pthread_self(), "argus-model-link");
    using Kind = protocol::SecureClient::Happened::Kind;
    Instant connectedOrBegun = now();
    bool failed = false;
    while (!m_stop.load() && !failed) {
        const std::optional<protocol::SecureClient::Happened> happened =
            m_client->receive(Deadline::in(send() ? kTick : kRetry));
        if (m_connected)
            connectedOrBegun = now();
        failed = now() - connectedOrBegun > m_options.patience;
        if (!happened)
            continue;
        if (happened->kind == Kind::Message) {
            read(happened->frame);
        } else if (happened->kind == Kind::HandshakeDone) {
            m_connected = true;
            bool again = false;
            {
                const std::scoped_lock lock(m_mutex);
                again = m_broken;
            }
            if (again)
                m_listener(ModelLineBack{m_options.number});
        } else if (happened->kind == Kind::Lost) {
            m_connected = false;
            const std::scoped_lock lock(m_mutex);
            m_broken = true;
            m_queue.clear();
            m_owed = 0;
        } else {
            failed = failed || happened->kind == Kind::Refused || happened->foreign; // libzmq has given up
        }
    }
    if (failed)
        m_listener(ModelLineFailed{.link = m_options.number, .endpoint = m_options.endpoint});
}

/// False: the line has no room for all of it now.
bool ModelLink::send()
{
    const std::scoped_lock lock(m_mutex);
    while (m_connected && !m_queue.empty() && m_client->send(m_queue.front()))
        m_queue.pop_front();
    return !m_connected || m_queue.empty();
}

/// Nothing but pieces of models comes here, and no more of them than were asked for.
void ModelLink::read(const std::string& frame)
{
    Result<wire::HeadToWorker> message =
        protocol::parseHeadToWorker(std::as_bytes(std::span(frame.data(), frame.size())));
    bool expected = message.ok() && message->has_model_chunk();
    if (expected) {
        const std::scoped_lock lock(m_mutex);
        expected = m_owed > 0;
        m_owed -= expected ? 1 : 0;
    }
    if (!expected) {
        if (!std::exchange(m_complained, true))
            log::warn("the head sent what nobody had asked for on the line for models{}",
                      message.ok() ? "" : ": " + message.error().cause);
        return;
    }
    m_listener(ModelPiece{std::move(*message->mutable_model_chunk())});
}

} // namespace argus::cluster
