#include "gui/engine/engine_page.h"

#include "gui/engine/apply_bar.h"
#include "gui/engine/check_view.h"
#include "gui/engine/node_fields.h"
#include "gui/engine/settings_fields.h"
#include "gui/engine/start_view.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QScrollArea>
#include <QToolButton>
#include <QVBoxLayout>

namespace argus::gui {

namespace {

constexpr int kWidest = 900; ///< px: lines longer than that are hard to read

} // namespace

EnginePage::EnginePage(Link& link, ClusterModel& cluster, QWidget* parent)
    : QWidget(parent), m_cluster(cluster), m_form(link, cluster), m_scroll(new QScrollArea(this)),
      m_start(new StartView), m_fields(new SettingsFields(link.isPrivate())), m_nodes(new NodeFields),
      m_check(new CheckView), m_bar(new ApplyBar(m_form))
{
    setObjectName(QStringLiteral("pageEngine"));
    auto* inside = new QWidget;
    auto* column = new QVBoxLayout;
    column->setContentsMargins(16, 4, 16, 16);
    column->setSpacing(12);
    for (QWidget* widget : std::initializer_list<QWidget*>{m_start, m_fields, m_check, m_nodes})
        column->addWidget(widget);
    column->addStretch(1);
    auto* narrow = new QWidget(inside);
    narrow->setLayout(column);
    narrow->setMaximumWidth(kWidest);
    auto* row = new QHBoxLayout(inside);
    row->setContentsMargins(0, 0, 0, 0);
    row->addStretch(1);
    row->addWidget(narrow, 100);
    row->addStretch(1);
    m_scroll->setObjectName(QStringLiteral("engineScroll"));
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setWidgetResizable(true);
    m_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_scroll->setWidget(inside);
    auto* rows = new QVBoxLayout(this);
    rows->setContentsMargins(0, 0, 0, 0);
    rows->setSpacing(0);
    rows->addWidget(makeHeader());
    rows->addWidget(m_scroll, 1);
    rows->addWidget(m_bar);

    connect(m_fields, &SettingsFields::edited, this, [this](EngineSettings settings) {
        settings.nodes = m_form.settings().nodes; // those belong to the other card
        settings.rest = m_form.settings().rest;
        m_form.edit(settings);
    });
    connect(m_nodes, &NodeFields::edited, this, [this](const NodeChoice& choice) {
        EngineSettings settings = m_form.settings();
        settings.choose(choice);
        m_form.edit(settings);
    });
    connect(m_check, &CheckView::fixWanted, this, &EnginePage::useFix);
    connect(&m_form, &EngineForm::settingsChanged, this, [this] { m_fields->show(m_form.settings()); });
    connect(&m_form, &EngineForm::changed, this, &EnginePage::refresh);
    retranslate();
}

QWidget* EnginePage::makeHeader()
{
    auto* header = new QWidget(this);
    m_back = new QToolButton(header);
    m_back->setObjectName(QStringLiteral("btnBackToChat"));
    m_back->setIcon(theme::icon(QStringLiteral("back")));
    m_back->setIconSize(QSize(20, 20));
    m_back->setAutoRaise(true);
    m_back->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_back->setFocusPolicy(Qt::TabFocus);
    m_title = new QLabel(header);
    m_title->setFont(scaled(font(), 1.3, true));
    m_dirty = new QLabel(header);
    m_dirty->setObjectName(QStringLiteral("engineDirty"));
    auto* row = new QHBoxLayout(header);
    row->setContentsMargins(12, 10, 16, 8);
    row->addWidget(m_back);
    row->addSpacing(6);
    row->addWidget(m_title);
    row->addStretch(1);
    row->addWidget(m_dirty);
    connect(m_back, &QToolButton::clicked, this, &EnginePage::backWanted);
    return header;
}

void EnginePage::useFix(const Fix& fix)
{
    m_form.use(fix);
    QWidget* editor = fix.node.isEmpty() ? m_fields->editor(fix.setting) : m_nodes->editor(fix.node, fix.setting);
    if (editor == nullptr)
        return;
    editor->setFocus(); // the button that was pressed goes away
    m_scroll->ensureWidgetVisible(editor);
}

void EnginePage::refresh()
{
    if (!isVisible())
        return;
    m_start->show(m_cluster.facts(), m_form.applyTrouble());
    m_fields->showCheck(m_form.preflight());
    m_nodes->show(m_cluster.facts().nodes, m_form.settings());
    m_nodes->showProblems(m_form.preflight() ? m_form.preflight()->problems : QList<Problem>());
    m_check->show(m_form);
    m_dirty->setText(m_form.isChanged() ? tr("● Unsaved changes") : QString());
    paintText(*m_dirty, theme::colors().warning);
}

void EnginePage::retranslate()
{
    m_back->setText(tr("Chat"));
    m_back->setAccessibleName(tr("Back to the chat"));
    m_back->setToolTip(tr("Back to the chat (Esc)"));
    m_title->setText(tr("Engine settings"));
    refresh();
}

bool EnginePage::event(QEvent* event)
{
    // Escape stops an answer elsewhere in the window; here it leads back.
    if (event->type() == QEvent::ShortcutOverride && static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape)
        event->accept();
    return QWidget::event(event);
}

void EnginePage::keyPressEvent(QKeyEvent* event)
{
    if (event->key() == Qt::Key_Escape)
        emit backWanted();
    else
        QWidget::keyPressEvent(event);
}

void EnginePage::changeEvent(QEvent* event)
{
    QWidget::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        refresh();
}

void EnginePage::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    m_fields->show(m_form.settings());
    m_form.watch(true);
    refresh();
    m_fields->editor(QStringLiteral("model"))->setFocus();
}

void EnginePage::hideEvent(QHideEvent* event)
{
    QWidget::hideEvent(event);
    m_form.watch(false);
}

} // namespace argus::gui
