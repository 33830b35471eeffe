#include "engine/node/model_server.h"

#include "engine/base/files.h"
#include "engine/base/unique_fd.h"
#include "engine/cluster/block_digests.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

namespace argus::node {
namespace {

constexpr Milliseconds kIdle{500};

} // namespace

ModelServer::ModelServer(Send send) : m_send(std::move(send)), m_thread([this] { run(); }) {}

ModelServer::~ModelServer()
{
    m_requests.close();
    m_thread.join();
}

void ModelServer::offer(std::uint64_t ticket, Offer offer)
{
    const std::scoped_lock lock(m_mutex);
    m_offers[ticket] = std::move(offer);
    while (m_offers.size() > kMostOffers)
        m_offers.erase(m_offers.begin());
}

void ModelServer::serve(const std::string& worker, const wire::PullChunks& asked)
{
    m_requests.push({.worker = worker, .asked = asked}); // full: the worker's deploy ends with its silence
}

void ModelServer::run()
{
    ::pthread_setname_np(::pthread_self(), "argus-models");
    while (!m_requests.ended())
        if (const std::optional<Request> request = m_requests.pop(Deadline::in(kIdle)))
            answer(*request);
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

void ModelServer::answer(const Request& request)
{
    wire::HeadToWorker message;
    message.set_protocol_version(protocol::kVersion);
    wire::ModelChunk& chunk = *message.mutable_model_chunk();
    chunk.set_ticket(request.asked.ticket());
    chunk.set_file(request.asked.file());
    chunk.set_digests(request.asked.digests());
    const std::filesystem::path path = fileFor(request.asked);
    const UniqueFd file(path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::uint64_t offset = request.asked.offset();
    for (std::uint32_t i = 0; i < request.asked.chunks(); ++i) {
        std::string data(protocol::kChunkBytes, '\0');
        const ssize_t got =
            file.valid() ? ::pread(file.get(), data.data(), data.size(), static_cast<off_t>(offset)) : -1;
        if (got == 0)
            return; // the end of the file
        if (got < 0) {
            *chunk.mutable_error() = protocol::toWire(
                {ErrorCode::NotFound, fmt::format("the head cannot read {} any more", request.asked.file()),
                 "deploy again", "model"});
            return m_send(request.worker, std::move(message));
        }
        data.resize(static_cast<std::size_t>(got));
        chunk.set_offset(offset);
        chunk.set_data(std::move(data));
        offset += static_cast<std::uint64_t>(got);
        m_send(request.worker, message);
    }
}

} // namespace argus::node
