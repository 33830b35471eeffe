#pragma once
// A conversation at work: what a person does with it, turned into asks; no widgets.

#include "gui/link/link.h"
#include "gui/models/attachments_model.h"
#include "gui/models/transcript_model.h"

#include <QObject>

namespace argus::gui {

/// GUI thread. Ties a link to the transcript and the tray. The link must outlive it.
/// changed() comes whenever one of the can...() questions may have another answer.
class Conversation final : public QObject {
    Q_OBJECT
public:
    explicit Conversation(Link& link, QObject* parent = nullptr);

    [[nodiscard]] TranscriptModel* transcript() { return &m_transcript; }
    [[nodiscard]] AttachmentsModel* tray() { return &m_tray; }
    void setSampling(const Sampling& sampling) { m_sampling = sampling; }
    [[nodiscard]] const Sampling& sampling() const { return m_sampling; }

    [[nodiscard]] bool isAnswering() const { return !m_transcript.openAsk().isEmpty(); }
    [[nodiscard]] bool canSend(const QString& text) const;
    [[nodiscard]] bool canRegenerate() const;

    /// Puts a file into the tray and starts its upload.
    void attach(const QString& path);
    /// Sends text and tray as the next question; nothing happens unless canSend(). An attachment that has not reached
    /// the head is tried again, here and whenever the connection is back.
    void send(const QString& text);
    void stop();
    /// Drops the last answer, or what there is of it after a failure, and asks the same again.
    void regenerate();
    /// Takes the last question and its answer out of the transcript: its attachments come back to the tray, its text
    /// with draftReturned().
    void takeBackQuestion();
    /// A new conversation. The tray stays: it belongs to the next question.
    void clear();

signals:
    void changed();
    void draftReturned(const QString& text);

private:
    void ask();

    Link& m_link;
    TranscriptModel m_transcript;
    AttachmentsModel m_tray;
    Sampling m_sampling;
    AttachmentId m_lastAttachment = 0;
};

} // namespace argus::gui
