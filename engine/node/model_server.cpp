#include "engine/node/model_server.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/base/unique_fd.h"
#include "engine/cluster/block_digests.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"
#include "engine/protocol/validate_cluster.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <optional>
#include <span>
#include <utility>

namespace argus::node {
namespace {

constexpr Milliseconds kIdle{500};
constexpr Milliseconds kRetry{2};

} // namespace

ModelServer::ModelServer(std::unique_ptr<protocol::SecureServer> socket,
                         std::function<bool(const std::string& publicKey)> knows)
    : m_socket(std::move(socket)), m_knows(std::move(knows))
{
    if (m_socket)
        m_thread = std::thread([this] { run(); });
}

ModelServer::~ModelServer()
{
    if (!m_socket)
        return;
    m_stop.store(true);
    m_socket->wake();
    m_thread.join();
}

std::uint16_t ModelServer::port() const
{
    if (!m_socket)
        return 0;
    const std::string& endpoint = m_socket->endpoint();
    return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

void ModelServer::offer(std::uint64_t ticket, Offer offer)
{
    const std::scoped_lock lock(m_mutex);
    m_offers[ticket] = std::move(offer);
    while (m_offers.size() > kMostOffers)
        m_offers.erase(m_offers.begin());
}

/// A piece for each worker in turn, so that one with a slow line holds up nobody.
void ModelServer::run()
{
    ::pthread_setname_np(::pthread_self(), "argus-models");
    while (!m_stop.load()) {
        bool moved = false;
        bool waits = false;
        for (auto asker = m_askers.begin(); asker != m_askers.end();) {
            const Step step = serve(asker->second);
            moved = moved || step == Step::Moved;
            waits = waits || step == Step::Waits;
            asker = step == Step::Gone ? m_askers.erase(asker) : std::next(asker);
        }
        const Deadline until = moved ? Deadline(now()) : Deadline::in(waits ? kRetry : kIdle);
        if (const std::optional<protocol::Received> received = m_socket->receive(until))
            take(*received);
    }
}

void ModelServer::take(const protocol::Received& received)
{
    if (m_knows && !m_knows(received.publicKey)) {
        m_askers.erase(received.publicKey);
        return;
    }
    Result<wire::WorkerMessage> message =
        protocol::parseWorkerMessage(std::as_bytes(std::span(received.frame.data(), received.frame.size())));
    if (!message || !message->has_pull())
        return; // nonsense costs nothing here: no answer, no line of log
    Asker& asker = m_askers[received.publicKey];
    if (asker.peer != received.peer) // connected anew: what it asked for before is lost, and asked for again
        asker = {.peer = received.peer, .asked = {}, .frame = {}};
    if (asker.asked.size() < kMostAsked) // else its fetching ends with its silence
        asker.asked.push_back(std::move(*message->mutable_pull()));
}

ModelServer::Step ModelServer::serve(Asker& asker)
{
    if (asker.frame.empty()) {
        if (asker.asked.empty())
            return Step::Idle;
        asker.frame = nextFrame(asker);
        if (asker.frame.empty())
            return Step::Moved; // the end of a file
    }
    switch (m_socket->send(asker.peer, asker.frame)) {
    case protocol::Delivery::Sent:
        asker.frame.clear();
        return Step::Moved;
    case protocol::Delivery::Full:
        return Step::Waits;
    case protocol::Delivery::Gone:
        return Step::Gone;
    }
    return Step::Gone;
}

/// Empty: nothing of that name is offered.
std::filesystem::path ModelServer::fileFor(const wire::PullChunks& asked)
{
    const std::scoped_lock lock(m_mutex);
    const auto offer = m_offers.find(asked.ticket());
    if (offer == m_offers.end())
        return {};
    const auto file = offer->second.files.find(asked.file());
    if (file == offer->second.files.end())
        return {};
    return asked.digests() ? cluster::listFile(offer->second.lists, file->second) : offer->second.folder / file->first;
}

/// The next piece of what is asked for first; empty at the end of a file.
std::string ModelServer::nextFrame(Asker& asker)
{
    wire::PullChunks& asked = asker.asked.front();
    wire::HeadToWorker message;
    message.set_protocol_version(protocol::kVersion);
    wire::ModelChunk& chunk = *message.mutable_model_chunk();
    chunk.set_ticket(asked.ticket());
    chunk.set_file(asked.file());
    chunk.set_digests(asked.digests());
    chunk.set_offset(asked.offset());
    const std::filesystem::path path = fileFor(asked);
    const UniqueFd file(path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string data(protocol::kChunkBytes, '\0');
    const ssize_t got =
        file.valid() ? ::pread(file.get(), data.data(), data.size(), static_cast<off_t>(asked.offset())) : -1;
    if (got < 0)
        *chunk.mutable_error() = protocol::toWire(
            makeError(ErrorCode::NotFound, say("head-lost-file", asked.file()), say("do-deploy-again"), "model"));
    data.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    chunk.set_data(std::move(data));
    asked.set_offset(asked.offset() + chunk.data().size());
    asked.set_chunks(asked.chunks() - 1);
    if (got <= 0 || asked.chunks() == 0)
        asker.asked.pop_front();
    return got == 0 ? std::string() : message.SerializeAsString();
}

} // namespace argus::node
