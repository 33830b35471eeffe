// argus-node start: a head in the foreground, for this user or, with --private-fd, for the one program that started it;
// or a worker.

#include "engine/api/front_desk_thread.h"
#include "engine/apps/argus_node_common.h"
#include "engine/apps/argus_node_door.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/node/local_machine.h"
#include "engine/node/machine.h"
#include "engine/node/node.h"
#include "engine/plan/complete_settings.h"
#include "engine/protocol/admission.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/private_head_handshake.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace argus::apps {
namespace fs = std::filesystem;
namespace {

constexpr Milliseconds kHandshakePatience{10'000};
constexpr Milliseconds kLastWords{1'000};

struct StartOptions {
    bool head = false;
    WorkerOptions worker; ///< name, log level and devices are a head's too
    std::string listen = kDefaultListen;
    int privateFd = -1;
    SettingOptions settings;
};

/// A folder for the uploads of a private head, gone when the head is.
class ScratchFolder {
public:
    ScratchFolder() = default;
    ~ScratchFolder()
    {
        std::error_code ignored;
        if (!m_path.empty())
            fs::remove_all(m_path, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    [[nodiscard]] const fs::path& make()
    {
        sweep();
        m_path = cacheFolder() / fmt::format("private-{}", ::getpid());
        return m_path;
    }

private:
    /// What private heads left behind that had no time to clean up.
    static void sweep()
    {
        constexpr std::string_view kPrefix = "private-";
        std::error_code ignored;
        for (const fs::directory_entry& entry : fs::directory_iterator(cacheFolder(), ignored)) {
            const std::string name = entry.path().filename().string();
            int pid = 0;
            if (!name.starts_with(kPrefix) ||
                std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), pid).ec != std::errc())
                continue;
            if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH)
                fs::remove_all(entry.path(), ignored);
        }
    }
    fs::path m_path;
};

Result<std::unique_ptr<protocol::UploadStore>> openUploads(const fs::path& folder, const wire::EngineSettings& settings)
{
    if (Result<Done> cache = makePrivateFolder(cacheFolder()); !cache)
        return std::move(cache).error();
    protocol::UploadStore::Options options{.folder = folder};
    if (settings.max_upload_bytes() > 0)
        options.maxUploadBytes = settings.max_upload_bytes();
    options.maxTotalBytes = std::max(options.maxTotalBytes, options.maxUploadBytes);
    return protocol::UploadStore::open(std::move(options));
}

wire::Limits limitsOf(const wire::EngineSettings& settings)
{
    wire::Limits limits;
    limits.set_max_upload_bytes(settings.max_upload_bytes());
    limits.set_chunk_bytes(protocol::kChunkBytes);
    limits.set_max_images(settings.max_images());
    limits.set_max_videos(settings.max_videos());
    return limits;
}

struct Head {
    std::unique_ptr<protocol::SecureServer> server;
    std::unique_ptr<protocol::UploadStore> uploads;
    wire::EngineSettings settings; ///< completed
    std::string name;
    std::string logLevel;
    std::string endpoint;
    unsigned cpuDevices = 1;
    std::unique_ptr<node::ClusterDoor> door; ///< none: nobody joins
    std::string ownKey{};                    ///< of the user's own clients; empty: all that come in are
};

void printJoinLine(node::Node& node)
{
    const Result<cluster::JoinLine> line = node.makeJoinLine();
    if (line)
        fmt::print("another machine joins within 15 minutes with (a new line: argus-node join-line)\n"
                   "  argus-node start --join '{}'\n",
                   line->text());
    else
        log::warn("no machine can join: {}", line.error().text());
    std::fflush(stdout);
}

/// Serves until it is stopped. `lifeline`: the socket of the program a private head belongs to, or -1.
int serve(Head head, int signals, int lifeline)
{
    api::FrontDeskThread desk(std::move(head.server), std::move(head.uploads));
    node::Node node(
        {.settings = head.settings,
         .programs = programFolder(),
         .name = head.name,
         .version = kVersion,
         .logLevel = head.logLevel,
         .cpuDevices = head.cpuDevices},
        [&desk](node::NodeEvent event) { desk.post(std::move(event)); }, std::move(head.door));
    if (lifeline < 0)
        printJoinLine(node);
    api::FrontDesk::Options options{.headName = head.name,
                                    .version = kVersion,
                                    .address = addressFor(head.endpoint),
                                    .limits = limitsOf(head.settings)};
    if (!head.ownKey.empty())
        options.whoIs = [known = std::make_shared<protocol::Admission>(head.ownKey, knownClientsFile())](
                            const std::string& key) { return known->find(key, now()); };
    desk.start(std::move(options), node);

    bool asked = false;
    std::vector<node::Node::Watched> watched{
        {.fd = signals, .onReady = [&] {
             signalfd_siginfo info = {};
             if (::read(signals, &info, sizeof info) != static_cast<ssize_t>(sizeof info))
                 return;
             const std::string why = fmt::format("signal {}", info.ssi_signo);
             // The second one means it.
             std::exchange(asked, true) ? node.stopNow(why) : node.requestStop(why);
         }}};
    bool released = false;
    if (lifeline >= 0)
        watched.push_back({.fd = lifeline, .onReady = [&] {
                               char ignored[256];
                               if (::recv(lifeline, ignored, sizeof ignored, MSG_DONTWAIT) != 0 ||
                                   std::exchange(released, true))
                                   return;
                               node.stopNow("the program it belongs to has ended");
                               watched.back().fd = -1; // its end stays readable; once is enough
                           }});
    const bool clean = node.run(watched);
    desk.stop(Deadline::in(kLastWords));
    log::info("stopped");
    if (!clean) { // a decoder still runs on a thread of ours and dies with it
        std::error_code ignored;
        if (lifeline < 0)
            fs::remove(headFile(), ignored);
        std::_Exit(kOk);
    }
    return kOk;
}

Result<Done> completeSettings(const StartOptions& options, Head& head)
{
    Result<wire::EngineSettings> given = settingsOf(options.settings);
    if (!given)
        return std::move(given).error();
    Result<wire::EngineSettings> completed = plan::completed(*given);
    if (!completed)
        return std::move(completed).error();
    head.settings = std::move(*completed);
    head.logLevel = options.worker.logLevel;
    head.cpuDevices = options.worker.cpuDevices;
    head.name = options.worker.name.empty() ? node::machineFacts().hostName : options.worker.name;
    return Done{};
}

// ---- a private head ----

Result<Done> bindPrivate(const protocol::PrivateHeadOffer& offer, const StartOptions& options, ScratchFolder& scratch,
                         Head& head, std::string& publicKey)
{
    if (Result<Done> completed = completeSettings(options, head); !completed)
        return completed;
    auto uploads = openUploads(scratch.make(), head.settings);
    if (!uploads)
        return std::move(uploads).error();
    const protocol::CurveKeys keys = protocol::makeKeys();
    publicKey = keys.publicKey;
    auto server = protocol::SecureServer::bind(
        {.keys = keys,
         .endpoint = "tcp://127.0.0.1:*",
         .admits = [admitted = offer.clientPublicKey](const std::string& key) { return key == admitted; },
         .peers = protocol::Peers::HeadAndClient});
    if (!server)
        return std::move(server).error();
    head.server = std::move(*server);
    head.uploads = std::move(*uploads);
    head.endpoint = head.server->endpoint();
    return Done{};
}

int startPrivate(const StartOptions& options)
{
    const UniqueFd signals = signalDescriptor();
    const UniqueFd lifeline(options.privateFd);
    ::fcntl(lifeline.get(), F_SETFD, FD_CLOEXEC);
    const Result<protocol::PrivateHeadOffer> offer =
        protocol::acceptPrivateHead(lifeline.get(), Deadline::in(kHandshakePatience));
    if (!offer)
        return complain(offer.error());
    ScratchFolder scratch;
    Head head;
    std::string publicKey;
    const Result<Done> bound = bindPrivate(*offer, options, scratch, head, publicKey);
    const Result<protocol::PrivateHeadAnswer> answer =
        bound ? Result<protocol::PrivateHeadAnswer>(
                    protocol::PrivateHeadAnswer{.endpoint = head.endpoint, .headPublicKey = publicKey})
              : Result<protocol::PrivateHeadAnswer>(bound.error());
    if (const Result<Done> told = protocol::answerPrivateHead(lifeline.get(), answer, Deadline::in(kHandshakePatience));
        !told)
        return complain(told.error());
    if (!bound)
        return kFailed;
    log::info("private head for {} at {}", offer->clientName, head.endpoint);
    return serve(std::move(head), signals.get(), lifeline.get());
}

// ---- a head of this user ----

/// Held while the head runs; the kernel lets go of it however the head ends.
Result<UniqueFd> onlyHead()
{
    if (Result<Done> folder = makePrivateFolder(runtimeFolder()); !folder)
        return std::move(folder).error();
    const fs::path file = headLockFile();
    UniqueFd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock.valid())
        return Error{ErrorCode::Io,
                     fmt::format("cannot open {}: {}", file.string(), systemError(errno)),
                     "check the folder's permissions",
                     {}};
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    if (::fcntl(lock.get(), F_OFD_SETLK, &whole) == 0)
        return lock;
    const std::optional<LocalHead> other = findLocalHead();
    return Error{ErrorCode::Busy,
                 other ? fmt::format("a head of this user runs already: process {} at {}", other->pid, other->endpoint)
                       : std::string("a head of this user is starting or stopping"),
                 "use that one, or end it first with: argus-node stop",
                 {}};
}

Result<Done> bindShared(const StartOptions& options, Head& head, LocalHead& local)
{
    if (Result<Done> completed = completeSettings(options, head); !completed)
        return completed;
    Result<std::string> endpoint = endpointOf(options.listen);
    if (!endpoint)
        return std::move(endpoint).error();
    if (endpoint->ends_with(":0"))
        endpoint->back() = '*';
    const Result<protocol::CurveKeys> keys = protocol::loadOrMakeKeys(headKeyFile());
    if (!keys)
        return keys.error();
    const Result<protocol::CurveKeys> own = protocol::loadOrMakeKeys(clientKeyFile());
    if (!own)
        return own.error();
    auto uploads = openUploads(cacheFolder() / "uploads", head.settings);
    if (!uploads)
        return std::move(uploads).error();
    auto admits = std::make_shared<protocol::Admission>(own->publicKey, knownClientsFile());
    auto server = protocol::SecureServer::bind({.keys = *keys,
                                                .endpoint = *endpoint,
                                                .admits = [admits](const std::string& key) { return (*admits)(key); },
                                                .peers = protocol::Peers::HeadAndClient});
    if (!server)
        return std::move(server).error();
    head.server = std::move(*server);
    head.uploads = std::move(*uploads);
    head.endpoint = head.server->endpoint();
    head.ownKey = own->publicKey;
    auto door = openDoor(head.endpoint, *endpoint, *keys);
    if (!door)
        return std::move(door).error();
    head.door = std::move(*door);
    local = {.endpoint = head.endpoint, .publicKey = keys->publicKey, .pid = ::getpid()};
    if (const std::size_t any = local.endpoint.find("//0.0.0.0:"); any != std::string::npos)
        local.endpoint.replace(any, 10, "//127.0.0.1:");
    return Done{};
}

int startShared(const StartOptions& options)
{
    const UniqueFd signals = signalDescriptor();
    const Result<UniqueFd> lock = onlyHead();
    if (!lock)
        return complain(lock.error());
    Head head;
    LocalHead local;
    if (const Result<Done> bound = bindShared(options, head, local); !bound)
        return complain(bound.error());
    if (const Result<Done> announced = announceHead(local); !announced)
        return complain(announced.error());
    fmt::print("head {} listens on {}\nits key is {} ({})\n", head.name, head.endpoint, local.publicKey,
               protocol::fingerprint(local.publicKey));
    std::fflush(stdout);
    const int code = serve(std::move(head), signals.get(), -1);
    std::error_code ignored;
    fs::remove(headFile(), ignored);
    return code;
}

int start(const StartOptions& options)
{
    log::start("argus-node", options.worker.logLevel);
    if (!options.head)
        return startWorker(options.worker, signalDescriptor().release());
    return options.privateFd >= 0 ? startPrivate(options) : startShared(options);
}

} // namespace

UniqueFd signalDescriptor()
{
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP})
        sigaddset(&set, number);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void addStart(CLI::App& app, Action& action)
{
    auto options = std::make_shared<StartOptions>();
    CLI::App* command =
        app.add_subcommand("start", "Run a head or a worker in the foreground; Ctrl-C drains and ends it");
    command->add_flag("--head", options->head, "This machine is the head: clients and workers connect to it");
    command->add_option("--join", options->worker.join,
                        "The line that a head has printed: this machine computes for it [the head joined before]");
    command
        ->add_option("--cpu-devices", options->worker.cpuDevices,
                     "Parts that the processor is divided into, for tensor and pipeline parallel without GPUs")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    command->add_option("--interface", options->worker.interface,
                        "A worker's network interface to the other machines [the one that reaches the head]");
    command
        ->add_option("--listen", options->listen, "ADDRESS:PORT; every connection is encrypted and needs a known key")
        ->capture_default_str();
    command->add_option("--name", options->worker.name, "Name shown to others [this computer's]");
    command->add_option("--private-fd", options->privateFd, "Inherited socket of the program this head belongs to")
        ->group("");
    command->add_option("--log-level", options->worker.logLevel, "debug, info, warn, error or off")
        ->capture_default_str();
    addSettingOptions(*command, options->settings);
    command->callback([options, &action] { action = [options] { return start(*options); }; });
}

} // namespace argus::apps
