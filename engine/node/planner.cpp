#include "engine/node/planner.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/model/footprint.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

namespace argus::node {
namespace {

/// Asks whose media are read ahead of the sequences that can run: enough to keep a step full, few enough to bound the
/// pixels in memory.
constexpr std::size_t kReadAhead = 2;
/// Slow processors need minutes for a step of a long prompt; nobody needs this long.
constexpr std::chrono::minutes kStepPatience{15};
/// Nothing a person reads; it keeps the closing message of an ask inside one frame.
constexpr std::size_t kMaxAnswerBytes = 512U << 10;
/// An ask that was being answered when the executor died is replayed: but not when it has died twice without a token
/// in between, or so many times altogether. Then this ask may be what it dies of.
constexpr int kCrashesForgiven = 2;
constexpr int kMostCrashes = 6;

double seconds(Instant from, Instant to)
{
    return std::chrono::duration<double>(to - from).count();
}

/// Rows of the prompt that pictures and clips fill.
std::uint32_t visionTokens(const Prompt& prompt, const model::ModelConfig& config)
{
    const auto merge = static_cast<std::uint32_t>(config.vision.mergeSize);
    std::uint32_t tokens = 0;
    for (const wire::VisionItem& item : prompt.vision)
        tokens += item.grid_t() * item.grid_h() * item.grid_w() / (merge * merge);
    return tokens;
}

Error stoppingError()
{
    return makeError(ErrorCode::Cancelled, say("head-stopping"), say("do-ask-after-start"));
}

} // namespace

// ---- messages ----

void Planner::take(PlannerMessage message, Instant now)
{
    std::visit([&](auto&& told) { on(std::move(told), now); }, std::move(message));
    tick(now);
}

void Planner::tick(Instant now)
{
    if (stepsOnTheirWay() > 0 && now - m_oldestSince > kStepPatience)
        giveUpOnExecutor(say("how-step-late", kStepPatience.count()));
    if (m_drainUntil && now >= *m_drainUntil)
        failAll(stoppingError(), now);
    prepareWaiting(now);
    runSteps(now);
    if (m_drainUntil && m_asks.empty() && !std::exchange(m_drainedTold, true))
        m_port.tell(Drained{});
}

void Planner::on(SubmitAsk message, Instant now)
{
    const AskNumber number = message.ask.number;
    const auto [place, fresh] = m_asks.try_emplace(number);
    if (!fresh)
        return; // numbers are the front desk's to give; a second ask under one of them has nowhere to answer
    place->second.accepted = std::move(message.ask);
    if (m_failed)
        return fail(place, *m_failed, now);
    if (m_drainUntil)
        return fail(place, stoppingError(), now);
    m_port.tell(AskProgressed{.number = number, .phase = wire::AskProgress::QUEUED});
}

void Planner::on(CancelAsk message, Instant now)
{
    if (const auto ask = m_asks.find(message.number); ask != m_asks.end())
        finish(ask, wire::AskFinished::CANCELLED, now);
}

void Planner::on(MediaRead message, Instant now)
{
    const auto place = m_asks.find(message.number);
    if (place == m_asks.end() || place->second.stage != Stage::ReadingMedia)
        return; // cancelled meanwhile
    Running& ask = place->second;
    const std::size_t count = ask.attachments.size();
    if (!message.outcome) {
        Error error = std::move(message.outcome).error();
        if (count > 1)
            error = std::move(error).in(fmt::format("attachment {} of {}", message.index + 1, count));
        return fail(place, std::move(error), now);
    }
    ask.pixels[message.index] = std::move(*message.outcome);
    --ask.mediaLeft;
    m_port.tell(AskProgressed{.number = message.number,
                              .phase = wire::AskProgress::READING_MEDIA,
                              .done = static_cast<std::uint32_t>(count - ask.mediaLeft),
                              .total = static_cast<std::uint32_t>(count)});
    if (ask.mediaLeft > 0)
        return;
    if (Result<Done> scheduled = schedule(ask, now); !scheduled)
        fail(place, std::move(scheduled).error(), now);
}

/// The first deployment, or another one in its place: asks that were being answered go on there.
void Planner::on(DeploymentKnown message, Instant now)
{
    const bool sameModel = m_deployment && m_deployment->model->path == message.deployment->model->path;
    const bool first = !m_scheduler;
    m_deployment = std::move(message.deployment);
    m_failed.reset();
    m_ready = false;
    const wire::EngineSettings& settings = m_deployment->settings;
    const plan::Placement& placement = m_deployment->placement;
    m_scheduler.emplace(schedule::Limits{
        .kvBlocks = placement.kvBlocks,
        .kvBlockTokens = placement.kvBlockTokens,
        .maxBatchedTokens = settings.max_batched_tokens(),
        .maxSequences = settings.max_num_seqs(),
        .maxModelLen = placement.maxModelLen,
        .waitingVisionTokens = static_cast<std::uint32_t>(model::waitingVisionTokens(placement.maxModelLen)),
        .stages = std::max(settings.pipeline_parallel_size(), 1U)});
    if (first)
        return;
    std::vector<AskNumber> moved;
    for (const auto& [number, ask] : m_asks)
        if (ask.stage == Stage::Scheduled)
            moved.push_back(number);
    for (const AskNumber number : moved) {
        const auto place = m_asks.find(number);
        if (Result<Done> done = move(place->second, sameModel, now); !done)
            fail(place, std::move(done).error(), now);
    }
}

/// Brings an ask that was being answered to the scheduler of a new deployment.
Result<Done> Planner::move(Running& ask, bool sameModel, Instant now)
{
    if (sameModel) {
        ++m_replayed;
        const std::size_t said = ask.known.size() - ask.prompt.ids.size();
        return m_scheduler->add(ask.accepted.number, static_cast<std::uint32_t>(ask.known.size()),
                                ask.room - static_cast<std::uint32_t>(said),
                                visionTokens(ask.prompt, m_deployment->model->config));
    }
    if (!ask.outputIds.empty())
        return makeError(ErrorCode::Cancelled, say("other-model-deployed"), say("do-ask-again"));
    return schedule(ask, now);
}

void Planner::on(DeploymentFailed message, Instant now)
{
    m_failed = std::move(message.error);
    m_ready = false;
    failAll(*m_failed, now);
    if (m_scheduler)
        m_scheduler->forgetCaches(); // there is no executor to keep them
}

void Planner::on(ExecutorReady message, Instant)
{
    m_epoch = message.epoch;
    m_ready = true;
}

void Planner::on(StepDone message, Instant now)
{
    if (message.epoch != m_epoch)
        return; // of an executor that is no more
    const std::size_t onTheirWay = stepsOnTheirWay();
    if (onTheirWay == 0 || message.result.step() != m_steps + 1 - onTheirWay)
        return giveUpOnExecutor(say("how-step-odd", message.result.step()));
    const schedule::StepPlan plan = m_scheduler->commit();
    m_oldestSince = now;

    failThose(message.result.failures(), now);
    std::map<AskNumber, text::TokenId> sampled;
    for (const wire::SampledToken& token : message.result.tokens())
        sampled[token.sequence()] = token.id();
    for (const schedule::Slice& slice : plan) {
        const auto token = sampled.find(slice.sequence);
        takeShare(slice, token == sampled.end() ? std::nullopt : std::optional(token->second), now);
    }
}

void Planner::on(SequencesFailed message, Instant now)
{
    if (message.epoch == m_epoch)
        failThose(message.failures, now);
}

void Planner::on(ExecutorLost message, Instant now)
{
    m_ready = false;
    if (!m_scheduler)
        return;
    std::set<AskNumber> hit;
    for (const schedule::StepPlan& plan : m_scheduler->onTheirWay())
        for (const schedule::Slice& slice : plan)
            hit.insert(slice.sequence);
    for (const AskNumber number : hit)
        if (const auto ask = m_asks.find(number); ask != m_asks.end() && hitBy(ask->second))
            fail(ask,
                 makeError(ErrorCode::Crashed, say("executor-crashed-twice", message.how), say("do-smaller-question")),
                 now);
    m_replayed += m_scheduler->running();
    m_scheduler->forgetCaches();
}

bool Planner::hitBy(Running& ask)
{
    ++ask.crashes;
    const bool progress = ask.outputIds.size() > ask.tokensAtCrash;
    ask.crashesInVain = progress ? 1 : ask.crashesInVain + 1;
    ask.tokensAtCrash = ask.outputIds.size();
    return ask.crashesInVain >= kCrashesForgiven || ask.crashes >= kMostCrashes;
}

void Planner::on(BeginDrain message, Instant)
{
    m_drainUntil = message.until;
}

// ---- from ask to sequence ----

void Planner::prepareWaiting(Instant now)
{
    if (!m_deployment || m_failed)
        return;
    const auto active = static_cast<std::size_t>(std::count_if(
        m_asks.begin(), m_asks.end(), [](const auto& entry) { return entry.second.stage != Stage::Waiting; }));
    const std::size_t allowed = m_deployment->settings.max_num_seqs() + kReadAhead;
    std::vector<AskNumber> next;
    for (const auto& [number, ask] : m_asks)
        if (ask.stage == Stage::Waiting && active + next.size() < allowed)
            next.push_back(number);
    for (const AskNumber number : next) {
        const auto place = m_asks.find(number);
        Result<Done> prepared = prepare(place->second);
        if (prepared && place->second.mediaLeft == 0)
            prepared = schedule(place->second, now);
        if (!prepared)
            fail(place, std::move(prepared).error(), now);
    }
}

Result<Done> Planner::prepare(Running& ask)
{
    ask.stage = Stage::ReadingMedia;
    ask.attachments = attachmentsOf(ask.accepted.ask);
    const wire::EngineSettings& settings = m_deployment->settings;
    if (Result<Done> counts =
            checkCounts(std::span<const Attachment>(ask.attachments), settings.max_images(), settings.max_videos());
        !counts)
        return counts;
    if (ask.attachments.size() > protocol::kMaxDescriptors)
        return makeError(ErrorCode::TooLarge,
                         say("too-many-attachments", ask.attachments.size(), protocol::kMaxDescriptors),
                         say("do-fewer-attachments"));
    Result<SamplingChoice> sampling =
        chooseSampling(ask.accepted.ask.sampling(), m_deployment->model->generation, ask.accepted.ask.id());
    if (!sampling)
        return std::move(sampling).error();
    ask.sampling = std::move(*sampling);
    ask.mediaLeft = ask.attachments.size();
    ask.pixels.resize(ask.attachments.size());
    if (ask.mediaLeft > 0)
        m_port.tell(AskProgressed{.number = ask.accepted.number,
                                  .phase = wire::AskProgress::READING_MEDIA,
                                  .done = 0,
                                  .total = static_cast<std::uint32_t>(ask.mediaLeft)});
    for (std::size_t i = 0; i < ask.attachments.size(); ++i)
        m_port.readMedia(ask.accepted.number, i, ask.accepted.files[ask.attachments[i].sha256]);
    return Done{};
}

Result<Done> Planner::schedule(Running& ask, Instant now)
{
    const wire::EngineSettings& settings = m_deployment->settings;
    if (Result<Done> counts =
            checkCounts(std::span<const media::Pixels>(ask.pixels), settings.max_images(), settings.max_videos());
        !counts)
        return counts;
    Result<Prompt> prompt = buildPrompt(*m_deployment->model->tokenizer, m_deployment->model->config, ask.accepted.ask,
                                        ask.pixels, m_deployment->variant);
    if (!prompt)
        return std::move(prompt).error();
    const auto promptTokens = static_cast<std::uint32_t>(prompt->ids.size());
    const plan::Placement& placement = m_deployment->placement;
    const std::uint32_t holds = std::min(placement.maxModelLen, placement.kvBlocks * placement.kvBlockTokens);
    Result<std::uint32_t> room = answerRoom(ask.sampling, promptTokens, holds);
    if (!room)
        return std::move(room).error();
    ask.prompt = std::move(*prompt);
    ask.known = ask.prompt.ids;
    ask.room = *room;
    ask.detokenizer.emplace(m_deployment->model->tokenizer, ask.sampling.stops);
    ask.secondsMedia = ask.attachments.empty() ? 0 : seconds(ask.accepted.accepted, now);
    if (Result<Done> added = m_scheduler->add(ask.accepted.number, promptTokens, ask.room,
                                              visionTokens(ask.prompt, m_deployment->model->config));
        !added)
        return added;
    ask.stage = Stage::Scheduled;
    return Done{};
}

// ---- steps ----

void Planner::runSteps(Instant now)
{
    dropEnded();
    while (m_ready && m_scheduler) {
        schedule::StepPlan plan = m_scheduler->plan();
        if (plan.empty())
            return;
        if (stepsOnTheirWay() == 0)
            m_oldestSince = now;
        send(std::move(plan));
    }
}

void Planner::send(schedule::StepPlan plan)
{
    wire::NodeToExecutor message;
    message.set_epoch(m_epoch);
    wire::StepPlan& step = *message.mutable_step();
    step.set_step(++m_steps);
    std::vector<int> descriptors;
    std::size_t taken = 0;
    for (const schedule::Slice& slice : plan) {
        const std::size_t more = slice.first ? m_asks.at(slice.sequence).pixels.size() : 0;
        if (descriptors.size() + more > protocol::kMaxDescriptors)
            break; // the rest of the plan comes with the next step
        addSlice(step, slice, descriptors);
        ++taken;
    }
    plan.resize(taken);
    m_scheduler->start(std::move(plan));
    if (!m_port.send(message, descriptors))
        giveUpOnExecutor(say("how-step-refused"));
}

void Planner::addSlice(wire::StepPlan& plan, const schedule::Slice& slice, std::vector<int>& descriptors)
{
    const Running& ask = m_asks.at(slice.sequence);
    wire::SequenceSlice& out = *plan.add_slices();
    out.set_sequence(slice.sequence);
    out.set_start(slice.start);
    out.set_sample(slice.sample);
    out.set_follows(slice.follows);
    const std::size_t promptTokens = ask.prompt.ids.size();
    if (!slice.follows)
        for (std::size_t i = slice.start; i < std::size_t{slice.start} + slice.tokens; ++i)
            out.add_ids(ask.known[i]);
    for (std::size_t axis = 0; axis < 3; ++axis)
        for (std::size_t i = slice.start; i < std::size_t{slice.start} + slice.tokens; ++i)
            out.add_positions(i < promptTokens ? ask.prompt.positions.rows[axis * promptTokens + i]
                                               : static_cast<std::int32_t>(i) + ask.prompt.positions.delta);
    for (const std::uint32_t block : m_scheduler->blocksOf(slice.sequence))
        out.add_blocks(block);
    if (!slice.first)
        return;
    *out.mutable_sampling() = ask.sampling.plan;
    for (std::size_t i = 0; i < ask.pixels.size(); ++i) {
        wire::VisionItem& item = *out.add_vision();
        item = ask.prompt.vision[i];
        item.set_pixels_descriptor(static_cast<std::uint32_t>(descriptors.size()));
        descriptors.push_back(ask.pixels[i].memory.get());
    }
}

void Planner::takeShare(const schedule::Slice& slice, std::optional<text::TokenId> token, Instant now)
{
    const auto ask = m_asks.find(slice.sequence);
    if (ask == m_asks.end())
        return; // ended while this step was on its way
    if (slice.sample && token)
        return takeToken(slice.sequence, *token, now);
    if (slice.sample)
        return fail(ask, makeError(ErrorCode::Internal, say("token-missing"), say("do-ask-again")), now);
    const std::size_t promptTokens = ask->second.prompt.ids.size();
    if (slice.start < promptTokens)
        m_port.tell(AskProgressed{.number = slice.sequence,
                                  .phase = wire::AskProgress::PREFILL,
                                  .done = slice.start + slice.tokens,
                                  .total = static_cast<std::uint32_t>(promptTokens)});
}

void Planner::takeToken(AskNumber number, text::TokenId id, Instant now)
{
    const auto place = m_asks.find(number);
    Running& ask = place->second;
    if (!ask.firstToken) {
        ask.firstToken = now;
        m_port.tell(AskProgressed{.number = number, .phase = wire::AskProgress::DECODE, .done = 0, .total = ask.room});
    }
    ask.known.push_back(id);
    ask.outputIds.push_back(static_cast<std::uint32_t>(id));
    const std::vector<std::int32_t>& stops = m_deployment->model->generation.stopIds;
    if (std::find(stops.begin(), stops.end(), id) != stops.end())
        return finish(place, wire::AskFinished::STOP, now);
    text::Detokenizer::Piece piece = ask.detokenizer->add(id);
    speak(ask, std::move(piece.text));
    if (piece.stopped) {
        ask.detokenizer.reset(); // what it withheld belongs to the stop string
        return finish(place, wire::AskFinished::STOP, now);
    }
    if (ask.outputIds.size() >= ask.room || ask.textBytes >= kMaxAnswerBytes)
        finish(place, wire::AskFinished::LENGTH, now);
}

void Planner::speak(Running& ask, std::string text)
{
    if (text.empty())
        return;
    ask.textBytes += text.size();
    m_port.tell(AskSaid{.number = ask.accepted.number, .text = std::move(text)});
}

// ---- ends ----

void Planner::fail(Book::iterator ask, Error error, Instant now)
{
    AskEnded ended;
    ended.error = std::move(error);
    end(ask, std::move(ended), now);
}

void Planner::finish(Book::iterator ask, wire::AskFinished::Reason reason, Instant now)
{
    AskEnded ended;
    ended.reason = reason;
    end(ask, std::move(ended), now);
}

void Planner::end(Book::iterator place, AskEnded ended, Instant now)
{
    Running& ask = place->second;
    if (ask.detokenizer)
        speak(ask, ask.detokenizer->finish());
    ended.number = place->first;
    ended.outputIds = std::move(ask.outputIds);
    wire::AskStats& stats = ended.stats;
    stats.set_prompt_tokens(static_cast<std::uint32_t>(ask.prompt.ids.size()));
    stats.set_completion_tokens(static_cast<std::uint32_t>(ended.outputIds.size()));
    stats.set_seconds_media(ask.secondsMedia);
    stats.set_seconds_total(seconds(ask.accepted.accepted, now));
    if (ask.firstToken) {
        stats.set_seconds_to_first_token(seconds(ask.accepted.accepted, *ask.firstToken));
        const double decoding = seconds(*ask.firstToken, now);
        if (decoding > 0 && ended.outputIds.size() > 1)
            stats.set_tokens_per_second(static_cast<double>(ended.outputIds.size() - 1) / decoding);
    }
    if (ask.stage == Stage::Scheduled)
        m_scheduler->remove(place->first);
    m_asks.erase(place);
    m_port.tell(std::move(ended));
}

template <typename Failures>
void Planner::failThose(const Failures& failures, Instant now)
{
    for (const wire::SequenceFailed& failure : failures)
        if (const auto ask = m_asks.find(failure.sequence()); ask != m_asks.end())
            fail(ask, protocol::fromWire(failure.error()), now);
}

void Planner::failAll(const Error& error, Instant now)
{
    while (!m_asks.empty())
        fail(m_asks.begin(), error, now);
}

void Planner::dropEnded()
{
    if (!m_ready || !m_scheduler)
        return;
    const std::vector<AskNumber> released = m_scheduler->release();
    if (released.empty())
        return;
    wire::NodeToExecutor message;
    message.set_epoch(m_epoch);
    for (const AskNumber number : released)
        message.mutable_drop()->add_sequences(number);
    if (!m_port.send(message, {}))
        giveUpOnExecutor(say("why-takes-nothing"));
}

/// Once an epoch: its end is told as ExecutorLost. An epoch that was over already is not ended again.
void Planner::giveUpOnExecutor(const Said& why)
{
    if (std::exchange(m_ready, false))
        m_port.giveUpOn(m_epoch, why);
}

PlannerFigures Planner::figures() const
{
    PlannerFigures figures;
    figures.replayed = m_replayed;
    for (const auto& [number, ask] : m_asks)
        if (ask.stage != Stage::Scheduled)
            ++figures.waiting;
    if (m_scheduler) {
        figures.running = m_scheduler->running();
        figures.waiting += m_scheduler->waiting();
        figures.kvBlocksUsed = m_scheduler->usedBlocks();
    }
    return figures;
}

} // namespace argus::node
