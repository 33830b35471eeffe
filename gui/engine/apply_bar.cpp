#include "gui/engine/apply_bar.h"

#include "gui/engine/setting_texts.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QPushButton>

namespace argus::gui {

ApplyBar::ApplyBar(EngineForm& form, QWidget* parent)
    : QFrame(parent), m_form(form), m_text(wrapping(this, "applyText")), m_revert(new QPushButton(this)),
      m_apply(new QPushButton(this)), m_restart(new QPushButton(this)), m_keep(new QPushButton(this))
{
    setObjectName(QStringLiteral("applyBar"));
    m_revert->setObjectName(QStringLiteral("btnRevert"));
    m_apply->setObjectName(QStringLiteral("btnApply"));
    m_restart->setObjectName(QStringLiteral("btnRestartNow"));
    m_keep->setObjectName(QStringLiteral("btnKeepRunning"));
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(16, 10, 16, 12);
    row->setSpacing(8);
    row->addWidget(m_text, 1);
    for (QPushButton* button : {m_revert, m_apply, m_keep, m_restart})
        row->addWidget(button);
    connect(m_revert, &QPushButton::clicked, &form, &EngineForm::revert);
    connect(m_apply, &QPushButton::clicked, this, &ApplyBar::ask);
    connect(m_keep, &QPushButton::clicked, this, [this] { answer(false); });
    connect(m_restart, &QPushButton::clicked, this, [this] { answer(true); });
    connect(&form, &EngineForm::changed, this, &ApplyBar::refresh);
    refresh();
}

void ApplyBar::ask()
{
    m_asking = true;
    m_asked = m_form.settings();
    refresh();
    m_restart->setFocus();
}

void ApplyBar::answer(bool restart)
{
    m_asking = false;
    if (restart)
        m_form.apply();
    refresh();
    if (!restart)
        m_apply->setFocus();
}

QString ApplyBar::changesText() const
{
    QStringList parts;
    for (const QString& name : m_form.changes()) {
        const QString label = settingLabel(name);
        const QString after = settingValue(m_form.settings(), name);
        parts << (after.isEmpty() ? label
                                  //: a changed setting, its value before and after
                                  : tr("%1: %2 → %3").arg(label, settingValue(m_form.running(), name), after));
    }
    return parts.join(QStringLiteral(" · "));
}

QString ApplyBar::questionText() const
{
    const ClusterFacts& facts = m_form.cluster();
    QStringList nodes;
    if (m_form.preflight())
        for (const PlannedRank& rank : m_form.preflight()->ranks)
            if (!nodes.contains(rank.node))
                nodes << rank.node;
    QString text = nodes.isEmpty() ? tr("The engine restarts with these settings.")
                                   : tr("The engine restarts with these settings on %1.")
                                         .arg(nodes.join(tr(", ", "between names of machines")));
    const int asks = facts.running + facts.waiting;
    text += QLatin1Char(' ');
    text += asks == 0 ? tr("No question is being answered.")
                      : tr("%Ln question(s) will pause and go on with the new settings.", "before a restart", asks);
    return text;
}

QString ApplyBar::reason() const
{
    using Obstacle = EngineForm::Obstacle;
    switch (m_form.obstacle()) {
    case Obstacle::NotConnected:
        return tr("The head does not answer.");
    case Obstacle::WatchOnly:
        return m_form.reasonToWatchOnly();
    case Obstacle::Unchanged:
        return tr("Nothing has changed.");
    case Obstacle::Checking:
        return tr("These settings are being checked.");
    case Obstacle::Impossible:
        return tr("These settings are not possible.");
    case Obstacle::Starting:
        return tr("The engine is being started.");
    case Obstacle::None:
        break;
    }
    return {};
}

void ApplyBar::refresh()
{
    const theme::Colors& c = theme::colors();
    const QString reason = this->reason();
    if (m_asking && (!reason.isEmpty() || !m_asked.sameAs(m_form.settings())))
        m_asking = false;
    theme::setStyle(*this, QStringLiteral("#applyBar { border-top: 1px solid %1; }").arg(c.line.name()));
    m_revert->setText(tr("Revert"));
    m_revert->setToolTip(tr("Back to what runs"));
    m_revert->setEnabled(m_form.isChanged());
    const bool restarts = m_form.isChanged() || m_form.obstacle() != EngineForm::Obstacle::None;
    m_apply->setText(restarts ? tr("Apply…") : tr("Start…")); // an engine that does not run can be started as it is
    m_apply->setEnabled(reason.isEmpty());
    m_apply->setToolTip(reason);
    m_apply->setAccessibleDescription(reason);
    m_restart->setText(tr("Restart now"));
    m_keep->setText(tr("Not now"));
    for (QPushButton* button : {m_revert, m_apply, m_restart, m_keep})
        makeRoomy(*button);
    m_revert->setVisible(!m_asking);
    m_apply->setVisible(!m_asking);
    m_keep->setVisible(m_asking);
    m_restart->setVisible(m_asking);
    QString text = m_asking ? questionText() : changesText();
    if (!m_asking && m_form.isChanged() && !reason.isEmpty())
        text += QLatin1Char('\n') + reason;
    m_text->setText(text.isEmpty() ? reason : text);
    paintText(*m_text, m_asking ? c.warning : c.muted);
}

void ApplyBar::changeEvent(QEvent* event)
{
    QFrame::changeEvent(event);
    if (event->type() == QEvent::LanguageChange || event->type() == QEvent::PaletteChange)
        refresh();
}

} // namespace argus::gui
