#include "gui/cluster/cluster_dock.h"

#include "gui/chat/notice.h"
#include "gui/cluster/deployment_card.h"
#include "gui/cluster/node_card.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QAbstractButton>
#include <QEvent>
#include <QGridLayout>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

namespace argus::gui {

namespace {

constexpr int kNarrowest = 290;  ///< px: the longest line of the cards at the usual font
constexpr int kMostDetailed = 2; ///< devices up to which every part of their memory has a line of its own

} // namespace

ClusterDock::ClusterDock(ClusterModel& model, QWidget* parent)
    : QDockWidget(parent), m_model(model), m_summary(wrapping(nullptr, "clusterSummary")),
      m_notice(new Notice(Notice::Kind::Alert)), m_nothing(wrapping(nullptr)),
      m_alone(wrapping(nullptr, "clusterAlone")), m_deployment(new DeploymentCard)
{
    setObjectName(QStringLiteral("dockCluster"));
    setFeatures(QDockWidget::DockWidgetClosable |
                QDockWidget::DockWidgetMovable); // floating docks are unreliable on Wayland
    setAllowedAreas(Qt::LeftDockWidgetArea | Qt::RightDockWidgetArea);
    m_notice->setObjectName(QStringLiteral("clusterNotice"));
    auto* inside = new QWidget;
    m_column = new QVBoxLayout(inside);
    m_column->setContentsMargins(10, 10, 10, 10);
    m_column->setSpacing(10);
    for (QWidget* widget : std::initializer_list<QWidget*>{m_nothing, m_summary, m_deployment, m_alone})
        m_column->addWidget(widget);
    m_column->addStretch(1);
    auto* scroll = new QScrollArea;
    scroll->setObjectName(QStringLiteral("clusterScroll"));
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setWidget(inside);
    scroll->setMinimumWidth(kNarrowest);
    auto* whole = new QWidget(this);
    auto* rows = new QVBoxLayout(whole);
    rows->setContentsMargins(0, 0, 0, 0);
    rows->setSpacing(0);
    rows->addWidget(m_notice);
    rows->addWidget(scroll, 1);
    rows->addWidget(makeButtons());
    setWidget(whole);
    connect(&model, &ClusterModel::factsChanged, this, &ClusterDock::refresh);
    m_ageTimer.setInterval(1000);
    connect(&m_ageTimer, &QTimer::timeout, this, &ClusterDock::refresh);
    m_ageTimer.start();
    retranslate();
}

QWidget* ClusterDock::makeButtons()
{
    auto* box = new QWidget;
    const auto make = [&](const char* name, const char* icon) {
        auto* button = new QPushButton(theme::icon(QLatin1String(icon)), QString(), box);
        button->setObjectName(QLatin1String(name));
        return button;
    };
    m_addWorker = make("btnAddWorker", "plus");
    m_logs = make("btnLogs", "logs");
    m_engine = make("btnEngine", "sliders");
    auto* grid = new QGridLayout(box);
    grid->setContentsMargins(10, 8, 10, 10);
    grid->setSpacing(8);
    grid->addWidget(m_addWorker, 0, 0);
    grid->addWidget(m_logs, 0, 1);
    grid->addWidget(m_engine, 1, 0, 1, 2);
    connect(m_addWorker, &QPushButton::clicked, this, &ClusterDock::addWorkerWanted);
    connect(m_logs, &QPushButton::clicked, this, [this] { emit logsWanted({}); });
    connect(m_engine, &QPushButton::clicked, this, &ClusterDock::engineWanted);
    return box;
}

void ClusterDock::setConnected(bool connected)
{
    m_connected = connected;
    refresh();
}

void ClusterDock::complain(const QString& sentence)
{
    m_notice->setClosable(tr("Close this message"));
    m_notice->setText(sentence);
}

void ClusterDock::refresh()
{
    if (!isVisible())
        return;
    const int count = m_model.rowCount();
    m_nothing->setVisible(count == 0);
    const QString watching = m_model.reasonToWatchOnly();
    m_addWorker->setEnabled(watching.isEmpty());
    m_addWorker->setToolTip(watching.isEmpty() ? tr("Let another machine compute too") : watching);
    m_addWorker->setAccessibleDescription(watching);
    m_deployment->setVisible(m_model.isKnown());
    if (m_model.isKnown())
        m_deployment->show(m_model.facts(),
                           !m_connected || (count > 0 && m_model.age(0) > ClusterModel::kStaleSeconds));
    refreshNodes();
}

void ClusterDock::refreshNodes()
{
    const int count = m_model.rowCount();
    int devices = 0;
    for (int row = 0; row < count; ++row)
        devices += m_model.rowCount(m_model.index(row, 0));
    m_summary->setText(tr("%Ln machine(s)", "in the cluster", count) + QStringLiteral(" · ") +
                       tr("%Ln device(s)", "in the cluster", devices));
    m_summary->setVisible(count > 1);
    paintText(*m_summary, theme::colors().muted);
    m_alone->setVisible(count == 1);
    paintText(*m_alone, theme::colors().muted);
    while (m_nodes.size() > count)
        delete m_nodes.takeLast();
    while (m_nodes.size() < count) {
        auto* card = new NodeCard(m_column->parentWidget());
        connect(card, &NodeCard::logsWanted, this, &ClusterDock::logsWanted);
        connect(card, &NodeCard::removeWanted, this, &ClusterDock::removeWanted);
        m_nodes << card;
        m_column->insertWidget(m_column->count() - 2, card); // before the remark and the stretch
    }
    for (int row = 0; row < count; ++row)
        m_nodes[row]->show(m_model.index(row, 0).data(ClusterModel::NodeRole).value<NodeFacts>(),
                           m_model.facts().deployment, m_model.age(row), devices <= kMostDetailed,
                           m_model.reasonToWatchOnly());
}

void ClusterDock::retranslate()
{
    setWindowTitle(tr("Machines"));
    m_nothing->setText(tr("No machine is connected yet."));
    m_alone->setText(tr("The head is running alone. One line on another machine adds it."));
    m_addWorker->setText(tr("Add worker…"));
    m_logs->setText(tr("Logs…"));
    m_logs->setToolTip(tr("Show what a machine has written"));
    m_engine->setText(tr("Engine settings…"));
    m_engine->setToolTip(tr("Choose the model and how the machines share it"));
    if (auto* close =
            findChild<QAbstractButton*>(QStringLiteral("qt_dockwidget_closebutton"))) { // Qt names it once only
        close->setAccessibleName(tr("Close the panel of machines"));
        close->setToolTip(close->accessibleName());
    }
    refresh();
}

void ClusterDock::changeEvent(QEvent* event)
{
    QDockWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        refresh();
}

void ClusterDock::showEvent(QShowEvent* event)
{
    QDockWidget::showEvent(event);
    refresh();
}

} // namespace argus::gui
