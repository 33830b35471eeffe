#pragma once
// One conversation as rows: questions and answers, oldest first.

#include "gui/link/facts.h"

#include <QAbstractListModel>

namespace argus::gui {

enum class AnswerState { Waiting, Streaming, Complete, LengthLimit, Stopped, Failed };

struct Message {
    enum class Kind { Question, Answer };
    Kind kind = Kind::Question;
    AskId ask;    ///< of answers
    QString text; ///< as typed, or as the model said it so far
    QList<Attachment>
        attachments; ///< of questions; of answers the picture they are about, when the conversation has only one
    AnswerState state = AnswerState::Complete;
    AskPhase phase = AskPhase::Sending; ///< while Waiting
    int done = 0, total = 0;            ///< of the phase; total 0: unknown
    Trouble trouble;
    AnswerStats stats;
};

/// GUI thread. begin() adds an answer, append() grows it, finish() or fail() settles it once, for good; whatever comes
/// later is ignored. Signals beside the model's own: settled(), after the row's dataChanged().
class TranscriptModel final : public QAbstractListModel {
    Q_OBJECT
public:
    enum Role { KindRole = Qt::UserRole + 1, StateRole, TextRole, AttachmentsRole, TroubleRole, StatsRole, PhaseRole };

    explicit TranscriptModel(QObject* parent = nullptr);
    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

    [[nodiscard]] const Message& at(int row) const { return m_messages[row]; }
    [[nodiscard]] bool isEmpty() const { return m_messages.isEmpty(); }
    /// The answer that has not settled yet; empty when there is none.
    [[nodiscard]] AskId openAsk() const;
    /// The whole conversation as turns to send: answers that failed or stopped before their first word are left out.
    [[nodiscard]] QList<Turn> turns() const;

    void addQuestion(const QString& text, const QList<Attachment>& attachments);
    /// Drops the last row if it is an answer, settled or not.
    void dropLastAnswer();
    /// Drops the last row if it is a question and hands it out; otherwise an empty message.
    Message takeLastQuestion();
    void clear();

public slots:
    void begin(const QString& ask);
    void progress(const QString& ask, argus::gui::AskPhase phase, int done, int total);
    void append(const QString& ask, const QString& piece);
    void finish(const QString& ask, argus::gui::AskOutcome outcome, const QString& text,
                const argus::gui::AnswerStats& stats);
    void fail(const QString& ask, const argus::gui::Trouble& trouble);
    void setFacts(argus::gui::AttachmentId id, const argus::gui::MediaFacts& facts);

signals:
    void settled(const QString& ask);

private:
    int openRow(const AskId& ask) const;
    void changed(int row, const QList<int>& roles);

    QList<Message> m_messages;
};

} // namespace argus::gui

Q_DECLARE_METATYPE(argus::gui::AnswerState)
