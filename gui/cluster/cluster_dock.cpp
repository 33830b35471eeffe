#include "gui/cluster/cluster_dock.h"

#include "gui/cluster/memory_bar.h"
#include "gui/theme/theme.h"

#include <QAbstractButton>
#include <QEvent>
#include <QGridLayout>
#include <QLabel>
#include <QLocale>
#include <QPainter>
#include <QProgressBar>
#include <QScrollArea>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

namespace {

constexpr int kNarrowest = 290; ///< px: the longest line of the cards at the usual font

void paintText(QLabel& label, const QColor& color)
{
    QPalette palette = label.palette();
    palette.setColor(QPalette::WindowText, color);
    label.setPalette(palette);
}

void paintCard(QFrame& card)
{
    const theme::Colors& c = theme::colors();
    theme::setStyle(card, QStringLiteral("#card { background: %1; border: 1px solid %2; border-radius: 10px; }")
                              .arg(c.card.name(), c.line.name()));
}

QFont scaled(const QFont& font, double factor, bool bold = false)
{
    QFont other = font;
    other.setPointSizeF(font.pointSizeF() * factor);
    other.setBold(bold);
    return other;
}

QPixmap swatch(const QColor& color, qreal ratio)
{
    QPixmap pixmap(QSize(10, 10) * ratio);
    pixmap.setDevicePixelRatio(ratio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(theme::colors().line);
    painter.setBrush(color);
    painter.drawRoundedRect(QRectF(0.5, 0.5, 9, 9), 2, 2);
    return pixmap;
}

/// Lines break at the dots between facts only; Chinese would break within a word.
QString breakingAtDots(const QString& facts)
{
    QStringList whole;
    for (QString fact : facts.split(QStringLiteral(" · "))) {
        fact.replace(QLatin1Char(' '), QChar(QChar::Nbsp));
        for (qsizetype i = fact.size() - 1; i > 0; --i)
            fact.insert(i, QChar(0x2060)); // word joiner
        whole << fact;
    }
    return whole.join(QStringLiteral("\u00a0· "));
}

} // namespace

StateLook stateLook(const QString& state)
{
    const theme::Colors& c = theme::colors();
    if (state == QLatin1String("ready"))
        return {QStringLiteral("●"), ClusterDock::tr("Ready"), c.good};
    if (state == QLatin1String("starting"))
        return {QStringLiteral("◐"), ClusterDock::tr("Starting"), c.warning};
    if (state == QLatin1String("loading"))
        return {QStringLiteral("◐"), ClusterDock::tr("Loading"), c.warning};
    if (state == QLatin1String("restarting"))
        return {QStringLiteral("▲"), ClusterDock::tr("Restarting"), c.warning};
    if (state == QLatin1String("failed"))
        return {QStringLiteral("■"), ClusterDock::tr("Failed"), c.bad};
    if (state == QLatin1String("stopped"))
        return {QStringLiteral("■"), ClusterDock::tr("Stopped"), c.muted};
    return {QStringLiteral("?"), ClusterDock::tr("Unknown"), c.muted};
}

DeploymentCard::DeploymentCard(QWidget* parent)
    : QFrame(parent), m_state(new QLabel(this)), m_model(new QLabel(this)), m_layout(new QLabel(this)),
      m_kvText(new QLabel(this)), m_kv(new QProgressBar(this)), m_asks(new QLabel(this)), m_trouble(new QLabel(this))
{
    setObjectName(QStringLiteral("card"));
    m_state->setObjectName(QStringLiteral("deploymentState"));
    m_layout->setObjectName(QStringLiteral("deploymentLayout"));
    m_kvText->setObjectName(QStringLiteral("kvText"));
    m_model->setFont(scaled(font(), 1.1, true));
    m_model->setWordWrap(true);
    m_layout->setWordWrap(true);
    m_trouble->setWordWrap(true);
    m_kv->setRange(0, 1000);
    m_kv->setTextVisible(false);
    m_kv->setFixedHeight(10);
    auto* top = new QHBoxLayout;
    top->addWidget(m_model, 1);
    top->addWidget(m_state, 0, Qt::AlignTop);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(12, 10, 12, 10);
    column->setSpacing(5);
    column->addLayout(top);
    column->addWidget(m_layout);
    column->addWidget(m_trouble);
    column->addSpacing(4);
    column->addWidget(m_kvText);
    column->addWidget(m_kv);
    column->addWidget(m_asks);
}

void DeploymentCard::show(const ClusterFacts& facts, bool stale)
{
    const QLocale locale;
    const DeploymentFacts& d = facts.deployment;
    paintCard(*this);
    StateLook look = stateLook(d.state);
    if (d.state == QLatin1String("loading") && d.loadTotal > 0)
        look.word += QStringLiteral(" %1 %").arg(100 * d.loadDone / d.loadTotal);
    m_state->setText(look.shape + QLatin1Char(' ') + look.word);
    paintText(*m_state, stale ? theme::colors().muted : look.color);
    m_model->setText(d.model.isEmpty() ? ClusterDock::tr("No model") : d.model);
    m_model->setToolTip(d.path);
    const QString layout = ClusterDock::tr("%1 · tensor parallel %2 · pipeline parallel %3 · context %4 tokens")
                               .arg(d.dtype.isEmpty() ? QStringLiteral("–") : d.dtype)
                               .arg(d.tensorParallel)
                               .arg(d.pipelineParallel)
                               .arg(locale.toString(d.maxModelLen));
    m_layout->setText(breakingAtDots(layout));
    paintText(*m_layout, theme::colors().muted);
    m_trouble->setText(d.trouble.remedy.isEmpty() ? d.trouble.cause
                                                  : d.trouble.cause + QLatin1Char('\n') + d.trouble.remedy);
    m_trouble->setVisible(!d.trouble.isEmpty());
    paintText(*m_trouble, theme::colors().bad);
    const double share = d.kvBlocks > 0 ? static_cast<double>(d.kvBlocksUsed) / d.kvBlocks : 0;
    m_kv->setValue(static_cast<int>(share * 1000));
    m_kv->setEnabled(!stale);
    m_kvText->setText(ClusterDock::tr("KV cache: %1 % in use (%2 of %3 blocks)")
                          .arg(locale.toString(share * 100, 'f', share > 0 && share < 0.1 ? 1 : 0),
                               locale.toString(d.kvBlocksUsed), locale.toString(d.kvBlocks)));
    m_kv->setAccessibleName(m_kvText->text());
    m_asks->setText(ClusterDock::tr("%1 running · %2 waiting").arg(facts.running).arg(facts.waiting));
    paintText(*m_asks, theme::colors().muted);
}

NodeCard::NodeCard(QWidget* parent)
    : QFrame(parent), m_name(new QLabel(this)), m_role(new QLabel(this)), m_state(new QLabel(this)),
      m_devices(new QVBoxLayout)
{
    setObjectName(QStringLiteral("card"));
    m_state->setObjectName(QStringLiteral("nodeState"));
    m_role->setObjectName(QStringLiteral("nodeRole"));
    m_name->setFont(scaled(font(), 1.0, true));
    m_role->setWordWrap(true);
    auto* top = new QHBoxLayout;
    top->addWidget(m_name);
    top->addStretch(1);
    top->addWidget(m_state);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(12, 10, 12, 10);
    column->setSpacing(4);
    column->addLayout(top);
    column->addWidget(m_role);
    column->addLayout(m_devices);
}

void NodeCard::show(const NodeFacts& node, double age, bool detailed)
{
    paintCard(*this);
    const bool stale = age > ClusterModel::kStaleSeconds;
    const bool lost = age > ClusterModel::kLostSeconds;
    m_name->setText(node.name);
    QStringList about{node.role == QLatin1String("head") ? ClusterDock::tr("Head") : ClusterDock::tr("Worker")};
    for (const QString& more : {QString(node.address).remove(QStringLiteral("tcp://")), node.version})
        if (!more.isEmpty())
            about << more;
    m_role->setText(about.join(QStringLiteral(" · ")));
    paintText(*m_role, theme::colors().muted);
    const StateLook look =
        lost ? StateLook{QStringLiteral("■"), ClusterDock::tr("Lost"), theme::colors().bad} : stateLook(node.state);
    QString state = look.shape + QLatin1Char(' ') + look.word;
    if (stale)
        state +=
            QStringLiteral(" · ") + ClusterDock::tr("%Ln s ago", "age of figures in seconds", static_cast<int>(age));
    m_state->setText(state);
    paintText(*m_state, stale && !lost ? theme::colors().muted : look.color);
    while (m_rows.size() > node.devices.size())
        delete m_rows.takeLast().box;
    while (m_rows.size() < node.devices.size())
        m_rows << addRow();
    for (qsizetype i = 0; i < m_rows.size(); ++i)
        showDevice(m_rows[i], node.devices[i], stale, detailed);
}

NodeCard::DeviceRow NodeCard::addRow()
{
    DeviceRow row;
    row.box = new QWidget(this);
    row.name = new QLabel(row.box);
    row.use = new QLabel(row.box);
    row.bar = new MemoryBar(row.box);
    row.legend = new QGridLayout;
    row.legend->setHorizontalSpacing(6);
    row.legend->setVerticalSpacing(2);
    row.legend->setColumnStretch(1, 1);
    row.name->setWordWrap(true);
    auto* column = new QVBoxLayout(row.box);
    column->setContentsMargins(0, 6, 0, 0);
    column->setSpacing(4);
    column->addWidget(row.name);
    column->addWidget(row.bar);
    column->addWidget(row.use);
    column->addLayout(row.legend);
    m_devices->addWidget(row.box);
    return row;
}

void NodeCard::showDevice(DeviceRow& row, const DeviceFacts& device, bool stale, bool detailed)
{
    row.name->setText(device.name);
    row.use->setText(ClusterDock::tr("%1 of %2 in use", "memory in use of all memory")
                         .arg(memoryText(memoryInUse(device)), memoryText(device.total)));
    paintText(*row.use, theme::colors().muted);
    row.bar->setDevice(device, stale);
    const QList<MemoryPart> parts = detailed ? memoryParts(device) : QList<MemoryPart>();
    for (qsizetype i = 0; i < parts.size(); ++i) {
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
    for (qsizetype i = parts.size() * 3; i < row.figures.size(); ++i)
        row.figures[i]->hide();
}

ClusterDock::ClusterDock(ClusterModel& model, QWidget* parent)
    : QDockWidget(parent), m_model(model), m_nothing(new QLabel), m_deployment(new DeploymentCard)
{
    setObjectName(QStringLiteral("dockCluster"));
    setFeatures(QDockWidget::DockWidgetClosable |
                QDockWidget::DockWidgetMovable); // floating docks are unreliable on Wayland
    setAllowedAreas(Qt::LeftDockWidgetArea | Qt::RightDockWidgetArea);
    auto* inside = new QWidget;
    m_column = new QVBoxLayout(inside);
    m_column->setContentsMargins(10, 10, 10, 10);
    m_column->setSpacing(10);
    m_nothing->setWordWrap(true);
    m_column->addWidget(m_nothing);
    m_column->addWidget(m_deployment);
    m_column->addStretch(1);
    auto* scroll = new QScrollArea(this);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setWidget(inside);
    scroll->setMinimumWidth(kNarrowest);
    setWidget(scroll);
    connect(&model, &ClusterModel::factsChanged, this, &ClusterDock::refresh);
    m_ageTimer.setInterval(1000);
    connect(&m_ageTimer, &QTimer::timeout, this, &ClusterDock::refresh);
    m_ageTimer.start();
    retranslate();
}

void ClusterDock::setConnected(bool connected)
{
    m_connected = connected;
    refresh();
}

void ClusterDock::refresh()
{
    if (!isVisible())
        return;
    const int count = m_model.rowCount();
    m_nothing->setVisible(count == 0);
    m_deployment->setVisible(m_model.isKnown());
    int devices = 0;
    for (int row = 0; row < count; ++row)
        devices += m_model.rowCount(m_model.index(row, 0));
    if (m_model.isKnown())
        m_deployment->show(m_model.facts(),
                           !m_connected || (count > 0 && m_model.age(0) > ClusterModel::kStaleSeconds));
    while (m_nodes.size() > count)
        delete m_nodes.takeLast();
    while (m_nodes.size() < count) {
        m_nodes << new NodeCard(m_column->parentWidget());
        m_column->insertWidget(m_column->count() - 1, m_nodes.last());
    }
    for (int row = 0; row < count; ++row)
        m_nodes[row]->show(m_model.index(row, 0).data(ClusterModel::NodeRole).value<NodeFacts>(), m_model.age(row),
                           devices <= 2);
}

void ClusterDock::retranslate()
{
    setWindowTitle(tr("Machines"));
    m_nothing->setText(tr("No machine is connected yet."));
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
