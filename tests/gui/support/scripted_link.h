#pragma once
// A link without a head: records what the desktop asks of it; the test plays the head by emitting signals.

#include "gui/link/link.h"

namespace argus::gui {

class ScriptedLink final : public Link {
    Q_OBJECT
public:
    using Link::Link;
    void start() override {}
    void attach(AttachmentId id, const QString& path) override { attached << qMakePair(id, path); }
    void forget(AttachmentId id) override { forgotten << id; }
    void ask(const Question& question) override { asked << question; }
    void cancel(const AskId& id) override { cancelled << id; }
    void preflight(const QString& id, const EngineSettings& settings) override { checked << qMakePair(id, settings); }
    void deploy(const QString& id, const EngineSettings& settings) override { deployed << qMakePair(id, settings); }
    void makeJoinLine(const QString& id) override { lines << id; }
    void getLog(const QString& id, const QString& node) override { logs << qMakePair(id, node); }
    void removeNode(const QString& node) override { removed << node; }
    void retryNow() override { ++retries; }
    [[nodiscard]] bool isPrivate() const override { return true; }
    [[nodiscard]] LinkState state() const override { return now; }

    void say(const QString& text) { emit textArrived(asked.last().id, text); }
    void finish(AskOutcome outcome = AskOutcome::Complete)
    {
        emit askFinished(asked.last().id, outcome, {}, {10, 2, 0.25, 0.5, 8.0});
    }
    void change(LinkState state, const Trouble& why = {})
    {
        now = state;
        emit stateChanged(state, why);
    }

    QList<QPair<AttachmentId, QString>> attached;
    QList<AttachmentId> forgotten;
    QList<Question> asked;
    QStringList cancelled;
    QList<QPair<QString, EngineSettings>> checked;
    QList<QPair<QString, EngineSettings>> deployed;
    QStringList lines;
    QList<QPair<QString, QString>> logs;
    QStringList removed;
    int retries = 0;
    LinkState now = LinkState::Connected;
};

} // namespace argus::gui
