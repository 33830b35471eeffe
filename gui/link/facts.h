#pragma once
// What the desktop knows about asks, attachments and machines: plain Qt values, so that nothing above link/ sees the
// engine.

#include "gui/link/engine_facts.h"

#include <QDateTime>
#include <QImage>
#include <QList>
#include <QMetaType>
#include <QSize>
#include <QString>

#include <optional>

namespace argus::gui {

using AskId = QString;
using AttachmentId = quint64; ///< one attachment of this run of the desktop; never used twice

/// What is in a picture or clip and what the model receives of it, as the head's decoder saw it.
struct MediaFacts {
    bool video = false;
    QSize size;      ///< pixels in the file, after EXIF orientation
    QSize modelSize; ///< pixels the model receives, of every frame for clips
    double seconds = 0;
    int frames = 0;
    int modelFrames = 0;
    int tokens = 0;
    QImage thumbnail;

    [[nodiscard]] bool isKnown() const { return size.isValid(); }
};

/// One attachment of a message: a file of this computer and, once known, what is in it.
struct Attachment {
    AttachmentId id = 0;
    QString name; ///< for people
    QString path; ///< where it lies
    MediaFacts facts;
};

enum class AskPhase { Sending, Queued, ReadingMedia, Prompt, Answering };
enum class AskOutcome { Complete, LengthLimit, Stopped };

struct AnswerStats {
    int promptTokens = 0;
    int answerTokens = 0;
    double secondsToFirstToken = 0;
    double secondsTotal = 0;
    double tokensPerSecond = 0;
};

struct Turn {
    enum class Role { User, Assistant };
    Role role = Role::User;
    QString text;
    QList<AttachmentId> attachments; ///< in the order in which they precede the text
};

/// Absent values take the checkpoint's own defaults.
struct Sampling {
    std::optional<double> temperature;
    std::optional<double> topP;
    std::optional<double> repetitionPenalty;
    std::optional<quint32> maxTokens;
    std::optional<quint64> seed;
};

struct Question {
    AskId id;
    QList<Turn> turns;
    Sampling sampling;
};

enum class LinkState {
    Starting,  ///< no head yet: a private one is being started, or the remote one has not answered for the first time
    Connected, ///< the head answers
    Away,      ///< it did, and does not any more; the link is trying again
};

struct DeviceFacts {
    Spoken name;
    QString kind;                                                                      ///< cpu, cuda
    quint64 total = 0, free = 0, weights = 0, runtime = 0, kvReserved = 0, kvUsed = 0; ///< bytes
    int index = 0;                                                                     ///< among its kind
    bool used = false; ///< by the deployment; what follows counts then
    int rank = 0, stage = 0, tensorRank = 0;
    int firstLayer = 0, endLayer = 0;
    Spoken joined;                       ///< what joins the ranks of its stage; empty: it is alone, or nobody knows
    quint64 loadDone = 0, loadTotal = 0; ///< bytes of weights
    Spoken problem;                      ///< why nothing can compute on it

    bool operator==(const DeviceFacts&) const = default;
};

struct NodeFacts {
    QString name;
    QString role;  ///< head, worker
    QString state; ///< joining, idle, fetching, starting, ready, restarting, failed, suspect, lost, draining
    QString address;
    QString version;
    double age = 0; ///< seconds since these figures were true, when they were sent
    QList<DeviceFacts> devices;
    QString key;             ///< public key of a worker
    QString interface;       ///< to the other machines
    QStringList interfaces;  ///< it has
    double roundTrip = 0;    ///< seconds to the head; 0: not measured
    double linkSpeed = 0;    ///< bytes a second to the head; 0: not measured
    double stateSeconds = 0; ///< it has been in this state, when this was sent
    QString nccl;            ///< version
    quint64 fetchDone = 0;   ///< bytes of the model, from the head
    quint64 fetchTotal = 0;  ///< 0: it fetches nothing
    Trouble trouble;         ///< why it is not used
};

struct DeploymentFacts {
    QString model;
    QString path;
    bool demo = false;
    int tensorParallel = 1;
    int pipelineParallel = 1;
    QString dtype;
    int maxModelLen = 0;
    QString state; ///< stopped, loading, ready, restarting, failed
    Trouble trouble;
    quint64 loadDone = 0, loadTotal = 0; ///< bytes
    int kvBlocks = 0, kvBlocksUsed = 0;
    quint64 number = 0;      ///< of deployments since the head started
    bool rolledBack = false; ///< `trouble` says why a newer one was given up; this is the one before
    EngineSettings settings;
    bool settingsKnown = false; ///< an older head does not tell them
    int restarts = 0;
    quint64 replayed = 0; ///< questions that went on after a loss

    [[nodiscard]] bool isStarting() const
    {
        return state == QLatin1String("loading") || state == QLatin1String("restarting");
    }
};

struct ClusterFacts {
    QString headName;
    QList<NodeFacts> nodes;
    DeploymentFacts deployment;
    int running = 0;
    int waiting = 0;
    bool watchOnly = false; ///< this desktop's key is an observer's: the head refuses to do anything for it
};

} // namespace argus::gui
