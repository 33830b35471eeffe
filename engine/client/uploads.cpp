#include "engine/client/uploads.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/protocol/bounds.h"

#include <algorithm>
#include <utility>

namespace argus::client {
namespace {

constexpr Milliseconds kBusyPause{1000};
constexpr int kBusyTries = 60;                      // a minute of a full head, then the person should know
constexpr std::uint64_t kKeepInMemory = 256U << 20; // of pasted pictures the head has already, in case it restarts

} // namespace

void Uploads::add(const Sha256& sha256, UploadSource source)
{
    Upload& upload = m_uploads[sha256];
    upload.source = std::move(source);
    upload.announce = true;
    upload.lastUse = ++m_clock;
    if (upload.state == State::There) {
        upload.announce = false;
        return m_outlet.emit(UploadFinished{sha256});
    }
    if (upload.state == State::Idle || upload.state == State::Failed) {
        upload.state = State::Waiting;
        upload.error.reset();
        upload.busyTries = 0;
        upload.notBefore.reset();
    }
    forgetOldBytes();
    // No head takes these; it could not even say of which file it speaks, since the message does not pass its check.
    if (upload.source.size == 0)
        fail(sha256, upload, makeError(ErrorCode::BadRequest, say("attachment-empty"), say("do-attach-media")));
    else if (upload.source.size > protocol::kMaxFileBytes)
        fail(sha256, upload,
             makeError(ErrorCode::TooLarge, say("attachment-too-large", upload.source.size, protocol::kMaxFileBytes),
                       say("do-attach-smaller-file")));
}

void Uploads::want(const Sha256& sha256)
{
    const auto found = m_uploads.find(sha256);
    if (found == m_uploads.end())
        return;
    found->second.lastUse = ++m_clock;
    if (found->second.state == State::Idle)
        found->second.state = State::Waiting;
}

void Uploads::doubt(const Sha256& sha256)
{
    if (const auto found = m_uploads.find(sha256); found != m_uploads.end() && found->second.state == State::There)
        found->second.state = State::Idle;
}

Uploads::Standing Uploads::standing(const Sha256& sha256) const
{
    const auto found = m_uploads.find(sha256);
    if (found == m_uploads.end())
        return Standing::Unknown;
    switch (found->second.state) {
    case State::There:
        return Standing::There;
    case State::Failed:
        return Standing::Failed;
    case State::Idle:
    case State::Waiting:
    case State::Begun:
    case State::Sending:
        break;
    }
    return Standing::OnTheWay;
}

Error Uploads::error(const Sha256& sha256) const
{
    const auto found = m_uploads.find(sha256);
    return found != m_uploads.end() && found->second.error
               ? *found->second.error
               : Error{ErrorCode::Internal, "the upload has not failed", "", {}};
}

void Uploads::connected(std::uint32_t chunkBytes)
{
    m_connected = true;
    const auto most = static_cast<std::uint32_t>(protocol::kChunkBytes);
    m_chunkBytes = chunkBytes == 0 ? most : std::min(chunkBytes, most);
}

void Uploads::disconnected()
{
    m_connected = false;
    for (auto& [sha256, upload] : m_uploads) {
        ++upload.turn;
        if (active(upload))
            upload.state = State::Waiting;
        else if (upload.state == State::There)
            upload.state = State::Idle; // want() asks the next head, or the same one
    }
}

void Uploads::pump(Instant now)
{
    if (!m_connected)
        return;
    const auto isActive = [](const auto& entry) { return active(entry.second); };
    // They share one line, and on a slow one each hears less often the more there are.
    const Milliseconds patience = kUnansweredPause * std::max<std::ptrdiff_t>(
                                      1, std::count_if(m_uploads.begin(), m_uploads.end(), isActive));
    for (auto& [sha256, upload] : m_uploads)
        if (active(upload))
            lookAfter(sha256, upload, patience, now);
    auto underWay = std::count_if(m_uploads.begin(), m_uploads.end(), isActive);
    for (auto& [sha256, upload] : m_uploads) {
        if (underWay >= static_cast<std::ptrdiff_t>(protocol::kMaxUploadsPerSession))
            return;
        if (upload.state != State::Waiting || (upload.notBefore && now < *upload.notBefore))
            continue;
        begin(sha256, upload, now);
        ++underWay;
    }
}

void Uploads::lookAfter(const Sha256& sha256, Upload& upload, Milliseconds patience, Instant now)
{
    if (std::exchange(upload.answered, false)) {
        upload.heard = now;
        upload.unanswered = 0;
        return;
    }
    if (now - upload.heard < patience)
        return;
    upload.state = State::Waiting;
    ++upload.turn;
    if (++upload.unanswered == kUnansweredTries) {
        upload.unanswered = 0;
        fail(sha256, upload,
             makeError(ErrorCode::Timeout,
                       say("upload-unanswered",
                           kUnansweredTries * std::chrono::duration_cast<std::chrono::seconds>(kUnansweredPause).count()),
                       say("do-attach-again")));
    }
}

void Uploads::begin(const Sha256& sha256, Upload& upload, Instant now)
{
    upload.state = State::Begun;
    upload.heard = now;
    upload.answered = false;
    ++upload.turn;
    wire::ClientMessage message;
    message.mutable_upload_begin()->set_sha256(sha256);
    message.mutable_upload_begin()->set_size(upload.source.size);
    m_outlet.send(std::move(message));
}

void Uploads::onGrant(const wire::UploadGrant& grant)
{
    const auto found = m_uploads.find(grant.sha256());
    if (found == m_uploads.end())
        return;
    Upload& upload = found->second;
    if (upload.state == State::Begun) {
        upload.state = State::Sending;
        upload.asked = std::min(grant.offset(), upload.source.size);
        upload.windowEnd = 0;
        upload.stored = 0;
    }
    if (upload.state != State::Sending || grant.offset() > upload.source.size)
        return;
    upload.answered = true;
    upload.busyTries = 0;
    upload.stored = std::max(upload.stored, grant.offset());
    upload.windowEnd =
        std::max(upload.windowEnd, grant.offset() + std::uint64_t{grant.credit()} * protocol::kChunkBytes);
    m_outlet.emit(UploadProgress{.sha256 = found->first, .sent = upload.stored, .size = upload.source.size});
    fill(found->first, upload);
}

/// Has everything read that the head is ready to take.
void Uploads::fill(const Sha256& sha256, Upload& upload)
{
    const std::uint64_t end = std::min(upload.windowEnd, upload.source.size);
    while (upload.asked < end) {
        const std::uint64_t offset = upload.asked;
        // A chunk that reaches over the window's edge waits until the window has moved.
        const std::uint64_t count = std::min<std::uint64_t>(m_chunkBytes, upload.source.size - offset);
        if (offset + count > end)
            return;
        upload.asked += count;
        if (upload.source.bytes) {
            sendChunk(sha256, offset, upload.source.bytes->substr(offset, count));
            continue;
        }
        const std::uint32_t turn = upload.turn;
        m_files.read(upload.source.file, offset, static_cast<std::size_t>(count),
                     [this, sha256, offset, turn](Result<std::string> bytes) {
                         const auto found = m_uploads.find(sha256);
                         if (found == m_uploads.end() || found->second.turn != turn ||
                             found->second.state != State::Sending)
                             return;
                         if (bytes)
                             return sendChunk(sha256, offset, std::move(bytes).value());
                         wire::ClientMessage abort;
                         abort.mutable_upload_abort()->set_sha256(sha256);
                         m_outlet.send(std::move(abort));
                         fail(sha256, found->second, std::move(bytes).error());
                     });
    }
}

void Uploads::sendChunk(const Sha256& sha256, std::uint64_t offset, std::string bytes)
{
    wire::ClientMessage message;
    wire::UploadChunk* chunk = message.mutable_upload_chunk();
    chunk->set_sha256(sha256);
    chunk->set_offset(offset);
    chunk->set_data(std::move(bytes));
    m_outlet.send(std::move(message));
}

void Uploads::onDone(const Sha256& sha256)
{
    const auto found = m_uploads.find(sha256);
    if (found == m_uploads.end() || !active(found->second))
        return;
    found->second.state = State::There;
    found->second.unanswered = 0;
    ++found->second.turn;
    if (!std::exchange(found->second.announce, false))
        return;
    m_outlet.emit(
        UploadProgress{.sha256 = sha256, .sent = found->second.source.size, .size = found->second.source.size});
    m_outlet.emit(UploadFinished{sha256});
}

void Uploads::onFailed(const Sha256& sha256, Error error, Instant now)
{
    const auto found = m_uploads.find(sha256);
    if (found == m_uploads.end() || !active(found->second))
        return;
    Upload& upload = found->second;
    upload.unanswered = 0;
    // Busy passes; NotFound means that the head has forgotten the upload in its middle, and a new begin() mends it.
    if ((error.code == ErrorCode::Busy || error.code == ErrorCode::NotFound) && ++upload.busyTries < kBusyTries) {
        upload.state = State::Waiting;
        ++upload.turn;
        upload.notBefore = now + kBusyPause;
        return;
    }
    fail(sha256, upload, std::move(error));
}

bool Uploads::onRefused(const std::string& about, const Error& error, Instant now)
{
    for (const auto& [sha256, upload] : m_uploads)
        if (hexOf(sha256) == about) {
            onFailed(Sha256(sha256), error, now);
            return true;
        }
    return false;
}

void Uploads::fail(const Sha256& sha256, Upload& upload, Error error)
{
    upload.state = State::Failed;
    ++upload.turn;
    upload.error = error;
    if (std::exchange(upload.announce, false))
        m_outlet.emit(UploadFailed{sha256, std::move(error)});
}

/// Bytes in memory stay for a head that restarts, up to a bound; the longest unused ones that have arrived go first.
void Uploads::forgetOldBytes()
{
    std::uint64_t held = 0;
    for (const auto& [sha256, upload] : m_uploads)
        held += upload.source.bytes ? upload.source.size : 0;
    while (held > kKeepInMemory) {
        auto oldest = m_uploads.end();
        for (auto upload = m_uploads.begin(); upload != m_uploads.end(); ++upload) {
            const bool mayGo = upload->second.source.bytes &&
                               (upload->second.state == State::There || upload->second.state == State::Failed);
            if (mayGo && (oldest == m_uploads.end() || upload->second.lastUse < oldest->second.lastUse))
                oldest = upload;
        }
        if (oldest == m_uploads.end())
            return;
        held -= oldest->second.source.size;
        m_uploads.erase(oldest);
    }
}

} // namespace argus::client
