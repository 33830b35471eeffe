#include "engine/node/supervisor.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/plan/device.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace argus::node {
namespace {

/// Pause before the n-th restart in a row. After the last one it has failed.
constexpr std::array<std::chrono::seconds, 4> kBackOff{std::chrono::seconds(0), std::chrono::seconds(1),
                                                       std::chrono::seconds(5), std::chrono::seconds(15)};
/// Executors that were ready this long have worked: their end counts as the first again.
constexpr std::chrono::seconds kProvenAfter{60};
/// Or that have run so many steps: whatever kills them afterwards, it is not that they cannot work.
constexpr std::uint64_t kProvenResults = 8;
/// Without a word of progress this long, loading is stuck. A cold disk reads a 72B shard in less.
constexpr std::chrono::minutes kLoadSilence{10};
/// SIGKILL takes effect at once; a machine that does not report it by then is about to be found silent.
constexpr std::chrono::seconds kEndPatience{10};

/// What people are to do, and what the head does by itself.
Said after(const Said& remedy, Said own)
{
    return remedy.empty() ? own : say("then", remedy, std::move(own));
}

std::uint64_t sum(const std::map<std::uint32_t, RankFigures>& ranks, std::uint64_t RankFigures::*field)
{
    return std::accumulate(ranks.begin(), ranks.end(), std::uint64_t{0},
                           [&](std::uint64_t all, const auto& entry) { return all + entry.second.*field; });
}

} // namespace

const char* executorStateName(ExecutorState state)
{
    switch (state) {
    case ExecutorState::Stopped:
        return "stopped";
    case ExecutorState::Loading:
        return "loading";
    case ExecutorState::Ready:
        return "ready";
    case ExecutorState::Restarting:
        return "restarting";
    case ExecutorState::Failed:
        return "failed";
    }
    return "failed";
}

std::uint64_t ExecutorFigures::loadDone() const
{
    return sum(ranks, &RankFigures::loadDone);
}

std::uint64_t ExecutorFigures::loadTotal() const
{
    return sum(ranks, &RankFigures::loadTotal);
}

// ---- begin and end of an epoch ----

void Supervisor::deploy(std::shared_ptr<const Deployment> deployment, Instant now)
{
    if (!m_deployment || m_deployment->number != deployment->number) {
        m_quickCrashes = 0;
        m_brokenLines = 0;
        m_wasReady = false;
    }
    m_restartAt.reset();
    m_asked = false;
    m_next = std::move(deployment);
    m_figures.state = ExecutorState::Loading;
    m_figures.error.reset();
    if (anyRunning()) {
        m_readySince.reset();
        endAll("was ended for another deployment");
        m_endBy = now + kEndPatience;
        return tell();
    }
    m_deployment = std::move(m_next);
    begin(now);
}

void Supervisor::retire(const std::string& why, Instant now)
{
    m_restartAt.reset();
    m_next.reset();
    m_readySince.reset();
    endAll(why);
    m_endBy = now + kEndPatience;
    m_figures.state = ExecutorState::Stopped;
    tell();
}

void Supervisor::begin(Instant now)
{
    m_restartAt.reset();
    m_endBy.reset();
    m_asked = false;
    m_seats.clear();
    ++m_figures.epoch;
    m_figures.ranks.clear();
    m_results = 0;
    m_figures.state = m_figures.state == ExecutorState::Restarting ? ExecutorState::Restarting : ExecutorState::Loading;
    m_lastHeard = now;
    for (const Seat& seat : m_deployment->seats)
        m_seats.push_back({.seat = &seat, .running = true});
    // A start that fails ends the others, which change the list.
    const std::uint64_t epoch = m_figures.epoch;
    const std::shared_ptr<const Deployment> deployment = m_deployment;
    for (const Seat& seat : deployment->seats)
        if (m_figures.epoch == epoch && m_figures.state != ExecutorState::Failed)
            m_executors.start(epoch, seat);
    if (m_figures.state != ExecutorState::Failed)
        tell();
}

void Supervisor::endAll(const std::string& why)
{
    for (const SeatState& seat : m_seats)
        if (seat.running)
            m_executors.end(m_figures.epoch, *seat.seat, why);
}

bool Supervisor::anyRunning() const
{
    return std::any_of(m_seats.begin(), m_seats.end(), [](const SeatState& seat) { return seat.running; });
}

Supervisor::SeatState* Supervisor::seatOf(const std::string& node)
{
    const auto found =
        std::find_if(m_seats.begin(), m_seats.end(), [&](const SeatState& seat) { return seat.seat->node == node; });
    return found == m_seats.end() ? nullptr : &*found;
}

std::string Supervisor::missing() const
{
    for (const SeatState& seat : m_seats)
        if (!m_executors.present(seat.seat->node))
            return seat.seat->node;
    return {};
}

Said Supervisor::named(const std::string& node, const Said& how) const
{
    if (!m_deployment || m_deployment->seats.size() < 2)
        return say("executor-ended", how);
    return say("executor-ended-on", node, how);
}

Instant Supervisor::nextDeadline(Instant now) const
{
    return std::min(m_restartAt.value_or(now + std::chrono::seconds(1)),
                    m_endBy.value_or(now + std::chrono::seconds(1)));
}

void Supervisor::work(Instant now)
{
    if (m_endBy && now >= *m_endBy) {
        for (SeatState& seat : m_seats)
            if (std::exchange(seat.running, false))
                log::warn("{} did not report the end of its executor", seat.seat->node);
        afterEnd(now);
    }
    if (m_restartAt && now >= *m_restartAt && !anyRunning()) {
        if (const std::string node = missing(); node.empty())
            begin(now);
        else if (!std::exchange(m_asked, true))
            m_hooks.replan();
    }
    const bool loading = anyRunning() && !m_readySince && !m_endBy;
    if (loading && now - m_lastHeard > kLoadSilence)
        giveUpOn(m_figures.epoch, say("how-silent-loading", kLoadSilence.count()));
    if (m_readySince && now - *m_readySince > kProvenAfter)
        m_quickCrashes = m_brokenLines = 0;
}

// ---- what happens ----

void Supervisor::said(const std::string& node, wire::ExecutorToNode message, Instant now)
{
    SeatState* const seat = seatOf(node);
    if (seat == nullptr || message.epoch() != m_figures.epoch || m_endBy)
        return;
    m_lastHeard = now;
    switch (message.body_case()) {
    case wire::ExecutorToNode::kProgress: {
        RankFigures& rank = m_figures.ranks[message.progress().rank()];
        rank.loadDone = message.progress().done_bytes();
        rank.loadTotal = message.progress().total_bytes();
        return tell();
    }
    case wire::ExecutorToNode::kLoaded:
        return loaded(*seat, message.loaded(), now);
    case wire::ExecutorToNode::kResult:
        if (++m_results == kProvenResults)
            m_quickCrashes = m_brokenLines = 0;
        return m_hooks.result(m_figures.epoch, std::move(*message.mutable_result()));
    case wire::ExecutorToNode::kSequencesFailed:
        return m_hooks.sequencesFailed(m_figures.epoch, std::move(*message.mutable_sequences_failed()));
    case wire::ExecutorToNode::kExchange: {
        wire::NodeToExecutor passed;
        passed.set_epoch(m_figures.epoch);
        *passed.mutable_exchange() = std::move(*message.mutable_exchange());
        for (const SeatState& other : m_seats)
            if (other.seat->node != node && other.running)
                m_executors.send(*other.seat, passed);
        return;
    }
    case wire::ExecutorToNode::kFailed: {
        const Error error = protocol::fromWire(message.failed().error());
        // The same files would fail the same way again; but a group that breaks has lost somebody.
        if (!m_readySince && error.code != ErrorCode::Unreachable && error.code != ErrorCode::Timeout) {
            return giveUp(m_deployment->seats.size() > 1 ? Error(error).in(node) : error, now);
        }
        seat->lastWords = say("how-gave-up", error.saidCause());
        seat->remedy = error.saidRemedy();
        seat->noWay = error.code == ErrorCode::Unreachable && error.setting == "interface";
        m_executors.end(m_figures.epoch, *seat->seat, english(seat->lastWords));
        return;
    }
    case wire::ExecutorToNode::kAlive:
    case wire::ExecutorToNode::BODY_NOT_SET:
        return;
    }
}

void Supervisor::loaded(SeatState& seat, const wire::Loaded& report, Instant now)
{
    RankFigures& rank = m_figures.ranks[report.rank()];
    rank.loaded = report;
    rank.loadDone = rank.loadTotal;
    ++seat.loaded;
    const bool all = std::all_of(m_seats.begin(), m_seats.end(), [](const SeatState& each) {
        return each.loaded == static_cast<std::size_t>(each.seat->order.ranks_size());
    });
    if (!all)
        return tell();
    m_figures.state = ExecutorState::Ready;
    m_figures.error.reset();
    m_readySince = now;
    m_wasReady = true;
    log::info("the model is loaded, {} {}", m_figures.ranks.size(), m_figures.ranks.size() == 1 ? "rank" : "ranks");
    tell();
    m_hooks.ready(m_figures.epoch);
}

void Supervisor::ended(const std::string& node, std::uint64_t epoch, const Said& how, Instant now)
{
    SeatState* const seat = seatOf(node);
    if (seat == nullptr || epoch != m_figures.epoch || !std::exchange(seat->running, false))
        return;
    if (!m_endBy) // it may have ended by itself before it was told to: its words say more than its exit code
        return lose(node, seat->lastWords.empty() ? how : seat->lastWords, now,
                    seat->noWay ? Lost::NoWay : Lost::Crashed, seat->remedy);
    afterEnd(now);
}

void Supervisor::cannotStart(const std::string& node, std::uint64_t epoch, Error error, Instant now)
{
    SeatState* const seat = seatOf(node);
    if (seat == nullptr || epoch != m_figures.epoch)
        return;
    seat->running = false;
    if (m_endBy)
        return afterEnd(now);
    giveUp(m_deployment->seats.size() > 1 ? std::move(error).in(node) : std::move(error), now);
}

void Supervisor::nodeGone(const std::string& node, const Said& why, Instant now)
{
    SeatState* const seat = seatOf(node);
    if (seat == nullptr || !std::exchange(seat->running, false))
        return;
    if (!m_endBy)
        return lose(node, say("how-out-of-reach", node, why), now, Lost::Away);
    afterEnd(now);
}

void Supervisor::nodeJoined(Instant now)
{
    if (m_restartAt) {
        m_asked = false;
        m_restartAt = std::min(*m_restartAt, now);
        work(now);
    }
}

/// Before the next start. A line that has worked and is broken is tried again and again: it mends as a machine comes
/// back.
std::chrono::seconds Supervisor::pauseAfter(Lost by)
{
    const std::uint32_t before = by == Lost::NoWay ? m_brokenLines : m_quickCrashes;
    m_quickCrashes += by == Lost::Crashed ? 1 : 0;
    m_brokenLines += by == Lost::NoWay ? 1 : 0;
    return kBackOff[std::min<std::size_t>(before, kBackOff.size() - 1)];
}

/// One executor is gone; the others wait for it in vain.
void Supervisor::lose(const std::string& node, const Said& how, Instant now, Lost by, const Said& remedy)
{
    m_remedy = remedy;
    m_readySince.reset();
    const std::uint64_t epoch = m_figures.epoch;
    log::warn("{}; epoch {} is over", english(named(node, how)), epoch);
    m_endBy = now + kEndPatience;
    endAll(fmt::format("was ended because {}", english(named(node, how))));
    m_hooks.lost(epoch, m_deployment->seats.size() > 1 ? say("on-node", node, how) : how);
    if (by == Lost::Crashed && m_quickCrashes >= kBackOff.size())
        return giveUp(makeError(ErrorCode::Crashed, say("executor-ended-often", m_quickCrashes + 1, named(node, how)),
                                after(m_remedy, say("do-see-log"))),
                      now);
    if (by == Lost::NoWay && !m_wasReady && m_brokenLines >= kBackOff.size()) // a line that never was: nothing mends it
        return giveUp(makeError(ErrorCode::Unreachable,
                                say("executor-ended-often", m_brokenLines + 1, named(node, how)),
                                after(m_remedy, say("do-see-log")), "interface"),
                      now);
    const std::chrono::seconds pause = pauseAfter(by);
    m_restartAt = now + pause;
    ++m_figures.restarts;
    m_figures.state = ExecutorState::Restarting;
    m_figures.ranks.clear();
    m_figures.error =
        makeError(ErrorCode::Crashed, named(node, how),
                  after(m_remedy, pause.count() == 0 ? say("starts-again") : say("starts-again-in", pause.count())));
    tell();
    afterEnd(now);
}

/// Goes on when the last executor of the epoch has ended.
void Supervisor::afterEnd(Instant now)
{
    if (anyRunning())
        return;
    m_endBy.reset();
    if (m_next) {
        m_deployment = std::exchange(m_next, nullptr);
        return begin(now);
    }
    const std::string node = missing();
    if (m_restartAt && !node.empty() && m_figures.error) {
        const Error& error = *m_figures.error;
        m_figures.error =
            makeError(error.code, error.saidCause(), after(m_remedy, say("starts-when-back", node)), error.setting);
        tell();
    }
}

/// A GPU that cannot be used is not quietly replaced by the CPU, which may be a hundred times slower: people decide.
void Supervisor::giveUp(Error error, Instant now)
{
    if (m_deployment->usesGpu() && error.remedy.find("--device cpu") == std::string::npos &&
        m_deployment->seats.size() == 1)
        error = makeError(error.code, error.saidCause(),
                          error.remedy.empty() ? say("do-cpu") : say("or", error.saidRemedy(), say("do-cpu")),
                          error.setting);
    m_restartAt.reset();
    m_readySince.reset();
    m_figures.state = ExecutorState::Failed;
    m_figures.error = error;
    endAll("was ended because the deployment has failed");
    if (anyRunning())
        m_endBy = now + kEndPatience;
    log::error("the model is not served: {}", error.text());
    tell();
    m_hooks.failed(std::move(error), m_wasReady);
}

void Supervisor::giveUpOn(std::uint64_t epoch, const Said& why)
{
    if (epoch != m_figures.epoch || m_endBy)
        return;
    const auto running =
        std::find_if(m_seats.begin(), m_seats.end(), [](const SeatState& seat) { return seat.running; });
    if (running == m_seats.end())
        return;
    if (running->lastWords.empty())
        running->lastWords = why;                         // a worker is told them in English
    m_executors.end(epoch, *running->seat, english(why)); // its end brings the others down
}

} // namespace argus::node
