#include "gui/cluster/node_card.h"

#include "gui/cluster/cluster_dock.h"
#include "gui/cluster/memory_bar.h"
#include "gui/cluster/state_look.h"
#include "gui/models/cluster_model.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QGridLayout>
#include <QLocale>
#include <QMenu>
#include <QProgressBar>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

namespace {

const QString kDot = QStringLiteral(" · ");

QString plainAddress(const NodeFacts& node)
{
    return QString(node.address).remove(QStringLiteral("tcp://"));
}

/// Address, interface, distance and version, as far as they are known.
QString aboutText(const NodeFacts& node)
{
    QStringList about{plainAddress(node), node.interface};
    if (node.roundTrip > 0)
        about << ClusterDock::tr("round trip %1 ms").arg(QLocale().toString(node.roundTrip * 1000, 'f', 1));
    if (node.linkSpeed > 0)
        about << ClusterDock::tr("%1 to the head", "speed of a link").arg(speedText(node.linkSpeed));
    about << node.version;
    about.removeAll(QString());
    return about.join(kDot);
}

QString stateText(const NodeFacts& node, const StateLook& look, double age)
{
    // The state has lasted as long as the head said, and since then.
    const double lasted = node.stateSeconds > 0 ? node.stateSeconds + age - node.age : 0;
    QString text = look.shape + QLatin1Char(' ') +
                   (lasted > 0 && age <= ClusterModel::kLostSeconds
                        //: a state and how long it has lasted: "Ready for 3 h 12 min"
                        ? ClusterDock::tr("%1 for %2").arg(look.word, durationText(lasted))
                        : look.word);
    if (const QString fetched = fetchText(node.fetchDone, node.fetchTotal); !fetched.isEmpty())
        text += kDot + fetched;
    if (age > ClusterModel::kStaleSeconds)
        text += kDot + ClusterDock::tr("%Ln s ago", "age of figures in seconds", static_cast<int>(age));
    return text;
}

} // namespace

NodeCard::NodeCard(QWidget* parent)
    : QFrame(parent), m_name(new QLabel(this)), m_role(new QLabel(this)), m_more(new QToolButton(this)),
      m_menu(new QMenu(this)), m_state(wrapping(this, "nodeState")), m_about(wrapping(this, "nodeAbout")),
      m_trouble(wrapping(this, "nodeTrouble")), m_devices(new QVBoxLayout)
{
    setObjectName(QStringLiteral("card"));
    m_name->setObjectName(QStringLiteral("nodeName"));
    m_role->setObjectName(QStringLiteral("nodeRole"));
    m_name->setFont(scaled(font(), 1.0, true));
    m_name->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred); // a long name does not widen the dock
    m_more->setObjectName(QStringLiteral("btnNodeMenu"));
    m_more->setAutoRaise(true);
    m_more->setIcon(theme::icon(QStringLiteral("more")));
    m_more->setFocusPolicy(Qt::TabFocus);
    m_more->setPopupMode(QToolButton::InstantPopup);
    m_more->setMenu(m_menu);
    m_more->setStyleSheet(QStringLiteral("QToolButton::menu-indicator { image: none; }"));
    m_menu->setObjectName(QStringLiteral("nodeMenu"));
    connect(m_menu, &QMenu::aboutToShow, this, &NodeCard::fillMenu);
    auto* top = new QHBoxLayout;
    top->setSpacing(6);
    top->addWidget(m_name, 1);
    top->addWidget(m_role);
    top->addWidget(m_more);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(12, 8, 12, 10);
    column->setSpacing(4);
    column->addLayout(top);
    column->addWidget(m_state);
    column->addWidget(m_about);
    column->addWidget(m_trouble);
    column->addLayout(m_devices);
}

void NodeCard::show(const NodeFacts& node, const DeploymentFacts& deployment, double age, bool detailed,
                    const QString& watching)
{
    m_watching = watching;
    m_node = node;
    paintCard(*this);
    const theme::Colors& c = theme::colors();
    const bool stale = age > ClusterModel::kStaleSeconds;
    const bool lost = age > ClusterModel::kLostSeconds;
    m_name->setText(node.name);
    m_name->setToolTip(node.name);
    m_role->setText(roleText(node.role));
    paintText(*m_role, c.muted);
    const StateLook look = stateLook(node, age);
    m_state->setText(stateText(node, look, age));
    paintText(*m_state, stale && !lost ? c.muted : look.color);
    m_about->setText(breakingAtDots(aboutText(node)));
    m_about->setVisible(!m_about->text().isEmpty());
    paintText(*m_about, c.muted);
    m_trouble->setText(troubleText(node.trouble));
    m_trouble->setVisible(!node.trouble.isEmpty());
    paintText(*m_trouble, c.bad);
    m_more->setAccessibleName(ClusterDock::tr("Actions for %1").arg(node.name));
    m_more->setToolTip(m_more->accessibleName());
    while (m_rows.size() > node.devices.size())
        delete m_rows.takeLast().box;
    while (m_rows.size() < node.devices.size())
        m_rows << addRow();
    for (qsizetype i = 0; i < m_rows.size(); ++i)
        showDevice(m_rows[i], node.devices[i], deployment, stale, detailed);
}

NodeCard::DeviceRow NodeCard::addRow()
{
    DeviceRow row;
    row.box = new QWidget(this);
    row.name = wrapping(row.box, "deviceName");
    row.place = wrapping(row.box, "devicePlace");
    row.load = wrapping(row.box, "deviceLoad");
    row.loadBar = new QProgressBar(row.box);
    row.loadBar->setTextVisible(false);
    row.loadBar->setFixedHeight(6);
    row.loadBar->setRange(0, 1000);
    row.use = wrapping(row.box, "deviceUse");
    row.bar = new MemoryBar(row.box);
    row.summary = wrapping(row.box, "deviceSummary");
    row.summary->setFont(scaled(font(), 0.9));
    row.summary->setTextFormat(Qt::RichText);
    row.trouble = wrapping(row.box, "deviceTrouble");
    row.legend = new QGridLayout;
    row.legend->setHorizontalSpacing(6);
    row.legend->setVerticalSpacing(2);
    row.legend->setColumnStretch(1, 1);
    auto* column = new QVBoxLayout(row.box);
    column->setContentsMargins(0, 6, 0, 0);
    column->setSpacing(3);
    for (QWidget* widget : std::initializer_list<QWidget*>{row.name, row.place, row.trouble, row.load, row.loadBar,
                                                           row.bar, row.use, row.summary})
        column->addWidget(widget);
    column->addLayout(row.legend);
    m_devices->addWidget(row.box);
    return row;
}

void NodeCard::showDevice(DeviceRow& row, const DeviceFacts& device, const DeploymentFacts& deployment, bool stale,
                          bool detailed)
{
    const theme::Colors& c = theme::colors();
    row.name->setText(m_node.devices.size() > 1 ? QStringLiteral("%1 · %2").arg(device.index).arg(device.name.text())
                                                : device.name.text());
    row.place->setText(breakingAtDots(placeText(device, deployment)));
    row.place->setVisible(device.used || m_node.devices.size() > 1 || m_node.role != QLatin1String("head"));
    paintText(*row.place, c.muted);
    row.trouble->setText(sentence(device.problem.text()));
    row.trouble->setVisible(!device.problem.isEmpty());
    paintText(*row.trouble, c.bad);
    const QString load = device.used ? loadText(device.loadDone, device.loadTotal) : QString();
    row.load->setText(load);
    row.load->setVisible(!load.isEmpty());
    row.loadBar->setVisible(!load.isEmpty());
    row.loadBar->setAccessibleName(load);
    if (device.loadTotal > 0)
        row.loadBar->setValue(static_cast<int>(1000.0 * double(device.loadDone) / double(device.loadTotal)));
    QString use = ClusterDock::tr("%1 of %2 in use", "memory in use of all memory")
                      .arg(memoryText(memoryInUse(device)), memoryText(device.total));
    if (device.kvReserved > 0)
        use +=
            kDot +
            ClusterDock::tr("KV cache %1 %").arg(100 * std::min(device.kvUsed, device.kvReserved) / device.kvReserved);
    row.use->setText(breakingAtDots(use));
    paintText(*row.use, c.muted);
    row.bar->setDevice(device, stale);
    showLegend(row, device, detailed);
}

void NodeCard::showLegend(DeviceRow& row, const DeviceFacts& device, bool detailed)
{
    const QList<MemoryPart> parts = memoryParts(device);
    QStringList summary;
    for (qsizetype i = 0; i < parts.size(); ++i) {
        if (parts[i].bytes > 0)
            summary << legendEntry(parts[i].color, parts[i].name + QLatin1Char(' ') + memoryText(parts[i].bytes));
        if (row.figures.size() < (i + 1) * 3)
            for (int column = 0; column < 3; ++column) {
                auto* label = new QLabel(row.box);
                label->setFont(scaled(font(), 0.9));
                row.legend->addWidget(label, static_cast<int>(i), column);
                row.figures << label;
            }
        row.figures[i * 3]->setPixmap(swatch(parts[i].color, devicePixelRatioF()));
        row.figures[i * 3 + 1]->setText(parts[i].name);
        row.figures[i * 3 + 2]->setText(memoryText(parts[i].bytes));
        row.figures[i * 3 + 2]->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
        paintText(*row.figures[i * 3 + 1], theme::colors().muted);
    }
    for (QLabel* label : row.figures)
        label->setVisible(detailed);
    row.summary->setText(summary.join(QStringLiteral("&nbsp;&nbsp; ")));
    row.summary->setVisible(!detailed);
    paintText(*row.summary, theme::colors().muted);
}

void NodeCard::fillMenu()
{
    m_menu->clear();
    const NodeFacts node = m_node;
    QAction* copy = m_menu->addAction(theme::icon(QStringLiteral("copy")), ClusterDock::tr("&Copy address"));
    copy->setEnabled(!node.address.isEmpty());
    connect(copy, &QAction::triggered, this, [node] { QApplication::clipboard()->setText(plainAddress(node)); });
    QAction* logs = m_menu->addAction(theme::icon(QStringLiteral("logs")), ClusterDock::tr("Show &logs"));
    connect(logs, &QAction::triggered, this, [this, node] { emit logsWanted(node.name); });
    m_menu->addSeparator();
    QAction* remove = m_menu->addAction(ClusterDock::tr("&Remove…"));
    remove->setObjectName(QStringLiteral("actRemoveNode"));
    if (node.role == QLatin1String("head")) {
        remove->setEnabled(false);
        remove->setText(ClusterDock::tr("&Remove… (not the head)"));
    } else if (!m_watching.isEmpty()) {
        remove->setEnabled(false);
        remove->setToolTip(m_watching);
        m_menu->setToolTipsVisible(true);
    }
    connect(remove, &QAction::triggered, this, [this, node] { emit removeWanted(node.name); });
}

void NodeCard::contextMenuEvent(QContextMenuEvent* event)
{
    m_menu->popup(event->globalPos());
}

} // namespace argus::gui
