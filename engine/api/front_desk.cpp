#include "engine/api/front_desk.h"

#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/node/conversation.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <algorithm>

namespace argus::api {
namespace {

constexpr std::uint32_t kMaxInspectionsPerSession = 16;
constexpr std::size_t kMaxRequests = 256;
constexpr std::size_t kMaxOffenders = 1024;

wire::HeadMessage headMessage()
{
    wire::HeadMessage message;
    message.set_protocol_version(protocol::kVersion);
    return message;
}

std::span<const std::byte> bytesOf(const std::string& text)
{
    return std::as_bytes(std::span(text.data(), text.size()));
}

/// 1, 10, 100, ...: when a growing count is worth another line.
bool isPowerOfTen(std::uint64_t count)
{
    while (count >= 10 && count % 10 == 0)
        count /= 10;
    return count == 1;
}

} // namespace

FrontDesk::FrontDesk(Options options, node::Engine& engine, protocol::UploadStore& uploads, Outbox& outbox, Instant now)
    : m_options(std::move(options)), m_engine(engine), m_uploads(uploads), m_outbox(outbox), m_started(now)
{
}

// ---- frames ----

void FrontDesk::receive(const protocol::Received& received, Instant now)
{
    Result<wire::ClientMessage> message = protocol::parseClientMessage(bytesOf(received.frame));
    const auto session = m_sessions.find({received.peer, received.publicKey});
    if (!isKnown(received.publicKey)) {
        if (session != m_sessions.end())
            endRevoked(SessionKey(session->first), now);
        else
            refusePeer(received, revoked(received.publicKey), now);
        return;
    }
    if (session != m_sessions.end())
        session->second.heard = now;
    if (!message)
        refusePeer(received, message.error(), now);
    else if (message->body_case() == wire::ClientMessage::kHello)
        hello(received, message->hello(), now);
    else if (session == m_sessions.end())
        refusePeer(received, makeError(ErrorCode::NotFound, say("no-hello"), say("do-hello")), now);
    else
        answer(session->second, *message, now);
    dropGone(now);
}

void FrontDesk::answer(Session& session, wire::ClientMessage& message, Instant now)
{
    if (denies(session, message))
        return;
    switch (message.body_case()) {
    case wire::ClientMessage::kHello: // handled before there is a session
    case wire::ClientMessage::kHeartbeat:
        return;
    case wire::ClientMessage::kUploadBegin:
        return uploadBegin(session, message.upload_begin(), now);
    case wire::ClientMessage::kUploadChunk:
        return uploadChunk(session, message.upload_chunk(), now);
    case wire::ClientMessage::kUploadAbort:
        return m_uploads.abort(uploader(session), message.upload_abort().sha256());
    case wire::ClientMessage::kInspect:
        return inspect(session, message.inspect(), now);
    case wire::ClientMessage::kAsk:
        return ask(session, *message.mutable_ask(), now);
    case wire::ClientMessage::kCancel:
        return cancel(session, message.cancel().id());
    case wire::ClientMessage::kStopHead:
        return stop(session);
    case wire::ClientMessage::kResume:
        return resume(session, message.resume().id(), message.resume().text_offset());
    case wire::ClientMessage::kPreflight:
    case wire::ClientMessage::kDeploy:
    case wire::ClientMessage::kMakeJoinLine:
    case wire::ClientMessage::kGetLog:
    case wire::ClientMessage::kRemoveNode:
        return administer(session, message);
    case wire::ClientMessage::BODY_NOT_SET:
        break;
    }
    refuse(session, makeError(ErrorCode::Unsupported, say("unknown-message"), say("do-update-head")), {});
}

void FrontDesk::hello(const protocol::Received& received, const wire::Hello& hello, Instant now)
{
    const SessionKey key{received.peer, received.publicKey};
    // The same client on a new connection: what the old one was to hear, the new one asks for with Resume.
    for (const auto& [other, session] : m_sessions)
        if (other != key && other.second == key.second && session.name == hello.session())
            m_gone.insert(other);
    dropGone(now);
    if (!m_sessions.contains(key) && m_sessions.size() >= m_options.maxSessions)
        return refusePeer(
            received, makeError(ErrorCode::Busy, say("too-many-clients", m_sessions.size()), say("do-when-left")), now);
    Session& session = m_sessions[key];
    const bool fresh = session.peer.empty();
    session.peer = received.peer;
    session.publicKey = received.publicKey;
    session.name = hello.session();
    session.program = hello.program();
    session.heard = now;
    if (fresh)
        log::info("client {} connected, {} now", protocol::fingerprint(received.publicKey), m_sessions.size());
    welcome(session, now);
}

void FrontDesk::welcome(Session& session, Instant now)
{
    session.role = whoIs(session).role;
    wire::HeadMessage message = headMessage();
    wire::Welcome& welcome = *message.mutable_welcome();
    welcome.set_head_name(m_options.headName);
    welcome.set_version(m_options.version);
    *welcome.mutable_limits() = m_options.limits;
    *welcome.mutable_status() = status(now);
    welcome.set_role(std::string(protocol::roleName(session.role)));
    post(session, message);
}

// ---- uploads and what is in them ----

protocol::Uploader FrontDesk::uploader(const Session& session) const
{
    return {.session = hexOf(session.peer) + session.publicKey, .publicKey = session.publicKey};
}

namespace {

wire::HeadMessage uploadAnswer(const Sha256& sha256, const protocol::UploadStore::BeginAnswer& answer)
{
    wire::HeadMessage message = headMessage();
    if (const auto* grant = std::get_if<protocol::UploadStore::Grant>(&answer)) {
        message.mutable_upload_grant()->set_sha256(sha256);
        message.mutable_upload_grant()->set_offset(grant->offset);
        message.mutable_upload_grant()->set_credit(grant->credit);
    } else if (const auto* error = std::get_if<Error>(&answer)) {
        message.mutable_upload_failed()->set_sha256(sha256);
        *message.mutable_upload_failed()->mutable_error() = protocol::toWire(*error);
    } else {
        message.mutable_upload_done()->set_sha256(sha256);
    }
    return message;
}

} // namespace

void FrontDesk::uploadBegin(Session& session, const wire::UploadBegin& begin, Instant now)
{
    post(session, uploadAnswer(begin.sha256(), m_uploads.begin(uploader(session), begin.sha256(), begin.size(), now)));
}

void FrontDesk::uploadChunk(Session& session, const wire::UploadChunk& chunk, Instant now)
{
    const protocol::UploadStore::ChunkAnswer answer =
        m_uploads.chunk(uploader(session), chunk.sha256(), chunk.offset(), bytesOf(chunk.data()), now);
    if (answer)
        post(session, uploadAnswer(chunk.sha256(), *answer));
}

void FrontDesk::inspect(Session& session, const wire::Inspect& request, Instant now)
{
    const auto refuseThis = [&](const Error& error) {
        wire::HeadMessage message = headMessage();
        message.mutable_inspected()->set_sha256(request.sha256());
        *message.mutable_inspected()->mutable_error() = protocol::toWire(error);
        post(session, message);
    };
    const Error full = makeError(ErrorCode::Busy, say("too-many-inspections"), say("do-try-later"));
    Result<std::filesystem::path> file = m_uploads.path(request.sha256(), now);
    if (!file)
        return refuseThis(file.error());
    if (session.inspections >= kMaxInspectionsPerSession)
        return refuseThis(full);
    const std::uint64_t ticket = ++m_lastTicket;
    const int side = static_cast<int>(std::min<std::uint32_t>(request.thumbnail_side(), protocol::kMaxThumbnailSide));
    if (!m_engine.inspect(ticket, *file, side))
        return refuseThis(full);
    [[maybe_unused]] const bool pinned = m_uploads.pin(request.sha256());
    ++session.inspections;
    m_inspections[ticket] = Inspection{.session = keyOf(session), .sha256 = request.sha256()};
}

// ---- asks ----

void FrontDesk::ask(Session& session, wire::Ask& ask, Instant now)
{
    if (const auto known = m_numbers.find({session.publicKey, ask.id()}); known != m_numbers.end()) {
        const AskRecord& record = m_asks.at(known->second);
        // Sent twice it is one ask: a listener on another connection starts over, the same one has heard what was sent.
        return resume(session, ask.id(), record.session == keyOf(session) ? record.sent : 0);
    }
    const auto failThis = [&](const Error& error) {
        wire::HeadMessage message = headMessage();
        message.mutable_ask_failed()->set_id(ask.id());
        *message.mutable_ask_failed()->mutable_error() = protocol::toWire(error);
        post(session, message);
    };
    if (asksRunning() >= m_options.maxAsks || asksRunning(session.publicKey) >= m_options.maxAsksPerKey)
        return failThis(makeError(ErrorCode::Busy, say("asks-waiting", asksRunning()), say("do-ask-later")));
    for (const node::Attachment& attachment : node::attachmentsOf(ask))
        if (Result<std::filesystem::path> file = m_uploads.path(attachment.sha256, now); !file)
            return failThis(file.error());
    accept(session, ask, now);
}

void FrontDesk::accept(Session& session, wire::Ask& ask, Instant now)
{
    node::AcceptedAsk accepted;
    accepted.number = ++m_lastNumber;
    accepted.accepted = now;
    AskRecord record;
    record.key = {session.publicKey, ask.id()};
    record.session = keyOf(session);
    for (const node::Attachment& attachment : node::attachmentsOf(ask)) {
        Result<std::filesystem::path> file = m_uploads.path(attachment.sha256, now);
        if (file && accepted.files.emplace(attachment.sha256, *file).second && m_uploads.pin(attachment.sha256))
            record.pins.push_back(attachment.sha256);
    }
    accepted.ask = std::move(ask);
    const node::AskNumber number = accepted.number;
    m_numbers[record.key] = number;
    m_asks.emplace(number, std::move(record));
    if (!m_engine.submit(std::move(accepted)))
        on(node::AskEnded{.number = number,
                          .reason = wire::AskFinished::REASON_UNSPECIFIED,
                          .stats = {},
                          .outputIds = {},
                          .error = makeError(ErrorCode::Busy, say("head-full"), say("do-ask-later"))},
           now);
}

void FrontDesk::resume(Session& session, const std::string& id, std::uint64_t offset)
{
    const auto known = m_numbers.find({session.publicKey, id});
    if (known == m_numbers.end())
        return refuse(session, makeError(ErrorCode::NotFound, say("ask-unknown"), say("do-ask-again")), id);
    AskRecord& record = m_asks.at(known->second);
    record.session = keyOf(session);
    record.sent = std::min<std::uint64_t>(offset, record.text.size());
    while (record.sent > 0 && record.sent < record.text.size() &&
           (static_cast<unsigned char>(record.text[record.sent]) & 0xC0U) == 0x80U)
        --record.sent; // an offset inside a character would cut it
    record.outcomeSent = false;
    record.progressSent = record.progress.phase() == wire::AskProgress::PHASE_UNSPECIFIED;
    flushAsk(record);
}

void FrontDesk::cancel(Session& session, const std::string& id)
{
    if (const auto known = m_numbers.find({session.publicKey, id}); known != m_numbers.end())
        m_engine.cancel(known->second);
    else
        refuse(session, makeError(ErrorCode::NotFound, say("ask-unknown")), id);
}

void FrontDesk::stop(Session& session)
{
    log::info("client {} asks the head to stop", protocol::fingerprint(session.publicKey));
    m_engine.requestStop("a client asked for it");
}

std::size_t FrontDesk::asksRunning() const
{
    return static_cast<std::size_t>(
        std::count_if(m_asks.begin(), m_asks.end(), [](const auto& entry) { return !entry.second.outcome; }));
}

std::size_t FrontDesk::asksRunning(const std::string& publicKey) const
{
    return static_cast<std::size_t>(std::count_if(m_asks.begin(), m_asks.end(), [&](const auto& entry) {
        return !entry.second.outcome && entry.second.key.first == publicKey;
    }));
}

// ---- the cluster ----

/// What is asked of the cluster as a whole; the node answers, and there is an answer for each but a removal.
void FrontDesk::administer(Session& session, const wire::ClientMessage& request)
{
    if (m_requests.size() >= kMaxRequests)
        return refuse(session, makeError(ErrorCode::Busy, say("too-many-requests"), say("do-try-later")), {});
    const std::uint64_t ticket = ++m_lastTicket;
    if (!m_engine.administer(ticket, request))
        return refuse(session, makeError(ErrorCode::Busy, say("no-more-requests"), say("do-try-later")), {});
    m_requests[ticket] = keyOf(session); // a removal that worked is not answered; later requests push it out
    while (m_requests.size() > kMaxRequests)
        m_requests.erase(m_requests.begin());
}

void FrontDesk::on(node::Administered event, Instant)
{
    const auto request = m_requests.find(event.ticket);
    if (request == m_requests.end())
        return;
    const auto session = m_sessions.find(request->second);
    m_requests.erase(request);
    if (session != m_sessions.end()) // else nobody waits for it any more
        post(session->second, event.answer);
}

// ---- refusals ----

void FrontDesk::refuse(Session& session, const Error& error, const std::string& about)
{
    wire::HeadMessage message = headMessage();
    *message.mutable_refused()->mutable_error() = protocol::toWire(error);
    message.mutable_refused()->set_about(about);
    post(session, message);
}

void FrontDesk::refusePeer(const protocol::Received& received, const Error& error, Instant now)
{
    if (m_offenders.size() >= kMaxOffenders && !m_offenders.contains(received.publicKey))
        m_offenders.clear();
    Offender& offender = m_offenders[received.publicKey];
    offender.last = now;
    if (isPowerOfTen(++offender.count))
        log::warn("client {}: {} ({} such messages so far)", protocol::fingerprint(received.publicKey), error.cause,
                  offender.count);
    wire::HeadMessage message = headMessage();
    *message.mutable_refused()->mutable_error() = protocol::toWire(error);
    const auto session = m_sessions.find({received.peer, received.publicKey});
    if (session != m_sessions.end())
        return post(session->second, message);
    // Nothing is kept for who has no session.
    [[maybe_unused]] const protocol::Delivery told = m_outbox.send(received.peer, message.SerializeAsString());
}

void FrontDesk::refusedHandshakes(std::size_t count, Instant now)
{
    constexpr std::chrono::seconds kBetweenLines{60};
    m_refusedHandshakes += count;
    if (m_refusedHandshakes == 0 || (m_refusedLogged && now - *m_refusedLogged < kBetweenLines))
        return;
    log::warn("{} connections with an unknown key were refused; argus-node keys allow KEY NAME admits one",
              m_refusedHandshakes);
    m_refusedHandshakes = 0;
    m_refusedLogged = now;
}

} // namespace argus::api
