#pragma once
// The desktop's view of a head: questions and files go in by methods, everything else comes back as signals.

#include "gui/link/facts.h"

#include <QObject>

namespace argus::gui {

/// Lives on the GUI thread; no method waits and every signal arrives there. EngineLink talks to a real head, tests
/// script one.
///
/// Order of signals: attach() leads to any number of uploadProgressed() and then attachmentReady() or
/// attachmentFailed(), and again after a head was replaced by a new one. ask() leads to askProgressed() and
/// textArrived() in order, and to exactly one of askFinished() and askFailed(); nothing about that ask comes after it.
/// preflight(), deploy(), makeJoinLine() and getLog() lead to their own signal or to commandFailed(), once.
class Link : public QObject {
    Q_OBJECT
public:
    using QObject::QObject;

    virtual void start() = 0;
    /// Uploads a file and asks what is in it. The link remembers the file for heads to come, until forget().
    virtual void attach(AttachmentId id, const QString& path) = 0;
    virtual void forget(AttachmentId id) = 0;
    /// Kept and sent later when the head is away or an attachment is still on its way.
    virtual void ask(const Question& question) = 0;
    virtual void cancel(const AskId& id) = 0;
    // About the cluster; ids are made by the caller. While the head is away they fail instead of waiting.
    virtual void preflight(const QString& id, const EngineSettings& settings) = 0;
    virtual void deploy(const QString& id, const EngineSettings& settings) = 0;
    virtual void makeJoinLine(const QString& id) = 0;
    virtual void getLog(const QString& id, const QString& node) = 0;
    /// Revokes its key. Silent when it works: the machine is not in the next status.
    virtual void removeNode(const QString& node) = 0;
    /// Tries at once instead of waiting for the end of the back-off.
    virtual void retryNow() = 0;
    /// True when the head is a child of this program.
    [[nodiscard]] virtual bool isPrivate() const = 0;
    [[nodiscard]] virtual LinkState state() const = 0;

signals:
    /// `why` is empty while everything goes as planned.
    void stateChanged(argus::gui::LinkState state, const argus::gui::Trouble& why);
    void statusArrived(const argus::gui::ClusterFacts& facts);
    void uploadProgressed(argus::gui::AttachmentId id, quint64 sent, quint64 size);
    void attachmentReady(argus::gui::AttachmentId id, const argus::gui::MediaFacts& facts);
    void attachmentFailed(argus::gui::AttachmentId id, const argus::gui::Trouble& trouble);
    void askProgressed(const QString& ask, argus::gui::AskPhase phase, int done, int total);
    void textArrived(const QString& ask, const QString& piece);
    void askFinished(const QString& ask, argus::gui::AskOutcome outcome, const QString& text,
                     const argus::gui::AnswerStats& stats);
    void askFailed(const QString& ask, const argus::gui::Trouble& trouble);
    void preflightArrived(const argus::gui::PreflightFacts& facts);
    /// `trouble` is empty when deployment `number` is being started.
    void deployAnswered(const QString& id, quint64 number, const argus::gui::Trouble& trouble);
    /// A line for another machine's shell, good for so many seconds; or why there is none.
    void joinLineArrived(const QString& id, const QString& line, double validSeconds,
                         const argus::gui::Trouble& trouble);
    void logArrived(const QString& id, const QString& node, const QString& text, const argus::gui::Trouble& trouble);
    /// `about`: the id, or the name of the machine that was to be removed.
    void commandFailed(const QString& about, const argus::gui::Trouble& trouble);
};

} // namespace argus::gui
