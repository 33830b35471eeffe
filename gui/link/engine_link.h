#pragma once
// The one class that sees engine/client (wire_facts.h and wire_engine.h beside it translate the messages): from the
// engine's events to Qt's signals, and the life of a private head.

#include "gui/link/link.h"

#include <QHash>
#include <QSet>
#include <QStringList>

#include <memory>

namespace argus::gui {

struct LinkOptions {
    QString headAddress;      ///< "tcp://HOST:PORT" of a remote head; empty: a private head on this computer
    QString headKey;          ///< its public key, Z85
    QStringList headSettings; ///< further arguments of `argus-node start` for the private head
    int thumbnailSide = 512;  ///< longest side asked for, in pixels
};

/// Lives on the GUI thread. A thread of its own, the keeper, starts the private head, restarts it with back-off when it
/// dies, and owns the client; it lives as long as this object, because a head dies with the thread that started it. The
/// destructor ends the head and joins it.
///
/// An ask that was running when a private head died fails with code "Crashed"; one that had not been sent yet goes to
/// the next head.
class EngineLink final : public Link {
    Q_OBJECT
public:
    explicit EngineLink(LinkOptions options, QObject* parent = nullptr);
    ~EngineLink() override;

    void start() override;
    void attach(AttachmentId id, const QString& path) override;
    void forget(AttachmentId id) override;
    void ask(const Question& question) override;
    void cancel(const AskId& id) override;
    void preflight(const QString& id, const EngineSettings& settings) override;
    void deploy(const QString& id, const EngineSettings& settings) override;
    void makeJoinLine(const QString& id) override;
    void getLog(const QString& id, const QString& node) override;
    void removeNode(const QString& node) override;
    void retryNow() override;
    [[nodiscard]] bool isPrivate() const override { return m_options.headAddress.isEmpty(); }
    [[nodiscard]] LinkState state() const override { return m_state; }
    /// Process id of the private head, 0 when there is none.
    [[nodiscard]] qint64 headPid() const { return m_headPid; }

private:
    class Keeper;
    struct Occurrence;
    struct Upload {
        QString path;
        QByteArray digest; ///< empty until this head's upload has been hashed
        Trouble trouble;
        bool inspected = false; ///< facts have been handed out already, perhaps by an earlier head
    };

    void headIsHere(int generation, qint64 pid);
    void headIsGone(int generation, const Trouble& why);
    void setState(LinkState state, const Trouble& why);
    void upload(AttachmentId id);
    void hashed(int generation, AttachmentId id, const QByteArray& digest, const Trouble& trouble);
    void sendWaitingAsks();
    void failAsk(const AskId& id, const Trouble& trouble);
    void deliver(int generation, const Occurrence& occurrence);
    void tellStatus(ClusterFacts facts);
    QList<AttachmentId> idsOf(const QByteArray& digest) const;
    /// The same trouble with names of files where the head, which knows none, wrote digests.
    Trouble withNames(Trouble trouble) const;
    /// Calls the client, or says that there is none.
    template <typename Call>
    void command(const QString& about, Call&& call);
    void attachmentTrouble(const QByteArray& digest, const Trouble& trouble);

    LinkOptions m_options;
    LinkState m_state = LinkState::Starting;
    std::unique_ptr<Keeper> m_keeper;
    int m_generation = 0; ///< counts heads; events of an earlier one are dropped
    bool m_clientHere = false;
    bool m_wasConnected = false;
    bool m_watchOnly = false; ///< said by the head when it greeted
    qint64 m_headPid = 0;
    QHash<AttachmentId, Upload> m_uploads;
    QList<Question> m_waiting; ///< not handed to the client yet
    QSet<AskId> m_running;     ///< handed to the client and not ended
};

} // namespace argus::gui
