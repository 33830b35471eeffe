#include "gui/main_window.h"

#include "gui/chat/chat_view.h"
#include "gui/chat/composer.h"
#include "gui/chat/drop_overlay.h"
#include "gui/chat/message_widget.h"
#include "gui/cluster/cluster_desk.h"
#include "gui/cluster/cluster_dock.h"
#include "gui/cluster/state_look.h"
#include "gui/settings/language.h"
#include "gui/settings/settings_store.h"
#include "gui/theme/theme.h"

#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QCloseEvent>
#include <QFileDialog>
#include <QLabel>
#include <QLocale>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QStatusBar>
#include <QTimer>

namespace argus::gui {

namespace {

constexpr int kLayoutVersion = 1; ///< of saveState(): rises when docks change their names

const QString kLanguageKey = QStringLiteral("view/language");
const QString kThemeKey = QStringLiteral("view/theme");

} // namespace

MainWindow::MainWindow(Link& link, SettingsStore& settings, Language& language, const QString& samplesFolder,
                       QWidget* parent)
    : QMainWindow(parent), m_link(link), m_settings(settings), m_language(language), m_conversation(link)
{
    setObjectName(QStringLiteral("mainWindow"));
    setWindowIcon(theme::programIcon());
    setAcceptDrops(true);
    setMinimumSize(640, 480);
    makeActions();
    m_page = new ChatPage(m_conversation, settings, m_chatActions, samplesFolder, this);
    m_dock = new ClusterDock(m_cluster, this);
    m_desk = new ClusterDesk(m_link, m_cluster, *m_dock, m_page, *this);
    setCentralWidget(m_desk->pages());
    addDockWidget(Qt::RightDockWidgetArea, m_dock);
    m_overlay = new DropOverlay(this);
    makeMenus();
    makeStatusBar();
    connectLink();
    resize(1180, 800);
    resizeDocks({m_dock}, {320}, Qt::Horizontal);
    restoreGeometry(settings.value(QStringLiteral("window/geometry")).toByteArray());
    restoreState(settings.value(QStringLiteral("window/state")).toByteArray(), kLayoutVersion);
    retranslate();
    showState(LinkState::Starting, {});
    m_page->restoreDraft();
    m_page->composer()->setFocus();
}

void MainWindow::makeActions()
{
    const auto make = [this](const char* name, const char* icon, const QKeySequence& keys) {
        auto* action = new QAction(this);
        action->setObjectName(QLatin1String(name));
        if (*icon != '\0')
            action->setIcon(theme::icon(QLatin1String(icon)));
        action->setShortcut(keys);
        addAction(action);
        return action;
    };
    m_chatActions.attach = make("actAttach", "attach", QKeySequence::Open);
    m_chatActions.send = make("actSend", "", QKeySequence(Qt::CTRL | Qt::Key_Return));
    m_chatActions.send->setIcon(theme::icon(QStringLiteral("send"), &theme::Colors::onAccent));
    m_chatActions.stop = make("actStop", "", QKeySequence(Qt::Key_Escape));
    m_chatActions.stop->setIcon(theme::icon(QStringLiteral("stop"), &theme::Colors::onAccent));
    m_chatActions.regenerate = make("actRegenerate", "regenerate", QKeySequence(Qt::CTRL | Qt::Key_R));
    m_chatActions.clear = make("actClear", "new", QKeySequence::New);
    m_copyLast = make("actCopyLast", "copy", QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_C));
    m_quit = make("actQuit", "", QKeySequence::Quit);
    m_about = make("actAbout", "", {});
    connect(m_chatActions.attach, &QAction::triggered, this, [this] {
        m_desk->showChat();
        askForFiles();
    });
    connect(m_chatActions.send, &QAction::triggered, this, [this] { m_page->send(); });
    connect(m_chatActions.stop, &QAction::triggered, &m_conversation, &Conversation::stop);
    connect(m_chatActions.regenerate, &QAction::triggered, &m_conversation, &Conversation::regenerate);
    connect(m_chatActions.clear, &QAction::triggered, this, [this] {
        m_conversation.clear();
        m_desk->showChat();
        m_page->composer()->setFocus();
    });
    connect(m_copyLast, &QAction::triggered, this, [this] {
        const TranscriptModel& transcript = *m_conversation.transcript();
        if (!transcript.isEmpty())
            QApplication::clipboard()->setText(transcript.at(transcript.rowCount() - 1).text);
    });
    connect(m_quit, &QAction::triggered, this, &QWidget::close);
    connect(m_about, &QAction::triggered, this, &MainWindow::showAbout);
}

void MainWindow::makeMenus()
{
    m_fileMenu = menuBar()->addMenu(QString());
    m_fileMenu->addAction(m_chatActions.attach);
    m_fileMenu->addSeparator();
    m_fileMenu->addAction(m_quit);
    m_conversationMenu = menuBar()->addMenu(QString());
    m_conversationMenu->addActions(
        {m_chatActions.clear, m_chatActions.send, m_chatActions.stop, m_chatActions.regenerate, m_copyLast});
    m_viewMenu = menuBar()->addMenu(QString());
    m_dock->toggleViewAction()->setObjectName(QStringLiteral("actCluster"));
    m_dock->toggleViewAction()->setShortcut(QKeySequence(Qt::Key_F9));
    m_viewMenu->addAction(m_desk->actions().first());
    m_viewMenu->addAction(m_dock->toggleViewAction());
    m_viewMenu->addSeparator();
    m_languageMenu = m_viewMenu->addMenu(theme::icon(QStringLiteral("language")), QString());
    m_languages = new QActionGroup(this);
    const QStringList codes = Language::codes();
    for (const QString& code : codes) {
        QAction* action = m_languages->addAction(Language::nativeName(code));
        action->setObjectName(QStringLiteral("actLanguage_") + code);
        action->setCheckable(true);
        action->setChecked(code == m_language.current());
        action->setData(code);
    }
    m_languageMenu->addActions(m_languages->actions());
    connect(m_languages, &QActionGroup::triggered, this, [this](QAction* action) {
        m_settings.setValue(kLanguageKey, action->data());
        m_language.set(action->data().toString());
    });
    m_themeMenu = m_viewMenu->addMenu(QString());
    m_themes = new QActionGroup(this);
    for (const theme::Mode mode : {theme::Mode::System, theme::Mode::Light, theme::Mode::Dark}) {
        QAction* action = m_themes->addAction(QString());
        action->setObjectName(QStringLiteral("actTheme_%1").arg(static_cast<int>(mode)));
        action->setCheckable(true);
        action->setChecked(theme::mode() == mode);
        action->setData(static_cast<int>(mode));
    }
    m_themeMenu->addActions(m_themes->actions());
    connect(m_themes, &QActionGroup::triggered, this, [this](QAction* action) { setTheme(action->data().toInt()); });
    m_clusterMenu = menuBar()->addMenu(QString());
    m_clusterMenu->addActions(m_desk->actions());
    m_helpMenu = menuBar()->addMenu(QString());
    m_helpMenu->addAction(m_about);
}

void MainWindow::makeStatusBar()
{
    m_stateLabel = new QLabel(this);
    m_modelLabel = new QLabel(this);
    m_speedLabel = new QLabel(this);
    m_stateLabel->setObjectName(QStringLiteral("statusConnection"));
    m_modelLabel->setObjectName(QStringLiteral("statusModel"));
    m_speedLabel->setObjectName(QStringLiteral("statusSpeed"));
    statusBar()->setSizeGripEnabled(false);
    statusBar()->setContentsMargins(8, 0, 8, 0);
    statusBar()->addWidget(m_stateLabel);
    statusBar()->addPermanentWidget(m_modelLabel);
    statusBar()->addPermanentWidget(m_speedLabel);
}

void MainWindow::connectLink()
{
    connect(&m_link, &Link::stateChanged, this, &MainWindow::showState);
    connect(&m_link, &Link::statusArrived, &m_cluster, &ClusterModel::update);
    connect(&m_link, &Link::askFinished, this,
            [this](const QString&, AskOutcome, const QString&, const AnswerStats& stats) {
                m_speed = stats.tokensPerSecond;
                showDeployment();
            });
    connect(&m_cluster, &ClusterModel::factsChanged, this, &MainWindow::showDeployment);
    connect(&m_conversation, &Conversation::changed, this, &MainWindow::refreshActions);
    connect(m_page, &ChatPage::draftChanged, this, &MainWindow::refreshActions);
    connect(m_desk, &ClusterDesk::pageChanged, this, [this] {
        refreshActions();
        if (m_desk->isChat())
            m_page->composer()->setFocus();
    });
    connect(m_page, &ChatPage::reconnectWanted, this, [this] { m_link.retryNow(); });
}

void MainWindow::askForFiles()
{
    auto* dialog = new QFileDialog(this, tr("Attach pictures and clips"),
                                   m_settings.value(QStringLiteral("attach/folder")).toString());
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFiles);
    dialog->setNameFilters(
        {tr("Pictures and clips") + QStringLiteral(" (*.png *.jpg *.jpeg *.webp *.bmp *.gif *.tif *.tiff *.mp4 *.avi "
                                                   "*.mkv *.mov *.wmv *.flv *.webm *.mpeg *.mpg *.m4v)"),
         tr("All files") + QStringLiteral(" (*)")});
    connect(dialog, &QFileDialog::filesSelected, this, [this](const QStringList& files) {
        m_settings.setValue(QStringLiteral("attach/folder"), QFileInfo(files.value(0)).absolutePath());
        m_page->attachFiles(files);
    });
    dialog->open();
}

void MainWindow::showAbout()
{
    auto* box = new QMessageBox(QMessageBox::NoIcon, tr("About Argus"),
                                tr("Argus %1").arg(QCoreApplication::applicationVersion()), QMessageBox::Ok, this);
    box->setAttribute(Qt::WA_DeleteOnClose);
    box->setIconPixmap(theme::programIcon().pixmap(QSize(64, 64), devicePixelRatioF()));
    box->setInformativeText(tr("Questions about pictures and clips, answered by Qwen2.5-VL on your own machines. "
                               "Nothing is sent anywhere but to the head you chose."));
    box->open();
}

void MainWindow::refreshActions()
{
    const auto enable = [](QAction* action, bool enabled, const QString& reason) {
        action->setEnabled(enabled);
        const QString keys = action->shortcut().toString(QKeySequence::NativeText);
        const QString plain =
            keys.isEmpty() ? action->iconText() : QStringLiteral("%1 (%2)").arg(action->iconText(), keys);
        action->setToolTip(enabled ? plain : plain + QLatin1Char('\n') + reason);
        action->setStatusTip(enabled ? QString() : reason);
    };
    const bool answering = m_conversation.isAnswering();
    const QString reason =
        m_desk->isChat() ? m_page->reasonNotToSend() : tr("The engine settings are open; go back to the chat first.");
    const QString& watching = m_page->watching();
    enable(m_chatActions.attach, watching.isEmpty(), watching);
    enable(m_chatActions.send, reason.isEmpty(), reason);
    enable(m_chatActions.stop, answering, tr("No answer is on its way."));
    enable(m_chatActions.regenerate, m_conversation.canRegenerate() && watching.isEmpty(),
           !watching.isEmpty() ? watching
           : answering         ? tr("The answer is still on its way.")
                               : tr("There is no answer yet."));
    enable(m_chatActions.clear, !m_conversation.transcript()->isEmpty(), tr("The conversation is empty."));
    enable(m_copyLast, m_conversation.canRegenerate(), tr("There is no answer yet."));
}

void MainWindow::showState(LinkState state, const Trouble& why)
{
    m_state = state;
    m_why = why;
    const theme::Colors& c = theme::colors();
    QString word;
    QColor color = c.warning;
    QString shape = QStringLiteral("◐");
    QString banner;
    const auto told = [&] {
        QString words = why.remedy.isEmpty() ? why.cause.text()
                                             : tr("%1. What to do: %2.").arg(why.cause.text(), why.remedy.text());
        return words.isEmpty() ? words : words.replace(0, 1, words.front().toUpper());
    };
    switch (state) {
    case LinkState::Starting:
        word = m_link.isPrivate() ? tr("Starting the engine on this computer…") : tr("Connecting to the head…");
        if (!why.isEmpty()) {
            banner = told();
            shape = QStringLiteral("■");
            color = c.bad;
        }
        break;
    case LinkState::Connected:
        word = m_link.isPrivate() ? tr("Connected to the engine on this computer")
                                  : tr("Connected to %1").arg(m_cluster.facts().headName);
        color = c.good;
        shape = QStringLiteral("●");
        break;
    case LinkState::Away:
        color = c.bad;
        if (why.code == QLatin1String("Denied")) { // the head answers well enough: waiting does not help
            word = tr("Not connected");
            shape = QStringLiteral("■");
            banner = told();
            break;
        }
        word = tr("Connection lost");
        shape = QStringLiteral("▲");
        banner = m_link.isPrivate()
                     ? tr("The engine on this computer stopped and is being started again. Nothing you typed is lost.")
                     : tr("The head does not answer; trying again. Nothing you typed is lost.");
        break;
    }
    m_stateLabel->setText(
        QStringLiteral("<span style=\"color:%1\">%2</span>&nbsp; %3").arg(color.name(), shape, word.toHtmlEscaped()));
    m_stateLabel->setAccessibleName(word);
    m_page->setConnectionText(banner);
    m_dock->setConnected(state == LinkState::Connected);
}

void MainWindow::showDeployment()
{
    m_page->setWatching(m_cluster.reasonToWatchOnly());
    const DeploymentFacts& deployment = m_cluster.facts().deployment;
    m_page->setDemo(deployment.demo);
    const StateLook look = stateLook(deployment.state);
    QString model = deployment.model;
    if (!model.isEmpty() && deployment.state != QLatin1String("ready"))
        model += QStringLiteral(" · ") + look.word;
    m_modelLabel->setText(m_cluster.isKnown() ? model : QString());
    m_speedLabel->setText(m_speed > 0 ? tr("%1 tokens/s").arg(QLocale().toString(m_speed, 'f', 1)) : QString());
    m_speedLabel->setVisible(m_speed > 0);
}

void MainWindow::setTheme(int mode)
{
    m_settings.setValue(kThemeKey, mode);
    theme::apply(static_cast<theme::Mode>(mode));
    showState(m_state, m_why); // its colours are in the text
}

void MainWindow::retranslate()
{
    setWindowTitle(tr("Argus"));
    m_fileMenu->setTitle(tr("&File"));
    m_conversationMenu->setTitle(tr("&Conversation"));
    m_viewMenu->setTitle(tr("&View"));
    m_languageMenu->setTitle(tr("&Language"));
    m_themeMenu->setTitle(tr("&Theme"));
    m_clusterMenu->setTitle(tr("C&luster"));
    m_helpMenu->setTitle(tr("&Help"));
    m_desk->retranslate();
    const auto name = [](QAction* action, const QString& text, const QString& button) {
        action->setText(text);
        action->setIconText(button);
    };
    name(m_chatActions.attach, tr("&Attach pictures and clips…"), tr("Attach"));
    name(m_chatActions.send, tr("&Send"), tr("Send"));
    name(m_chatActions.stop, tr("S&top the answer"), tr("Stop"));
    name(m_chatActions.regenerate, tr("&Regenerate the answer"), tr("Regenerate"));
    name(m_chatActions.clear, tr("&New conversation"), tr("New conversation"));
    name(m_copyLast, tr("&Copy the last answer"), tr("Copy the last answer"));
    name(m_quit, tr("&Quit"), tr("Quit"));
    name(m_about, tr("&About Argus"), tr("About Argus"));
    m_dock->toggleViewAction()->setText(tr("&Machines"));
    const QStringList modes{tr("Like the &system"), tr("&Light"), tr("&Dark")};
    for (QAction* action : m_themes->actions())
        action->setText(modes.value(action->data().toInt()));
    for (QAction* action : m_languages->actions())
        action->setChecked(action->data() == m_language.current());
    refreshActions();
    showState(m_state, m_why);
    showDeployment();
}

void MainWindow::changeEvent(QEvent* event)
{
    QMainWindow::changeEvent(event);
    if (event->type() == QEvent::LanguageChange && m_page != nullptr && m_stateLabel != nullptr)
        retranslate();
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    m_settings.setValue(QStringLiteral("window/geometry"), saveGeometry());
    m_settings.setValue(QStringLiteral("window/state"), saveState(kLayoutVersion));
    QMainWindow::closeEvent(event);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event)
{
    const QStringList files = Composer::localFiles(event->mimeData());
    if (files.isEmpty() && !event->mimeData()->hasImage() && !event->mimeData()->hasText())
        return;
    event->acceptProposedAction();
    if (!files.isEmpty() || event->mimeData()->hasImage())
        m_overlay->showFor(static_cast<int>(files.size()));
}

void MainWindow::dragLeaveEvent(QDragLeaveEvent* event)
{
    m_overlay->hide();
    QMainWindow::dragLeaveEvent(event);
}

void MainWindow::dropEvent(QDropEvent* event)
{
    m_overlay->hide();
    m_desk->showChat();
    const QMimeData* dropped = event->mimeData();
    if (const QStringList files = Composer::localFiles(dropped); !files.isEmpty())
        m_page->attachFiles(files);
    else if (dropped->hasImage())
        m_page->attachImage(qvariant_cast<QImage>(dropped->imageData()));
    else if (dropped->hasText())
        m_page->composer()->insertPlainText(dropped->text());
    else
        return;
    event->acceptProposedAction();
}

void MainWindow::paintEvent(QPaintEvent* event)
{
    QMainWindow::paintEvent(event);
    if (!std::exchange(m_painted, true))
        QTimer::singleShot(0, this, &MainWindow::usable); // after the children have been painted too
}

void MainWindow::resizeEvent(QResizeEvent* event)
{
    QMainWindow::resizeEvent(event);
    m_overlay->setGeometry(rect());
}

} // namespace argus::gui
