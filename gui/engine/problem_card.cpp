#include "gui/engine/problem_card.h"

#include "gui/engine/setting_texts.h"
#include "gui/models/engine_form.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QGridLayout>
#include <QPushButton>
#include <QVBoxLayout>

namespace argus::gui {

namespace {

constexpr int kColumns = 2;

} // namespace

ProblemCard::ProblemCard(const Problem& problem, QWidget* parent) : QFrame(parent), m_problem(problem)
{
    setObjectName(QStringLiteral("card"));
    paintCard(*this);
    const theme::Colors& c = theme::colors();
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(14, 10, 14, 10);
    column->setSpacing(4);

    QStringList title{problemTitle(problem)};
    if (!problem.node.isEmpty())
        title << problem.node;
    if (!problem.code.isEmpty())
        title << problem.code;
    auto* what = wrapping(this, "problemTitle");
    what->setFont(scaled(font(), 1.0, true));
    what->setText((problem.warning ? QStringLiteral("▲ ") : QStringLiteral("■ ")) + title.join(QStringLiteral(" · ")));
    paintText(*what, problem.warning ? c.warning : c.bad);
    column->addWidget(what);
    auto* why = wrapping(this, "problemCause");
    why->setText(sentence(problem.trouble.cause.text()));
    column->addWidget(why);
    if (!problem.trouble.remedy.isEmpty()) {
        auto* remedy = wrapping(this, "problemRemedy");
        remedy->setText(tr("What to do: %1").arg(sentence(problem.trouble.remedy.text())));
        paintText(*remedy, c.muted);
        column->addWidget(remedy);
    }
    auto* grid = new QGridLayout;
    grid->setContentsMargins(0, 4, 0, 0);
    grid->setSpacing(8);
    grid->setColumnStretch(kColumns, 1);
    int count = 0;
    for (const Fix& fix : problem.fixes) {
        if (!EngineForm::canUse(fix))
            continue; // a setting that this page does not edit: the remedy says it
        auto* button = new QPushButton(fixText(fix), this);
        button->setObjectName(QStringLiteral("btnFix"));
        button->setToolTip(fixSetting(fix));
        makeRoomy(*button);
        connect(button, &QPushButton::clicked, this, [this, fix] { emit fixWanted(fix); });
        grid->addWidget(button, count / kColumns, count % kColumns);
        ++count;
    }
    if (count > 0)
        column->addLayout(grid);
    else
        delete grid;
    setAccessibleName(what->text());
    setAccessibleDescription(why->text());
}

} // namespace argus::gui
