#include "engine/apps/argus_node_door.h"

#include "engine/apps/argus_node_common.h"
#include "engine/base/log.h"
#include "engine/node/local_machine.h"
#include "engine/protocol/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace argus::apps {

std::string hostFor(const std::string& endpoint)
{
    const std::size_t start = endpoint.find("://") + 3;
    const std::string host = endpoint.substr(start, endpoint.rfind(':') - start);
    if (host != "0.0.0.0" && host != "*")
        return host;
    const std::vector<wire::NetworkInterface> interfaces = node::networkInterfaces();
    return interfaces.empty() ? "127.0.0.1" : interfaces.front().address();
}

std::string addressFor(const std::string& endpoint)
{
    return fmt::format("tcp://{}{}", hostFor(endpoint), endpoint.substr(endpoint.rfind(':')));
}

namespace {

/// Pieces of models on their way to one worker: what a line does not take stays on the disk.
constexpr int kModelSendQueue = 8;

/// Port `by` above the one of an endpoint; of one that was picked, any.
std::string portAbove(const std::string& endpoint, const std::string& asked, int by)
{
    const std::size_t colon = endpoint.rfind(':');
    if (asked.ends_with(":*"))
        return asked;
    return fmt::format("{}:{}", endpoint.substr(0, colon), std::stoi(endpoint.substr(colon + 1)) + by);
}

/// The list of known workers is read, changed and written by one thread at a time: machines join on the pairing thread
/// while the main one may remove some.
std::mutex& workersFileMutex()
{
    static std::mutex mutex;
    return mutex;
}

Result<Done> admitWorker(const std::string& publicKey, std::string name)
{
    const std::scoped_lock lock(workersFileMutex());
    Result<std::vector<protocol::KnownClient>> workers = protocol::loadKnownClients(knownWorkersFile());
    if (!workers)
        return std::move(workers).error();
    for (char& c : name)
        c = c > ' ' && c != 0x7F ? c : '-';
    std::erase_if(*workers, [&](const protocol::KnownClient& known) { return known.publicKey == publicKey; });
    workers->push_back({.publicKey = publicKey, .name = name.empty() ? "worker" : name});
    return protocol::saveKnownClients(knownWorkersFile(), *workers);
}

bool forgetWorker(const std::string& publicKey)
{
    const std::scoped_lock lock(workersFileMutex());
    Result<std::vector<protocol::KnownClient>> workers = protocol::loadKnownClients(knownWorkersFile());
    if (!workers ||
        std::erase_if(*workers, [&](const protocol::KnownClient& known) { return known.publicKey == publicKey; }) == 0)
        return false;
    return protocol::saveKnownClients(knownWorkersFile(), *workers).ok();
}

} // namespace

Result<std::unique_ptr<node::ClusterDoor>> openDoor(const std::string& endpoint, const std::string& asked,
                                                    const protocol::CurveKeys& keys)
{
    // A table for each: each is asked on a thread of its own.
    const auto knows = [] {
        return [known = std::make_shared<protocol::Admission>(std::string(), knownWorkersFile())](
                   const std::string& key) { return (*known)(key); };
    };
    auto workers = protocol::SecureServer::bind({.keys = keys,
                                                 .endpoint = portAbove(endpoint, asked, 1),
                                                 .admits = knows(),
                                                 .peers = protocol::Peers::HeadAndWorker});
    if (!workers)
        return std::move(workers).error();
    auto models = protocol::SecureServer::bind({.keys = keys,
                                                .endpoint = portAbove(endpoint, asked, 3),
                                                .admits = knows(),
                                                .peers = protocol::Peers::HeadAndWorker,
                                                .sendQueue = kModelSendQueue});
    if (!models)
        return std::move(models).error();
    auto door = std::make_unique<node::ClusterDoor>();
    door->workers = std::move(*workers);
    door->models = std::move(*models);
    door->pairingEndpoint = portAbove(endpoint, asked, 2);
    door->host = hostFor(endpoint);
    door->headPublicKey = keys.publicKey;
    door->admit = admitWorker;
    door->knows = knows();
    door->knowsForModels = knows();
    door->forget = forgetWorker;
    return door;
}

} // namespace argus::apps
