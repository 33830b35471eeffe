#include "engine/cluster/workers.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"
#include "engine/protocol/validate_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace argus::cluster {
namespace {

constexpr int kProbeFrames = 8;
constexpr std::size_t kMostLosses = 3;
constexpr std::chrono::minutes kLossWindow{5};
constexpr std::chrono::minutes kQuarantine{5};

wire::HeadToWorker message()
{
    wire::HeadToWorker out;
    out.set_protocol_version(protocol::kVersion);
    return out;
}

double seconds(Instant from, Instant to)
{
    return std::chrono::duration<double>(to - from).count();
}

/// The address of the interface by which a worker reaches its head.
std::string addressOf(const wire::Inventory& inventory)
{
    for (const wire::NetworkInterface& interface : inventory.interfaces())
        if (interface.name() == inventory.interface())
            return interface.address();
    return {};
}

bool isPowerOfTen(std::uint64_t count)
{
    while (count >= 10 && count % 10 == 0)
        count /= 10;
    return count == 1;
}

} // namespace

const char* workerStateName(WorkerState state)
{
    switch (state) {
    case WorkerState::Joining:
        return "joining";
    case WorkerState::Idle:
        return "idle";
    case WorkerState::Suspect:
        return "suspect";
    case WorkerState::Lost:
    case WorkerState::Quarantined:
        return "lost";
    }
    return "lost";
}

void Workers::receive(const protocol::Received& received, Instant now)
{
    Result<wire::WorkerMessage> parsed =
        protocol::parseWorkerMessage(std::as_bytes(std::span(received.frame.data(), received.frame.size())));
    if (!parsed) {
        const std::uint64_t count = countNonsense(received.publicKey);
        if (isPowerOfTen(count))
            log::warn("worker {}: {} ({} such messages so far)", protocol::fingerprint(received.publicKey),
                      parsed.error().cause, count);
        if (parsed.error().code == ErrorCode::Unsupported)
            tellRefusal(received, parsed.error());
        return;
    }
    if (parsed->body_case() == wire::WorkerMessage::kHello)
        return hello(received, parsed->hello(), now);
    const auto found = m_workers.find(received.publicKey);
    if (found == m_workers.end() || found->second.peer != received.peer ||
        found->second.view.state == WorkerState::Lost || found->second.view.state == WorkerState::Quarantined)
        return; // it will say hello again when it hears nothing
    said(found->second, std::move(*parsed), now);
}

void Workers::hello(const protocol::Received& received, const wire::WorkerHello& hello, Instant now)
{
    if (m_options.admits && !m_options.admits(received.publicKey))
        return refuse(received, makeError(ErrorCode::Denied, say("node-removed"), say("do-join-anew")));
    if (hello.version() != m_options.version)
        return refuse(received,
                      makeError(ErrorCode::Unsupported,
                                say("worker-release-differs", hello.name(), hello.version(), m_options.version),
                                say("do-same-release")));
    if (!m_workers.contains(received.publicKey) && m_workers.size() >= kMostWorkers)
        return refuse(received,
                      makeError(ErrorCode::Busy, say("too-many-workers", m_workers.size()), say("do-remove-unused")));
    Worker& worker = m_workers[received.publicKey];
    if (worker.view.state == WorkerState::Quarantined && now - worker.view.since < kQuarantine)
        return; // its hellos come again; the state says why
    const bool again = worker.peer == received.peer && worker.incarnation == hello.incarnation();
    if (again && worker.view.state == WorkerState::Joining)
        return; // it had not heard the answer to the first one yet
    if (worker.view.present() || worker.view.state == WorkerState::Joining)
        // What was on its way to the old connection is gone, and with it any step.
        lose(worker,
             again                                       ? say("why-deaf")
             : worker.incarnation == hello.incarnation() ? say("why-moment")
                                                         : say("why-restarted"),
             now);
    if (worker.view.state == WorkerState::Quarantined && worker.view.since == now)
        return;
    if ((worker.incarnation != hello.incarnation() || again) && !worker.losses.empty())
        worker.losses.pop_back(); // its process was restarted, or the head was slow: that is no sign of a bad link
    worker.view.key = received.publicKey;
    worker.view.name = freeName(hello.name(), received.publicKey);
    worker.view.version = hello.version();
    worker.view.inventory = hello.inventory();
    worker.view.address = addressOf(hello.inventory());
    worker.view.memory.clear();
    worker.incarnation = hello.incarnation();
    worker.peer = received.peer;
    worker.queue.clear();
    worker.queued = 0;
    worker.view.heard = now;
    worker.view.why = {};
    enter(worker, WorkerState::Joining, now);
    wire::HeadToWorker out = message();
    out.mutable_welcome()->set_head_name(m_options.headName);
    out.mutable_welcome()->set_version(m_options.version);
    out.mutable_welcome()->set_model_port(m_options.modelPort);
    push(worker, out, now);
    probe(worker, now);
}

void Workers::refuse(const protocol::Received& received, const Error& error)
{
    if (isPowerOfTen(countNonsense(received.publicKey)))
        log::warn("worker {} is refused: {}", protocol::fingerprint(received.publicKey), error.cause);
    tellRefusal(received, error);
}

void Workers::tellRefusal(const protocol::Received& received, const Error& error)
{
    wire::HeadToWorker out = message();
    *out.mutable_refused()->mutable_error() = protocol::toWire(error);
    (void)m_port.send(received.peer, out.SerializeAsString());
}

/// How often this key has said what cannot be taken: the log tells of the first, the tenth, the hundredth.
std::uint64_t Workers::countNonsense(const std::string& key)
{
    if (m_nonsense.size() >= 2 * kMostWorkers && !m_nonsense.contains(key))
        m_nonsense.clear();
    return ++m_nonsense[key];
}

/// Some megabytes that the worker counts: how fast the link is.
void Workers::probe(Worker& worker, Instant now)
{
    worker.probed = now;
    wire::HeadToWorker out = message();
    out.mutable_link_probe()->set_filler(std::string(protocol::kChunkBytes, '\xA5'));
    for (int i = 1; i <= kProbeFrames; ++i) {
        out.mutable_link_probe()->set_last(i == kProbeFrames);
        push(worker, out, now);
    }
}

void Workers::said(Worker& worker, wire::WorkerMessage message, Instant now)
{
    worker.view.heard = now;
    if (worker.view.state == WorkerState::Suspect)
        enter(worker, WorkerState::Idle, now);
    switch (message.body_case()) {
    case wire::WorkerMessage::kHeartbeat: {
        const wire::WorkerHeartbeat& beat = message.heartbeat();
        worker.view.memory.assign(beat.memory().begin(), beat.memory().end());
        worker.view.roundTripSeconds = beat.round_trip_seconds();
        worker.view.clockAheadSeconds = beat.clock_seconds() > 0 ? beat.clock_seconds() - m_port.wallClock() : 0;
        this->beat(worker, beat.sent_seconds(), now);
        return;
    }
    case wire::WorkerMessage::kLinkEcho:
        if (worker.probed) {
            worker.view.linkBytesPerSecond =
                static_cast<double>(message.link_echo().received()) / std::max(seconds(*worker.probed, now), 1e-6);
            worker.probed.reset();
        }
        if (worker.view.state == WorkerState::Joining) {
            enter(worker, WorkerState::Idle, now);
            log::info("{} has joined: {} devices, {:.0f} MB/s from here", worker.view.name,
                      worker.view.inventory.devices_size(), worker.view.linkBytesPerSecond / 1e6);
            m_port.tell(WorkerJoined{worker.view.name});
        }
        return;
    case wire::WorkerMessage::kInventory:
        worker.view.inventory = std::move(*message.mutable_inventory());
        worker.view.address = addressOf(worker.view.inventory);
        return m_port.tell(WorkersChanged{});
    case wire::WorkerMessage::kLog:
        if (message.log().dropped() > 0)
            m_port.log(worker.view.name, fmt::format("({} lines were too many)\n", message.log().dropped()));
        return m_port.log(worker.view.name, message.log().text());
    case wire::WorkerMessage::kLeaving: {
        worker.losses.clear(); // it went in good order
        return lose(worker, say("why-left", message.leaving().reason()), now);
    }
    default:
        return m_port.tell(WorkerSaid{worker.view.name, std::move(message)});
    }
}

void Workers::beat(Worker& worker, double sentSeconds, Instant now)
{
    worker.beaten = now;
    wire::HeadToWorker out = message();
    out.mutable_heartbeat()->set_sequence(++worker.sequence);
    out.mutable_heartbeat()->set_sent_seconds(sentSeconds);
    push(worker, out, now);
}

void Workers::enter(Worker& worker, WorkerState state, Instant now)
{
    worker.view.state = state;
    worker.view.since = now;
    m_port.tell(WorkersChanged{});
}

void Workers::lose(Worker& worker, const Said& why, Instant now)
{
    if (worker.view.state == WorkerState::Lost || worker.view.state == WorkerState::Quarantined)
        return;
    log::warn("worker {} {}", worker.view.name, english(why));
    worker.queue.clear();
    worker.queued = 0;
    worker.view.why = why;
    worker.losses.push_back(now);
    while (!worker.losses.empty() && now - worker.losses.front() > kLossWindow)
        worker.losses.pop_front();
    const bool flaps = worker.losses.size() > kMostLosses;
    if (flaps)
        worker.view.why = say("why-lost-often", worker.losses.size(), kLossWindow.count(), kQuarantine.count(), why);
    enter(worker, flaps ? WorkerState::Quarantined : WorkerState::Lost, now);
    m_port.tell(WorkerGone{worker.view.name, why});
}

void Workers::tick(Instant now)
{
    for (auto& [key, worker] : m_workers) {
        if (worker.view.state == WorkerState::Lost || worker.view.state == WorkerState::Quarantined)
            continue;
        const auto silent = std::chrono::duration_cast<Milliseconds>(now - worker.view.heard);
        if (silent >= m_options.lostAfter) {
            lose(worker, say("why-silent", fmt::format("{:.0f}", std::chrono::duration<double>(silent).count())), now);
            continue;
        }
        if (silent >= m_options.suspectAfter && worker.view.state == WorkerState::Idle)
            enter(worker, WorkerState::Suspect, now);
        flush(worker, now);
        // Also to notice at once when its address is gone: the process has died.
        if (now - worker.beaten >= m_options.heartbeat)
            beat(worker, 0, now);
    }
}

bool Workers::pending() const
{
    return std::any_of(m_workers.begin(), m_workers.end(),
                       [](const auto& entry) { return !entry.second.queue.empty(); });
}

void Workers::send(const std::string& name, const wire::HeadToWorker& message, Instant now)
{
    if (Worker* const worker = named(name); worker != nullptr && worker->view.present())
        push(*worker, message, now);
}

void Workers::push(Worker& worker, const wire::HeadToWorker& message, Instant now)
{
    std::string frame = message.SerializeAsString();
    worker.queued += frame.size();
    worker.queue.push_back(std::move(frame));
    if (worker.queued > kMostQueued)
        return lose(worker, say("why-takes-nothing"), now);
    flush(worker, now);
}

void Workers::flush(Worker& worker, Instant now)
{
    while (!worker.queue.empty()) {
        const protocol::Delivery delivery = m_port.send(worker.peer, worker.queue.front());
        if (delivery == protocol::Delivery::Full)
            return;
        if (delivery == protocol::Delivery::Gone)
            return lose(worker, say("why-connection"), now);
        worker.queued -= worker.queue.front().size();
        worker.queue.pop_front();
    }
}

bool Workers::remove(const std::string& name, Instant now)
{
    Worker* const worker = named(name);
    if (worker == nullptr)
        return false;
    wire::HeadToWorker out = message();
    *out.mutable_refused()->mutable_error() =
        protocol::toWire(makeError(ErrorCode::Denied, say("node-removed"), say("do-join-anew")));
    (void)m_port.send(worker->peer, out.SerializeAsString());
    lose(*worker, say("why-removed"), now);
    m_workers.erase(worker->view.key);
    m_port.tell(WorkersChanged{});
    return true;
}

std::vector<WorkerView> Workers::view() const
{
    std::vector<WorkerView> views;
    for (const auto& [key, worker] : m_workers)
        views.push_back(worker.view);
    std::sort(views.begin(), views.end(), [](const WorkerView& a, const WorkerView& b) { return a.name < b.name; });
    return views;
}

/// Names are how people tell machines apart: two of one name would be one in every message.
std::string Workers::freeName(const std::string& wanted, const std::string& key) const
{
    const auto taken = [&](const std::string& name) {
        return name == m_options.headName || std::any_of(m_workers.begin(), m_workers.end(), [&](const auto& entry) {
                   return entry.first != key && entry.second.view.name == name;
               });
    };
    std::string name = wanted;
    for (int i = 2; taken(name); ++i)
        name = fmt::format("{}-{}", wanted, i);
    return name;
}

Workers::Worker* Workers::named(const std::string& name)
{
    for (auto& [key, worker] : m_workers)
        if (worker.view.name == name)
            return &worker;
    return nullptr;
}

} // namespace argus::cluster
