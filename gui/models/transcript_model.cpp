#include "gui/models/transcript_model.h"

#include <utility>

namespace argus::gui {

TranscriptModel::TranscriptModel(QObject* parent) : QAbstractListModel(parent) {}

int TranscriptModel::rowCount(const QModelIndex& parent) const
{
    return parent.isValid() ? 0 : static_cast<int>(m_messages.size());
}

QVariant TranscriptModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid))
        return {};
    const Message& message = m_messages[index.row()];
    switch (role) {
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
    case TextRole:
        return message.text;
    case KindRole:
        return static_cast<int>(message.kind);
    case StateRole:
        return QVariant::fromValue(message.state);
    case AttachmentsRole:
        return QVariant::fromValue(message.attachments);
    case TroubleRole:
        return QVariant::fromValue(message.trouble);
    case StatsRole:
        return QVariant::fromValue(message.stats);
    case PhaseRole:
        return QVariant::fromValue(message.phase);
    default:
        return {};
    }
}

AskId TranscriptModel::openAsk() const
{
    if (m_messages.isEmpty() || m_messages.last().kind != Message::Kind::Answer)
        return {};
    const Message& last = m_messages.last();
    return last.state == AnswerState::Waiting || last.state == AnswerState::Streaming ? last.ask : AskId();
}

QList<Turn> TranscriptModel::turns() const
{
    QList<Turn> turns;
    for (const Message& message : m_messages) {
        if (message.kind == Message::Kind::Answer) {
            if (!message.text.isEmpty())
                turns << Turn{Turn::Role::Assistant, message.text, {}};
            continue;
        }
        Turn turn{Turn::Role::User, message.text, {}};
        for (const Attachment& attachment : message.attachments)
            turn.attachments << attachment.id;
        if (!turns.isEmpty() &&
            turns.last().role == Turn::Role::User) { // its answer failed: both questions are one turn now
            turns.last().attachments << turn.attachments;
            turns.last().text += QLatin1String("\n\n") + turn.text;
        } else {
            turns << turn;
        }
    }
    return turns;
}

void TranscriptModel::addQuestion(const QString& text, const QList<Attachment>& attachments)
{
    const int row = rowCount();
    beginInsertRows({}, row, row);
    Message message;
    message.text = text;
    message.attachments = attachments;
    m_messages << message;
    endInsertRows();
}

void TranscriptModel::dropLastAnswer()
{
    if (m_messages.isEmpty() || m_messages.last().kind != Message::Kind::Answer)
        return;
    const int row = rowCount() - 1;
    beginRemoveRows({}, row, row);
    m_messages.removeLast();
    endRemoveRows();
}

Message TranscriptModel::takeLastQuestion()
{
    if (m_messages.isEmpty() || m_messages.last().kind != Message::Kind::Question)
        return {};
    const int row = rowCount() - 1;
    beginRemoveRows({}, row, row);
    const Message taken = m_messages.takeLast();
    endRemoveRows();
    return taken;
}

void TranscriptModel::clear()
{
    if (m_messages.isEmpty())
        return;
    beginResetModel();
    m_messages.clear();
    endResetModel();
}

void TranscriptModel::begin(const QString& ask)
{
    const int row = rowCount();
    beginInsertRows({}, row, row);
    Message message;
    message.kind = Message::Kind::Answer;
    message.ask = ask;
    message.state = AnswerState::Waiting;
    for (const Message& earlier : m_messages)
        if (earlier.kind == Message::Kind::Question)
            message.attachments << earlier.attachments;
    if (message.attachments.size() != 1)
        message.attachments.clear();
    m_messages << message;
    endInsertRows();
}

/// Row of an answer that may still change; -1 when it is settled or was dropped.
int TranscriptModel::openRow(const AskId& ask) const
{
    return !ask.isEmpty() && openAsk() == ask ? rowCount() - 1 : -1;
}

void TranscriptModel::changed(int row, const QList<int>& roles)
{
    emit dataChanged(index(row), index(row), roles);
}

void TranscriptModel::progress(const QString& ask, AskPhase phase, int done, int total)
{
    const int row = openRow(ask);
    if (row < 0)
        return;
    Message& message = m_messages[row];
    message.phase = phase;
    message.done = done;
    message.total = total;
    changed(row, {PhaseRole});
}

void TranscriptModel::append(const QString& ask, const QString& piece)
{
    const int row = openRow(ask);
    if (row < 0)
        return;
    Message& message = m_messages[row];
    message.text += piece;
    if (std::exchange(message.state, AnswerState::Streaming) == AnswerState::Streaming)
        changed(row, {TextRole, Qt::DisplayRole, Qt::AccessibleTextRole});
    else
        changed(row, {StateRole, TextRole, Qt::DisplayRole, Qt::AccessibleTextRole});
}

void TranscriptModel::finish(const QString& ask, AskOutcome outcome, const QString& text, const AnswerStats& stats)
{
    const int row = openRow(ask);
    if (row < 0)
        return;
    Message& message = m_messages[row];
    if (!text.isEmpty())
        message.text = text;
    message.stats = stats;
    switch (outcome) {
    case AskOutcome::Complete:
        message.state = AnswerState::Complete;
        break;
    case AskOutcome::LengthLimit:
        message.state = AnswerState::LengthLimit;
        break;
    case AskOutcome::Stopped:
        message.state = AnswerState::Stopped;
        break;
    }
    changed(row, {StateRole, TextRole, StatsRole, Qt::DisplayRole, Qt::AccessibleTextRole});
    emit settled(ask);
}

void TranscriptModel::fail(const QString& ask, const Trouble& trouble)
{
    const int row = openRow(ask);
    if (row < 0)
        return;
    m_messages[row].state = AnswerState::Failed;
    m_messages[row].trouble = trouble;
    changed(row, {StateRole, TroubleRole});
    emit settled(ask);
}

void TranscriptModel::setFacts(AttachmentId id, const MediaFacts& facts)
{
    for (int row = 0; row < rowCount(); ++row)
        for (Attachment& attachment : m_messages[row].attachments)
            if (attachment.id == id) {
                attachment.facts = facts;
                changed(row, {AttachmentsRole});
            }
}

} // namespace argus::gui
