#include "engine/node/worker.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/cluster/model_link.h"
#include "engine/node/copy_hold.h"
#include "engine/node/executor_host.h"
#include "engine/node/model_check.h"
#include "engine/node/model_pull.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/check.h"
#include "engine/protocol/validate.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>

namespace argus::node {
namespace {

constexpr std::size_t kMostEvents = 65'536;
constexpr Milliseconds kTick{200};
constexpr Milliseconds kGpuPatience{30'000};
constexpr Milliseconds kQuitPatience{2'000};
constexpr Milliseconds kMemoryBetween{1'000};
/// Frames that wait for their step: a bound on what a head can make this machine hold.
constexpr std::uint64_t kMostPixelBytes = 2ULL << 30;
constexpr std::size_t kMostLogWaiting = 1U << 20;

} // namespace

struct Worker::Impl {
    explicit Impl(Options given)
        : options(std::move(given)), machine(options.machine),
          link(options.link,
               [this](cluster::HeadEvent event) {
                   std::visit([this](auto&& each) { tell(std::move(each)); }, std::move(event));
               }),
          host(options.machine.programs, options.logLevel, executor, hooks()),
          check([this](wire::ModelReport report) { sendReport(std::move(report)); }), pull(pullPort())
    {
        wakeFd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        log::alsoTo([this](std::string_view line) { keepLine(line); });
    }
    ~Impl()
    {
        log::alsoTo(nullptr);
        check.cancel();
        link.stop();
    }

    using Event = std::variant<cluster::HeadFound, cluster::HeadLost, cluster::HeadRefuses, cluster::HeadSaid,
                               cluster::ModelPiece, cluster::ModelLineBack, cluster::ModelLineFailed>;
    void tell(Event event)
    {
        events.push(std::move(event));
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(wakeFd.get(), &one, sizeof one);
    }

    ModelPull::Port pullPort()
    {
        return {.ask =
                    [this](wire::PullChunks asked) {
                        if (modelLink)
                            modelLink->ask(std::move(asked));
                    },
                .report = [this](wire::ModelReport report) { sendReport(std::move(report)); },
                .done =
                    [this](std::uint64_t) {
                        hold(checked.folder()); // its executors are started when other machines have theirs too
                        check.start(checked);   // the whole folder, as the head compares it
                    }};
    }

    // ---- the copies that came from the head ----

    /// The deployment has ranks here that read it, or is about to: nobody is to remove it. Folders of other people's
    /// are none of ours.
    void hold(const std::string& folder)
    {
        const std::filesystem::path path(folder);
        if (folder.empty() || held.contains(path) || path != pulledFolder(path.filename().string()))
            return;
        if (Result<CopyHold> fresh = CopyHold::take(path, CopyHold::Use::Deployed); fresh)
            held.emplace(path, std::move(*fresh));
        else // what is missing when it is read is said then
            log::warn("{}", fresh.error().text());
    }
    /// `copy`: a path, or the name of a copy that came from the head, if there is one.
    void holdOnly(const std::string& copy)
    {
        std::string folder = copy;
        if (!copy.empty() && copy.find('/') == copy.npos)
            folder = pulledFolder(copy).string();
        std::error_code ignored;
        if (folder == copy || std::filesystem::exists(folder, ignored))
            hold(folder);
        std::erase_if(held, [&](const auto& each) { return each.first != folder; });
    }
    /// Any thread.
    void sendReport(wire::ModelReport report)
    {
        wire::WorkerMessage message;
        *message.mutable_model_report() = std::move(report);
        link.send(std::move(message));
    }

    // ---- the executor says ----

    ExecutorHost::Hooks hooks()
    {
        return {.said =
                    [this](wire::ExecutorToNode said) {
                        wire::WorkerMessage message;
                        message.mutable_from_executor()->set_message(said.SerializeAsString());
                        link.send(std::move(message));
                    },
                .ended = [this](std::uint64_t epoch, const Said& how) { ended(epoch, how, std::nullopt); },
                .cannotStart =
                    [this](std::uint64_t epoch, Error error) {
                        const Said how = error.saidCause();
                        ended(epoch, how, std::move(error));
                    },
                .wrote = [this](std::string_view lines) { keepLine(lines); }};
    }
    void ended(std::uint64_t epoch, const Said& how, std::optional<Error> error)
    {
        pixels.clear();
        pixelBytes = 0;
        link.setEpoch(0);
        wire::WorkerMessage message;
        message.mutable_ended()->set_epoch(epoch);
        message.mutable_ended()->set_how(english(how));
        *message.mutable_ended()->mutable_how_said() = protocol::toWire(how);
        if (error)
            *message.mutable_ended()->mutable_error() = protocol::toWire(*error);
        link.send(std::move(message));
    }

    // ---- the head says ----

    void on(const cluster::HeadFound& found)
    {
        log::info("joined the head {}", found.headName);
        lostSince.reset();
        modelPort = found.modelPort;
        machine.findInterfaces(); // the way to the head is there now, perhaps since a moment
        link.setInventory(machine.inventory());
        wire::WorkerMessage message;
        *message.mutable_inventory() = machine.inventory();
        link.send(std::move(message));
        // Whatever ran here belongs to a time the head does not count any more.
        host.end(host.epoch(), "was ended because the head was lost meanwhile");
        pixels.clear();
        pixelBytes = 0;
    }
    void on(const cluster::HeadLost& lost)
    {
        lostSince = lostSince.value_or(now());
        pull.cancel(); // what has come is kept
        if (lost.gone) // a head that comes back begins anew; until then the devices are free for others
            host.end(host.epoch(), "was ended because the head is gone");
    }
    void on(const cluster::HeadRefuses& refused) { refusal = refused.error; }
    void on(const cluster::HeadSaid& said)
    {
        const wire::HeadToWorker& message = said.message;
        switch (message.body_case()) {
        case wire::HeadToWorker::kStart:
            return start(message.start());
        case wire::HeadToWorker::kToExecutor:
            return toExecutor(message.to_executor());
        case wire::HeadToWorker::kEnd:
            if (!host.running() || host.epoch() != message.end().epoch())
                return ended(message.end().epoch(), message.end().why(), std::nullopt); // so that nobody waits for it
            return host.end(message.end().epoch(), message.end().why());
        case wire::HeadToWorker::kPixels:
            return takePixels(message.pixels());
        case wire::HeadToWorker::kDropPixels:
            for (const std::uint64_t id : message.drop_pixels().ids())
                dropPixels(id);
            return;
        case wire::HeadToWorker::kCheckModel:
            pull.cancel(); // a head that asks does not wait for it any more; what has come is kept
            return check.start(message.check_model());
        case wire::HeadToWorker::kPullModel:
            check.cancel();
            checked.set_name(message.pull_model().name());
            checked.set_folder(pulledFolder(message.pull_model().name()).string());
            checked.set_ticket(message.pull_model().ticket());
            checked.set_contents(true);
            checked.set_weights(true);
            return fetch(message.pull_model());
        case wire::HeadToWorker::kNeededCopy:
            return holdOnly(message.needed_copy().folder());
        case wire::HeadToWorker::kStop:
            stopBecause = message.stop().reason();
            return;
        default:
            return;
        }
    }
    // ---- models ----

    void fetch(const wire::PullModel& order)
    {
        pull.cancel();
        modelLink.reset();
        const std::string endpoint =
            fmt::format("{}:{}", options.link.endpoint.substr(0, options.link.endpoint.rfind(':')), modelPort);
        auto made =
            cluster::ModelLink::open({.keys = options.link.keys,
                                      .endpoint = endpoint,
                                      .headPublicKey = options.link.headPublicKey,
                                      .number = ++modelLinks},
                                     [this](cluster::ModelLinkEvent event) {
                                         std::visit([this](auto&& each) { tell(std::move(each)); }, std::move(event));
                                     });
        if (made)
            modelLink = std::move(*made);
        pull.start(order);
        if (!made)
            pull.broken(made.error());
    }
    void on(const cluster::ModelPiece& piece) { pull.chunk(piece.chunk); }
    void on(const cluster::ModelLineBack& back)
    {
        if (!modelLink || modelLink->number() != back.link)
            return;
        modelLink->resume();
        pull.again();
    }
    void on(const cluster::ModelLineFailed& failed)
    {
        if (modelLink && modelLink->number() == failed.link)
            pull.broken(makeError(ErrorCode::Unreachable, say("fetch-no-line", failed.endpoint),
                                  say("do-open-model-port", modelPort), "model"));
    }

    void start(const wire::StartExecutor& order)
    {
        link.setEpoch(order.epoch());
        wire::LoadModel load = order.load();
        if (load.settings().model().empty())
            if (const Result<std::filesystem::path> resources = resourceFolder(); resources)
                load.mutable_settings()->set_model((*resources / "demo-model").string());
        hold(load.settings().model());
        host.start(order.epoch(), order.kind(), load);
        machine.setProcess(host.process());
        if (!host.running())
            return;
        wire::WorkerMessage message;
        message.mutable_started()->set_epoch(order.epoch());
        message.mutable_started()->set_process(static_cast<std::uint32_t>(host.process()));
        link.send(std::move(message));
    }
    void toExecutor(const wire::ToExecutor& order)
    {
        wire::NodeToExecutor message;
        if (!message.ParseFromString(order.message())) {
            log::warn("the head sent a message for the executor that cannot be read");
            return;
        }
        std::vector<int> descriptors;
        for (const std::uint64_t id : order.pixels()) {
            const auto found = pixels.find(id);
            if (found == pixels.end() || found->second.received != found->second.total)
                return host.end(message.epoch(), say("how-pixels-missing", id));
            descriptors.push_back(found->second.memory.get());
        }
        if (!executor.send(message, descriptors))
            host.end(message.epoch(), say("why-takes-nothing"));
    }

    // ---- pixels ----

    struct Pixels {
        UniqueFd memory;
        std::uint64_t total = 0;
        std::uint64_t received = 0;
    };
    void takePixels(const wire::PixelChunk& chunk)
    {
        const auto [place, fresh] = pixels.try_emplace(chunk.id());
        Pixels& each = place->second;
        if (fresh) {
            Result<UniqueFd> memory = memoryFile("argus-pixels", chunk.total());
            if (!memory || pixelBytes + chunk.total() > kMostPixelBytes) {
                log::error("no memory for {} bytes of pixels", chunk.total());
                pixels.erase(place);
                return;
            }
            each = {.memory = std::move(*memory), .total = chunk.total(), .received = 0};
            pixelBytes += chunk.total();
        }
        const std::string& data = chunk.data();
        if (chunk.offset() != each.received || chunk.total() != each.total ||
            data.size() > each.total - each.received ||
            ::pwrite(each.memory.get(), data.data(), data.size(), static_cast<off_t>(chunk.offset())) !=
                static_cast<ssize_t>(data.size())) {
            log::error("pixels {}: a piece at {} that does not fit {} of {} bytes", chunk.id(), chunk.offset(),
                       each.received, each.total);
            return dropPixels(chunk.id());
        }
        each.received += data.size();
    }
    void dropPixels(std::uint64_t id)
    {
        if (const auto found = pixels.find(id); found != pixels.end()) {
            pixelBytes -= found->second.total;
            pixels.erase(found);
        }
    }

    // ---- the log ----

    /// Any thread.
    void keepLine(std::string_view lines)
    {
        const std::scoped_lock lock(logMutex);
        if (logWaiting.size() + lines.size() > kMostLogWaiting) {
            ++logDropped;
            return;
        }
        logWaiting += lines;
    }
    void sendLog()
    {
        std::string text;
        std::uint64_t dropped = 0;
        {
            const std::scoped_lock lock(logMutex);
            if (lostSince || (logWaiting.empty() && logDropped == 0))
                return; // kept until there is a head again
            text = std::exchange(logWaiting, {});
            dropped = std::exchange(logDropped, 0);
        }
        if (!protocol::isUtf8(text)) // a library's words in another encoding: the other side would refuse all of it
            for (char& c : text)
                c = static_cast<unsigned char>(c) < 0x80 ? c : '?';
        for (std::string_view rest = text; !rest.empty() || dropped > 0;) {
            std::string_view piece = rest.substr(0, protocol::kMaxLogBytes);
            if (piece.size() < rest.size()) // cut after a line
                piece = piece.substr(0, std::min(piece.rfind('\n'), piece.size() - 1) + 1);
            rest.remove_prefix(piece.size());
            wire::WorkerMessage message;
            message.mutable_log()->set_text(std::string(piece));
            message.mutable_log()->set_dropped(std::exchange(dropped, 0));
            link.send(std::move(message));
        }
    }

    // ---- the loop ----

    void turn(std::span<const Watched> watched)
    {
        link.turned();
        std::vector<pollfd> waiting{{.fd = wakeFd.get(), .events = POLLIN, .revents = 0}};
        for (const int fd : host.descriptors())
            waiting.push_back({.fd = fd, .events = POLLIN, .revents = 0});
        const std::size_t ours = waiting.size();
        for (const Watched& one : watched)
            waiting.push_back({.fd = one.fd, .events = POLLIN | POLLRDHUP, .revents = 0});
        ::poll(waiting.data(), waiting.size(), static_cast<int>(kTick.count()));
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wakeFd.get(), &count, sizeof count);
        while (std::optional<Event> event = events.pop(Deadline(now())))
            std::visit([this](const auto& each) { on(each); }, *event);
        if (!pull.busy())
            modelLink.reset();
        host.work();
        machine.setProcess(host.process());
        if (now() - memoryTold > kMemoryBetween) {
            memoryTold = now();
            link.setMemory(machine.memory());
        }
        if (lostSince && now() - *lostSince > options.headPatience) {
            if (host.running())
                host.end(host.epoch(), "was ended because the head has been away for too long");
            held.clear(); // not before: a head that is restarted says what it needs when it is back
        }
        sendLog();
        for (std::size_t i = 0; i < watched.size(); ++i)
            if (waiting[ours + i].revents != 0)
                watched[i].onReady();
    }

    const Options options;
    UniqueFd wakeFd;
    Inbox<Event> events{kMostEvents};
    LocalMachine machine;
    ExecutorLink executor;
    std::mutex logMutex; // guards the two below
    std::string logWaiting;
    std::uint64_t logDropped = 0;
    cluster::HeadLink link;
    ExecutorHost host;
    ModelCheck check;
    wire::CheckModel checked;                      ///< what is checked when a pull is done
    std::unique_ptr<cluster::ModelLink> modelLink; ///< while something is pulled
    std::uint64_t modelLinks = 0;                  ///< there have been
    std::uint16_t modelPort = 0;                   ///< of the head's host
    ModelPull pull;
    std::map<std::filesystem::path, CopyHold> held;
    std::map<std::uint64_t, Pixels> pixels;
    std::uint64_t pixelBytes = 0;
    std::optional<Instant> lostSince{now()};
    std::optional<Error> refusal;
    std::optional<std::string> stopBecause;
    Instant memoryTold{};
};

Worker::Worker(Options options) : m_impl(std::make_unique<Impl>(std::move(options))) {}
Worker::~Worker() = default;

std::optional<Error> Worker::run(std::span<const Watched> watched)
{
    Impl& d = *m_impl;
    d.machine.find(Deadline::in(kGpuPatience));
    d.link.setInventory(d.machine.inventory());
    d.link.setMemory(d.machine.memory());
    d.link.turned();
    if (Result<Done> started = d.link.start(); !started)
        return std::move(started).error();
    while (!d.stopBecause && !d.refusal)
        d.turn(watched);
    log::info("stopping: {}", d.stopBecause.value_or(d.refusal ? d.refusal->cause : ""));
    d.host.stop(Deadline::in(kQuitPatience));
    d.sendLog(); // before the goodbye: after it nothing counts
    wire::WorkerMessage message;
    message.mutable_leaving()->set_reason(d.stopBecause.value_or("it was refused"));
    d.link.send(std::move(message));
    d.link.stop();
    d.machine.stop(Deadline(now()));
    return d.refusal;
}

void Worker::stop(const std::string& why)
{
    m_impl->stopBecause = why;
}

} // namespace argus::node
