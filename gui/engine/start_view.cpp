#include "gui/engine/start_view.h"

#include "gui/cluster/state_look.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QEvent>
#include <QGridLayout>
#include <QProgressBar>
#include <QVBoxLayout>

namespace argus::gui {

StartView::StartView(QWidget* parent)
    : QFrame(parent), m_title(wrapping(this, "startTitle")), m_cause(wrapping(this, "startCause")),
      m_remedy(wrapping(this, "startRemedy")), m_grid(new QGridLayout)
{
    setObjectName(QStringLiteral("card"));
    m_title->setFont(scaled(font(), 1.0, true));
    m_grid->setHorizontalSpacing(12);
    m_grid->setVerticalSpacing(6);
    m_grid->setColumnStretch(2, 1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(14, 10, 14, 12);
    column->setSpacing(4);
    column->addWidget(m_title);
    column->addWidget(m_cause);
    column->addWidget(m_remedy);
    column->addLayout(m_grid);
    hide();
}

void StartView::show(const ClusterFacts& facts, const Trouble& refusal)
{
    m_facts = facts;
    m_refusal = refusal;
    paintCard(*this);
    showTitle();
    showNodes();
}

void StartView::showTitle()
{
    const DeploymentFacts& d = m_facts.deployment;
    const theme::Colors& c = theme::colors();
    Trouble why = m_refusal;
    QString title;
    QColor color = c.bad;
    if (!m_refusal.isEmpty()) {
        title = tr("■ The head did not start these settings.");
    } else if (d.rolledBack) {
        title = d.isStarting() ? tr("▲ The new settings did not work. The ones before are being started again.")
                               : tr("▲ The new settings did not work. The ones before run again.");
        color = c.warning;
        why = d.trouble;
    } else if (d.isStarting()) {
        title = d.state == QLatin1String("restarting") ? tr("▲ The engine is being restarted.")
                                                       : tr("◐ The engine is being started.");
        color = c.warning;
        why = d.trouble;
    } else if (d.state == QLatin1String("failed")) {
        title = tr("■ The engine does not run.");
        why = d.trouble;
    }
    m_title->setText(title);
    paintText(*m_title, color);
    m_cause->setText(sentence(why.cause.text()));
    m_cause->setVisible(!why.cause.isEmpty());
    m_remedy->setText(why.remedy.isEmpty() ? QString() : tr("What to do: %1").arg(sentence(why.remedy.text())));
    m_remedy->setVisible(!why.remedy.isEmpty());
    paintText(*m_remedy, c.muted);
    setVisible(!title.isEmpty());
}

void StartView::showNodes()
{
    QList<NodeFacts> nodes;
    if (m_facts.deployment.isStarting())
        for (const NodeFacts& node : m_facts.nodes)
            if (node.state != QLatin1String("idle") || node.devices.isEmpty() || node.devices[0].used)
                nodes << node;
    while (m_rows.size() < nodes.size()) {
        Row row{new QLabel(this), new QLabel(this), new QProgressBar(this)};
        row.name->setFont(scaled(font(), 1.0, true));
        row.state->setObjectName(QStringLiteral("startState"));
        row.bar->setTextVisible(false);
        row.bar->setFixedHeight(10);
        row.bar->setRange(0, 1000);
        const int at = static_cast<int>(m_rows.size());
        m_grid->addWidget(row.name, at, 0);
        m_grid->addWidget(row.state, at, 1);
        m_grid->addWidget(row.bar, at, 2);
        m_rows << row;
    }
    for (qsizetype i = 0; i < m_rows.size(); ++i) {
        const Row& row = m_rows[i];
        const bool shown = i < nodes.size();
        for (QWidget* widget : std::initializer_list<QWidget*>{row.name, row.state, row.bar})
            widget->setVisible(shown);
        if (!shown)
            continue;
        quint64 done = 0;
        quint64 total = 0;
        for (const DeviceFacts& device : nodes[i].devices)
            if (device.used) {
                done += device.loadDone;
                total += device.loadTotal;
            }
        const StateLook look = stateLook(nodes[i].state);
        const QString load = loadText(done, total);
        row.name->setText(nodes[i].name);
        row.state->setText(look.shape + QLatin1Char(' ') + (load.isEmpty() ? look.word : load));
        paintText(*row.state, look.color);
        row.bar->setValue(total > 0 ? static_cast<int>(1000.0 * double(done) / double(total)) : 0);
        row.bar->setAccessibleName(QStringLiteral("%1: %2").arg(nodes[i].name, row.state->text()));
    }
}

void StartView::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange || event->type() == QEvent::PaletteChange)
        show(m_facts, m_refusal);
}

} // namespace argus::gui
