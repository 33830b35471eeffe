#include "engine/client/asks.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace argus::client {
namespace {

constexpr std::size_t kMaxAsks = 256; // not ended yet; more is a program in a loop
constexpr std::size_t kMaxInspections = 1024;
constexpr std::size_t kMaxAnswerBytes = 4U << 20; // a million tokens of text
constexpr std::size_t kMaxCancelLater = 256;
constexpr int kMaxSendings = 3;               // of an ask whose head restarts again and again before its first word
constexpr Milliseconds kCancelPatience{3000}; // then it ends here whatever the head says

/// Everything the head must have before it can take the ask.
std::set<Sha256> attachmentsOf(const wire::Ask& ask)
{
    std::set<Sha256> digests;
    for (const wire::ChatMessage& message : ask.messages())
        for (const wire::Part& part : message.parts()) {
            if (part.has_image())
                digests.insert(part.image());
            else if (part.has_video())
                digests.insert(part.video());
            else if (part.has_media())
                digests.insert(part.media());
        }
    return digests;
}

/// The same check the head would make, so that a hopeless ask fails here, with the field and the bound, and never costs
/// a connection.
std::optional<Error> checkAsk(const wire::Ask& ask)
{
    wire::ClientMessage message;
    message.set_protocol_version(protocol::kVersion);
    *message.mutable_ask() = ask;
    const std::string frame = message.SerializeAsString();
    auto parsed = protocol::parseClientMessage(std::as_bytes(std::span(frame)));
    return parsed ? std::nullopt : std::optional(parsed.error());
}

bool startsCharacter(std::string_view text)
{
    return text.empty() || (static_cast<unsigned char>(text.front()) & 0xC0) != 0x80;
}

} // namespace

void Asks::ask(wire::Ask ask)
{
    const std::string id = ask.id();
    if (m_asks.contains(id))
        return; // sent twice it is one ask
    if (m_asks.size() >= kMaxAsks)
        return m_outlet.emit(
            AskFailed{id, makeError(ErrorCode::Busy, say("too-many-asks", m_asks.size()), say("do-wait-some")), {}});
    if (auto error = checkAsk(ask))
        return m_outlet.emit(AskFailed{id, *std::move(error), {}});
    Ask& entry = m_asks[id];
    entry.needs = attachmentsOf(ask);
    entry.message = std::move(ask);
}

void Asks::inspect(const Sha256& sha256, std::uint32_t thumbnailSide)
{
    constexpr std::size_t kDigestBytes = 32;
    if (sha256.size() != kDigestBytes)
        return m_outlet.emit(
            InspectFailed{sha256, Error{ErrorCode::BadRequest,
                                        fmt::format("a SHA-256 has {} bytes, this one {}", kDigestBytes, sha256.size()),
                                        "",
                                        {}}});
    if (m_inspections.size() >= kMaxInspections)
        return m_outlet.emit(InspectFailed{
            sha256, makeError(ErrorCode::Busy, say("too-many-looks", m_inspections.size()), say("do-wait-some"))});
    const auto most = static_cast<std::uint32_t>(protocol::kMaxThumbnailSide);
    m_inspections[sha256] = Inspection{.thumbnailSide = std::min(thumbnailSide, most), .sent = false};
}

void Asks::cancel(const std::string& id, Instant now)
{
    const auto found = m_asks.find(id);
    if (found == m_asks.end())
        return; // it has ended; the click came late
    if (found->second.sent && m_connected) {
        if (!found->second.cancelledAt)
            sendCancel(id);
        found->second.cancelledAt = found->second.cancelledAt.value_or(now);
        return;
    }
    if (found->second.sent && m_cancelLater.size() < kMaxCancelLater)
        m_cancelLater.insert(id);
    finishCancelled(found);
}

void Asks::connected()
{
    m_connected = true;
    for (const std::string& id : std::exchange(m_cancelLater, {}))
        sendCancel(id);
    for (auto& [id, ask] : m_asks)
        if (ask.sent) {
            ask.answered = true;
            resume(id, ask);
        }
}

void Asks::disconnected()
{
    m_connected = false;
    for (auto& [sha256, inspection] : m_inspections)
        inspection.sent = false;
    // Somebody who has pressed stop does not want to wait for a head that is away.
    for (auto ask = m_asks.begin(); ask != m_asks.end();) {
        const auto current = ask++;
        if (!current->second.cancelledAt)
            continue;
        if (m_cancelLater.size() < kMaxCancelLater)
            m_cancelLater.insert(current->first);
        finishCancelled(current);
    }
}

void Asks::pump(Instant now)
{
    if (!m_connected)
        return;
    pumpInspections();
    for (auto ask = m_asks.begin(); ask != m_asks.end();) {
        const auto current = ask++;
        if (current->second.cancelledAt && now - *current->second.cancelledAt > kCancelPatience) {
            finishCancelled(current);
            continue;
        }
        if (current->second.sent) {
            Ask& waiting = current->second;
            if (std::exchange(waiting.answered, false)) {
                waiting.heard = now;
            } else if (now - waiting.heard >= kUnansweredPause) {
                waiting.heard = now;
                resume(current->first, waiting);
            }
            continue;
        }
        std::optional<Error> error;
        switch (needsOf(current->second.needs, error)) {
        case Needs::Met:
            send(current->second);
            break;
        case Needs::Failed:
            fail(current, std::move(*error).in("an attachment of this ask"));
            break;
        case Needs::Waiting:
            break;
        }
    }
}

Asks::Needs Asks::needsOf(const std::set<Sha256>& digests, std::optional<Error>& error)
{
    Needs needs = Needs::Met;
    for (const Sha256& sha256 : digests) {
        m_uploads.want(sha256);
        switch (m_uploads.standing(sha256)) {
        case Uploads::Standing::Failed:
            error = m_uploads.error(sha256);
            return Needs::Failed;
        case Uploads::Standing::OnTheWay:
            needs = Needs::Waiting;
            break;
        case Uploads::Standing::There:
        case Uploads::Standing::Unknown: // attached by an earlier run of this program: the head knows whether it has it
            break;
        }
    }
    return needs;
}

void Asks::pumpInspections()
{
    for (auto inspection = m_inspections.begin(); inspection != m_inspections.end();) {
        const auto current = inspection++;
        if (current->second.sent)
            continue;
        std::optional<Error> error;
        const Needs needs = needsOf({current->first}, error);
        if (needs == Needs::Failed) {
            m_outlet.emit(InspectFailed{current->first, *std::move(error)});
            m_inspections.erase(current);
        } else if (needs == Needs::Met) {
            wire::ClientMessage message;
            message.mutable_inspect()->set_sha256(current->first);
            message.mutable_inspect()->set_thumbnail_side(current->second.thumbnailSide);
            current->second.sent = true;
            m_outlet.send(std::move(message));
        }
    }
}

void Asks::send(Ask& ask)
{
    wire::ClientMessage message;
    *message.mutable_ask() = ask.message;
    ask.sent = true;
    ask.answered = true; // from now on it may say nothing for a while
    ++ask.sendings;
    m_outlet.send(std::move(message));
}

void Asks::resume(const std::string& id, Ask& ask)
{
    wire::ClientMessage message;
    message.mutable_resume()->set_id(id);
    message.mutable_resume()->set_text_offset(ask.text.size());
    ask.resumeAsked = true;
    m_outlet.send(std::move(message));
}

void Asks::sendCancel(const std::string& id)
{
    wire::ClientMessage message;
    message.mutable_cancel()->set_id(id);
    m_outlet.send(std::move(message));
}

void Asks::onProgress(const wire::AskProgress& progress)
{
    const auto found = m_asks.find(progress.id());
    if (found == m_asks.end())
        return;
    found->second.answered = true;
    found->second.resumeAsked = false; // the head knows it
    m_outlet.emit(AskProgressed{progress});
}

void Asks::onText(const wire::AskText& text)
{
    const auto found = m_asks.find(text.id());
    if (found == m_asks.end())
        return;
    found->second.answered = true;
    if (text.offset() <= found->second.text.size())
        return deliver(found->second, text.id(), text.offset(), text.text());
    // A piece is missing (a message was lost with its connection): the head has the whole text.
    if (!found->second.resumeAsked)
        resume(text.id(), found->second);
}

/// Passes on what of `text`, which begins at `offset` of the answer, has not been passed on before.
void Asks::deliver(Ask& ask, const std::string& id, std::uint64_t offset, std::string_view text)
{
    ask.resumeAsked = false;
    const std::uint64_t known = ask.text.size() - offset;
    if (text.size() <= known)
        return;
    const std::string_view fresh = text.substr(static_cast<std::size_t>(known));
    if (!startsCharacter(fresh) || ask.text.size() + fresh.size() > kMaxAnswerBytes)
        return;
    ask.text += fresh;
    m_outlet.emit(TextArrived{.ask = id, .text = std::string(fresh)});
}

void Asks::onFinished(wire::AskFinished finished)
{
    const auto found = m_asks.find(finished.id());
    if (found == m_asks.end())
        return;
    if (finished.text().starts_with(found->second.text))
        deliver(found->second, finished.id(), 0, finished.text()); // the pieces add up to the whole, whatever was lost
    m_asks.erase(found);
    m_outlet.emit(AskFinished{std::move(finished)});
}

void Asks::onFailed(wire::AskFailed failed)
{
    const auto found = m_asks.find(failed.id());
    if (found == m_asks.end())
        return;
    Error error = protocol::fromWire(failed.error());
    if (error.code == ErrorCode::NotFound && found->second.resumeAsked)
        return notFound(found, std::move(error));
    if (error.code == ErrorCode::NotFound && found->second.text.empty() && !found->second.needs.empty() &&
        found->second.sendings < kMaxSendings) {
        // An attachment was there and has been removed to make room: send it again, then ask again.
        for (const Sha256& sha256 : found->second.needs)
            m_uploads.doubt(sha256);
        found->second.sent = false;
        return;
    }
    if (failed.text().starts_with(found->second.text))
        deliver(found->second, failed.id(), 0, failed.text());
    fail(found, std::move(error));
}

/// A head that was asked to resume does not know the ask: it is another one than before, or has restarted.
void Asks::notFound(AskMap::iterator ask, Error error)
{
    if (ask->second.cancelledAt)
        return finishCancelled(ask);
    if (ask->second.text.empty() && ask->second.sendings < kMaxSendings) {
        ask->second.sent = false; // nobody has seen a word of it: it may begin anew
        ask->second.resumeAsked = false;
        return;
    }
    fail(ask, makeError(ErrorCode::Crashed, say("head-restarted", error.saidCause()), say("do-ask-again")));
}

bool Asks::onRefused(const std::string& about, const Error& error)
{
    if (const auto found = m_asks.find(about); found != m_asks.end()) {
        if (error.code == ErrorCode::NotFound && (found->second.resumeAsked || found->second.cancelledAt))
            notFound(found, error);
        else
            fail(found, error);
        return true;
    }
    for (auto inspection = m_inspections.begin(); inspection != m_inspections.end(); ++inspection)
        if (inspection->second.sent && hexOf(inspection->first) == about) {
            m_outlet.emit(InspectFailed{inspection->first, error});
            m_inspections.erase(inspection);
            return true;
        }
    return false;
}

void Asks::onInspected(const wire::Inspected& inspected)
{
    const auto found = m_inspections.find(inspected.sha256());
    if (found == m_inspections.end())
        return;
    m_inspections.erase(found);
    if (inspected.has_info())
        m_outlet.emit(Inspected{inspected.sha256(), inspected.info()});
    else
        m_outlet.emit(InspectFailed{inspected.sha256(), protocol::fromWire(inspected.error())});
}

void Asks::finishCancelled(AskMap::iterator ask)
{
    wire::AskFinished finished;
    finished.set_id(ask->first);
    finished.set_reason(wire::AskFinished::CANCELLED);
    finished.set_text(ask->second.text);
    m_asks.erase(ask);
    m_outlet.emit(AskFinished{std::move(finished)});
}

void Asks::fail(AskMap::iterator ask, Error error)
{
    AskFailed failed{ask->first, std::move(error), std::move(ask->second.text)};
    m_asks.erase(ask);
    m_outlet.emit(std::move(failed));
}

} // namespace argus::client
