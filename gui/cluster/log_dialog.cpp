#include "gui/cluster/log_dialog.h"

#include "gui/cluster/state_look.h"
#include "gui/theme/look.h"
#include "gui/theme/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QEvent>
#include <QFileDialog>
#include <QFontDatabase>
#include <QHBoxLayout>
#include <QLocale>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSaveFile>
#include <QScrollBar>
#include <QTime>
#include <QUuid>
#include <QVBoxLayout>

namespace argus::gui {

LogDialog::LogDialog(Link& link, ClusterModel& cluster, QWidget* parent)
    : QDialog(parent), m_link(link), m_cluster(cluster), m_label(new QLabel(this)), m_nodes(new QComboBox(this)),
      m_text(new QPlainTextEdit(this)), m_about(wrapping(this, "logAbout")), m_refresh(new QPushButton(this)),
      m_copy(new QPushButton(this)), m_save(new QPushButton(this)), m_close(new QPushButton(this))
{
    setObjectName(QStringLiteral("dlgLogs"));
    m_nodes->setObjectName(QStringLiteral("logNode"));
    m_nodes->setMinimumContentsLength(16);
    m_label->setBuddy(m_nodes);
    m_text->setObjectName(QStringLiteral("logText"));
    m_text->setReadOnly(true);
    m_text->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_text->setLineWrapMode(QPlainTextEdit::NoWrap);
    m_text->setTabChangesFocus(true);
    m_refresh->setObjectName(QStringLiteral("btnRefreshLog"));
    m_refresh->setIcon(theme::icon(QStringLiteral("regenerate")));
    m_copy->setObjectName(QStringLiteral("btnCopyLog"));
    m_copy->setIcon(theme::icon(QStringLiteral("copy")));
    m_save->setObjectName(QStringLiteral("btnSaveLog"));
    m_close->setObjectName(QStringLiteral("btnCloseLog"));
    for (QPushButton* button : {m_refresh, m_copy, m_save, m_close})
        button->setAutoDefault(false);
    auto* top = new QHBoxLayout;
    top->addWidget(m_label);
    top->addWidget(m_nodes);
    top->addStretch(1);
    top->addWidget(m_refresh);
    top->addWidget(m_copy);
    top->addWidget(m_save);
    auto* last = new QHBoxLayout;
    last->addWidget(m_about, 1);
    last->addWidget(m_close);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(14, 14, 14, 12);
    column->setSpacing(10);
    column->addLayout(top);
    column->addWidget(m_text, 1);
    column->addLayout(last);
    resize(760, 460);
    connect(m_nodes, &QComboBox::activated, this, &LogDialog::fetch);
    connect(m_refresh, &QPushButton::clicked, this, &LogDialog::fetch);
    connect(m_copy, &QPushButton::clicked, this, [this] { QApplication::clipboard()->setText(m_text->toPlainText()); });
    connect(m_save, &QPushButton::clicked, this, &LogDialog::save);
    connect(m_close, &QPushButton::clicked, this, &QDialog::close);
    connect(&cluster, &ClusterModel::factsChanged, this, &LogDialog::fillNodes);
    connect(&link, &Link::logArrived, this,
            [this](const QString& id, const QString& node, const QString& text, const Trouble& trouble) {
                if (id == m_id && !m_id.isEmpty())
                    take(node, text, trouble);
            });
    connect(&link, &Link::commandFailed, this, [this](const QString& about, const Trouble& trouble) {
        if (about == m_id && !m_id.isEmpty())
            take(m_nodes->currentText(), {}, trouble);
    });
    fillNodes();
    retranslate();
}

void LogDialog::fillNodes()
{
    for (int row = 0; row < m_cluster.rowCount(); ++row) { // the head first
        const QString name = m_cluster.index(row, 0).data().toString();
        if (m_nodes->findText(name) < 0)
            m_nodes->addItem(name);
    }
}

void LogDialog::choose(const QString& node)
{
    if (!node.isEmpty()) {
        if (m_nodes->findText(node) < 0)
            m_nodes->addItem(node);
        m_nodes->setCurrentText(node);
    }
    if (isVisible())
        fetch();
}

void LogDialog::showEvent(QShowEvent* event)
{
    QDialog::showEvent(event);
    fetch();
}

void LogDialog::fetch()
{
    if (m_nodes->currentText().isEmpty())
        return;
    m_id = QUuid::createUuid().toString(QUuid::WithoutBraces);
    m_link.getLog(m_id, m_nodes->currentText());
    showAbout();
}

void LogDialog::take(const QString& node, const QString& text, const Trouble& trouble)
{
    m_id.clear();
    m_trouble = trouble;
    m_when = QLocale().toString(QTime::currentTime(), QStringLiteral("HH:mm:ss"));
    m_lines = static_cast<int>(text.count(QLatin1Char('\n')));
    if (!node.isEmpty() && m_nodes->currentText() != node)
        m_nodes->setCurrentText(node);
    m_text->setPlainText(text);
    m_text->verticalScrollBar()->setValue(m_text->verticalScrollBar()->maximum());
    showAbout();
}

void LogDialog::showAbout()
{
    const bool asking = !m_id.isEmpty();
    m_refresh->setEnabled(!asking);
    const bool empty = m_text->document()->isEmpty();
    m_copy->setEnabled(!empty);
    m_save->setEnabled(!empty);
    if (asking)
        m_about->setText(tr("Asking…"));
    else if (!m_trouble.isEmpty())
        m_about->setText(troubleText(m_trouble));
    else if (empty)
        m_about->setText(m_when.isEmpty() ? QString() : tr("This machine has written nothing yet."));
    else
        m_about->setText(tr("The last %Ln line(s), fetched at %1", "of a log", m_lines).arg(m_when));
    paintText(*m_about, m_trouble.isEmpty() || asking ? theme::colors().muted : theme::colors().bad);
}

void LogDialog::save()
{
    auto* dialog = new QFileDialog(this, tr("Save the log"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->selectFile(m_nodes->currentText() + QStringLiteral(".log"));
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& name) {
        QSaveFile file(name);
        const QByteArray text = m_text->toPlainText().toUtf8();
        const bool kept = file.open(QIODevice::WriteOnly) && file.write(text) == text.size() && file.commit();
        m_about->setText(kept ? tr("Saved as %1").arg(name)
                              : tr("%1 cannot be written: %2").arg(name, file.errorString()));
        paintText(*m_about, kept ? theme::colors().muted : theme::colors().bad);
    });
    dialog->open();
}

void LogDialog::retranslate()
{
    setWindowTitle(tr("Logs"));
    m_label->setText(tr("&Machine:"));
    m_nodes->setAccessibleName(tr("Machine whose log is shown"));
    m_text->setAccessibleName(tr("Log"));
    m_refresh->setText(tr("Refresh"));
    m_copy->setText(tr("Copy"));
    m_save->setText(tr("Save…"));
    m_close->setText(tr("Close"));
    for (QPushButton* button : {m_refresh, m_copy, m_save})
        makeRoomy(*button);
    showAbout();
}

void LogDialog::changeEvent(QEvent* event)
{
    QDialog::changeEvent(event);
    if (event->type() == QEvent::LanguageChange)
        retranslate();
    else if (event->type() == QEvent::PaletteChange)
        showAbout();
}

} // namespace argus::gui
