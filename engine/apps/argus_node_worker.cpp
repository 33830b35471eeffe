// argus-node start --join: this machine computes for a head on another one.

#include "engine/apps/argus_node_common.h"
#include "engine/base/files.h"
#include "engine/base/ids.h"
#include "engine/base/log.h"
#include "engine/cluster/pairing.h"
#include "engine/node/worker.h"
#include "engine/protocol/keys.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <system_error>

namespace argus::apps {
using Json = nlohmann::json;
namespace {

constexpr Milliseconds kPairPatience{15'000};
constexpr std::uint64_t kMaxFile = 65'536;

Result<Done> remember(const cluster::PairedHead& head)
{
    const Json json{{"name", head.name}, {"public_key", head.publicKey}, {"endpoint", head.endpoint}};
    return replaceFile(joinedHeadFile(), json.dump(2) + "\n", 0600);
}

/// The head that this machine has joined before.
Result<cluster::PairedHead> joinedHead()
{
    const Result<std::string> text = readFile(joinedHeadFile(), kMaxFile);
    const Json json = text ? Json::parse(*text, nullptr, false) : Json();
    cluster::PairedHead head;
    if (json.is_object()) {
        head.name = json.value("name", "");
        head.publicKey = json.value("public_key", "");
        head.endpoint = json.value("endpoint", "");
    }
    if (!protocol::isKey(head.publicKey) || head.endpoint.empty())
        return Error{ErrorCode::NotFound,
                     "this machine has not joined a head yet",
                     "paste the line that the head has printed: argus-node start --join 'argus://HOST:PORT#CODE'; or "
                     "make this machine a head: argus-node start --head",
                     {}};
    return head;
}

std::string hostOf(const std::string& endpoint)
{
    const std::size_t start = endpoint.find("://") + 3;
    return endpoint.substr(start, endpoint.rfind(':') - start);
}

Result<cluster::PairedHead> pair(const WorkerOptions& options, const std::string& name, const protocol::CurveKeys& keys)
{
    Result<cluster::JoinLine> line = cluster::parseJoinLine(options.join);
    if (!line)
        return std::move(line).error();
    Result<cluster::PairedHead> head =
        cluster::pairWithHead(*line, name, keys.publicKey, kVersion, Deadline::in(kPairPatience));
    if (!head)
        return head;
    if (Result<Done> kept = remember(*head); !kept)
        return std::move(kept).error();
    fmt::print("{} has joined the head {} ({})\nnext time: argus-node start\n", name, head->name,
               protocol::fingerprint(head->publicKey));
    std::fflush(stdout);
    return head;
}

} // namespace

int startWorker(const WorkerOptions& options, int signals)
{
    const std::string name = options.name.empty() ? node::machineFacts().hostName : options.name;
    if (Result<Done> folder = makePrivateFolder(configFolder()); !folder)
        return complain(folder.error());
    const Result<protocol::CurveKeys> keys = protocol::loadOrMakeKeys(workerKeyFile());
    if (!keys)
        return complain(keys.error());
    const Result<cluster::PairedHead> head = options.join.empty() ? joinedHead() : pair(options, name, *keys);
    if (!head)
        return complain(head.error());
    node::Worker::Options made;
    made.link.keys = *keys;
    made.link.endpoint = head->endpoint;
    made.link.headPublicKey = head->publicKey;
    made.link.name = name;
    made.link.incarnation = randomId();
    made.link.version = kVersion;
    made.machine.programs = programFolder();
    made.machine.cpuDevices = options.cpuDevices;
    made.machine.headAddress = hostOf(head->endpoint);
    made.machine.interface = options.interface;
    made.logLevel = options.logLevel;
    node::Worker worker(std::move(made));
    const node::Watched watched{.fd = signals, .onReady = [&] {
                                    signalfd_siginfo info = {};
                                    if (::read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info))
                                        worker.stop(fmt::format("signal {}", info.ssi_signo));
                                }};
    if (const std::optional<Error> refused = worker.run({&watched, 1}))
        return complain(*refused);
    log::info("stopped");
    return kOk;
}

} // namespace argus::apps
