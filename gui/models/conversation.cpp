#include "gui/models/conversation.h"

#include <QFileInfo>
#include <QUuid>

namespace argus::gui {

Conversation::Conversation(Link& link, QObject* parent) : QObject(parent), m_link(link)
{
    connect(&link, &Link::uploadProgressed, &m_tray, &AttachmentsModel::setProgress);
    connect(&link, &Link::attachmentReady, &m_tray, &AttachmentsModel::setFacts);
    connect(&link, &Link::attachmentReady, &m_transcript, &TranscriptModel::setFacts);
    connect(&link, &Link::attachmentFailed, &m_tray, &AttachmentsModel::fail);
    connect(&link, &Link::askProgressed, &m_transcript, &TranscriptModel::progress);
    connect(&link, &Link::textArrived, &m_transcript, &TranscriptModel::append);
    connect(&link, &Link::askFinished, &m_transcript, &TranscriptModel::finish);
    connect(&link, &Link::askFailed, &m_transcript, &TranscriptModel::fail);
    connect(&m_tray, &AttachmentsModel::removed, &link, &Link::forget);
    connect(&m_tray, &AttachmentsModel::retried, &link, &Link::attach);
    connect(&link, &Link::stateChanged, &m_tray, [this](LinkState state) {
        if (state == LinkState::Connected)
            m_tray.retryAll(); // what failed because nobody was there
    });

    connect(&m_transcript, &TranscriptModel::rowsInserted, this, &Conversation::changed);
    connect(&m_transcript, &TranscriptModel::rowsRemoved, this, &Conversation::changed);
    connect(&m_transcript, &TranscriptModel::modelReset, this, &Conversation::changed);
    connect(&m_transcript, &TranscriptModel::settled, this, &Conversation::changed);
    connect(&m_tray, &AttachmentsModel::rowsInserted, this, &Conversation::changed);
    connect(&m_tray, &AttachmentsModel::rowsRemoved, this, &Conversation::changed);
    connect(&m_tray, &AttachmentsModel::modelReset, this, &Conversation::changed);
    connect(&m_tray, &AttachmentsModel::dataChanged, this, &Conversation::changed);
}

bool Conversation::canSend(const QString& text) const
{
    return !isAnswering() && !m_tray.hasUnreadable() && !(text.trimmed().isEmpty() && m_tray.isEmpty());
}

bool Conversation::canRegenerate() const
{
    return !isAnswering() && !m_transcript.isEmpty() &&
           m_transcript.at(m_transcript.rowCount() - 1).kind == Message::Kind::Answer;
}

void Conversation::attach(const QString& path)
{
    const Attachment attachment{++m_lastAttachment, QFileInfo(path).fileName(), path, {}};
    m_tray.add(attachment);
    m_link.attach(attachment.id, path);
}

void Conversation::send(const QString& text)
{
    if (!canSend(text))
        return;
    m_tray.retryAll(); // the question waits for it
    m_transcript.addQuestion(text.trimmed(), m_tray.take());
    ask();
}

void Conversation::ask()
{
    const Question question{QUuid::createUuid().toString(QUuid::Id128), m_transcript.turns(), m_sampling};
    m_transcript.begin(question.id);
    m_link.ask(question);
}

void Conversation::stop()
{
    const AskId open = m_transcript.openAsk();
    if (open.isEmpty())
        return;
    m_link.cancel(open);
    if (m_link.state() != LinkState::Connected) // nobody is there to confirm it, and Stop always stops
        m_transcript.finish(open, AskOutcome::Stopped, {}, {});
}

void Conversation::regenerate()
{
    if (!canRegenerate())
        return;
    m_transcript.dropLastAnswer();
    ask();
}

void Conversation::takeBackQuestion()
{
    if (isAnswering())
        return;
    m_transcript.dropLastAnswer();
    const Message question = m_transcript.takeLastQuestion();
    for (const Attachment& attachment : question.attachments) {
        m_tray.add(attachment);
        m_link.attach(attachment.id, attachment.path);
    }
    emit draftReturned(question.text);
}

void Conversation::clear()
{
    stop();
    for (int row = 0; row < m_transcript.rowCount(); ++row)
        if (m_transcript.at(row).kind == Message::Kind::Question)
            for (const Attachment& attachment : m_transcript.at(row).attachments)
                m_link.forget(attachment.id);
    m_transcript.clear();
}

} // namespace argus::gui
