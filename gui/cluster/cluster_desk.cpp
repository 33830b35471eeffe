#include "gui/cluster/cluster_desk.h"

#include "gui/cluster/add_worker_dialog.h"
#include "gui/cluster/cluster_dock.h"
#include "gui/cluster/log_dialog.h"
#include "gui/cluster/state_look.h"
#include "gui/engine/engine_page.h"
#include "gui/theme/theme.h"

#include <QMessageBox>
#include <QPushButton>

namespace argus::gui {

namespace {

QAction* makeAction(QObject* parent, const char* name, const char* icon, const QKeySequence& keys)
{
    auto* action = new QAction(theme::icon(QLatin1String(icon)), QString(), parent);
    action->setObjectName(QLatin1String(name));
    action->setShortcut(keys);
    return action;
}

/// Brings a window that may be open already to the front.
void present(QWidget& window)
{
    window.show();
    window.raise();
    window.activateWindow();
}

} // namespace

ClusterDesk::ClusterDesk(Link& link, ClusterModel& cluster, ClusterDock& dock, QWidget* chat, QWidget& window)
    : QObject(&window), m_link(link), m_cluster(cluster), m_dock(dock), m_window(window),
      m_pages(new QStackedWidget(&window)), m_chat(chat), m_engine(new EnginePage(link, cluster)),
      m_showEngine(makeAction(&window, "actEngine", "sliders", QKeySequence(Qt::CTRL | Qt::Key_E))),
      m_addWorker(makeAction(&window, "actAddWorker", "plus", {})),
      m_showLogs(makeAction(&window, "actLogs", "logs", QKeySequence(Qt::Key_F10)))
{
    m_pages->setObjectName(QStringLiteral("stackPages"));
    m_pages->addWidget(chat);
    m_pages->addWidget(m_engine);
    m_showEngine->setCheckable(true);
    window.addActions(actions());
    connect(m_showEngine, &QAction::triggered, this, [this](bool engine) { engine ? showEngine() : showChat(); });
    connect(m_addWorker, &QAction::triggered, this, [this] { (void)openAddWorker(); });
    connect(m_showLogs, &QAction::triggered, this, [this] { (void)openLogs(); });
    connect(m_engine, &EnginePage::backWanted, this, &ClusterDesk::showChat);
    connect(&dock, &ClusterDock::engineWanted, this, &ClusterDesk::showEngine);
    connect(&dock, &ClusterDock::addWorkerWanted, m_addWorker, &QAction::trigger);
    connect(&dock, &ClusterDock::logsWanted, this, [this](const QString& node) { (void)openLogs(node); });
    connect(&dock, &ClusterDock::removeWanted, this, &ClusterDesk::askToRemove);
    connect(&cluster, &ClusterModel::factsChanged, this, &ClusterDesk::refresh);
    connect(&link, &Link::commandFailed, this, [this](const QString& about, const Trouble& trouble) {
        if (about.isEmpty() || about != m_removing)
            return;
        m_removing.clear();
        m_dock.complain(troubleText(trouble));
    });
}

bool ClusterDesk::isChat() const
{
    return m_pages->currentWidget() == m_chat;
}

void ClusterDesk::showEngine()
{
    m_showEngine->setChecked(true);
    m_pages->setCurrentWidget(m_engine);
    emit pageChanged();
}

void ClusterDesk::showChat()
{
    m_showEngine->setChecked(false);
    m_pages->setCurrentWidget(m_chat);
    emit pageChanged();
}

QWidget* ClusterDesk::openAddWorker()
{
    if (!m_addDialog)
        m_addDialog = new AddWorkerDialog(m_link, m_cluster, &m_window);
    present(*m_addDialog);
    return m_addDialog;
}

QWidget* ClusterDesk::openLogs(const QString& node)
{
    if (!m_logDialog)
        m_logDialog = new LogDialog(m_link, m_cluster, &m_window);
    m_logDialog->choose(node);
    present(*m_logDialog);
    return m_logDialog;
}

void ClusterDesk::askToRemove(const QString& node)
{
    auto* box = new QMessageBox(QMessageBox::Warning, tr("Remove a machine"),
                                tr("Remove %1 from the cluster?").arg(node), QMessageBox::NoButton, &m_window);
    box->setObjectName(QStringLiteral("boxRemoveNode"));
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setInformativeText(tr("Its key is revoked: it is cut off at once and comes back only with a new line from "
                               "“Add worker…”. A model that uses it stops."));
    QPushButton* remove = box->addButton(tr("Remove"), QMessageBox::AcceptRole);
    remove->setObjectName(QStringLiteral("btnRemoveNow"));
    box->setDefaultButton(box->addButton(QMessageBox::Cancel));
    connect(remove, &QPushButton::clicked, this, [this, node] {
        m_removing = node;
        m_link.removeNode(node);
    });
    box->open();
}

void ClusterDesk::retranslate()
{
    const auto name = [](QAction* action, const QString& text, const QString& button) {
        action->setText(text);
        action->setIconText(button);
        const QString keys = action->shortcut().toString(QKeySequence::NativeText);
        action->setToolTip(keys.isEmpty() ? button : QStringLiteral("%1 (%2)").arg(button, keys));
    };
    name(m_showEngine, tr("&Engine settings"), tr("Engine settings"));
    name(m_addWorker, tr("&Add worker…"), tr("Add worker"));
    name(m_showLogs, tr("&Logs…"), tr("Logs"));
    refresh();
}

void ClusterDesk::refresh()
{
    const QString watching = m_cluster.reasonToWatchOnly();
    m_addWorker->setEnabled(watching.isEmpty());
    m_addWorker->setToolTip(watching.isEmpty() ? m_addWorker->iconText() : watching);
    m_addWorker->setStatusTip(watching);
}

} // namespace argus::gui
