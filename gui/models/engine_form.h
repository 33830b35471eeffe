#pragma once
// The engine's settings while somebody edits them: what runs, what is wished, what the head says of the wish.

#include "gui/link/link.h"
#include "gui/models/cluster_model.h"

#include <QTimer>

#include <optional>

namespace argus::gui {

/// GUI thread. Follows what runs until the first edit; then what was typed stays, whatever the engine does, until
/// revert(). While watching, every change is checked by the head 300 ms later; an answer to anything but the newest
/// question is ignored.
class EngineForm final : public QObject {
    Q_OBJECT
public:
    static constexpr int kCheckDelayMs = 300;

    EngineForm(Link& link, ClusterModel& cluster, QObject* parent = nullptr);

    [[nodiscard]] const EngineSettings& settings() const { return m_wish; }
    [[nodiscard]] const EngineSettings& running() const { return m_running; }
    [[nodiscard]] const ClusterFacts& cluster() const { return m_cluster.facts(); }
    [[nodiscard]] bool isChanged() const { return !m_wish.sameAs(m_running); }
    /// Names of the settings in which the wish differs from what runs; "nodes" stands for the machines' own.
    [[nodiscard]] QStringList changes() const;

    void edit(const EngineSettings& settings);
    /// Whether a fix changes a setting that is edited here.
    [[nodiscard]] static bool canUse(const Fix& fix);
    /// Does what a fix says and checks at once.
    void use(const Fix& fix);
    void revert();

    /// Checks are made only while somebody looks.
    void watch(bool watching);
    /// The newest answer; while isChecking() it may be about an earlier wish.
    [[nodiscard]] const std::optional<PreflightFacts>& preflight() const { return m_preflight; }
    [[nodiscard]] bool isChecking() const { return m_timer.isActive() || !m_checkId.isEmpty(); }
    /// Why the head would not check.
    [[nodiscard]] const Trouble& checkTrouble() const { return m_checkTrouble; }

    enum class Obstacle { None, NotConnected, WatchOnly, Unchanged, Checking, Impossible, Starting };
    [[nodiscard]] Obstacle obstacle() const;
    [[nodiscard]] QString reasonToWatchOnly() const { return m_cluster.reasonToWatchOnly(); }
    /// Asks the head to serve with the wish; does nothing while there is an obstacle.
    void apply();
    /// The head refused to start the wish.
    [[nodiscard]] const Trouble& applyTrouble() const { return m_applyTrouble; }

signals:
    void settingsChanged(); ///< the wish, not by edit(): widgets show it anew
    void changed();         ///< anything of the above

private:
    void follow();
    void checkSoon();
    void check();
    [[nodiscard]] QString outlook() const;

    Link& m_link;
    ClusterModel& m_cluster;
    EngineSettings m_wish;
    EngineSettings m_running;
    bool m_known = false;
    bool m_watching = false;
    QTimer m_timer;
    QString m_checkId; ///< of the question that is on its way
    QString m_outlook; ///< what a check depends on besides the wish, when it was made
    std::optional<PreflightFacts> m_preflight;
    Trouble m_checkTrouble;
    QString m_applyId;
    Trouble m_applyTrouble;
};

} // namespace argus::gui
