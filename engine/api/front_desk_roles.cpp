// What the role of a key allows, and how who may not is told.

#include "engine/api/front_desk.h"
#include "engine/base/catalogue.h"
#include "engine/base/log.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <vector>

namespace argus::api {
namespace {

using Body = wire::ClientMessage;

/// Empty: an observer may do that. Its own asks, from when it was a client, it may follow and end.
Said forbidden(Body::BodyCase body)
{
    switch (body) {
    case Body::kUploadBegin:
    case Body::kUploadChunk:
    case Body::kInspect: // also of files that others have sent
        return say("observer-upload");
    case Body::kAsk:
        return say("observer-ask");
    case Body::kDeploy:
        return say("observer-deploy");
    case Body::kMakeJoinLine:
        return say("observer-join");
    case Body::kRemoveNode:
        return say("observer-remove");
    case Body::kStopHead:
        return say("observer-stop");
    case Body::kHello:
    case Body::kHeartbeat:
    case Body::kUploadAbort:
    case Body::kCancel:
    case Body::kResume:
    case Body::kPreflight:
    case Body::kGetLog:
    case Body::BODY_NOT_SET:
        break;
    }
    return {};
}

/// The answer that the asker waits for.
wire::HeadMessage refusal(const Body& message, const wire::Error& error)
{
    wire::HeadMessage out;
    out.set_protocol_version(protocol::kVersion);
    switch (message.body_case()) {
    case Body::kUploadBegin:
        out.mutable_upload_failed()->set_sha256(message.upload_begin().sha256());
        *out.mutable_upload_failed()->mutable_error() = error;
        break;
    case Body::kUploadChunk:
        out.mutable_upload_failed()->set_sha256(message.upload_chunk().sha256());
        *out.mutable_upload_failed()->mutable_error() = error;
        break;
    case Body::kInspect:
        out.mutable_inspected()->set_sha256(message.inspect().sha256());
        *out.mutable_inspected()->mutable_error() = error;
        break;
    case Body::kAsk:
        out.mutable_ask_failed()->set_id(message.ask().id());
        *out.mutable_ask_failed()->mutable_error() = error;
        break;
    case Body::kDeploy:
        out.mutable_deploy_answer()->set_id(message.deploy().id());
        *out.mutable_deploy_answer()->mutable_error() = error;
        break;
    case Body::kMakeJoinLine:
        out.mutable_join_line()->set_id(message.make_join_line().id());
        *out.mutable_join_line()->mutable_error() = error;
        break;
    default:
        *out.mutable_refused()->mutable_error() = error;
        if (message.has_remove_node())
            out.mutable_refused()->set_about(message.remove_node().node());
    }
    return out;
}

/// How long a revoked key may go on watching.
constexpr Milliseconds kBetweenLooks{250};

} // namespace

Error FrontDesk::revoked(const std::string& publicKey)
{
    return makeError(ErrorCode::Denied, say("key-revoked"), say("do-allow-key", publicKey));
}

protocol::KnownClient FrontDesk::whoIs(const Session& session) const
{
    if (!m_options.whoIs)
        return {.publicKey = session.publicKey, .name = {}};
    return m_options.whoIs(session.publicKey)
        .value_or(protocol::KnownClient{.publicKey = session.publicKey, .name = {}, .role = protocol::Role::Observer});
}

bool FrontDesk::isKnown(const std::string& publicKey) const
{
    return !m_options.whoIs || m_options.whoIs(publicKey).has_value();
}

void FrontDesk::lookAtKeys(Instant now)
{
    if (!m_options.whoIs || (m_keysSeen && now - *m_keysSeen < kBetweenLooks))
        return;
    m_keysSeen = now;
    std::vector<SessionKey> gone;
    for (auto& [key, session] : m_sessions)
        if (!isKnown(key.second))
            gone.push_back(key);
        else if (whoIs(session).role != session.role)
            welcome(session, now);
    for (const SessionKey& key : gone)
        endRevoked(key, now);
    for (const auto& [number, record] : m_asks) // also of who is not connected just now
        if (!record.outcome && !isKnown(record.key.first))
            m_engine.cancel(number);
}

/// Its connection cannot be cut from here, but nothing goes over it any more; the next one is refused before it begins.
void FrontDesk::endRevoked(const SessionKey& key, Instant now)
{
    Session& session = m_sessions.at(key);
    session.pending.clear();
    refuse(session, revoked(key.second), {});
    dropSession(key, "was revoked", now);
}

bool FrontDesk::denies(Session& session, const wire::ClientMessage& message)
{
    const Said deed = forbidden(message.body_case());
    if (deed.empty())
        return false;
    const protocol::KnownClient client = whoIs(session);
    if (client.role != protocol::Role::Observer)
        return false;
    const Error error =
        makeError(ErrorCode::Denied, deed,
                  say("do-become-client", client.publicKey, client.name.empty() ? std::string("NAME") : client.name));
    if (++session.denied == 1) // once a session: the rest says nothing new
        log::warn("client {} ({}): {}", protocol::fingerprint(session.publicKey), client.name, error.cause);
    post(session, refusal(message, protocol::toWire(error)));
    return true;
}

} // namespace argus::api
