// The other half of FrontDesk: what the node says, and how it reaches the clients.

#include "engine/api/front_desk.h"
#include "engine/base/log.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace argus::api {
namespace {

constexpr std::size_t kMaxPending = 256;       // frames; a client that leaves more unread is dropped
constexpr std::size_t kTextPiece = 256U << 10; // of one AskText
constexpr std::chrono::seconds kStatusEvery{1};

wire::HeadMessage headMessage()
{
    wire::HeadMessage message;
    message.set_protocol_version(protocol::kVersion);
    return message;
}

/// At most kTextPiece bytes of `text` from `offset`, whole characters.
std::string pieceOf(const std::string& text, std::uint64_t offset)
{
    std::size_t end = std::min<std::size_t>(text.size(), offset + kTextPiece);
    while (end < text.size() && end > offset && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
        --end;
    return text.substr(offset, end - offset);
}

void describe(wire::MediaInfo& out, const media::Inspection& inspection)
{
    const media::MediaInfo& info = inspection.info;
    const auto count = [](auto number) {
        return static_cast<std::uint32_t>(std::clamp<std::int64_t>(number, 0, UINT32_MAX));
    };
    out.set_kind(info.kind == media::MediaKind::Video ? wire::MediaInfo::VIDEO : wire::MediaInfo::IMAGE);
    out.set_width(count(info.width));
    out.set_height(count(info.height));
    out.set_duration_seconds(info.durationSeconds);
    out.set_frames_per_second(info.framesPerSecond);
    out.set_frames(count(info.frames));
    out.set_model_width(count(info.modelWidth));
    out.set_model_height(count(info.modelHeight));
    out.set_model_frames(count(info.modelFrames));
    out.set_model_tokens(count(info.modelTokens));
    out.set_thumbnail_width(count(inspection.thumbnail.width));
    out.set_thumbnail_height(count(inspection.thumbnail.height));
    out.set_thumbnail_rgb(inspection.thumbnail.rgb);
}

} // namespace

// ---- what the node says ----

void FrontDesk::take(node::NodeEvent event, Instant now)
{
    std::visit([&](auto&& said) { on(std::forward<decltype(said)>(said), now); }, std::move(event));
    dropGone(now);
}

void FrontDesk::on(node::AskProgressed event, Instant)
{
    const auto place = m_asks.find(event.number);
    if (place == m_asks.end())
        return;
    AskRecord& record = place->second;
    const bool newPhase = record.progress.phase() != event.phase;
    record.progress.set_id(record.key.second);
    record.progress.set_phase(event.phase);
    record.progress.set_done(event.done);
    record.progress.set_total(event.total);
    record.progressSent = false;
    if (newPhase)
        flushAsk(record);
}

void FrontDesk::on(node::AskSaid event, Instant)
{
    const auto place = m_asks.find(event.number);
    if (place == m_asks.end())
        return;
    AskRecord& record = place->second;
    const bool first = record.text.empty();
    record.text += event.text;
    if (first) // somebody waits for it; all later pieces wait for the next tick
        flushAsk(record);
}

void FrontDesk::on(node::AskEnded event, Instant now)
{
    const auto place = m_asks.find(event.number);
    if (place == m_asks.end() || place->second.outcome)
        return;
    AskRecord& record = place->second;
    wire::HeadMessage message = headMessage();
    if (event.error) {
        wire::AskFailed& failed = *message.mutable_ask_failed();
        failed.set_id(record.key.second);
        *failed.mutable_error() = protocol::toWire(*event.error);
        failed.set_text(record.text);
    } else {
        wire::AskFinished& finished = *message.mutable_ask_finished();
        finished.set_id(record.key.second);
        finished.set_reason(event.reason);
        finished.set_text(record.text);
        *finished.mutable_stats() = event.stats;
        finished.mutable_output_ids()->Add(event.outputIds.begin(), event.outputIds.end());
    }
    record.outcome = std::move(message);
    record.ended = now;
    for (const Sha256& pinned : std::exchange(record.pins, {}))
        m_uploads.unpin(pinned);
    flushAsk(record);
}

void FrontDesk::on(node::InspectionEnded event, Instant)
{
    const auto place = m_inspections.find(event.ticket);
    if (place == m_inspections.end())
        return;
    const Inspection inspection = std::move(place->second);
    m_inspections.erase(place);
    m_uploads.unpin(inspection.sha256);
    Session* session = find(inspection.session);
    if (!session)
        return;
    --session->inspections;
    wire::HeadMessage message = headMessage();
    message.mutable_inspected()->set_sha256(inspection.sha256);
    if (event.outcome)
        describe(*message.mutable_inspected()->mutable_info(), *event.outcome);
    else
        *message.mutable_inspected()->mutable_error() = protocol::toWire(event.outcome.error());
    post(*session, message);
}

void FrontDesk::on(node::StateChanged, Instant)
{
    m_stateChanged = true;
}

void FrontDesk::on(node::StopBegan event, Instant)
{
    if (std::exchange(m_stopping, true))
        return;
    wire::HeadMessage message = headMessage();
    message.mutable_stopping()->set_reason(event.reason);
    postAll(message);
}

void FrontDesk::on(node::Drained, Instant now)
{
    sendStatus(now);
}

// ---- how it reaches the clients ----

void FrontDesk::tick(Instant now)
{
    lookAtKeys(now);
    for (auto& [key, session] : m_sessions)
        flushPending(session);
    for (auto& [number, record] : m_asks)
        flushAsk(record);
    if (std::exchange(m_stateChanged, false) || !m_statusSent || now - *m_statusSent >= kStatusEvery) {
        sendStatus(now);
        expire(now);
    }
    dropGone(now);
}

bool FrontDesk::busy() const
{
    return !quiet() || m_stateChanged ||
           std::any_of(m_asks.begin(), m_asks.end(), [](const auto& entry) { return !entry.second.outcome; });
}

bool FrontDesk::quiet() const
{
    return std::all_of(m_sessions.begin(), m_sessions.end(),
                       [](const auto& entry) { return entry.second.pending.empty(); }) &&
           std::all_of(m_asks.begin(), m_asks.end(), [](const auto& entry) {
               const AskRecord& record = entry.second;
               return !record.session || !record.outcome || record.outcomeSent;
           });
}

bool FrontDesk::deliver(Session& session, const wire::HeadMessage& message)
{
    switch (m_outbox.send(session.peer, message.SerializeAsString())) {
    case protocol::Delivery::Sent:
        return true;
    case protocol::Delivery::Full:
        return false;
    case protocol::Delivery::Gone:
        m_gone.insert(keyOf(session));
        return false;
    }
    return false;
}

void FrontDesk::post(Session& session, const wire::HeadMessage& message)
{
    if (session.pending.empty() && deliver(session, message))
        return;
    if (session.pending.size() >= kMaxPending)
        m_gone.insert(keyOf(session));
    else
        session.pending.push_back(message.SerializeAsString());
}

void FrontDesk::postAll(const wire::HeadMessage& message)
{
    for (auto& [key, session] : m_sessions)
        post(session, message);
}

void FrontDesk::flushPending(Session& session)
{
    while (!session.pending.empty()) {
        const protocol::Delivery delivery = m_outbox.send(session.peer, session.pending.front());
        if (delivery == protocol::Delivery::Gone)
            m_gone.insert(keyOf(session));
        if (delivery != protocol::Delivery::Sent)
            return;
        session.pending.pop_front();
    }
}

void FrontDesk::flushAsk(AskRecord& record)
{
    Session* session = find(record.session);
    if (!session || !session->pending.empty())
        return;
    if (!record.progressSent) {
        wire::HeadMessage message = headMessage();
        *message.mutable_ask_progress() = record.progress;
        if (!deliver(*session, message))
            return;
        record.progressSent = true;
    }
    while (record.sent < record.text.size()) {
        wire::HeadMessage message = headMessage();
        wire::AskText& text = *message.mutable_ask_text();
        text.set_id(record.key.second);
        text.set_offset(record.sent);
        text.set_text(pieceOf(record.text, record.sent));
        const std::size_t size = text.text().size();
        if (!deliver(*session, message))
            return;
        record.sent += size;
    }
    if (record.outcome && !record.outcomeSent)
        record.outcomeSent = deliver(*session, *record.outcome);
}

void FrontDesk::sendStatus(Instant now)
{
    m_statusSent = now;
    if (m_sessions.empty())
        return;
    wire::HeadMessage message = headMessage();
    *message.mutable_status() = status(now);
    for (auto& [key, session] : m_sessions)
        if (session.pending.empty()) // who does not read gets the next one
            [[maybe_unused]]
            const bool sent = deliver(session, message);
}

wire::Status FrontDesk::status(Instant now)
{
    wire::Status status = m_engine.status();
    status.set_sequence(++m_statusSequence);
    status.set_head_name(m_options.headName);
    status.set_uptime_seconds(std::chrono::duration<double>(now - m_started).count());
    for (wire::NodeStatus& node : *status.mutable_nodes())
        if (node.role() == "head")
            node.set_address(m_options.address);
    return status;
}

// ---- who leaves ----

FrontDesk::Session* FrontDesk::find(const std::optional<SessionKey>& key)
{
    if (!key)
        return nullptr;
    const auto place = m_sessions.find(*key);
    return place == m_sessions.end() ? nullptr : &place->second;
}

void FrontDesk::dropGone(Instant now)
{
    for (const SessionKey& key : std::exchange(m_gone, {}))
        dropSession(key, "left", now);
}

void FrontDesk::dropSession(const SessionKey& key, const char* why, Instant now)
{
    const auto place = m_sessions.find(key);
    if (place == m_sessions.end())
        return;
    m_uploads.sessionGone(uploader(place->second).session, now);
    for (auto& [number, record] : m_asks)
        if (record.session == key)
            record.session.reset(); // it goes on; whoever resumes it hears the rest
    m_sessions.erase(place);
    log::info("client {} {}, {} now", protocol::fingerprint(key.second), why, m_sessions.size());
}

void FrontDesk::expire(Instant now)
{
    m_uploads.expire(now);
    std::vector<SessionKey> silent;
    for (const auto& [key, session] : m_sessions)
        if (now - session.heard > m_options.silence)
            silent.push_back(key);
    for (const SessionKey& key : silent)
        dropSession(key, "fell silent", now);
    std::vector<std::pair<Instant, node::AskNumber>> kept;
    for (const auto& [number, record] : m_asks)
        if (record.outcome)
            kept.emplace_back(record.ended, number);
    std::sort(kept.begin(), kept.end());
    const std::size_t tooMany = kept.size() - std::min(kept.size(), m_options.maxKept);
    for (std::size_t i = 0; i < kept.size(); ++i) {
        if (i >= tooMany && now - kept[i].first <= m_options.keepEnded)
            break;
        const auto place = m_asks.find(kept[i].second);
        m_numbers.erase(place->second.key);
        m_asks.erase(place);
    }
}

} // namespace argus::api
