#pragma once
// What a person can do with the machines: the engine page, the dialogs, the question before one is removed.

#include "gui/link/link.h"
#include "gui/models/cluster_model.h"

#include <QAction>
#include <QPointer>
#include <QStackedWidget>

class QMenu;

namespace argus::gui {

class AddWorkerDialog;
class ClusterDock;
class EnginePage;
class LogDialog;

/// GUI thread. Owns the actions, the dialogs and the engine page, and wires them to the dock; the window puts the
/// actions into its menus and the page's stack into its middle.
class ClusterDesk final : public QObject {
    Q_OBJECT
public:
    /// `chat` is the other page of the stack.
    ClusterDesk(Link& link, ClusterModel& cluster, ClusterDock& dock, QWidget* chat, QWidget& window);

    [[nodiscard]] QStackedWidget* pages() { return m_pages; }
    [[nodiscard]] EnginePage& enginePage() { return *m_engine; }
    [[nodiscard]] QList<QAction*> actions() const { return {m_showEngine, m_addWorker, m_showLogs}; }
    [[nodiscard]] bool isChat() const;

    void showEngine();
    void showChat();
    [[nodiscard]] QWidget* openAddWorker();
    [[nodiscard]] QWidget* openLogs(const QString& node = {});
    void askToRemove(const QString& node);
    void retranslate();

signals:
    void pageChanged();

private:
    void refresh();

    Link& m_link;
    ClusterModel& m_cluster;
    ClusterDock& m_dock;
    QWidget& m_window;
    QStackedWidget* m_pages;
    QWidget* m_chat;
    EnginePage* m_engine;
    QAction* m_showEngine;
    QAction* m_addWorker;
    QAction* m_showLogs;
    QPointer<AddWorkerDialog> m_addDialog; ///< made when it is wanted first
    QPointer<LogDialog> m_logDialog;
    QString m_removing; ///< a machine whose removal was asked for
};

} // namespace argus::gui
