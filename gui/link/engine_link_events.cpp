// The half of EngineLink that turns the client's events into signals.

#include "gui/link/engine_link.h"

#include "gui/link/occurrence.h"
#include "gui/link/wire_engine.h"
#include "gui/link/wire_facts.h"

#include <QFileInfo>

namespace argus::gui {

QList<AttachmentId> EngineLink::idsOf(const QByteArray& digest) const
{
    QList<AttachmentId> ids;
    for (auto upload = m_uploads.cbegin(); upload != m_uploads.cend(); ++upload)
        if (upload->digest == digest)
            ids << upload.key();
    return ids;
}

Trouble EngineLink::withNames(Trouble trouble) const
{
    for (const Upload& upload : m_uploads) {
        if (upload.digest.isEmpty())
            continue;
        const QString digest = QString::fromLatin1(upload.digest.toHex());
        const QString name = QFileInfo(upload.path).fileName();
        trouble.cause.replace(digest, name);
        trouble.remedy.replace(digest, name);
    }
    return trouble;
}

void EngineLink::attachmentTrouble(const QByteArray& digest, const Trouble& raw)
{
    const Trouble trouble = withNames(raw);
    for (const AttachmentId id : idsOf(digest)) {
        m_uploads[id].trouble = trouble;
        emit attachmentFailed(id, trouble);
    }
}

void EngineLink::tellStatus(ClusterFacts facts)
{
    facts.watchOnly = m_watchOnly;
    emit statusArrived(facts);
}

void EngineLink::deliver(int generation, const Occurrence& occurrence)
{
    if (generation != m_generation)
        return;
    struct Visitor {
        EngineLink& link;

        void operator()(const client::Connected& e) const
        {
            link.m_wasConnected = true;
            link.m_watchOnly = e.welcome.role() == "observer";
            link.tellStatus(toFacts(e.welcome.status())); // first, so that who is connected has a name
            link.setState(LinkState::Connected, {});
        }
        void operator()(const client::Disconnected& e) const
        {
            link.setState(link.m_wasConnected ? LinkState::Away : LinkState::Starting, toTrouble(e.why));
        }
        void operator()(const client::StatusArrived& e) const { link.tellStatus(toFacts(e.status)); }
        void operator()(const client::UploadProgress& e) const
        {
            for (const AttachmentId id : link.idsOf(bytes(e.sha256)))
                emit link.uploadProgressed(id, e.sent, e.size);
        }
        void operator()(const client::UploadFinished&) const {} // attachmentReady() follows
        void operator()(const client::UploadFailed& e) const
        {
            link.attachmentTrouble(bytes(e.sha256), toTrouble(e.error));
        }
        void operator()(const client::Inspected& e) const
        {
            const MediaFacts facts = toFacts(e.info);
            for (const AttachmentId id : link.idsOf(bytes(e.sha256))) {
                if (std::exchange(link.m_uploads[id].inspected, true))
                    continue; // the same file attached twice is inspected twice
                emit link.attachmentReady(id, facts);
            }
        }
        void operator()(const client::InspectFailed& e) const
        {
            link.attachmentTrouble(bytes(e.sha256), toTrouble(e.error));
        }
        void operator()(const client::AskProgressed& e) const
        {
            emit link.askProgressed(text(e.progress.id()), toPhase(e.progress.phase()),
                                    static_cast<int>(e.progress.done()), static_cast<int>(e.progress.total()));
        }
        void operator()(const client::TextArrived& e) const { emit link.textArrived(text(e.ask), text(e.text)); }
        void operator()(const client::AskFinished& e) const
        {
            const wire::AskStats& stats = e.finished.stats();
            const AskId id = text(e.finished.id());
            link.m_running.remove(id);
            emit link.askFinished(
                id, toOutcome(e.finished.reason()), text(e.finished.text()),
                AnswerStats{static_cast<int>(stats.prompt_tokens()), static_cast<int>(stats.completion_tokens()),
                            stats.seconds_to_first_token(), stats.seconds_total(), stats.tokens_per_second()});
        }
        void operator()(const client::AskFailed& e) const
        {
            link.failAsk(text(e.ask), link.withNames(toTrouble(e.error)));
        }
        void operator()(const client::PreflightArrived& e) const { emit link.preflightArrived(toFacts(e.done)); }
        void operator()(const client::DeployAnswered& e) const
        {
            emit link.deployAnswered(text(e.answer.id()), e.answer.deployment(),
                                     e.answer.has_error() ? toTrouble(e.answer.error()) : Trouble());
        }
        void operator()(const client::JoinLineArrived& e) const
        {
            emit link.joinLineArrived(text(e.line.id()), text(e.line.line()), e.line.valid_seconds(),
                                      toTrouble(e.line.error()));
        }
        void operator()(const client::LogArrived& e) const
        {
            emit link.logArrived(text(e.log.id()), text(e.log.node()), text(e.log.text()), toTrouble(e.log.error()));
        }
        void operator()(const client::CommandFailed& e) const
        {
            emit link.commandFailed(text(e.about), toTrouble(e.error));
        }
        void operator()(const client::HeadStopping& e) const
        {
            link.setState(LinkState::Away,
                          Trouble{QStringLiteral("Unreachable"), text(e.reason), QString(), QString()});
        }
    };
    std::visit(Visitor{*this}, occurrence.event);
}

} // namespace argus::gui
