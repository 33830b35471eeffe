#include "gui/engine/check_view.h"

#include "gui/engine/plan_table.h"
#include "gui/engine/problem_card.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QEvent>
#include <QLocale>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

CheckView::CheckView(QWidget* parent)
    : QWidget(parent), m_verdict(wrapping(this, "checkVerdict")), m_cards(new QVBoxLayout),
      m_warnings(new QLabel(this)), m_warningCards(new QVBoxLayout), m_room(wrapping(this, "checkRoom")),
      m_plan(new PlanTable(this)), m_remarks(wrapping(this, "checkRemarks"))
{
    m_verdict->setFont(scaled(font(), 1.1, true));
    m_warnings->setFont(scaled(font(), 1.0, true));
    m_cards->setSpacing(theme::kGap);
    m_warningCards->setSpacing(theme::kGap);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(theme::kGap);
    column->addWidget(m_verdict);
    column->addLayout(m_cards);
    column->addWidget(m_warnings);
    column->addLayout(m_warningCards);
    column->addWidget(m_room);
    column->addWidget(m_plan);
    column->addWidget(m_remarks);
}

void CheckView::show(const EngineForm& form)
{
    m_form = &form;
    showVerdict(form);
    const std::optional<PreflightFacts>& check = form.preflight();
    QList<Problem> problems;
    if (!form.checkTrouble().isEmpty())
        problems << Problem{{}, false, form.checkTrouble(), {}, {}};
    else if (check)
        problems = check->problems;
    showProblems(problems);
    m_plan->show(check ? check->ranks : QList<PlannedRank>());
    const QLocale locale;
    QStringList room;
    if (check && check->possible) {
        room << tr("Context of %1 tokens").arg(locale.toString(check->maxModelLen));
        if (check->largestContext > 0)
            room << tr("at most %1 would fit").arg(locale.toString(check->largestContext));
        if (check->kvTokens > 0)
            room << tr("the KV cache holds %1 tokens").arg(locale.toString(check->kvTokens));
    }
    m_room->setText(room.join(QStringLiteral(" · ")));
    m_room->setVisible(!room.isEmpty());
    QStringList remarks;
    if (check)
        for (const Spoken& remark : check->remarks)
            remarks << sentence(remark.text());
    m_remarks->setText(remarks.join(QLatin1Char('\n')));
    m_remarks->setVisible(!m_remarks->text().isEmpty());
    paintText(*m_remarks, theme::colors().muted);
}

void CheckView::showVerdict(const EngineForm& form)
{
    const theme::Colors& c = theme::colors();
    const std::optional<PreflightFacts>& check = form.preflight();
    const auto say = [&](const QString& text, const QColor& color) {
        m_verdict->setText(text);
        paintText(*m_verdict, color);
    };
    if (form.obstacle() == EngineForm::Obstacle::NotConnected)
        say(tr("■ Not connected: nothing can be checked."), c.bad);
    else if (form.isChecking() || (!check && form.checkTrouble().isEmpty()))
        say(tr("◐ Checking…"), c.muted);
    else if (!form.checkTrouble().isEmpty())
        say(tr("■ The head could not check these settings."), c.bad);
    else if (check->possible)
        say(tr("● These settings are possible."), c.good);
    else
        say(tr("■ These settings are not possible."), c.bad);
}

void CheckView::showProblems(const QList<Problem>& problems)
{
    const bool warnings =
        std::any_of(problems.begin(), problems.end(), [](const Problem& problem) { return problem.warning; });
    m_warnings->setText(tr("Good to know"));
    m_warnings->setVisible(warnings);
    if (problems == m_shown)
        return;
    m_shown = problems;
    // A card may be deleted from within the click on its own button: later, not now.
    for (ProblemCard* card : std::exchange(m_problems, {})) {
        card->hide();
        card->deleteLater();
    }
    for (const Problem& problem : problems) {
        auto* card = new ProblemCard(problem, this);
        connect(card, &ProblemCard::fixWanted, this, &CheckView::fixWanted);
        (problem.warning ? m_warningCards : m_cards)->addWidget(card);
        m_problems << card;
    }
}

void CheckView::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() != QEvent::LanguageChange && event->type() != QEvent::PaletteChange)
        return;
    m_shown.clear();
    for (ProblemCard* card : std::exchange(m_problems, {}))
        card->deleteLater();
    if (m_form != nullptr)
        show(*m_form);
}

} // namespace argus::gui
