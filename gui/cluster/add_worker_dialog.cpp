#include "gui/cluster/add_worker_dialog.h"

#include "gui/cluster/state_look.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QEvent>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QUuid>
#include <QVBoxLayout>

#include <algorithm>

namespace argus::gui {

AddWorkerDialog::AddWorkerDialog(Link& link, ClusterModel& cluster, QWidget* parent)
    : QDialog(parent), m_link(link), m_cluster(cluster), m_about(wrapping(this)), m_text(new QPlainTextEdit(this)),
      m_copy(new QPushButton(this)), m_fresh(new QPushButton(this)), m_close(new QPushButton(this)),
      m_validity(wrapping(this, "joinValidity")), m_error(wrapping(this, "joinError")), m_joinedTitle(new QLabel(this)),
      m_waiting(wrapping(this, "joinWaiting")), m_joined(new QVBoxLayout)
{
    setObjectName(QStringLiteral("dlgAddWorker"));
    m_text->setObjectName(QStringLiteral("joinLine"));
    m_text->setReadOnly(true);
    m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_text->setWordWrapMode(QTextOption::WrapAnywhere);
    m_text->setTabChangesFocus(true);
    m_text->setFixedHeight(m_text->fontMetrics().lineSpacing() * 4 + 18);
    m_copy->setObjectName(QStringLiteral("btnCopyLine"));
    m_copy->setIcon(theme::icon(QStringLiteral("copy")));
    m_fresh->setObjectName(QStringLiteral("btnNewLine"));
    m_fresh->setIcon(theme::icon(QStringLiteral("regenerate")));
    m_close->setObjectName(QStringLiteral("btnCloseAddWorker"));
    m_joinedTitle->setFont(scaled(font(), 1.0, true));
    for (QPushButton* button : {m_copy, m_fresh, m_close})
        button->setAutoDefault(false);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(m_validity, 1);
    buttons->addWidget(m_fresh);
    buttons->addWidget(m_copy);
    auto* last = new QHBoxLayout;
    last->addStretch(1);
    last->addWidget(m_close);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(16, 16, 16, 14);
    column->setSpacing(10);
    column->addWidget(m_about);
    column->addWidget(m_error);
    column->addWidget(m_text);
    column->addLayout(buttons);
    column->addSpacing(6);
    column->addWidget(m_joinedTitle);
    column->addWidget(m_waiting);
    column->addLayout(m_joined);
    column->addStretch(1);
    column->addLayout(last);
    resize(600, 380);
    m_timer.setInterval(1000);
    connect(&m_timer, &QTimer::timeout, this, &AddWorkerDialog::tick);
    connect(m_copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(m_line); });
    connect(m_fresh, &QPushButton::clicked, this, &AddWorkerDialog::askForLine);
    connect(m_close, &QPushButton::clicked, this, &QDialog::close);
    connect(&cluster, &ClusterModel::factsChanged, this, &AddWorkerDialog::showJoined);
    connect(&link, &Link::joinLineArrived, this,
            [this](const QString& id, const QString& line, double validSeconds, const Trouble& trouble) {
                if (id == m_id)
                    take(line, validSeconds, trouble);
            });
    connect(&link, &Link::commandFailed, this, [this](const QString& about, const Trouble& trouble) {
        if (about == m_id)
            take({}, 0, trouble);
    });
    connect(&link, &Link::stateChanged, this, [this](LinkState state) {
        if (state == LinkState::Connected && isVisible() && m_line.isEmpty())
            askForLine(); // what failed while the head was away
    });
    retranslate();
}

QString AddWorkerDialog::line() const
{
    return m_line;
}

void AddWorkerDialog::showEvent(QShowEvent* event)
{
    QDialog::showEvent(event);
    m_before.clear();
    m_lost.clear();
    for (const NodeFacts& node : m_cluster.facts().nodes)
        (node.state == QLatin1String("lost") ? m_lost : m_before) << node.name;
    m_timer.start();
    askForLine();
    showJoined();
}

void AddWorkerDialog::askForLine()
{
    m_id = QUuid::createUuid().toString(QUuid::WithoutBraces);
    m_trouble = {};
    m_link.makeJoinLine(m_id);
    tick();
}

void AddWorkerDialog::take(const QString& line, double validSeconds, const Trouble& trouble)
{
    m_id.clear();
    m_line = trouble.isEmpty() ? line : QString();
    m_valid = validSeconds;
    m_trouble = trouble;
    m_since.start();
    tick();
}

void AddWorkerDialog::tick()
{
    if (!isVisible())
        m_timer.stop();
    const double left = m_valid - (m_since.isValid() ? double(m_since.elapsed()) / 1000 : 0);
    const bool expired = !m_line.isEmpty() && left <= 0;
    if (m_text->toPlainText() != m_line)
        m_text->setPlainText(m_line);
    m_text->setEnabled(!expired && !m_line.isEmpty());
    m_text->setVisible(m_trouble.isEmpty());
    m_copy->setEnabled(!expired && !m_line.isEmpty());
    m_copy->setVisible(m_trouble.isEmpty());
    m_fresh->setEnabled(m_id.isEmpty());
    m_fresh->setText(m_trouble.isEmpty() ? tr("New line") : tr("Try again"));
    m_error->setText(troubleText(m_trouble));
    m_error->setVisible(!m_trouble.isEmpty());
    if (!m_trouble.isEmpty())
        m_validity->clear();
    else if (m_line.isEmpty())
        m_validity->setText(tr("Asking the head…"));
    else if (expired)
        m_validity->setText(tr("This line has expired. Make a new one."));
    else
        m_validity->setText(tr("Good for another %1.")
                                .arg(left < 60 ? durationText(left)
                                               //: minutes and seconds
                                               : tr("%1 min %2 s").arg(int(left) / 60).arg(int(left) % 60)));
    restyle();
}

void AddWorkerDialog::showJoined()
{
    if (!isVisible())
        return;
    QList<NodeFacts> joined;
    for (const NodeFacts& node : m_cluster.facts().nodes)
        if (node.role != QLatin1String("head") && !m_before.contains(node.name) &&
            (node.state != QLatin1String("lost") || !m_lost.contains(node.name)))
            joined << node;
    while (m_rows.size() > joined.size())
        delete m_rows.takeLast();
    while (m_rows.size() < joined.size()) {
        m_rows << wrapping(this, "joinedNode");
        m_joined->addWidget(m_rows.last());
    }
    for (qsizetype i = 0; i < joined.size(); ++i) {
        const NodeFacts& node = joined[i];
        const StateLook look = stateLook(node.state);
        QStringList text{QStringLiteral("%1 %2: %3").arg(look.shape, node.name, look.word),
                         tr("%Ln device(s)", "of a machine that has joined", static_cast<int>(node.devices.size()))};
        for (const DeviceFacts& device : node.devices)
            if (!text.contains(device.name.text()))
                text << device.name.text();
        if (node.linkSpeed > 0)
            text << speedText(node.linkSpeed);
        QString row = text.join(QStringLiteral(" · "));
        if (!node.trouble.isEmpty())
            row += QLatin1Char('\n') + troubleText(node.trouble);
        m_rows[i]->setText(row);
        paintText(*m_rows[i], look.color);
    }
    m_waiting->setVisible(joined.isEmpty());
}

void AddWorkerDialog::restyle()
{
    paintText(*m_error, theme::colors().bad);
    paintText(*m_validity, theme::colors().muted);
    paintText(*m_waiting, theme::colors().muted);
}

void AddWorkerDialog::retranslate()
{
    setWindowTitle(tr("Add worker"));
    m_about->setText(tr("Paste this line into a terminal of the other machine, where Argus has to be installed. It "
                        "starts Argus there, and that machine computes for this cluster from then on."));
    m_text->setAccessibleName(tr("Line for the other machine"));
    m_copy->setText(tr("Copy"));
    m_close->setText(tr("Close"));
    m_joinedTitle->setText(tr("Joined since this was opened"));
    m_waiting->setText(tr("Waiting for a machine…"));
    tick();
    showJoined();
}

void AddWorkerDialog::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        restyle();
}

} // namespace argus::gui
