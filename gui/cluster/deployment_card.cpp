#include "gui/cluster/deployment_card.h"

#include "gui/cluster/cluster_dock.h"
#include "gui/cluster/state_look.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QHBoxLayout>
#include <QLocale>
#include <QProgressBar>
#include <QVBoxLayout>

namespace argus::gui {

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
    m_kvText->setWordWrap(true);
    m_asks->setWordWrap(true);
    m_asks->setObjectName(QStringLiteral("deploymentAsks"));
    m_trouble->setWordWrap(true);
    m_trouble->setObjectName(QStringLiteral("deploymentTrouble"));
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
    QStringList trouble;
    if (d.rolledBack)
        trouble << ClusterDock::tr("New settings did not work; the ones before are back.");
    trouble << sentence(d.trouble.cause.text()) << sentence(d.trouble.remedy.text());
    trouble.removeAll(QString());
    m_trouble->setText(trouble.join(QLatin1Char('\n')));
    m_trouble->setVisible(!d.trouble.isEmpty());
    paintText(*m_trouble, theme::colors().bad);
    const double share = d.kvBlocks > 0 ? static_cast<double>(d.kvBlocksUsed) / d.kvBlocks : 0;
    m_kv->setValue(static_cast<int>(share * 1000));
    m_kv->setEnabled(!stale);
    m_kvText->setText(ClusterDock::tr("KV cache: %1 % in use (%2 of %3 blocks)")
                          .arg(locale.toString(share * 100, 'f', share > 0 && share < 0.1 ? 1 : 0),
                               locale.toString(d.kvBlocksUsed), locale.toString(d.kvBlocks)));
    m_kv->setAccessibleName(m_kvText->text());
    QString asks = ClusterDock::tr("%1 running · %2 waiting").arg(facts.running).arg(facts.waiting);
    if (d.replayed > 0)
        asks += QStringLiteral(" · ") + ClusterDock::tr("%1 went on after a loss", "questions").arg(d.replayed);
    m_asks->setText(asks);
    paintText(*m_asks, theme::colors().muted);
}

} // namespace argus::gui
